"""What does one update cost?

    python -m benchmarks.update_cost

trains the forward LSTM of lstm_forward.py, one sequence per update, in several ways: as the
tutorial does, with Keras' other methods, and with common/training.py. Each way trains a new model
on two numbers of sequences: the difference gives the time per update, the rest is the fixed cost
(to trace and to compile). The ways take turns, so that other work of the machine slows all of them
alike. The programs for PyTorch and JAX of this folder take part if the packages are installed
(`pip install torch jax`), each in a process of its own: PyTorch and TensorFlow in one process can
crash it. It takes about 3 minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        n_threads=1,
        meanings={"runs": "rounds"},
        sequences=20_000,
        batch_size=None,
        runs=5,
    )

import os
import tempfile
import time
from functools import partial
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.whole_scripts import find_frameworks, get_command, measure_process
from common.figures import LINE_STYLES
from common.files import save
from common.fitting import speed_up_fit
from common.training import train_model
from data import get_sequences
from lstm_forward import get_lstm_model


def fit_each_sequence(model, X, y):
    """Train as the tutorial does: call `fit` once for every sequence."""
    fits = [model.fit(X[i : i + 1], y[i : i + 1], batch_size=1, verbose=0) for i in range(len(X))]
    return np.mean([fit.history["loss"] for fit in fits])


def train_each_batch(model, X, y):
    """Call `train_on_batch` for every sequence."""
    losses = []
    for i in range(len(X)):
        model.reset_metrics()  # before 3.15, Keras returned the mean of all calls since then
        losses.append(model.train_on_batch(X[i : i + 1], y[i : i + 1])[0])
    return np.mean(losses)


def fit_once(model, X, y):
    """Call `fit` once for all sequences."""
    return model.fit(X, y, batch_size=1, shuffle=False, verbose=0).history["loss"][0]


def fit_once_compiled(model, X, y):
    """Call `fit` once, in compiled updates, as lstm_forward.py does."""
    speed_up_fit(model)
    return fit_once(model, X, y)


def call_train_model(model, X, y):
    """Call `train_model` of common/training.py."""
    return train_model(model, X, y).mean()


# Each way with the share of `--sequences` that it trains on: the slow ones would take hours.
WAYS = {
    "fit, once per sequence (tutorial)": (fit_each_sequence, 1 / 1000),
    "train_on_batch": (train_each_batch, 1 / 50),
    "fit, once": (fit_once, 1 / 20),
    "fit, once, compiled": (fit_once_compiled, 1 / 2),
    "train_model": (call_train_model, 1),
}
FRAMEWORKS = {"PyTorch": 1 / 2, "JAX": 1}  # with_pytorch.py's loop, with_jax.py's scan


def measure_way(way, get_model, seed, n_sequences):
    """Return a way's seconds for one training of a new model, its data and model made before."""
    keras.utils.set_random_seed(seed)
    model = get_model()
    X, y = get_sequences(n_sequences, model.input_shape[1], seed)
    start = time.perf_counter()
    way(model, X, y)
    return time.perf_counter() - start


def measure_framework(framework, options, n_sequences):
    """Return the seconds for the same training in another framework, or NaN if it fails."""
    script = (
        f"lstm_forward --timesteps {options.timesteps} --units {options.units}"
        f" --sequences {n_sequences} --learning-rate {options.learning_rate}"
    )
    # JAX, too, would read the flags that common/startup.py has set for TensorFlow.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    with tempfile.TemporaryDirectory() as folder:
        command = get_command(script, framework, options.seed, folder)
        _, outcome = measure_process(command, env=environment)
        if outcome != "ended":
            print(f"{framework}: {outcome}")
            return np.nan
        return pd.read_csv(Path(folder) / "lstm_forward_scores.csv").seconds[0]


def draw(table):
    """Draw the median of each way, and the range of all rounds."""
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(8, 4), layout="constrained")
    for axes, column in zip(panels, ("ms_per_update", "fixed_seconds"), strict=True):
        by_way = table.groupby("way", sort=False)[column]
        median = by_way.median()
        spread = np.abs([by_way.min() - median, by_way.max() - median])
        style = {"fmt": "o", "color": LINE_STYLES[0]["color"], "capsize": 4}
        axes.errorbar(median, median.index, xerr=spread, **style)
        axes.grid(alpha=0.3)
    panels[0].invert_yaxis()
    # Not "log", as a difference of times may be 0 or less.
    panels[0].set_xscale("symlog", linthresh=0.001)
    panels[0].xaxis.set_major_formatter("{x:g}")
    panels[0].set_xlim(0, max(0.01, 3 * table.ms_per_update.max()))
    panels[0].set_xticks(
        [tick for tick in 10.0 ** np.arange(-3, 6) if tick < panels[0].get_xlim()[1]]
    )
    panels[1].set_xlim(left=0)
    panels[0].set_xlabel("milliseconds per update (logarithmic)")
    panels[1].set_xlabel("fixed cost (seconds)")
    figure.suptitle(f"The cost of training: median and range of {table['round'].max()} rounds")
    return figure


def main(options):
    get_model = partial(
        get_lstm_model,
        options.timesteps,
        n_units=options.units,
        learning_rate=options.learning_rate,
    )
    ways = {
        name: (partial(measure_way, way, get_model, options.seed), share)
        for name, (way, share) in WAYS.items()
    }
    for framework in find_frameworks(FRAMEWORKS):
        ways[framework] = partial(measure_framework, framework, options), FRAMEWORKS[framework]
    rows = []
    progress = keras.utils.Progbar(options.runs, unit_name="round")
    for n_round in range(1, options.runs + 1):
        for name, (measure, share) in ways.items():
            n_more = max(1, round(share * options.sequences))
            first = measure(1)
            per_update = (measure(1 + n_more) - first) / n_more
            rows.append((name, n_round, 1000 * per_update, first - per_update))
        progress.add(1)
    table = pd.DataFrame(rows, columns=["way", "round", "ms_per_update", "fixed_seconds"])
    print(f"Median (smallest to largest) of {options.runs} rounds:")
    of_ways = table.drop(columns="round").groupby("way", sort=False)
    print(of_ways.agg(lambda v: f"{v.median():.2g} ({v.min():.2g} to {v.max():.2g})").to_string())
    save(options, draw(table), seconds=table)


if __name__ == "__main__":
    run(main, options)
