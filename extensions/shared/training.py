"""Training by the options of the command line."""

import math
import os
import timeit
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from common.training import train_model, train_runs
from data import get_sequences, score_labels


def make_get_data(draw, n_train, n_test=1000):
    """Make a `get_data` for `train_runs` from a function that draws sequences.

    Args:
        draw: function, called as `draw(n_sequences, rng=generator)`, that returns X, y and perhaps
            sample weights.
        n_train, n_test: number of training and of test sequences of each run. The test sequences
            do not depend on `n_train`.
    """

    def get_data(rng):
        return draw(n_train, rng=rng), draw(n_test, rng=rng.spawn(1)[0])

    return get_data


def train_by_options(models, get_data, score, options, **settings):
    """Train models with the rates, runs, seed and batch size of the command line.

    Args:
        models, get_data, score: as for `common.training.train_runs`.
        options: of the command line.
        **settings: of `train_runs`, also those that the options would give.

    Returns:
        The tables `losses` and `scores` of `train_runs`.
    """
    given = {"learning_rates": options.learning_rate, "n_runs": options.runs, "seed": options.seed}
    given["batch_size"] = getattr(options, "batch_size", 1)
    return train_runs(models, get_data, score, **given | settings)


def train_on_sums(models, n_timesteps, n_sequences, options, **settings):
    """Train models on the tutorial's problem, as `train_by_options` does.

    Args:
        models: dict of name to compiled Keras model.
        n_timesteps: length of the sequences.
        n_sequences: training sequences of each run. 1,000 others are for testing.
        options: of the command line.
        **settings: as for `train_by_options`.
    """
    get_data = make_get_data(partial(get_sequences, n_timesteps=n_timesteps), n_sequences)
    return train_by_options(models, get_data, score_labels, options, **settings)


def average_losses(losses, n_stretches=60):
    """Average losses over stretches of updates of equal length on a log scale.

    Args:
        losses: DataFrame as `train_runs` returns it.
        n_stretches: how many stretches there are at most.

    Returns:
        DataFrame with the same columns. `update` is the last of a stretch.
    """
    ends = np.geomspace(1, losses["update"].max(), n_stretches).round().astype(int)
    ends = np.unique(ends)
    stretches = ends[np.searchsorted(ends, losses["update"])]
    keys = ["run", "learning_rate", "update"]
    return losses.assign(update=stretches).groupby(keys, sort=False).mean().reset_index()


def time_trainings(models, X, y, batch_size=1, n_times=5):
    """Return the seconds per update of several trainings by `train_model`, without compiling.

    The models are compiled on all cores and then timed in turns, one at a time. This trains them.

    Args:
        models: dict of name to compiled Keras model.
        X, y, batch_size: as for `train_model`.
        n_times: trainings of each model.

    Returns:
        Dict of name to float64 of shape `(n_times,)`.
    """
    train = partial(train_model, X=X, y=y, batch_size=batch_size)
    with ThreadPoolExecutor(os.cpu_count()) as cores:
        list(cores.map(train, models.values()))
    turns = [
        [timeit.timeit(partial(train, model), number=1) for model in models.values()]
        for _ in range(n_times)
    ]
    n_updates = math.ceil(len(X) / batch_size)
    return dict(zip(models, np.transpose(turns) / n_updates, strict=True))
