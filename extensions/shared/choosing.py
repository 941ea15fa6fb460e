"""Which learning rate? Each run has the one that three other runs have chosen.

Every model is trained once in every run at every rate. Which of these trainings a run reports is
decided afterwards, from the table of scores. So a run stands for what a careful person does: try
each rate three times, then train with the best one. The run that is reported has no part in the
choice. The choice differs from run to run, so that the interval over the runs includes its
variation: python -m benchmarks.interval_coverage measures how well. (Bouthillier and others, 2021:
choosing hyperparameters once, for all runs, hides a part of the variance.)
"""

import numpy as np
import pandas as pd

from extensions.shared.results import MEASURES, get_keys

N_CHOOSERS = 3
PUBLISHED_RATE = 0.001  # of the tutorial's "adam"


def get_views(scores, seed=0, by="loss"):
    """Return the scores that are reported: at the published rate, and at rates chosen by others.

    Args:
        scores: DataFrame as `train_runs` returns it, perhaps with more columns that say what was
            trained, such as `timesteps`. Every column that is no measure of MEASURES counts as
            one of these.
        seed: of the choice.
        by: the measure that chooses. If a training was tested several times, it also chooses the
            test, that is, when to stop. (A single run has its last test.)

    Returns:
        DataFrame of some rows of scores, with a first column `view`: `at 0.001`, if that is one of
        several rates, and `at a rate chosen by three other runs` (with two to four runs, all others
        choose). With one rate there is only that; a single run has 0.001, or else the first rate.
    """
    rates, n_runs = scores.learning_rate.unique(), scores.run.nunique()
    published = scores[scores.learning_rate == PUBLISHED_RATE]
    if len(rates) == 1 or n_runs == 1:
        rate = PUBLISHED_RATE if len(published) else rates[0]
        views = {f"at {rate:g}": scores[scores.learning_rate == rate]}
    else:
        who = "three other runs" if n_runs > N_CHOOSERS else "the other runs"
        views = {f"at {PUBLISHED_RATE:g}": published} if len(published) else {}
        views[f"at a rate chosen by {who}"] = scores
    if n_runs == 1:
        keys = [*get_keys(scores), "run"]
        views = {
            view: rows.sort_values("update", kind="stable").drop_duplicates(keys, keep="last")
            for view, rows in views.items()
        }
    else:
        for view, rows in views.items():
            choices = tabulate_choices(rows, seed, by)
            views[view] = rows.merge(choices.drop(columns="at_edge"))
    return pd.concat(views, names=["view"]).reset_index("view").reset_index(drop=True)


def pick(views, table):
    """Return the rows of another table that belong to the trainings of the views, and `view`.

    Args:
        views: as `get_views` returns them.
        table: DataFrame with `model`, `run` and `learning_rate`, and any number of rows for each.
    """
    keys = ["model", "run", "learning_rate"]
    return views[["view", *keys]].drop_duplicates().merge(table, on=keys)


def pick_losses(views, losses):
    """Return the losses at the rates of the views: `view`, `model`, `run`, `update`, `loss`.

    Args:
        views: as `get_views` returns them.
        losses: DataFrame as `train_runs` returns it, with the scores of the views.
    """
    keys = ["run", "learning_rate", "update"]
    return pick(views, losses.melt(keys, var_name="model", value_name="loss"))


def tabulate_choices(scores, seed=0, by="loss"):
    """Return the learning rate of each model in each run, as `choose_rates` chooses it.

    Args:
        scores, seed, by: as for `get_views`.

    Returns:
        DataFrame with the columns that say what was trained, `run`, `learning_rate`, `update`, and
        `at_edge`: whether that is the first or the last rate, and better than its neighbour.
    """
    if MEASURES[by].is_censored:
        # With infinity, the mean would be the same whether one of three never learns or all do.
        never = 10 * scores[by][np.isfinite(scores[by])].max()
        scores = scores.assign(**{by: scores[by].replace(np.inf, never)})
    choosers = draw_choosers(scores.run.nunique(), seed)
    sign, choices = -1 if MEASURES[by].is_share else 1, {}
    for trained, rows in scores.groupby(get_keys(scores), sort=False):
        rows = rows.sort_values("update")
        test = rows.groupby(["run", "learning_rate"]).cumcount()
        tables = rows.assign(test=test).pivot(index="run", columns=["learning_rate", "test"])
        runs, rates = tables.index, np.sort(rows.learning_rate.unique())
        of_all = pd.MultiIndex.from_product([rates, range(test.max() + 1)])
        values, losses, updates = (
            tables[name].reindex(columns=of_all).to_numpy().reshape(len(runs), len(rates), -1)
            for name in (by, "loss", "update")
        )
        chosen, tests, at_edge = choose_rates(sign * values, losses, choosers)
        settings = {"learning_rate": rates[chosen], "at_edge": at_edge}
        settings["update"] = updates[np.arange(len(runs)), chosen, tests]
        choices[trained] = pd.DataFrame(settings, index=runs)
    return pd.concat(choices, names=get_keys(scores)).reset_index()


def choose_rates(values, losses, choosers):
    """Choose a learning rate for each run: the one with the best mean over some other runs.

    A value that is not finite counts as the worst. If means are equal, the rate with the lower
    loss is chosen, and if these are equal, too, the smaller rate. A rate counts with its best test.

    Args:
        values: what to choose by, lower is better, shape `(n_runs, n_rates, n_tests)`; the rates
            rise.
        losses: the same shape.
        choosers: for each run, which other runs choose, int, shape `(n_runs, n_choosers)`.

    Returns:
        Three arrays of shape `(n_runs,)`: the index of the rate; that of the test; and whether the
        rate is the first or the last of three or more, and strictly better than its neighbour.
    """
    means, mean_losses = (
        np.where(np.isfinite(table), table, np.inf)[choosers].mean(axis=1).round(12)
        for table in (values, losses)
    )
    tests = np.lexsort((mean_losses, means))[..., :1]  # of each rate; by the last key first
    means, mean_losses = (
        np.take_along_axis(table, tests, axis=2)[..., 0] for table in (means, mean_losses)
    )
    chosen = np.lexsort((mean_losses, means))[:, 0]
    n_rates = means.shape[1]
    neighbours = np.where(chosen == 0, min(1, n_rates - 1), n_rates - 2)
    rows = np.arange(len(means))
    is_better = means[rows, chosen] < means[rows, neighbours]
    at_edge = (n_rates > 2) & np.isin(chosen, (0, n_rates - 1)) & is_better
    return chosen, tests[rows, chosen, 0], at_edge


def draw_choosers(n_runs, seed):
    """Draw for each run the others that choose its rate: int, shape `(n_runs, n_choosers)`.

    They are the same for all models, sizes and lengths, so that runs stay paired.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))  # runs begin at 1
    others = [np.delete(np.arange(n_runs), run) for run in range(n_runs)]
    if n_runs <= N_CHOOSERS + 1:
        return np.array(others)
    return np.array([rng.choice(of_run, N_CHOOSERS, replace=False) for of_run in others])
