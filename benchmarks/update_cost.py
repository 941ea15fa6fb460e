"""What does one update cost?

    python -m benchmarks.update_cost

trains the forward LSTM of lstm_forward.py, one sequence per update, in five ways: as the tutorial
does, with Keras' other methods, and with common/training.py. Each way trains a new model on one
sequence, which takes as long as tracing and compiling (the fixed cost), and on many more: the
difference is what the other updates cost. The ways take turns, so that other work of the machine
slows all of them alike, in five rounds. A second table says where the time of compare_directions.py
and compare_merge_modes.py goes, one model after the other. It takes about 3 minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    absent = dict.fromkeys(("batch_size", "learning_rate", "runs"))
    options = start_script(__file__, __doc__, sequences=20_000, **absent)

import subprocess
import sys
import time

import keras
import pandas as pd
import tensorflow as tf

from benchmarks.whole_scripts import ROOT, describe
from common.files import save
from common.fitting import speed_up_fit
from common.training import _as_tensors, _compile_training, train_model
from compare_directions import get_models
from compare_merge_modes import get_models as get_merge_models
from data import get_sequences
from extensions.shared.report import print_block
from lstm_forward import get_lstm_model

N_ROUNDS = 5


def fit_each_sequence(model, X, y):
    """Train as the tutorial does: call `fit` once for every sequence."""
    for i in range(len(X)):
        model.fit(X[i : i + 1], y[i : i + 1], batch_size=1, verbose=0)


def train_each_batch(model, X, y):
    """Call `train_on_batch` for every sequence."""
    for i in range(len(X)):
        model.train_on_batch(X[i : i + 1], y[i : i + 1])


def fit_once(model, X, y):
    """Call `fit` once for all sequences."""
    model.fit(X, y, batch_size=1, shuffle=False, verbose=0)


def fit_once_compiled(model, X, y):
    """Call `fit` once, in compiled updates, as lstm_forward.py does."""
    speed_up_fit(model)
    fit_once(model, X, y)


# Each way, and how many times fewer sequences it trains on: the slow ones would take hours.
WAYS = {
    "fit per sequence (tutorial)": (fit_each_sequence, 1000),
    "train_on_batch": (train_each_batch, 50),
    "one fit": (fit_once, 20),
    "one fit, compiled": (fit_once_compiled, 2),
    "train_model": (train_model, 1),
}


def measure(way, n_sequences, options):
    """Return a way's seconds for one training of a new model, its data and model made before."""
    keras.utils.set_random_seed(options.seed)
    model = get_lstm_model(options.timesteps, n_units=options.units)
    X, y = get_sequences(n_sequences, options.timesteps, options.seed)
    start = time.perf_counter()
    way(model, X, y)
    return time.perf_counter() - start


def measure_stages(model, X, y):
    """Return the seconds to trace a model's training, to compile it, and to make all updates."""
    arrays = _as_tensors(X, y)
    train, _ = _compile_training(model, arrays[0], batch_size=1)
    train.get_concrete_function(None, *arrays)  # builds the model
    train, times = tf.function(train.python_function, autograph=False, jit_compile=True), []
    calls = [train.get_concrete_function, train, train]
    for call in calls:
        start = time.perf_counter()
        call(None, *arrays)
        times.append(time.perf_counter() - start)
    traced, first, trained = times
    return {"trace": traced, "compile": first - trained, "250 updates": trained}


def tabulate_stages(options):
    """Return the seconds of each stage of each model of the tutorial's two comparisons."""
    models = get_models(options.timesteps) | get_merge_models(options.timesteps)
    X, y = get_sequences(250, options.timesteps, options.seed)
    stages = {name: measure_stages(model, X, y) for name, model in models.items()}
    start = time.perf_counter()
    code = "from common.startup import load_keras; load_keras(1)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    loading = time.perf_counter() - start
    return pd.DataFrame(stages).T.map("{:.3g}".format), loading


def main(options):
    rows = []
    for n_round in range(1, N_ROUNDS + 1):
        print(f"Round {n_round} of {N_ROUNDS}", flush=True)
        for name, (way, share) in WAYS.items():
            n_more = max(1, options.sequences // share)
            first = measure(way, 1, options)
            milliseconds = 1000 * (measure(way, 1 + n_more, options) - first) / n_more
            rows.append((name, n_round, milliseconds, first))
    table = pd.DataFrame(rows, columns=["way", "round", "ms per update", "fixed cost (s)"])
    by_way = table.drop(columns="round").groupby("way", sort=False)
    heading = f"The cost of training, median (smallest-largest) of {N_ROUNDS} rounds:"
    print_block(heading, by_way.agg(describe).rename_axis(None))
    stages, loading = tabulate_stages(options)
    print_block("Where the time of the comparisons goes, seconds of one core:", stages)
    print(f"To load Python and Keras takes {loading:.3g} s; the rest is the figure and the files.")
    looks = {"rot": 10, "fontsize": 8, "figsize": (8, 4.5), "color": "#0b2a4a", "xlabel": ""}
    title = f"What does one update cost? (median of {N_ROUNDS} rounds)"
    medians = by_way["ms per update"].median()
    axes = medians.plot.bar(title=title, ylabel="milliseconds per update", logy=True, **looks)
    save(options, axes.figure, seconds=table)


if __name__ == "__main__":
    run(main, options)
