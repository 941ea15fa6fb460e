"""Sequences of different length? And when is the second direction needed?

    python -m extensions.variable_length

trains on sequences of 5 to 20 time steps, padded to 20, ten per update. The limit is a quarter of
each sequence's own length, which only a model that sees the end can know. Each model is trained 30
times at a learning rate of 0.001, and 30 times at its own best. Expect 85% of the time steps right
from a forward LSTM at either: the best that any forward model can do. A bidirectional one with half
as many parameters gets 98% to 99%: here the second direction is needed. It takes about a minute on
2 CPU cores. The shortest length is a quarter of `--timesteps`; the forward LSTM has twice `--units`
cells in its one direction. With a single `--learning-rate`, all train at that one.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=20,
        units=10,
        sequences=20_000,
        batch_size=10,
        learning_rate=(0.001, 0.003, 0.01, 0.03, 0.1),
        runs=30,
    )

import math
from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers
from matplotlib.ticker import MaxNLocator

from common.figures import draw_settings
from common.files import save
from common.floors import score_variable_length
from common.results import (
    describe_runs,
    differences,
    in_words,
    print_comparison,
    print_sequences,
    summarize,
    tabulate_known,
    with_interval,
)
from common.tuning import train_at_best_rates
from data import score_labels


def get_padded_sequences(n_sequences, shortest, longest, rng=None):
    """Draw sequences of random lengths, padded at the end to the longest, and their labels.

    The limit of the cumulative sum is a quarter of each sequence's own length.

    Args:
        n_sequences: number of sequences.
        shortest: smallest length.
        longest: largest length, to which all are padded.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X, float32 of shape `(n_sequences, longest, 2)`: the value, and 1 where the time step is
        real, 0 where it is padding; y, integers 0 or 1 of shape `(n_sequences, longest, 1)`; and
        sample weights, float32 of shape `(n_sequences, longest)`: 1 where the step is real.
    """
    rng = np.random.default_rng(rng)
    lengths = rng.integers(shortest, longest, size=(n_sequences, 1), endpoint=True)
    is_real = np.arange(longest) < lengths
    values = rng.random((n_sequences, longest), dtype=np.float32) * is_real
    y = np.cumsum(values, axis=1, dtype=np.float64) >= lengths / 4.0
    weights = is_real.astype(np.float32)
    return np.stack([values, weights], axis=-1), y[:, :, None].astype(int), weights


def get_any_length_model(n_units, bidirectional, learning_rate=0.001):
    """Build and compile an LSTM for sequences of any length, that takes no notice of padding.

    Args:
        n_units: memory cells in each direction.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 2)`, as `get_padded_sequences` returns
        it, output `(n, n_timesteps, 1)`, the probabilities of label 1. Fit and evaluate it with
        sample weights, so that padding counts neither in the loss nor in the accuracy.
    """
    inputs = keras.Input((None, 2))  # None: any length
    values, is_real = inputs[:, :, :1], inputs[:, :, 1] > 0
    lstm = layers.LSTM(n_units, return_sequences=True)
    if bidirectional:
        lstm = layers.Bidirectional(lstm)
    hidden = lstm(values, mask=is_real)  # the backward LSTM starts at the last real step
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    # The mean over real steps; the default divides by the number of all.
    loss = keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss=loss, optimizer=optimizer, weighted_metrics=["accuracy"])
    return model


def score_by_length(y, weights, predictions):
    """Score predicted probabilities of label 1 per real time step, over all and by length.

    Args:
        y: labels, shape `(n_sequences, longest, 1)`.
        weights: 1 where the step is real, else 0, shape `(n_sequences, longest)`.
        predictions: probabilities of label 1, in the shape of y.

    Returns:
        Dict of float: `loss`, in nats, and `accuracy` over all; and `accuracy_N` in the sequences
        of each length N.
    """
    is_real, lengths = weights == 1, weights.sum(axis=1)
    scores = score_labels(y[is_real], predictions[is_real])
    scores = {measure: scores[measure] for measure in ("loss", "accuracy")}
    for length in np.unique(lengths).astype(int):
        some = is_real & (lengths == length)[:, None]
        scores[f"accuracy_{length}"] = score_labels(y[some], predictions[some])["accuracy"]
    return scores


def answer(scores, known):
    """Say how the models compare at their best rates, and with what can be known at all."""
    best = scores[scores.setting == scores.setting.iloc[-1]]
    forward, both = (
        with_interval(best[best.model == model].accuracy, share=True)
        for model in ("forward", "bidirectional")
    )
    difference = differences(best, "accuracy", "bidirectional", "forward")
    return (
        f"Answer: pad them, and let padding count nowhere. Each at its best learning rate, the"
        f" forward model gets {forward} of the time steps right, where the best possible forward"
        f" model gets {known['best possible forward']['accuracy']:.3f} and one that knows the step"
        f" number alone {known['step number alone']['accuracy']:.3f}. The bidirectional model"
        f" gets {both}, {in_words(difference)}: it sees the end, on which the limit hangs."
    )


def draw(scores, known):
    """Draw the accuracy of each model over the length of the sequences."""
    by_length = scores.filter(regex="model|setting|run|accuracy_").melt(
        ["model", "setting", "run"], var_name="length", value_name="accuracy"
    )
    by_length["length"] = by_length.length.str.removeprefix("accuracy_").astype(int)
    lengths = by_length.length.unique()
    known = {
        name: [known[name][f"accuracy_{length}"] for length in lengths]
        for name in ("step number alone", "best possible forward")
    }
    figure, panels = draw_settings(by_length, "length", "accuracy", known, lengths)
    for axes in panels:
        axes.set_xlabel("length (time steps)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("accuracy per time step")
    figure.suptitle(f"Sequences of many lengths: {describe_runs(scores.run.max())}")
    return figure


def main(options):
    shortest, longest = math.ceil(options.timesteps / 4), options.timesteps
    models = {
        "forward": get_any_length_model(2 * options.units, bidirectional=False),
        "bidirectional": get_any_length_model(options.units, bidirectional=True),
    }
    _, scores = train_at_best_rates(
        models,
        partial(get_padded_sequences, shortest=shortest, longest=longest),
        score_by_length,
        options.learning_rate,
        n_runs=options.runs,
        n_tuning_runs=10,
        n_sequences=options.sequences,
        n_test=10_000,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = score_variable_length(shortest, longest)
    of_all = {name: {key: of[key] for key in ("loss", "accuracy")} for name, of in known.items()}
    print_comparison(models, scores.drop(columns=scores.filter(like="accuracy_")), of_all)
    print("Accuracy by length, each at its best learning rate:")
    by_length = scores[scores.setting == scores.setting.iloc[-1]].filter(
        regex="model|run|accuracy_"
    )
    table = pd.concat([summarize(by_length, ["model"]), tabulate_known(known)], join="inner")
    print(table.T.to_string())

    new_length = longest + 5
    X_new, y_new, _ = get_padded_sequences(1, new_length, new_length, options.seed)
    predicted = models["bidirectional"].predict(X_new, verbose=0) > 0.5
    print(f"One sequence of {new_length} time steps, a length not trained on:")
    print_sequences(y_new, predicted.astype(int))

    print(answer(scores, known))
    save(options.output, options.name, draw(scores, known), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
