"""The experiments of the four scripts, for with_pytorch.py and with_jax.py to train as well.

Here is what does not depend on the framework: the names of the models, the data, the scores.
"""

import argparse
import csv
import os
import time

import numpy as np

from common.command_line import read_count, read_rate, read_seed
from data import get_sequences, score_labels

DIRECTIONS = ["lstm_forw", "lstm_back", "lstm_back_aligned", "bilstm_con"]
MERGE_MODES = ["bilstm_sum", "bilstm_mul", "bilstm_ave", "bilstm_con"]
# By script: its models, the sequences that it trains on, and its runs.
EXPERIMENTS = {
    "lstm_forward": (["lstm_forw"], 1000, 1),
    "bilstm": (["bilstm_con"], 1000, 1),
    "compare_directions": (DIRECTIONS, 250, 30),
    "compare_merge_modes": (MERGE_MODES, 250, 30),
}


def read_options(description):
    """Read the command line: the script to imitate, and those of its options that matter here.

    Returns:
        A namespace: the options, and `models`, the names of the models to train.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("script", choices=EXPERIMENTS)
    parser.add_argument("--timesteps", type=read_count, default=10)
    parser.add_argument("--units", type=read_count, default=20)
    parser.add_argument("--sequences", type=read_count, help="default: as the script has it")
    parser.add_argument("--batch-size", type=read_count, default=1)
    parser.add_argument("--learning-rate", type=read_rate, default=0.001)
    parser.add_argument("--runs", type=read_count, help="default: as the script has it")
    parser.add_argument("--seed", type=read_seed, default=0)
    parser.add_argument("--output", help="folder for the table of scores (default: no table)")
    options = parser.parse_args()
    options.models, n_sequences, n_runs = EXPERIMENTS[options.script]
    options.sequences = options.sequences or n_sequences
    options.runs = options.runs or n_runs
    if options.batch_size > options.sequences:
        parser.error(f"argument --batch-size: {options.batch_size} is more than all sequences")
    if options.output:
        os.makedirs(options.output, exist_ok=True)
    return options


def draw_run(options, run):
    """Draw the sequences of one run, which are those of `common.training.train_runs`.

    Returns:
        X and y to train on, float32 of shape `(n_updates, batch_size, n_timesteps, 1)`, then X
        and y to test on, of shape `(1000, n_timesteps, 1)`. A last, smaller batch is left out.
    """
    rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(run,)))
    n_updates = options.sequences // options.batch_size
    X, y = (
        array[: n_updates * options.batch_size].reshape(n_updates, -1, options.timesteps, 1)
        for array in get_sequences(options.sequences, options.timesteps, rng)
    )
    X_test, y_test = get_sequences(1000, options.timesteps, rng.spawn(1)[0])
    return X, y.astype(np.float32), X_test, y_test


def report(options, predict_runs):
    """Score the models, print the means over the runs, and save a table if that is asked for.

    Args:
        options: as `read_options` returns them.
        predict_runs: function of a model's name that trains it, and returns for each run the
            labels of the test data and the predicted probabilities of label 1.
    """
    rows = []
    for name in options.models:
        start = time.perf_counter()
        scores = [score_labels(y, predictions) for y, predictions in predict_runs(name)]
        seconds = time.perf_counter() - start
        loss, accuracy = (np.mean([run[key] for run in scores]) for key in ("loss", "accuracy"))
        print(f"{name}: test loss {loss:.4f}, accuracy {accuracy:.4f}, {seconds:.1f} s")
        of_model = {"model": name, "seconds": seconds}  # of all runs
        rows += [{**of_model, "run": run, **of_run} for run, of_run in enumerate(scores, 1)]
    if options.output:
        path = f"{options.output}/{options.script}_scores.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
