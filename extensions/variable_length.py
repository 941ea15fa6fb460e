"""Sequences of different length? And when is the second direction needed?

    python -m extensions.variable_length

trains on sequences of 5 to 20 time steps, padded to 20, ten per update. The limit is a quarter of
each sequence's own length, which only a model that sees the end can know. Expect 85% of the time
steps right from a forward LSTM, 98% from a bidirectional one with half as many parameters: here
the second direction is needed. It takes about half a minute on 2 CPU cores. The shortest length is
a quarter of `--timesteps`; the forward LSTM has twice `--units` cells in its one direction.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=20,
        units=20,
        sequences=20_000,
        batch_size=10,
        learning_rate=0.001,
        runs=10,
    )

import math
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from matplotlib.ticker import MaxNLocator

from common.figures import draw_means
from common.files import save
from common.results import (
    describe_runs,
    differences,
    in_words,
    print_sequences,
    summarize,
    with_interval,
)
from common.training import train_runs


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
    """Return the accuracy per real time step, over all sequences and over those of each length.

    Args:
        y: labels, shape `(n_sequences, longest, 1)`.
        weights: 1 where the step is real, else 0, shape `(n_sequences, longest)`.
        predictions: probabilities of label 1, in the shape of y.

    Returns:
        Dict of float: `accuracy`, and `accuracy_N` for each length N.
    """
    right = ((predictions > 0.5) == (y == 1))[:, :, 0]
    lengths = weights.sum(axis=1).astype(int)
    scores = {"accuracy": np.average(right, weights=weights)}
    for length in np.unique(lengths):
        some = lengths == length
        scores[f"accuracy_{length}"] = np.average(right[some], weights=weights[some])
    return scores


def draw(scores):
    """Draw the accuracy of each model over the length of the sequences."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    by_length = scores.drop(columns="accuracy").melt(
        ["model", "run"], var_name="length", value_name="accuracy"
    )
    by_length["length"] = by_length.length.str.removeprefix("accuracy_").astype(int)
    draw_means(axes, by_length, "length", "accuracy", by="model")
    axes.set_title(f"Sequences of many lengths: {describe_runs(scores.run.max())}")
    axes.set_xlabel("length (time steps)")
    axes.set_ylabel("accuracy per time step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def main(options):
    shortest = math.ceil(options.timesteps / 4)
    forward_units = 2 * options.units
    models = {
        "forward": get_any_length_model(forward_units, False, options.learning_rate),
        "bidirectional": get_any_length_model(options.units, True, options.learning_rate),
    }
    _, scores = train_runs(
        models,
        partial(get_padded_sequences, shortest=shortest, longest=options.timesteps),
        score_by_length,
        n_sequences=options.sequences,
        n_runs=options.runs,
        n_test=10_000,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    print("Accuracy per time step on 10,000 new sequences of each run, all and by length:")
    print(summarize(scores, ["model"]).T.to_string())

    new_length = options.timesteps + 5
    X_new, y_new, _ = get_padded_sequences(1, new_length, new_length, options.seed)
    predicted = models["bidirectional"].predict(X_new, verbose=0) > 0.5
    print(f"One sequence of {new_length} time steps, a length not trained on:")
    print_sequences(y_new, predicted.astype(int))

    accuracy = scores.set_index("model").accuracy
    difference = differences(scores, "accuracy", "bidirectional", "forward")
    parameters = [f"{model.count_params():,}" for model in models.values()]
    print(
        f"Answer: the bidirectional model, of {parameters[1]} parameters, gets"
        f" {with_interval(accuracy['bidirectional'], share=True)} of the time steps right. That is"
        f" {in_words(difference)} than the forward one, of {parameters[0]}."
    )
    save(options.output, options.name, draw(scores), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
