"""What the programs in PyTorch and JAX share: the experiment, the report and the files.

It needs NumPy, pandas and Matplotlib alone, and no Keras.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from data import get_sequences, score_labels


def compare(train):
    """Train the models that the command line names, print their scores, and write the losses.

    The sequences of a run are those of the same run of compare_directions.py.

    Args:
        train: function, called as `train(name, n_units, batch_size, seed, X, y, X_test)`, that
            trains a new model on X and y in one pass. It returns the loss of every update, and the
            probabilities of label 1 for X_test.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    defaults = {"units": 20, "sequences": 1000, "batch-size": 1, "runs": 1, "seed": 0}
    for option, default in defaults.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--output", default="results", type=Path)
    options = parser.parse_args()

    losses, scores = {}, {}
    for run in range(1, options.runs + 1):
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(run,)))
        X, y = get_sequences(options.sequences, 10, rng)
        X_test, y_test = get_sequences(1000, 10, rng.spawn(1)[0])
        settings = options.units, options.batch_size, 1000 * options.seed + run
        for name in options.models:
            losses[name, run], predicted = map(np.asarray, train(name, *settings, X, y, X_test))
            scores[name, run] = score_labels(y_test, predicted)

    print(pd.DataFrame(scores).T.groupby(level=0, sort=False).mean().to_string())
    if options.runs == 1:
        for expected, labels in zip(y_test[:10], (predicted[:10] > 0.5).astype(int), strict=True):
            print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel())
    options.output.mkdir(parents=True, exist_ok=True)
    losses = pd.DataFrame(losses)
    program = options.output / Path(sys.argv[0]).stem
    losses.to_csv(f"{program}_losses.csv")
    means = losses.T.groupby(level=0, sort=False).mean().T.rolling(11, min_periods=1).mean()
    axes = means.plot(xlabel="update", ylabel="training loss, mean of 11 updates (nats)")
    axes.figure.savefig(f"{program}.png", dpi=160)
