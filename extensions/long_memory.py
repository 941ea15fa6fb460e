r"""Which model remembers longest? And how can an LSTM remember longer?

    python -m extensions.long_memory
    python -m extensions.long_memory --timesteps 20 50 100 200 --sequences 20000 100000 \
        --learning-rate 0.0001 0.0003 0.001 0.003 0.01 0.03 0.1 0.3 1 3

A sequence holds one bit, at its first time step or in the middle, and noise at all other steps. The
model must give the bit after the last step. The script counts the updates, of one new sequence
each, until a model has learned this: until the mean loss of the last 200 updates is below 0.1 nats
(a guess has a loss of 0.693). Each model is trained 10 times at each of five learning rates, for
20,000 updates. A training ends early if it has learned; this is tested every 2,000 updates. To save
time, a model is not trained on longer sequences at a rate at which fewer than half of its runs have
learned.

Expect that the learning rate decides. At 0.001 a plain RNN learns 50 steps after about 1,000
updates. So do LSTM and GRU with ChronoBias (in extensions/chrono_bias.py), whose gates start open.
LSTM and GRU as Keras starts them learn 50 steps in no run at 0.001 within 20,000 updates. At rates
of 0.1 and 1 the GRU learns in every run, after about 220 updates; the LSTM learns in about half of
the runs. With the bit in the middle, there is no clear difference between a bidirectional LSTM and
a forward one. With the bit at the start, the bidirectional LSTM learns much sooner, because its
backward half reads the bit last.

The reason: before training, an LSTM as Keras starts it keeps about sigmoid(1) = 0.73 of its cell
state at each step, and a GRU keeps half of its state. After 50 steps less than a millionth of the
bit is left, and the gradient, from which the model learns, is as small.

The first command takes about three minutes on 2 CPU cores. The second one takes about 20 minutes
and makes the figure of the pages. If `--sequences` has two numbers, LSTM and GRU as Keras starts
them have at most the larger number of updates, and the other models the smaller one.
extensions/memory_report.py makes the tables, the answers and the figure.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    defaults = {"timesteps": (20, 50), "sequences": (20_000,), "batch_size": None, "runs": 10}
    rates = 0.0003, 0.001, 0.01, 0.1, 1.0
    meanings = {"sequences": "most updates, each of one new sequence"}
    options = start_script(__file__, __doc__, learning_rate=rates, meanings=meanings, **defaults)

import math
from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import expit  # the sigmoid

from common.results import count_updates_to_learn
from common.training import Training, average_losses, make_get_data, train_runs
from data import score_labels
from extensions.chrono_bias import ChronoBias
from extensions.memory_report import report

LEVEL, WINDOW = 0.1, 200  # learned: the mean loss of the last 200 updates is below 0.1 nats
CHUNK = 2000  # updates from one test to the next; a training ends at the test that finds it learned
TRAINED_LONGER = "LSTM as Keras starts it", "GRU as Keras starts it"


def get_marked_sequences(n_sequences, n_timesteps, bit_step=0, rng=None):
    """Draw sequences of noise in which one marked time step holds a bit.

    Args:
        n_sequences: number of sequences.
        n_timesteps: length of each sequence.
        bit_step: the time step that holds the bit, counted from 0.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X, float32 of shape `(n_sequences, n_timesteps, 2)`: the value, which is -1 or 1 at the
        marked step and elsewhere uniform in [-1, 1), and the mark, 1 at that step and elsewhere
        0; and y, integers of shape `(n_sequences, 1)`: 0 where the marked value is -1, 1 where it
        is 1.
    """
    rng = np.random.default_rng(rng)
    y = rng.integers(2, size=(n_sequences, 1))
    X = np.zeros((n_sequences, n_timesteps, 2), np.float32)
    X[:, :, 0] = rng.uniform(-1, 1, size=(n_sequences, n_timesteps))
    X[:, bit_step, 0] = 2 * y[:, 0] - 1
    X[:, bit_step, 1] = 1
    return X, y


def get_layers(n_timesteps, n_units):
    """Return the recurrent layers that are compared, a dict of name to new Keras layer.

    Args:
        n_timesteps: length of the sequences, from which ChronoBias computes its biases.
        n_units: memory cells in each direction.
    """
    chrono = ChronoBias(n_timesteps)
    small = "random_normal"
    return {
        "plain RNN as Keras starts it": layers.SimpleRNN(n_units),  # orthogonal weights
        "plain RNN, small weights": layers.SimpleRNN(n_units, recurrent_initializer=small),
        "GRU as Keras starts it": layers.GRU(n_units),
        "GRU, chrono": layers.GRU(n_units, bias_initializer=chrono),
        "LSTM as Keras starts it": layers.LSTM(n_units),  # the bias of its forget gate starts at 1
        "LSTM, forget bias 0": layers.LSTM(n_units, unit_forget_bias=False),
        "LSTM, chrono": layers.LSTM(n_units, bias_initializer=chrono, unit_forget_bias=False),
        "bidirectional LSTM": layers.Bidirectional(layers.LSTM(n_units)),
        "LSTM, bit in the middle": layers.LSTM(n_units),
        "bidirectional LSTM, bit in the middle": layers.Bidirectional(layers.LSTM(n_units)),
    }


def get_memory_model(n_timesteps, recurrent):
    """Build and compile a model that reads a sequence and gives one answer at its end.

    Args:
        n_timesteps: length of the sequences.
        recurrent: recurrent Keras layer without `return_sequences`.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 2)`, output `(n_sequences, 1)`,
        the probabilities of label 1.
    """
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 2)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def score_bits(y, predictions):
    """Score predicted bits.

    Args:
        y: bits 0 or 1, shape `(n_sequences, 1)`.
        predictions: probabilities of 1, same shape.

    Returns:
        Dict of float: `loss`, the binary cross-entropy in nats, and `accuracy`, the share that is
        right.
    """
    scores = score_labels(y, predictions)
    return {"loss": scores["loss"], "accuracy": scores["accuracy"]}


def measure_learning(losses):
    """Return the measure `updates_to_learn` of the losses of a training, shape `(n_updates,)`."""
    return {"updates_to_learn": count_updates_to_learn(losses, LEVEL, WINDOW)}


def has_learned(scores):
    """Tell whether a training has learned, from the scores of a test or of many."""
    return np.isfinite(scores["updates_to_learn"])


def get_most_updates(name, sequences):
    """Return the most updates that a model may have, of the values of `--sequences`."""
    return max(sequences) if name in TRAINED_LONGER else min(sequences)


def train(n_timesteps, name, rates, options):
    """Train a model on sequences of one length until it has learned: each run at each rate.

    Args:
        n_timesteps: length of the sequences.
        name: of the model.
        rates: list of learning rates.
        options: of the command line.

    Returns:
        The table `scores` of `train_runs` with the last test of each training, and a first column
        `timesteps`.
    """
    model, copy = (  # so that two cores train it
        get_memory_model(n_timesteps, get_layers(n_timesteps, options.units)[name])
        for _ in range(2)
    )
    bit_step = n_timesteps // 2 if name.endswith("bit in the middle") else 0
    draw_data = partial(get_marked_sequences, n_timesteps=n_timesteps, bit_step=bit_step)
    most_updates = get_most_updates(name, options.sequences)
    n_chunks = math.ceil(most_updates / CHUNK)
    get_data = make_get_data(draw_data, math.ceil(most_updates / n_chunks), n_test=200)
    training = Training(
        n_epochs=n_chunks,
        fresh=True,
        measure_losses=measure_learning,
        stop=has_learned,
        reduce_losses=average_losses,
        copies={name: [copy]},
    )
    _, scores = train_runs(
        {name: model}, get_data, score_bits, rates, options.runs, options.seed, training
    )
    scores = scores.drop_duplicates(["run", "learning_rate"], keep="last")
    scores.insert(0, "timesteps", n_timesteps)
    return scores


def train_all(options):
    """Train each model on the shortest sequences first, then on longer ones at the useful rates.

    Returns:
        DataFrame as of `train`.
    """
    tables = []
    for name in get_layers(max(options.timesteps), options.units):
        rates = options.learning_rate
        for n_timesteps in sorted(options.timesteps):
            if rates:
                shown = ", ".join(f"{rate:g}" for rate in rates)
                print(f"{name}, {n_timesteps} time steps, at {shown}")
                tables.append(train(n_timesteps, name, rates, options))
                rates = find_useful_rates(tables[-1])
    return pd.concat(tables, ignore_index=True)


def find_useful_rates(scores):
    """Return the learning rates at which at least half of the runs have learned, a list.

    Args:
        scores: of one model at one length.
    """
    shares = has_learned(scores).groupby(scores["learning_rate"], sort=False).mean()
    return shares.index[shares >= 0.5].tolist()


def explain(lengths):
    """Say how much of a state the gates keep over sequences of some lengths."""
    keep = expit(1)
    kept = ", ".join(f"{keep**length:.1e} after {length}" for length in lengths)
    return (
        f"Before training, an LSTM as Keras starts it keeps about sigmoid(1) = {keep:.3f} of its"
        f" cell state at each step: {kept} steps. To let its gates start open, write"
        " layers.LSTM(units, bias_initializer=ChronoBias(n_timesteps), unit_forget_bias=False)."
    )


def main(options):
    print(
        f"A model has learned when the mean loss of the last {WINDOW} updates is below {LEVEL:g}"
        f" nats; a guess has a loss of {math.log(2):.3f}. A model is not trained on longer"
        " sequences at a learning rate at which fewer than half of its runs have learned. (So where"
        " a grid of rates is said to be too narrow, it may have further rates, which failed.)"
    )
    scores = train_all(options)
    names = scores.model.unique()
    most_updates = {name: get_most_updates(name, options.sequences) for name in names}
    print(explain(options.timesteps))
    report(scores, most_updates, options)


if __name__ == "__main__":
    run(main, options)
