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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from matplotlib.ticker import MaxNLocator
from scipy.special import entr

from common.comparing import report, train_by_options
from common.figures import draw_means, label_lines, set_heading
from common.files import save
from common.floors import GRID, get_sum_cdf
from common.results import answer, describe_runs, in_words, summarize
from common.training import make_get_data
from data import score_labels

KEYS = ["model", "run", "learning_rate"]  # identify one training


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
    lengths = np.arange(shortest, longest + 1)
    n_steps = lengths.sum()  # of one sequence of each length
    cdf = get_sum_cdf(longest)
    losses = {"step number alone": 0.0, "best possible forward": 0.0}
    right = {name: np.zeros(len(lengths)) for name in losses}
    for step in range(1, longest + 1):
        possible = lengths >= step
        n_possible = possible.sum()
        # How many of the possible limits the sum has reached, and how likely that is.
        n_reached = np.arange(n_possible + 1)
        below = cdf[step, lengths[possible] * GRID // 4]
        shares = np.diff([0, *below, 1])
        # A row for each possible length, a column for each number of limits reached.
        labels = n_reached > np.arange(n_possible)[:, None]
        predictions = {
            "step number alone": np.full(len(shares), (labels @ shares).mean()),
            "best possible forward": n_reached / n_possible,
        }
        for name, prediction in predictions.items():
            probability = np.clip(prediction, 0, 1)  # may lie a rounding error outside
            losses[name] += n_possible * shares @ (entr(probability) + entr(1 - probability))
            right[name][possible] += ((probability > 0.5) == labels) @ shares
    known = {
        name: {"loss": loss / n_steps, "accuracy": right[name].sum() / n_steps}
        for name, loss in losses.items()
    }
    known["best possible bidirectional"] = {"loss": 0.0, "accuracy": 1.0}
    by_length = pd.DataFrame({"length": lengths} | {name: right[name] / lengths for name in right})
    return known, by_length.melt("length", var_name="model", value_name="accuracy")


def answer_forward(views, known):
    """Say how near the forward model comes to the best possible one: a line for each view."""
    best = known["best possible forward"]["accuracy"]
    lines = []
    for view in views:
        forward = view.scores[view.scores.model == "forward"].accuracy
        lines.append(
            f"Answer, accuracy, {view.words}: forward minus the best possible forward model:"
            f" {in_words(forward - best)}."
        )
    return "\n".join(lines)


def draw(view, known):
    """Draw the accuracy of each model over the length of the sequences.

    Args:
        view: `common.choosing.View` with the accuracy by length.
        known: the accuracy by length of what is not trained, as `score_variable_length` returns it.
    """
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    draw_means(axes, view.scores, "length", "accuracy")
    best = known[known.model == "best possible forward"]
    style = {"color": "black", "linewidth": 0.9}
    axes.plot(best.length, best.accuracy, label="best possible forward", **style)
    axes.set(xlabel="length of the sequence (time steps)", ylabel="accuracy per time step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_lines(axes)
    runs = describe_runs(view.scores.run.max())
    question = "If the end of a sequence sets the limit, is a second direction needed?"
    set_heading(figure, question, f"{runs}, {view.words}")
    return figure


def main(options):
    shortest, longest = math.ceil(options.timesteps / 4), options.timesteps
    models = {
        "forward": get_any_length_model(n_units=2 * options.units),
        "bidirectional": get_any_length_model(bidirectional=True, n_units=options.units),
    }
    draw_data = partial(get_padded_sequences, shortest=shortest, longest=longest)
    get_data = make_get_data(draw_data, options.sequences, n_test=10_000)
    new_length = longest + 5
    X_new, y_new, _ = get_padded_sequences(1, new_length, new_length, options.seed)
    predictions = {}  # for it, by the bidirectional model of the first run, by learning rate

    def predict(name, run, learning_rate, model):
        if (name, run) == ("bidirectional", 1):
            predictions[learning_rate] = np.asarray(model(X_new))

    _, scores = train_by_options(models, get_data, score_by_length, options, after=predict)
    of_all = ["update", "loss", "accuracy"]
    by_length = scores.drop(columns=of_all).melt(KEYS, var_name="length", value_name="accuracy")
    by_length = by_length.dropna().astype({"length": int})
    scores = scores[[*KEYS, *of_all]]

    known, known_by_length = score_variable_length(shortest, longest)
    pairs = [("bidirectional", "forward")]
    views = report(models, scores, known, pairs, options)
    print(answer(views, pairs, "accuracy"), answer_forward(views, known), sep="\n")
    chosen = views[-1].pick(by_length)
    table = summarize(pd.concat([chosen.scores, known_by_length]), ["length", "model"])
    print(f"Accuracy by length, {chosen.words}:")
    names = table.index.unique("model")  # in their order: `unstack` sorts them
    print(table["accuracy"].unstack()[names].to_string())
    of_first = views[-1].scores.query("model == 'bidirectional' and run == 1")
    predicted = predictions[of_first.learning_rate.item()] > 0.5
    print(f"One sequence of {new_length} time steps, longer than all that it was trained on:")
    verdict = "right" if np.array_equal(y_new, predicted) else "wrong"
    print("Expected:", *y_new.ravel(), " Predicted:", *predicted.astype(int).ravel(), f" {verdict}")
    save(options, draw(chosen, known_by_length), scores=scores, lengths=by_length)


if __name__ == "__main__":
    run(main, options)
