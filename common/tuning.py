"""Each model at its own best learning rate, chosen on other runs than those that are reported."""

import numpy as np

from common.results import count
from common.training import train_runs

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
PUBLISHED_RATE = 0.001  # of the tutorial's "adam"
N_TUNING_RUNS = 30


def train_at_best_rates(
    models,
    get_data,
    score,
    learning_rates,
    n_runs=30,
    n_tuning_runs=N_TUNING_RUNS,
    seed=0,
    measure="loss",
    **settings,
):
    """Train each model many times at the published rate and at the best one for it.

    Args:
        models, get_data, score, n_runs, seed: as for `train_runs`.
        learning_rates: sequence of float, from which each model's best is chosen.
        n_tuning_runs, measure: as for `choose_rates`, its `n_runs` and `measure`.
        **settings: the other arguments of `train_runs`.

    Returns:
        What `train_runs` returns, with the settings of `get_settings`.
    """
    settings = {"compiled": {}, **settings}
    best = dict.fromkeys(models, learning_rates[0])
    if len(set(learning_rates)) > 1:
        best, _ = choose_rates(
            models,
            get_data,
            score,
            learning_rates,
            n_runs=n_tuning_runs,
            seed=seed,
            measure=measure,
            **settings,
        )
        print(", ".join(f"{name} {rate:g}" for name, rate in best.items()))
    rates = get_settings(best, learning_rates)
    print(f"{count(n_runs, 'new run')} of each model")
    return train_runs(
        models, get_data, score, n_runs=n_runs, seed=seed, learning_rates=rates, **settings
    )


def choose_rates(
    models,
    get_data,
    score,
    learning_rates,
    n_runs=N_TUNING_RUNS,
    seed=0,
    measure="loss",
    **settings,
):
    """Choose each model's best learning rate, on runs that `train_runs` with this seed never has.

    Args:
        models, get_data, score, seed: as for `train_runs`.
        learning_rates: sequence of float, from which to choose.
        n_runs: trainings of each model at each rate.
        measure: the name of a measure of `score`. Of an accuracy the highest mean over the runs is
            the best, of others the lowest. A rate at which a run ends in NaN is out.
        **settings: the other arguments of `train_runs`.

    Returns:
        A dict of model to its best rate, and the scores that it was chosen by, as `train_runs`
        returns them; their `setting` is the rate.
    """
    rates = {float(rate): float(rate) for rate in learning_rates}
    print(
        f"Choosing each model's learning rate of {', '.join(f'{rate:g}' for rate in rates)}, by"
        f" {count(n_runs, 'run')} at each"
    )
    _, scores = train_runs(
        models,
        get_data,
        score,
        n_runs=n_runs,
        seed=get_tuning_seed(seed),
        learning_rates=rates,
        **settings,
    )
    return find_best_rates(scores, measure), scores


def get_settings(best, learning_rates):
    """Return the settings to report, as `train_runs` takes them.

    Args:
        best: dict of model to its best rate.
        learning_rates: sequence of float, from which it was chosen.

    Returns:
        Dict: `0.001`, the published rate, if it is among them, and `best`; if there is only one
        rate to choose from, that one alone, by its value.
    """
    if len(set(learning_rates)) == 1:
        return {f"{learning_rates[0]:g}": learning_rates[0]}
    settings = {"best": best}
    if PUBLISHED_RATE in learning_rates:
        settings = {f"{PUBLISHED_RATE:g}": PUBLISHED_RATE, **settings}
    return settings


def find_best_rates(scores, measure="loss"):
    """Return the best rate of each model, after the last epoch if there are: see `choose_rates`."""
    if "epoch" in scores:
        scores = scores[scores.epoch == scores.epoch.max()]
    means = (
        scores.groupby(["model", "learning_rate"], sort=False)[measure]
        .agg(lambda values: values.mean(skipna=False))
        .unstack(sort=False)
    )
    best = means.idxmax(axis=1) if "accuracy" in measure else means.idxmin(axis=1)
    return best.to_dict()


def get_tuning_seed(seed):
    """Return the seed of the runs that choose the rates: another than that of those reported."""
    return int(np.random.SeedSequence(seed, spawn_key=(0,)).generate_state(1)[0])
