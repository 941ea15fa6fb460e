"""Which learning rate? Each run has the one that three other runs have chosen.

Every model is trained once in every run at every rate. Which of these trainings a run reports is
decided afterwards, from the table of scores. So a run stands for what a careful person does: try
each rate three times, then train with the best one. The run that is reported has no part in the
choice. The choice differs from run to run, so that the interval over the runs includes its
variation: python -m benchmarks.interval_coverage measures how well. (Bouthillier and others, 2021:
choosing hyperparameters once, for all runs, hides a part of the variance.)
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.results import FEWEST_RUNS, MEASURES

N_CHOOSERS = 3
PUBLISHED_RATE = 0.001  # of the tutorial's "adam"


@dataclass(frozen=True)
class View:
    """Scores with one learning rate for each model and run.

    Attributes:
        words: which rate that is: `at 0.001`, `at a rate chosen by three other runs`.
        scores: tidy DataFrame, the rows of the table of all rates that are reported.
    """

    words: str
    scores: pd.DataFrame

    def where(self, column, value):
        """Return the view of the rows in which a column has a value."""
        return View(self.words, self.scores[self.scores[column] == value])

    def pick(self, table):
        """Return the view of another table by model, run and learning rate: the same trainings."""
        trainings = self.scores[["model", "run", "learning_rate"]].drop_duplicates()
        return View(self.words, table.merge(trainings))


def get_views(scores, seed=0, by="loss"):
    """Return the views that are reported: at the published rate, and at rates chosen by others.

    Args:
        scores: DataFrame as `train_runs` returns it, perhaps with more columns that say what was
            trained, such as `timesteps`. Every column that is no measure of MEASURES counts as
            one of these.
        seed: of the choice.
        by: the measure that chooses.

    Returns:
        List of `View`: at 0.001, if that is one of several rates; and what `choose` returns. With
        one run or one rate, only the latter.
    """
    chosen = choose(scores, seed, by)
    rates = scores.learning_rate.unique()
    if len(rates) == 1 or scores.run.nunique() == 1 or PUBLISHED_RATE not in rates:
        return [chosen]
    published = scores[scores.learning_rate == PUBLISHED_RATE].reset_index(drop=True)
    return [View(f"at {PUBLISHED_RATE:g}", published), chosen]


def choose(scores, seed=0, by="loss"):
    """Return the view of each run at the rate that three other runs have chosen.

    `choose_rates` has the rule. With two to four runs, all others choose. A single run is reported
    at 0.001, or else at the first rate, and the words of the view say so.
    """
    rates, n_runs = scores.learning_rate.unique(), scores.run.nunique()
    if len(rates) == 1 or n_runs == 1:
        rate = PUBLISHED_RATE if PUBLISHED_RATE in rates else rates[0]
        words = f"at {rate:g}" + (" (one run: nothing was chosen)" if len(rates) > 1 else "")
        return View(words, scores[scores.learning_rate == rate].reset_index(drop=True))
    choices = tabulate_choices(scores, seed, by).drop(columns="at_edge")
    who = "three other runs" if n_runs > N_CHOOSERS else "the other runs"
    return View(f"at a rate chosen by {who}", scores.merge(choices))


def tabulate_choices(scores, seed=0, by="loss"):
    """Return the learning rate of each model in each run, as `choose_rates` chooses it.

    Args:
        scores, seed, by: as for `get_views`. If a training was tested several times, the last test
            counts.

    Returns:
        DataFrame with the columns that say what was trained, `run`, `learning_rate`, and
        `at_edge`: whether that is the first or the last rate, and better than its neighbour.
    """
    keys = get_keys(scores)
    if MEASURES[by].is_censored:
        # With infinity, the mean would be the same whether one of three never learns or all do.
        never = 10 * scores[by][np.isfinite(scores[by])].max()
        scores = scores.assign(**{by: scores[by].replace(np.inf, never)})
    runs = np.sort(scores.run.unique())
    choosers = draw_choosers(len(runs), seed)
    choices = []
    for values, rows in scores.groupby(keys, sort=False):
        last = rows.drop_duplicates(["run", "learning_rate"], keep="last")
        tables = [
            last.pivot(index="run", columns="learning_rate", values=measure).sort_index(axis=1)
            for measure in (by, "loss")
        ]
        sign = -1 if MEASURES[by].is_share else 1
        chosen, at_edge = choose_rates(sign * tables[0].to_numpy(), tables[1].to_numpy(), choosers)
        choices.append(pd.DataFrame(dict(zip(keys, values, strict=True)), index=range(len(runs))))
        choices[-1] = choices[-1].assign(
            run=runs, learning_rate=tables[0].columns.to_numpy()[chosen], at_edge=at_edge
        )
    return pd.concat(choices, ignore_index=True)


def choose_rates(values, losses, choosers):
    """Choose a learning rate for each run: the one with the best mean over some other runs.

    A value that is not finite counts as the worst. If means are equal, the rate with the lower
    loss is chosen, and if these are equal, too, the smaller rate.

    Args:
        values: what to choose by, lower is better, shape `(n_runs, n_rates)`; the rates rise.
        losses: the same shape.
        choosers: for each run, which other runs choose, int, shape `(n_runs, n_choosers)`.

    Returns:
        Two arrays of shape `(n_runs,)`: the index of the rate; and whether that is the first or
        the last of three or more rates, and strictly better than its neighbour.
    """
    means, mean_losses = (
        np.where(np.isfinite(table), table, np.inf)[choosers].mean(axis=1).round(12)
        for table in (values, losses)
    )
    chosen = np.lexsort((mean_losses, means))[:, 0]  # by the last key first
    n_rates = means.shape[1]
    neighbours = np.where(chosen == 0, min(1, n_rates - 1), n_rates - 2)
    rows = np.arange(len(means))
    is_better = means[rows, chosen] < means[rows, neighbours]
    return chosen, (n_rates > 2) & np.isin(chosen, (0, n_rates - 1)) & is_better


def draw_choosers(n_runs, seed):
    """Draw for each run the others that choose its rate: int, shape `(n_runs, n_choosers)`.

    They are the same for all models, sizes and lengths, so that runs stay paired.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))  # runs begin at 1
    others = [np.delete(np.arange(n_runs), run) for run in range(n_runs)]
    if n_runs <= N_CHOOSERS + 1:
        return np.array(others)
    return np.array([rng.choice(of_run, N_CHOOSERS, replace=False) for of_run in others])


def print_choices(scores, seed=0, by="loss"):
    """Print how often each rate was chosen, and for which models the grid is too narrow.

    Fewer than FEWEST_RUNS runs say too little about the grid.
    """
    if scores.learning_rate.nunique() == 1 or scores.run.nunique() == 1:
        return
    choices = tabulate_choices(scores, seed, by)
    trained = choices[get_keys(scores)].astype(str).agg(" ".join, axis=1).rename("")
    print("How often each learning rate was chosen:")
    table = pd.crosstab(trained, choices.learning_rate).loc[trained.unique()]
    table = table.reindex(columns=np.sort(scores.learning_rate.unique()), fill_value=0)
    print(table.rename(columns="{:g}".format).rename_axis(index=None, columns=None).to_string())
    at_edge = choices.at_edge.groupby(trained, sort=False).mean()
    narrow = [f"{name} ({share:.0%})" for name, share in at_edge[at_edge >= 0.25].items()]
    if narrow and scores.run.nunique() >= FEWEST_RUNS:
        print(f"The grid is too narrow (runs that choose its edge): {', '.join(narrow)}.")


def pick_losses(losses, view):
    """Return the losses at the rates of a view: columns `run`, `update`, and one for each model.

    Args:
        losses: DataFrame as `train_runs` returns it.
        view: `View` of the scores that it returned with them.
    """
    rates = view.scores[["model", "run", "learning_rate"]].drop_duplicates()
    columns = []
    for name, of_model in rates.groupby("model", sort=False):
        rows = losses.merge(of_model.drop(columns="model"))
        columns.append(rows.set_index(["run", "update"])[name])
    return pd.concat(columns, axis=1).reset_index()


def get_keys(scores):
    """Return the columns that say what was trained: the model, and whatever else varies."""
    others = {*MEASURES, "run", "learning_rate", "update"}
    return [column for column in scores.columns if column not in others]
