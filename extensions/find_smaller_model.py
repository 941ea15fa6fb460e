"""What is the smallest, or the fastest trained, model with 100% accuracy?

    python -m extensions.find_smaller_model

trains bidirectional LSTMs of 1, 5 and 50 memory cells per direction on 10,000 and on 50,000
sequences, one or ten per update, 3 times each. Expect a single cell per direction, 27 parameters,
to come near lesson 10's recipe with its 20,901 if it is updated after every sequence, and no model
to be right on all of 100 sequences. It takes about a minute on 2 CPU cores. Training times
differ each time you run it, so they are printed but in no file.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=(1, 5, 50),
        sequences=(10_000, 50_000),
        batch_size=(1, 10),
        learning_rate=0.001,
        runs=3,
    )

import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from common.figures import draw_over_parameters
from common.files import save
from common.results import describe_runs, summarize
from common.training import time_updates, train_runs
from data import get_sequences, score_labels
from extensions.compare_cells import get_cell_model

KEYS = ["units", "parameters", "sequences", "batch_size"]


def score(y, predictions):
    """Score predictions on the first 100 sequences, as the lesson does, and on all."""
    all_scores = score_labels(y, predictions)
    return {
        "accuracy_on_100": score_labels(y[:100], predictions[:100])["accuracy"],
        "accuracy": all_scores["accuracy"],
        "sequence_accuracy": all_scores["sequence_accuracy"],
    }


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


def answer(scores, seconds):
    """Say in words which models reach 100% on 100 sequences, and what that is worth.

    Args:
        scores: DataFrame with a row for each trained model, the columns KEYS, `run`, and what
            `score` returns.
        seconds: Series with the training time of each model, indexed by KEYS.
    """
    perfect = scores[scores.accuracy_on_100 == 1]
    text = (
        f"Answer: {len(perfect)} of {len(scores)} trained models are right on all of 100 sequences."
    )
    if len(perfect):
        fastest = seconds[pd.MultiIndex.from_frame(perfect[KEYS])].min()
        text += f" Their smallest has {perfect.parameters.min():,} parameters;"
        text += f" their fastest was trained in {fastest:.2f} seconds."
    best = scores.loc[scores.sequence_accuracy.idxmax()]
    right = best.sequence_accuracy
    all_of_100 = stats.binomtest(100, 100).proportion_ci()
    text += (
        f" The best, of {int(best.parameters):,} parameters, gets {right:.1%} of 10,000 sequences"
        f" right, so that 100 of 100 would come up with a probability of {right**100:.1%}."
        f" And 100 right of 100 only show that a model gets {all_of_100.low:.1%} to 100% of"
        " all sequences right (95% interval)."
    )
    return text


def draw(scores, means):
    """Draw accuracy over size; ring the models that no other beats in both."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    training = [
        f"{n_sequences:,} sequences, {batch_size} per update"
        for n_sequences, batch_size in zip(scores.sequences, scores.batch_size, strict=True)
    ]
    draw_over_parameters(axes, scores.assign(training=training), "accuracy", by="training")
    ringed = means[means.unbeaten]
    style = {"s": 200, "facecolor": "none", "edgecolor": "black", "zorder": 3}
    axes.scatter(ringed.parameters, ringed.accuracy, label="no other beats it in both", **style)
    axes.set_ylabel("accuracy on 10,000 sequences")
    axes.set_title(f"Size and accuracy of bidirectional LSTMs: {describe_runs(scores.run.max())}")
    axes.legend()
    return figure


def main(options):
    scores, seconds = [], {}
    for batch_size in options.batch_size:
        models = {}
        for n_units in sorted(options.units, reverse=True):
            # The largest takes longest: a copy for each core.
            n_copies = os.cpu_count() if n_units == max(options.units) else 1
            models[n_units] = [
                get_cell_model(
                    options.timesteps,
                    n_units,
                    bidirectional=True,
                    learning_rate=options.learning_rate,
                )
                for _ in range(n_copies)
            ]
        one_each = {n_units: copies[0] for n_units, copies in models.items()}
        parameters = {n_units: model.count_params() for n_units, model in one_each.items()}
        for n_sequences in options.sequences:
            print(f"{n_sequences:,} sequences, {batch_size} per update")
            _, scores_of_training = train_runs(
                models,
                partial(get_sequences, n_timesteps=options.timesteps),
                score,
                n_sequences=n_sequences,
                n_runs=options.runs,
                n_test=10_000,
                batch_size=batch_size,
                seed=options.seed,
            )
            units = scores_of_training.pop("model")
            described = pd.DataFrame({"units": units, "parameters": units.map(parameters)})
            described = described.assign(sequences=n_sequences, batch_size=batch_size)
            scores.append(described.join(scores_of_training))
        # With nothing else at work, the time of an update, and so that of all of them.
        X, y = get_sequences(200 * batch_size, options.timesteps, options.seed)
        for n_units, update in time_updates(one_each, X, y, batch_size).items():
            for n_sequences in options.sequences:
                key = n_units, parameters[n_units], n_sequences, batch_size
                seconds[key] = update * np.ceil(n_sequences / batch_size)
    scores = pd.concat(scores).sort_values(
        ["batch_size", "sequences", "units", "run"], ignore_index=True
    )
    seconds = pd.Series(seconds).rename_axis(KEYS)
    means = scores.groupby(KEYS, as_index=False, sort=False).accuracy.mean()
    means["unbeaten"] = unbeaten(means.parameters.to_numpy(), means.accuracy.to_numpy())
    table = summarize(scores, KEYS).join(seconds.round(2).rename("seconds"))
    print(table.assign(unbeaten=means.unbeaten.to_numpy()).to_string())
    print(answer(scores, seconds))
    save(options.output, options.name, draw(scores, means), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
