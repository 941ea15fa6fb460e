r"""Which model remembers longest? And how can an LSTM remember longer?

    python -m extensions.long_memory
    python -m extensions.long_memory --timesteps 20 50 100 200 --sequences 20000 100000 \
        --learning-rate 0.0001 0.0003 0.001 0.003 0.01 0.03 0.1 0.3 1 3

A sequence holds one bit, at its start (the first time step) or in the middle, and noise at all
other steps. The model must give the bit after the last step. The script counts the updates, of one
new sequence each, until a model has learned this: until the mean loss of the last 200 updates is
below 0.1 nats (a guess has a loss of 0.693). Each model is trained 10 times at each of five
learning rates, for 20,000 updates. A training ends early if it has learned; this is tested every
2,000 updates. To save time, a model is not trained on longer sequences at a rate at which fewer
than half of its runs have learned.

Expect that the learning rate decides. At 0.001 a plain RNN learns 50 steps after about 1,000
updates. So do LSTM and GRU with ChronoBias (in extensions/parts/chrono_bias.py), whose gates start
open. LSTM and GRU as Keras starts them learn 50 steps in no run at 0.001 within 20,000 updates. At
rates of 0.1 and 1 the GRU learns in every run, after about 220 updates; the LSTM learns in about
half of the runs. With the bit in the middle, there is no clear difference between a bidirectional
LSTM and a forward one. With the bit at the start, the bidirectional LSTM learns much sooner,
because its backward half reads the bit last.

The reason: before training, an LSTM as Keras starts it keeps about sigmoid(1) = 0.73 of its cell
state at each step, and a GRU keeps half of its state. After 50 steps less than a millionth of the
bit is left, and the gradient, from which the model learns, is as small.

The first command takes about three minutes on 2 CPU cores. The second one takes about 20 minutes
and makes the figure of the pages. If `--sequences` has two numbers, LSTM and GRU as Keras starts
them have at most the larger number of updates, and the other models the smaller one.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    defaults = {"timesteps": (20, 50), "sequences": (20_000,), "batch_size": None, "runs": 10}
    rates = 0.0003, 0.001, 0.01, 0.1, 1.0
    meanings = {"sequences": "most updates, each of one new sequence"}
    options = start_script(__file__, __doc__, learning_rate=rates, meanings=meanings, **defaults)

import math
import os
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import expit  # the sigmoid

from common.files import save
from common.report import describe_runs
from data import score_labels
from extensions.parts.chrono_bias import ChronoBias
from extensions.shared.report import print_block, report_choices, tabulate_sooner
from extensions.shared.results import count_updates_to_learn, describe
from extensions.shared.training import make_get_data, train_by_options

LEVEL, WINDOW = 0.1, 200  # learned: the mean loss of the last 200 updates is below 0.1 nats
CHUNK = 2000  # updates from one test to the next; a training ends at the test that finds it learned
TRAINED_LONGER = ("LSTM", "start"), ("GRU", "start")
FASTER = "RNN", "GRU", "LSTM, chrono", "bidirectional LSTM"  # than LSTM? If the bit is the same

count_updates = partial(count_updates_to_learn, level=LEVEL, window=WINDOW)


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
    """Return the recurrent layers that are compared.

    Args:
        n_timesteps: length of the sequences, from which ChronoBias computes its biases.
        n_units: memory cells in each direction.

    Returns:
        Dict of a model's name and the place of the bit, `start` or `middle`, to new Keras layer.
    """
    chrono = ChronoBias(n_timesteps)
    small = "random_normal"
    return {
        ("RNN", "start"): layers.SimpleRNN(n_units),  # orthogonal weights
        ("RNN, small weights", "start"): layers.SimpleRNN(n_units, recurrent_initializer=small),
        ("GRU", "start"): layers.GRU(n_units),
        ("GRU, chrono", "start"): layers.GRU(n_units, bias_initializer=chrono),
        ("LSTM", "start"): layers.LSTM(n_units),  # the bias of its forget gate starts at 1
        ("LSTM, forget bias 0", "start"): layers.LSTM(n_units, unit_forget_bias=False),
        ("LSTM, chrono", "start"): layers.LSTM(
            n_units, bias_initializer=chrono, unit_forget_bias=False
        ),
        ("bidirectional LSTM", "start"): layers.Bidirectional(layers.LSTM(n_units)),
        ("LSTM", "middle"): layers.LSTM(n_units),
        ("bidirectional LSTM", "middle"): layers.Bidirectional(layers.LSTM(n_units)),
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


def train(n_timesteps, name, bit, rates, options):
    """Train a model on sequences of one length until it has learned: each run at each rate.

    Args:
        n_timesteps: length of the sequences.
        name, bit: of the model, as in `get_layers`.
        rates: list of learning rates.
        options: of the command line.

    Returns:
        The table `scores` of `train_runs` with the last test of each training. Its first columns
        are `timesteps`, `bit` and `model`, its last `updates_to_learn`, infinite for never.
    """
    most = max if (name, bit) in TRAINED_LONGER else min
    most_updates = most(options.sequences)
    n_chunks = math.ceil(most_updates / CHUNK)
    bit_step = n_timesteps // 2 if bit == "middle" else 0
    draw_data = partial(get_marked_sequences, n_timesteps=n_timesteps, bit_step=bit_step)
    losses, scores = train_by_options(
        {name: get_memory_model(n_timesteps, get_layers(n_timesteps, options.units)[name, bit])},
        make_get_data(draw_data, math.ceil(most_updates / n_chunks), n_test=200),
        score_labels,
        options,
        learning_rates=rates,
        n_epochs=n_chunks,
        fresh=True,
        stop=lambda losses: count_updates(losses) < math.inf,
        n_copies=min(os.cpu_count(), options.runs),  # as few models are trained at a time
    )
    training = ["run", "learning_rate"]
    updates = losses.groupby(training)[name].agg(count_updates).rename("updates_to_learn")
    scores = scores.drop_duplicates(training, keep="last").merge(updates, on=training)
    scores.insert(0, "timesteps", n_timesteps)
    scores.insert(1, "bit", bit)
    return scores.drop(columns="sequence_accuracy")  # a sequence has one label


def train_all(options):
    """Train each model on the shortest sequences first, then on longer ones at the useful rates.

    Returns:
        DataFrame as of `train`.
    """
    tables = []
    for name, bit in get_layers(max(options.timesteps), options.units):
        rates = options.learning_rate
        for n_timesteps in sorted(options.timesteps):
            if rates:
                what = f"{n_timesteps} time steps, learning rates: {len(rates)}"
                print(f"Training {name} (bit: {bit}), {what}")
                tables.append(train(n_timesteps, name, bit, rates, options))
                rates = find_useful_rates(tables[-1])
    return pd.concat(tables, ignore_index=True)


def find_useful_rates(scores):
    """Return the learning rates at which at least half of the runs have learned, a list.

    Args:
        scores: of one model at one length.
    """
    has_learned = np.isfinite(scores.updates_to_learn)
    shares = has_learned.groupby(scores.learning_rate, sort=False).mean()
    return shares.index[shares >= 0.5].tolist()


def count_learned(views):
    """Count the runs that have learned: a row for each bit and model, a column for each length.

    Above the lengths, the columns have the views. What was not tried is NaN.
    """
    return views.assign(learned=np.isfinite(views.updates_to_learn)).pivot_table(
        "learned", ["bit", "model"], ["view", "timesteps"], aggfunc="sum", sort=False
    )


def report(views, fewest_updates):
    """Print how many runs have learned, after how many updates, and who learns sooner.

    Args:
        views: as `extensions.shared.choosing.get_views` returns them.
        fewest_updates: that all models have had. Some models are trained longer; to compare two,
            what is learned later than this counts as never learned.
    """
    n_runs, counts = views.run.nunique(), count_learned(views)
    median = describe_runs(n_runs).replace("mean", "median")
    for view, rows in views.sort_values("timesteps", kind="stable").groupby("view", sort=False):
        table = counts[view].map("{:.0f}".format).replace("nan", "-")
        print_block(f"Runs of {n_runs} that have learned, {view}:", table)
        updates = rows.groupby(["timesteps", "bit", "model"], sort=False).updates_to_learn
        print_block(f"Updates until learned, {view}:", updates.agg(describe).to_frame(median))
        late, sooner = rows.updates_to_learn > fewest_updates, {}
        within = rows.assign(updates_to_learn=rows.updates_to_learn.mask(late, math.inf))
        for place, group in within.groupby(["timesteps", "bit"], sort=False):
            pairs = [(name, "LSTM") for name in FASTER if {name, "LSTM"} <= {*group.model}]
            sooner[place] = tabulate_sooner(group, pairs)[["sooner in", "verdict"]]
        heading = f"Who learns sooner within {fewest_updates:,} updates, {view}:"
        print_block(heading, pd.concat(sooner, names=["timesteps", "bit"]))


def draw(views):
    """Draw how many runs have learned, darker for more: a panel for each view."""
    counts, n_runs = count_learned(views), views.run.nunique()
    shown = counts.columns.unique("view")
    figure, panels = plt.subplots(
        1, len(shown), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, view in zip(panels[0], shown, strict=True):
        axes.imshow(counts[view], "Greens", vmin=0, vmax=1.5 * n_runs, aspect="auto")
        for (row, column), n in np.ndenumerate(counts[view]):
            axes.text(column, row, "" if np.isnan(n) else f"{n:.0f}", ha="center", va="center")
        axes.set_xticks(range(len(counts[view].columns)), counts[view].columns)
        axes.set_xlabel("length of the sequences (time steps)")
        axes.set_title(view, fontsize="medium")
    names = [name if bit == "start" else f"{name}, bit in the {bit}" for bit, name in counts.index]
    axes.set_yticks(range(len(names)), names)
    figure.suptitle(
        "Which model remembers a bit from the start to the end?\n"
        f"(how many of {n_runs} runs learn it; empty: not tried, as most runs fail at fewer steps)"
    )
    return figure


def main(options):
    scores = train_all(options)
    keep = pd.Series({n: f"{expit(1) ** n:.1e}" for n in options.timesteps}).to_frame("share")
    print_block("Share of its cell state that an LSTM keeps before training, by steps:", keep)
    views = report_choices(scores, options.seed, "updates_to_learn")
    print("Not tried on longer sequences: rates at which most runs failed on shorter ones.")
    print(f"Learned: the mean loss of the last {WINDOW} updates is below {LEVEL:g} nats.\n")
    report(views, min(options.sequences))
    save(options, draw(views), scores=scores)


if __name__ == "__main__":
    run(main, options)
