"""How to train on sequences of different length? And when is the second direction needed?

    python -m extensions.variable_length

trains on sequences of 5 to 20 time steps, padded to 20, ten per update. The padding is masked: it
counts nowhere. The limit of the cumulative sum is a quarter of each sequence's own length, so that
a model must see the end of a sequence to know the limit.

Expect that a forward LSTM gets 85% of the time steps right, as many as the best possible forward
model, to within 1%. A bidirectional LSTM with about half as many parameters gets 98% right: here
the second direction is needed. It takes about 100 seconds on 2 CPU cores. The shortest length is a
quarter of `--timesteps`. The forward LSTM has twice `--units` cells in its one direction.

In the figure the forward LSTM lies above the best possible forward model at some lengths. This is
no error: that model gets the most steps right over all lengths together. Another model can get more
right at one length, and then gets fewer right at others.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    sizes = {"timesteps": 20, "units": 10, "sequences": 20_000, "batch_size": 10}
    rates = 0.001, 0.01, 0.03, 0.1, 0.2
    options = start_script(__file__, __doc__, learning_rate=rates, **sizes)

import math
from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import entr

from common.files import save
from common.floors import GRID, get_sum_cdf
from data import score_labels
from extensions.shared.choosing import pick
from extensions.shared.figures import draw
from extensions.shared.report import print_block, report, report_choices, tabulate_differences
from extensions.shared.results import describe
from extensions.shared.training import make_get_data, train_by_options

BEST = "best possible forward"


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


def get_any_length_model(bidirectional=False, *, n_units=20):
    """Build and compile an LSTM for sequences of any length, which ignores padding.

    Args:
        bidirectional: read the sequence in both directions and concatenate the outputs.
        n_units: memory cells in each direction.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 2)`, as `get_padded_sequences`
        returns it; output `(n_sequences, n_timesteps, 1)`, the probabilities of label 1. Fit and
        evaluate it with sample weights, so that padding counts neither in the loss nor in the
        accuracy.
    """
    inputs = keras.Input((None, 2))  # None: any length
    values, is_real = inputs[:, :, :1], inputs[:, :, 1] > 0
    lstm = layers.LSTM(n_units, return_sequences=True)
    if bidirectional:
        lstm = layers.Bidirectional(lstm)
    hidden = lstm(values, mask=is_real)  # the backward LSTM starts at the last real step
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    # The mean over the real steps. The default divides by the number of all steps.
    loss = keras.losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
    model.compile(loss=loss, optimizer="adam", weighted_metrics=["accuracy"])
    return model


def score_by_length(y, weights, predictions):
    """Score predicted probabilities of label 1 per real time step, over all and by length.

    Args:
        y: labels, shape `(n_sequences, longest, 1)`.
        weights: 1 where the step is real, else 0, shape `(n_sequences, longest)`.
        predictions: probabilities of label 1, in the shape of y.

    Returns:
        Dict of float: `loss`, in nats, and `accuracy` over all; and for each length, an int, the
        accuracy in the sequences of this length.
    """
    is_real, lengths = weights == 1, weights.sum(axis=1).astype(int)
    scores = score_labels(y[is_real], predictions[is_real])
    del scores["sequence_accuracy"]  # these are single steps, not sequences
    for length in np.unique(lengths).tolist():
        some = is_real & (lengths == length)[:, None]
        scores[length] = score_labels(y[some], predictions[some])["accuracy"]
    return scores


def score_variable_length(shortest, longest):
    """Score what can be known if the limit depends on the length, which only the end shows.

    All lengths from the shortest to the longest are equally likely, and the limit is a quarter of
    the length. At a given step, a forward model knows that the length is one of those that reach
    this step, which are again equally likely. So the best possible forward model predicts the share
    of these lengths whose limits the sum has reached. (A bidirectional model can know everything.)

    Args:
        shortest: smallest length, a whole number of 1 or more.
        longest: largest length.

    Returns:
        A dict of `step number alone`, `best possible forward` and `best possible bidirectional`
        to a dict of float: `loss`, the mean cross-entropy of a real time step, in nats, and
        `accuracy`, the share of the real time steps predicted right (at a threshold of 0.5). And a
        DataFrame of the first two, with the columns `model`, `length` and `accuracy`, that share in
        the sequences of this length. Padding is not counted. (The best possible forward model is
        the best over all lengths together. At one length another model may be better.)
    """
    lengths, cdf, tables = np.arange(shortest, longest + 1), get_sum_cdf(longest), []
    for step in range(1, longest + 1):
        possible = lengths[lengths >= step]
        # How many of the possible limits the sum has reached, and how likely that is.
        n_reached = np.arange(len(possible) + 1)
        shares = np.diff([0, *cdf[step, possible * GRID // 4], 1])
        # A row for each possible length, a column for each number of limits reached.
        labels = n_reached > np.arange(len(possible))[:, None]
        predictions = {
            "step number alone": np.full(len(shares), (labels @ shares).mean()),
            BEST: n_reached / len(possible),
        }
        for name, prediction in predictions.items():
            p = np.clip(prediction, 0, 1)  # may lie a rounding error outside
            scores = {
                "loss": shares @ (entr(p) + entr(1 - p)),
                "accuracy": ((p > 0.5) == labels) @ shares,
            }
            tables.append(pd.DataFrame({"model": name, "length": possible, **scores}))
    table = pd.concat(tables)  # a row for each model, length and step
    known = table.groupby("model", sort=False)[["loss", "accuracy"]].mean().to_dict("index")
    known["best possible bidirectional"] = {"loss": 0.0, "accuracy": 1.0}
    return known, table.groupby(["model", "length"], sort=False).accuracy.mean().reset_index()


def main(options):
    shortest, longest = math.ceil(options.timesteps / 4), options.timesteps
    models = {
        "forward": get_any_length_model(n_units=2 * options.units),
        "bidirectional": get_any_length_model(bidirectional=True, n_units=options.units),
    }
    draw_data = partial(get_padded_sequences, shortest=shortest, longest=longest)
    get_data = make_get_data(draw_data, options.sequences, n_test=10_000)
    X_new, y_new, _ = get_padded_sequences(1, longest + 5, longest + 5, options.seed)
    predictions = {}  # for it, by the bidirectional model of the first run, by learning rate

    def predict(name, run, learning_rate, model):
        if (name, run) == ("bidirectional", 1):
            predictions[learning_rate] = np.asarray(model(X_new)) > 0.5

    _, table = train_by_options(models, get_data, score_by_length, options, after=predict)
    keys, of_all = ["model", "run", "learning_rate"], ["update", "loss", "accuracy"]
    scores, by_length = table[keys + of_all], table.drop(columns=of_all)
    by_length = by_length.melt(keys, var_name="length", value_name="accuracy")
    by_length = by_length.dropna().astype({"length": int})

    known, known_by_length = score_variable_length(shortest, longest)
    views = report_choices(scores, options.seed)
    report(views, [("bidirectional", "forward")], known, measures=("loss", "accuracy"))
    for view, rows in views[views.model == "forward"].groupby("view", sort=False):
        table = tabulate_differences(rows, [("forward", BEST)], "accuracy", known)
        print_block(f"Difference in accuracy from the best possible, {view}:", table)
    view = views["view"].iloc[-1]
    chosen = pick(views[views["view"] == view], by_length)
    rows = pd.concat([chosen, known_by_length.assign(view=view, run=1)])
    table = rows.pivot_table("accuracy", "length", "model", describe, sort=False).sort_index()
    print_block(f"Accuracy by length, {view}:", table)
    of_first = chosen.query("model == 'bidirectional' and run == 1")
    predicted = predictions[of_first.learning_rate.iloc[0]]
    verdict = "right" if np.array_equal(y_new, predicted) else "wrong"
    print(f"A sequence of {longest + 5} time steps, longer than all trained on: {verdict}")
    print("Expected: ", *y_new.ravel())
    print("Predicted:", *predicted.astype(int).ravel(), end="\n\n")
    figure = draw(
        rows[rows.model != "step number alone"],
        x="length",
        y="accuracy",
        title="If the end of a sequence sets the limit, is a second direction needed?",
        xlabel="length of the sequence (time steps)",
        ylabel="accuracy per time step",
    )
    save(options, figure, scores=scores, lengths=by_length)


if __name__ == "__main__":
    run(main, options)
