"""What is the smallest, or the fastest trained, model with 100% accuracy?

    python -m extensions.find_smaller_model

trains bidirectional LSTMs of 1, 5 and 50 memory cells per direction on 10,000 and on 50,000
sequences, one or ten per update, 3 times each. Expect a single cell per direction, 27 parameters,
to come near lesson 10's recipe with its 20,901 if it is updated after every sequence, and no model
to be right on all of 100 sequences. It takes two to three minutes on 2 CPU cores. Training times
differ each time you run it, so they are printed but in no file.
"""

from argparse import Namespace

from bilstm import get_bi_lstm_model
from command_line import parse_options, run
from data import score_labels
from figures import draw_over_parameters
from report import describe_runs, print_scores, save, score_table
from training import train_runs_on_sums

import matplotlib.pyplot as plt
import numpy as np

KEYS = ["units", "parameters", "sequences", "batch_size"]
SCORES = ["accuracy_on_100", "accuracy", "whole_sequences_right"]


def score(y, predictions):
    """Score predictions on the first 100 sequences, as the lesson does, and on all."""
    _, accuracy_on_100, _ = score_labels(y[:100], predictions[:100])
    _, accuracy, whole = score_labels(y, predictions)
    return accuracy_on_100, accuracy, whole


def unbeaten(parameters, accuracies):
    """Tell which models no other beats in both size and accuracy.

    Args:
        parameters: array of shape `(n_models,)`.
        accuracies: array of the same shape.

    Returns:
        Array of bool of the same shape: False where another model has no more parameters and no
        less accuracy, and is ahead in one of the two.
    """
    smaller = np.subtract.outer(parameters, parameters)  # below 0: row smaller than column
    better = np.subtract.outer(accuracies, accuracies)  # above 0: row better than column
    beats = (smaller <= 0) & (better >= 0) & ((smaller < 0) | (better > 0))
    return ~beats.any(axis=0)


def answer(table, seconds):
    """Say in words which models reach 100% on 100 sequences, and what that is worth."""
    perfect = table[table.accuracy_on_100 == 1]
    text = (
        f"Answer: {len(perfect)} of {len(table)} trained models are right on all of 100 sequences."
    )
    if len(perfect):
        time = min(seconds[tuple(model)][n - 1] for *model, n in perfect[[*KEYS, "run"]].to_numpy())
        text += f" Their smallest has {perfect.parameters.min():,} parameters;"
        text += f" their fastest was trained in {time:.2f} seconds."
    best = table.loc[table.whole_sequences_right.idxmax()]
    whole = best.whole_sequences_right
    text += (
        f" The best, of {int(best.parameters):,} parameters, gets {whole:.1%} of 10,000 sequences"
        f" right, so that 100 of 100 would come up with a probability of {whole**100:.1%}."
        # A model that gets less right has 100 of 100 right in less than 2.5% of all cases.
        f" And 100 right of 100 only show that a model gets {0.025 ** (1 / 100):.1%} to 100% of"
        " all sequences right (95% interval)."
    )
    return text


def draw(table, means):
    """Draw accuracy over size; ring the models that no other beats in both."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    training = [
        f"{n_sequences:,} sequences, {batch_size} per update"
        for n_sequences, batch_size in zip(table.sequences, table.batch_size, strict=True)
    ]
    draw_over_parameters(axes, table.assign(training=training), "accuracy", by="training")
    ringed = means[means.unbeaten]
    style = {"s": 200, "facecolor": "none", "edgecolor": "black", "zorder": 3}
    axes.scatter(ringed.parameters, ringed.accuracy, label="no other beats it in both", **style)
    axes.set_ylabel("accuracy on 10,000 sequences")
    axes.set_title(f"Size and accuracy of bidirectional LSTMs: {describe_runs(table)}")
    axes.legend()
    return figure


def main(arguments=None):
    options = parse_options(
        __file__,
        __doc__,
        arguments,
        timesteps=10,
        units=(1, 5, 50),
        sequences=(10_000, 50_000),
        batch_size=(1, 10),
        runs=3,
    )
    scores, seconds = {}, {}
    for n_sequences in options.sequences:
        for batch_size in options.batch_size:
            print(f"{n_sequences:,} sequences, {batch_size} per update")
            models = {}
            for n_units in options.units:
                model = get_bi_lstm_model(options.timesteps, n_units)
                models[n_units, model.count_params(), n_sequences, batch_size] = model
            one = Namespace(
                runs=options.runs, sequences=n_sequences, batch_size=batch_size, seed=options.seed
            )
            _, more, time = train_runs_on_sums(models, one, 10_000, score)
            scores |= more
            seconds |= time
    table = score_table(scores, KEYS, SCORES)
    means = table.groupby(KEYS, as_index=False, sort=False).accuracy.mean()
    means["unbeaten"] = unbeaten(means.parameters.to_numpy(), means.accuracy.to_numpy())
    medians = [np.median(times).round(2) for times in seconds.values()]
    print_scores(table, KEYS, seconds=medians, unbeaten=means.unbeaten.to_numpy())
    print(answer(table, seconds))
    save(options, draw(table, means), table)


if __name__ == "__main__":
    run(main)
