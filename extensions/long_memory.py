r"""Who remembers longest? And how do I make an LSTM remember longer?

    python -m extensions.long_memory
    python -m extensions.long_memory --timesteps 20 50 100 200 --sequences 20000 100000 \
        --learning-rate 0.0001 0.0003 0.001 0.003 0.01 0.03 0.1 0.3 1 3

hides a bit in noise, at the first time step or in the middle, asks for it at the end, and counts
the updates, of one new sequence each, until a model has learned it: until the mean loss of 200
successive updates is below 0.1 nats (to guess gives 0.693). Each model is trained 10 times at each
of five learning rates. A training ends after the first 2,000, 4,000, 6,000 ... updates by which it
has learned, or else after 20,000 updates. To save time, a rate at which fewer than half of a
model's runs have learned is not tried for that model with longer sequences.

Expect that the learning rate decides. At 0.001 a plain RNN learns 50 steps after about 1,000
updates, and so do LSTM and GRU with ChronoBias (in extensions/chrono_bias.py), but LSTM and GRU as
Keras starts them in no run. At rates of 0.1 and 1 the GRU learns them in every run, after about 220
updates, the LSTM in about half of the runs. A bidirectional LSTM is not clearly better than a
forward one with the bit in the middle, and much better with the bit at the start, which its
backward half reads last.

The first command takes about three minutes on 2 CPU cores. It leaves out 100 and 200 steps, the
rates between, and more than 20,000 updates. The second one, whose figure the pages show, takes
about 20 minutes: of two numbers of sequences, the larger one is for LSTM and GRU as Keras starts
them.

Why: before training, an LSTM as Keras starts it keeps about sigmoid(1) = 0.73 of its state at each
step, a GRU half of it. After 50 steps hardly a millionth of the bit reaches the answer, and with it
hardly any gradient to learn from.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    defaults = {"timesteps": (20, 50), "sequences": (20_000,), "runs": 10}
    rates = 0.0003, 0.001, 0.01, 0.1, 1.0
    options = start_script(__file__, __doc__, learning_rate=rates, **defaults)

import math
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import expit  # the sigmoid
from scipy.stats import quantile_test

from common.choosing import View, get_views, print_choices
from common.figures import LINES
from common.files import save
from common.results import (
    FEWEST_RUNS,
    compare_updates,
    count,
    count_updates_to_learn,
    with_median,
)
from common.training import Training, average_losses, make_get_data, train_runs
from data import score_labels
from extensions.chrono_bias import ChronoBias

LEVEL, WINDOW = 0.1, 200  # learned: the mean loss of so many updates, in nats, is below that level
CHUNK = 2000  # updates between two tests, after each of which a training may end
UPDATES = 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000  # in print
LSTM, GRU, RNN = (f"{cell} as Keras starts it" for cell in ("LSTM", "GRU", "plain RNN"))
MIDDLE = [f"{cell}, bit in the middle" for cell in ("LSTM", "bidirectional LSTM")]
PAIRS = [
    (RNN, LSTM),
    (GRU, LSTM),
    ("LSTM, chrono", LSTM),
    ("bidirectional LSTM", LSTM),
    MIDDLE[::-1],
]
PANELS = {
    "plain RNN, GRU": [RNN, "plain RNN, small weights", GRU, "GRU, chrono"],
    "LSTM": [LSTM, "LSTM, forget bias 0", "LSTM, chrono", "bidirectional LSTM"],
    "LSTM, bit in the middle": MIDDLE,
}
NAMES = [name for names in PANELS.values() for name in names]
PUBLISHED = """\
Hochreiter and Schmidhuber (1997) needed, with one sequence per update too: 27,380 to 58,370
sequences for their two-sequence problem with 100 steps, 446,850 with 1,000 steps, and 74,000 for
the adding problem with 100 steps. Those are other problems, learned when other criteria were met,
by an LSTM without a forget gate."""


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
        n_timesteps: length of the sequences, for which ChronoBias starts some layers.
        n_units: memory cells in each direction.
    """
    chrono = ChronoBias(n_timesteps)
    small = "random_normal"
    return {
        MIDDLE[1]: layers.Bidirectional(layers.LSTM(n_units)),
        MIDDLE[0]: layers.LSTM(n_units),
        "bidirectional LSTM": layers.Bidirectional(layers.LSTM(n_units)),
        LSTM: layers.LSTM(n_units),  # the bias of its forget gate starts at 1
        "LSTM, forget bias 0": layers.LSTM(n_units, unit_forget_bias=False),
        GRU: layers.GRU(n_units),
        "plain RNN, small weights": layers.SimpleRNN(n_units, recurrent_initializer=small),
        RNN: layers.SimpleRNN(n_units),  # its recurrent weights start orthogonal
        "LSTM, chrono": layers.LSTM(n_units, bias_initializer=chrono, unit_forget_bias=False),
        "GRU, chrono": layers.GRU(n_units, bias_initializer=chrono),
    }


def get_memory_model(n_timesteps, recurrent):
    """Build and compile a model that reads a sequence and gives one answer at its end.

    Args:
        n_timesteps: length of the sequences.
        recurrent: recurrent Keras layer without `return_sequences`.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 2)`, output `(n, 1)`, the probabilities
        of label 1.
    """
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 2)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def score_bits(y, predictions):
    """Score predicted bits.

    Args:
        y: bits 0 or 1, shape `(n, 1)`.
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


def train(n_timesteps, name, rates, options):
    """Train a model for one length, at each of some rates and in each run until it has learned.

    Args:
        n_timesteps: length of the sequences.
        name: of the model.
        rates: list of learning rates.
        options: of the command line.

    Returns:
        The table `scores` of `train_runs`, the last test of each training, with a first column
        `timesteps`.
    """
    model, copy = (  # so that two cores train it
        get_memory_model(n_timesteps, get_layers(n_timesteps, options.units)[name])
        for _ in range(2)
    )
    bit_step = n_timesteps // 2 if name in MIDDLE else 0
    draw_data = partial(get_marked_sequences, n_timesteps=n_timesteps, bit_step=bit_step)
    most_updates = get_most_updates(name, options.sequences)
    n_in_chunk = min(CHUNK, most_updates)
    get_data = make_get_data(draw_data, n_in_chunk, n_test=200)
    training = Training(
        n_epochs=math.ceil(most_updates / n_in_chunk),
        batch_size=options.batch_size,
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
    """Train each model from the shortest sequences to the longest, as long as half of it learns.

    Returns:
        DataFrame as of `train`.
    """
    tables = []
    for name in NAMES:
        rates = options.learning_rate
        for n_timesteps in sorted(options.timesteps):
            if rates:
                print(
                    f"{name}, {n_timesteps} time steps, at {', '.join(map('{:g}'.format, rates))}"
                )
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


def choose_rates(scores, options):
    """Print how often each rate was chosen, and return the views of the scores.

    What is never learned counts, for the choice alone, as learned after ten times the largest
    number of updates. So the rate at which most of the three other runs learn is chosen; as an
    infinite mean it would be no better at all than one at which none does.

    Args:
        scores: as of `train_all`.
        options: of the command line.

    Returns:
        List of `common.choosing.View`.
    """
    never = 10.0 * max(options.sequences)
    finite = scores.replace({"updates_to_learn": {np.inf: never}})
    print_choices(finite, options.seed, "updates_to_learn")
    return [
        View(view.words, view.scores.replace({"updates_to_learn": {never: np.inf}}))
        for view in get_views(finite, options.seed, "updates_to_learn")
    ]


def get_most_updates(name, sequences):
    """Return the largest number of updates of a model: of `--sequences`, the largest or least."""
    return max(sequences) if name in (LSTM, GRU) else min(sequences)


def get_median(updates):
    """Return the median of the updates of runs, and its interval as `with_median` has it.

    Args:
        updates: until each run has learned, infinity if it never has; shape `(n_runs,)`.

    Returns:
        Dict of float: `median`, `low` and `high`.
    """
    low, high = min(updates), max(updates)
    if len(updates) >= FEWEST_RUNS:
        low, high = quantile_test(np.asarray(updates), p=0.5).confidence_interval()
    return {"median": np.median(updates), "low": low, "high": high}


def tabulate_learned(view, sequences):
    """Tabulate how many runs have learned, and after how many updates.

    Args:
        view: `common.choosing.View` of the scores.
        sequences: the values of `--sequences`.

    Returns:
        DataFrame with a row for each length and model: `view`, its words, `timesteps`, `model`,
        `bit`, its place, `most_updates`, the largest number of updates of a training, `runs` and
        `learned`, counts, the `median` of the updates until learned, with its interval from `low`
        to `high`, all infinite for never; and `rates`, each learning rate with the number of runs
        that have it.
    """
    rows = []
    for (n_timesteps, name), of_model in view.scores.groupby(["timesteps", "model"], sort=False):
        rates = of_model.learning_rate.value_counts().sort_index()
        row = {
            "view": view.words,
            "timesteps": n_timesteps,
            "model": name,
            "bit": "in the middle" if name in MIDDLE else "at the start",
            "most_updates": get_most_updates(name, sequences),
            "runs": len(of_model),
            "learned": has_learned(of_model).sum(),
            **get_median(of_model.updates_to_learn),
            "rates": ", ".join(f"{rate:g} ({n_runs})" for rate, n_runs in rates.items()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def share_learned(scores, updates):
    """Return the share of the runs of each model and length that have learned by some updates.

    Args:
        scores: of a view, with the columns `timesteps` and `updates_to_learn`.
        updates: list of numbers of updates.

    Returns:
        DataFrame of float, a row for each length and model, a column for each of `updates`.
    """
    by_then = {number: scores.updates_to_learn <= number for number in updates}
    keys = [scores["timesteps"], scores["model"]]
    return pd.DataFrame(by_then).groupby(keys, sort=False).mean()


def describe(updates):
    """Say in how many runs a model has learned, and the median of the updates until then."""
    return f"{np.isfinite(updates).sum()} of {len(updates)}: {with_median(updates.to_numpy())}"


def answer(view, most_updates):
    """Say in how many runs each model has learned, after how many updates, and which is sooner.

    Args:
        view: `common.choosing.View` of the scores.
        most_updates: for the question which of two models is sooner, what is learned later counts
            as never learned, as some models are trained longer than others.
    """
    updates = view.scores.updates_to_learn
    cells = updates.groupby([view.scores["model"], view.scores["timesteps"]]).agg(describe)
    table = cells.unstack().reindex(NAMES).dropna(how="all").fillna("not tried")
    lines = [
        f"Runs that have learned, and the median of the updates until then with its 95% interval,"
        f" {view.words}, over the number of time steps:",
        table.rename_axis(index=None).to_string(),
    ]
    within = view.scores.assign(updates_to_learn=updates.where(updates <= most_updates, np.inf))
    for n_timesteps, scores in within.groupby("timesteps"):
        lines += [
            f"Answer, {n_timesteps} time steps, within {most_updates:,} updates, {one}, beside"
            f" {other}: {compare_updates(scores, one, other)}."
            for one, other in PAIRS
            if {one, other} <= set(scores.model)
        ]
    return "\n".join(lines)


def explain(lengths):
    """Say what the gates keep over sequences of some lengths."""
    keep = expit(1)
    kept = ", ".join(f"{keep**length:.1e} in {length}" for length in lengths)
    return (
        f"The forget gate of an LSTM as Keras starts it keeps about sigmoid(1) = {keep:.3f} of the"
        f" state at each step: {kept} steps. Start it with layers.LSTM(units,"
        " bias_initializer=ChronoBias(n_timesteps), unit_forget_bias=False)."
    )


def draw(table):
    """Draw the median of the updates until learned over the length, with its interval.

    Args:
        table: as of `tabulate_learned`.
    """
    figure, panels = plt.subplots(
        1, 3, figsize=(8, 4.6), sharex=True, sharey=True, layout="constrained"
    )
    never = 2.5 * table.most_updates.max()
    shown = table.replace({column: {np.inf: never} for column in ("median", "low", "high")})
    lengths = table.timesteps.unique()
    for axes, (title, names) in zip(panels, PANELS.items(), strict=True):
        axes.set(xscale="log", yscale="log", xlabel="time steps", title=title)
        axes.axhspan(never / 1.5, never * 1.5, color="0.9")
        for number, (name, line) in enumerate(zip(names, LINES, strict=False)):
            rows = shown[shown.model == name]
            spread = [rows["median"] - rows.low, rows.high - rows["median"]]
            beside = rows.timesteps * 1.05**number  # intervals side by side
            axes.errorbar(
                beside, rows["median"], spread, label=name, capsize=2, markersize=5, **line
            )
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize="small"
        )
    ticks = [number for number in 10 ** np.arange(2, 10) if number < never / 1.5]
    panels[0].set_yticks([*ticks, never], [*(f"{number:,}" for number in ticks), "never"])
    panels[0].set_ylim(min(WINDOW, never) / 2, never * 1.5)
    panels[0].set_ylabel("updates until learned (median, 95% interval)")
    figure.suptitle(
        f"How many updates until a model remembers a bit to the end?\n"
        f"{count(table.runs.max(), 'run')}, {table.view[0]}",
        fontsize="medium",
    )
    return figure


def report(scores, options):
    """Print the answers, and save the tables and the figure.

    Args:
        scores: as of `train_all`.
        options: of the command line.
    """
    views = choose_rates(scores, options)
    for view in views:
        print(answer(view, min(options.sequences)))
    updates = [number for number in UPDATES if number <= min(options.sequences)]
    print(f"Share of the runs that have learned by some updates, {views[-1].words}:")
    print(share_learned(views[-1].scores, updates).to_string(float_format="{:.2f}".format))
    print(PUBLISHED)
    print(explain(options.timesteps))
    tables = [tabulate_learned(view, options.sequences) for view in views]
    learned = pd.concat(tables, ignore_index=True)
    save(options, draw(tables[-1]), learned=learned, scores=scores)


def main(options):
    print(
        f"Learned: the mean loss of {WINDOW} successive updates, so {WINDOW} of them at least, is"
        f" below {LEVEL:g} nats; to guess gives {math.log(2):.3f}. Not tried with longer sequences:"
        " a learning rate at which fewer than half of a model's runs have learned. (So where a grid"
        " is said to be too narrow, it may go on, with rates that failed.)"
    )
    report(train_all(options), options)


if __name__ == "__main__":
    run(main, options)
