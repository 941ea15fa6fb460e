"""What the scores of many runs say: measures, intervals, tables and words.

Scores are tidy, as `common.training.train_runs` returns them: a row for each model, run and
learning rate (and size or length, where those vary), and a column for each measure.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import bdtr, stdtrit

FEWEST_RUNS = 10  # for an interval of the mean, and for a verdict


@dataclass(frozen=True)
class Measure:
    """What a column of scores measures.

    Attributes:
        heading: what it is called in print.
        is_share: from 0 to 1, higher is better. For all other measures lower is better.
        margin: a smaller difference does not matter.
        is_censored: infinite in a run that never got there, so that it has no mean.
    """

    heading: str
    is_share: bool = False
    margin: float = 0.01
    is_censored: bool = False


MEASURES = {
    "loss": Measure("test loss"),
    "accuracy": Measure("accuracy", is_share=True),
    "sequence_accuracy": Measure("whole sequences right", is_share=True),
    "sequence_loss": Measure("test loss per sequence", margin=0.1),
    "held_out_loss": Measure("loss on held-out recordings"),
    "training_accuracy": Measure("accuracy in training", is_share=True),
    "accuracy_on_100": Measure("accuracy on 100 sequences", is_share=True),
    "accuracy_held": Measure("accuracy with a cell held", is_share=True),
    "absolute_error": Measure("mean absolute error"),
    "error_rate": Measure("share of time steps wrong"),
    "correlation": Measure("correlation with the sum"),
    "updates_to_learn": Measure("updates until learned", is_censored=True),
}


def count_updates_to_learn(losses, level, window):
    """Return the first update at which the mean loss of the last `window` updates is below a level.

    Args:
        losses: of a training, shape `(n_updates,)`.
        level: in nats.
        window: number of updates.

    Returns:
        float: the number of that update, counted from 1; infinity if there is none.
    """
    if len(losses) < window:
        return math.inf
    sums = np.cumsum(np.concatenate([[0.0], losses]), dtype=np.float64)
    below = (sums[window:] - sums[:-window]) / window < level
    return float(window + np.argmax(below)) if below.any() else math.inf


def interval(values, share=False):
    """Return the 95% confidence interval of a mean over independent runs, or the range of a few.

    Args:
        values: array of shape `(n_runs, ...)`.
        share: the values are shares, so that the interval must stay within 0 to 1.

    Returns:
        Two arrays of shape `(...)`, the lower and the upper end: the mean minus and plus Student's
        t times its standard error, or, with fewer than FEWEST_RUNS runs, the smallest and the
        largest value.
    """
    values = np.asarray(values, np.float64)
    n_runs = len(values)
    if n_runs < FEWEST_RUNS:
        return values.min(axis=0), values.max(axis=0)
    half = stdtrit(n_runs - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n_runs)
    low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
    return (np.clip(low, 0, 1), np.clip(high, 0, 1)) if share else (low, high)


def mean_of_all(values):
    """Return the mean of a Series as float. Unlike that of pandas it is NaN if one value is."""
    return float(np.mean(values.to_numpy()))


def describe_runs(n_runs):
    """Say what is shown of some runs: `mean of 30 runs, 95% interval`."""
    if n_runs == 1:
        return "one run"
    return f"mean of {n_runs} runs, {describe_interval(n_runs)}"


def describe_interval(n_runs):
    """Say what `interval` and `median_interval` return for some runs."""
    return "95% interval" if n_runs >= FEWEST_RUNS else "smallest to largest"


def with_interval(values, sign="", share=False):
    """Return the mean over runs with its `interval`, as str.

    This is `0.123 ± 0.004`; `0.123 (0.119 to 0.130)` if the two sides differ, as with few runs or
    with shares near 0 or 1; `0.123` for one run; and `2 of 30 not finite` instead of a mean that
    would not be finite. `sign="+"` shows the sign of a positive mean.
    """
    values = np.asarray(values, np.float64)
    n_bad = np.count_nonzero(~np.isfinite(values))
    if n_bad:
        return f"{n_bad} of {len(values)} not finite"
    mean = f"{np.mean(values):{sign}z.3f}"
    low, high = interval(values, share)
    if len(values) == 1:
        return mean
    if len(values) < FEWEST_RUNS or (share and (low == 0 or high == 1)):
        return f"{mean} ({low:{sign}z.3f} to {high:{sign}z.3f})"
    return f"{mean} ± {(high - low) / 2:.3f}"


def with_median(values):
    """Return the median of runs, some of which may never get there, as str: `430 (410 to 470)`.

    In brackets is the `median_interval`. Infinity is `never`.
    """
    shown = (
        f"{value:,.0f}" if np.isfinite(value) else "never"
        for value in (np.median(values), *median_interval(values))
    )
    return "{} ({} to {})".format(*shown)


def median_interval(values):
    """Return the 95% confidence interval of a median over independent runs, or the range of a few.

    It comes from the order of the values: how many are below the median is a binomial count. With
    fewer than FEWEST_RUNS runs it is the smallest and the largest value.

    Args:
        values: array of shape `(n_runs,)`.
    """
    values = np.sort(values)
    n_runs = len(values)
    first = 1
    if n_runs >= FEWEST_RUNS:
        first = np.count_nonzero(bdtr(np.arange(n_runs), n_runs, 0.5) <= 0.025)
    return values[first - 1], values[-first]


def in_words(differences, margin=0.01):
    """Say in words what the paired differences between two models show.

    Args:
        differences: one model minus the other in each run, array of shape `(n_runs,)`.
        margin: a smaller difference does not matter.

    Returns:
        str: `lower by 0.123 ± 0.004` or `higher by ...` if the `interval` lies on one side of 0,
        with `(within 0.01)` if it also lies within the margin; `alike, to within 0.01` if it
        contains 0 and lies within the margin; otherwise `no clear difference`, with the interval
        in brackets. With fewer than FEWEST_RUNS runs there is only the mean, and no verdict.
    """
    differences = np.asarray(differences, np.float64)
    mean = differences.mean()
    word = "lower" if mean < 0 else "higher"
    if not np.isfinite(differences).all():
        return f"no mean ({with_interval(differences)})"
    if len(differences) < FEWEST_RUNS:
        runs = count(len(differences), "run")
        what = f"{word} by {with_interval(differences * np.sign(mean))}" if mean else "mean of 0"
        return f"{what} in {runs}, too few for a verdict"
    low, high = interval(differences)
    is_small = -margin <= low and high <= margin
    if low > 0 or high < 0:
        within = f" (within {margin:g})" if is_small else ""
        return f"{word} by {with_interval(differences * np.sign(mean))}{within}"
    words = f"alike, to within {margin:g}" if is_small else "no clear difference"
    return f"{words} ({with_interval(differences, sign='+')})"


def differences(scores, measure, one, other):
    """Return a measure of one model minus that of another in the same run, shape `(n_runs,)`."""
    by_run = scores.pivot(index="run", columns="model", values=measure)
    return (by_run[one] - by_run[other]).to_numpy()


def compare(scores, measure, one, other):
    """Say how a measure of one model differs from that of another: `a minus b: lower by ...`."""
    words = in_words(differences(scores, measure, one, other), MEASURES[measure].margin)
    return f"{one} minus {other}: {words}"


def answer(views, pairs, measure="loss"):
    """Say how a measure of some models differs from that of others: a line for each view.

    Args:
        views: list of `common.choosing.View`.
        pairs: list of pairs of models' names: the first minus the second.
        measure: one of MEASURES.
    """
    return "\n".join(
        f"Answer, {MEASURES[measure].heading}, {view.words}: "
        f"{'; '.join(compare(view.scores, measure, *pair) for pair in pairs)}."
        for view in views
    )


def compare_updates(scores, one, other):
    """Say which of two models learns sooner, by a sign test over the runs.

    Args:
        scores: of a view, with the column `updates_to_learn`.
        one, other: names of models.

    Returns:
        str: `sooner, 106 (104 to 108) against 154 (139 to 177) updates, in 28 of 30 runs`, or
        `later, ...`; or, if the counts may be chance (p > 0.05), `no clear difference, 149 (136 to
        161) against 154 (139 to 177) updates (sooner in 17 of 30 runs)`. With fewer than
        FEWEST_RUNS runs there is no verdict.
    """
    by_run = scores.pivot(index="run", columns="model", values="updates_to_learn")
    first, second = by_run[one], by_run[other]
    sooner, later = (first < second).sum(), (first > second).sum()
    is_clear = 2 * bdtr(min(sooner, later), sooner + later, 0.5) < 0.05
    word = "later" if later > sooner else "sooner"
    updates = f"{with_median(first)} against {with_median(second)} updates"
    agreeing = f"in {max(sooner, later)} of {count(len(by_run), 'run')}"
    if len(by_run) < FEWEST_RUNS:
        return f"{updates}, too few runs for a verdict"
    if is_clear:
        return f"{word}, {updates}, {agreeing}"
    return f"no clear difference, {updates}" + (f" ({word} {agreeing})" if sooner != later else "")


def count_accurate(scores, model, lowest=0.9):
    """Say in how many runs a model's accuracy is at least `lowest`: `29 of 30 runs`."""
    accuracies = scores[scores.model == model].accuracy
    return f"{(accuracies >= lowest).sum()} of {count(len(accuracies), 'run')}"


def summarize(scores, by):
    """Tabulate the means over runs, each with its interval, as str.

    Args:
        scores: tidy DataFrame.
        by: list of the columns that say what was trained; the table has a row for each of their
            values.

    Returns:
        DataFrame of str, with a column for each measure, named by its heading.
    """
    measures = [column for column in scores.columns if column in MEASURES and column not in by]
    groups = scores.groupby(by, sort=False)
    table = groups[measures].agg(describe)
    return table.rename(columns={name: MEASURES[name].heading for name in measures})


def describe(values):
    """Return the mean over runs, or the median, as str, of a Series named after its measure."""
    if MEASURES[values.name].is_censored:
        return with_median(values.to_numpy())
    return with_interval(values.to_numpy(), share=MEASURES[values.name].is_share)


def print_comparison(models, views, known, **columns):
    """Print a table for each view: parameters, each measure, the differences from the first model.

    Args:
        models: dict of name to Keras model.
        views: list of `common.choosing.View`; models that are not in `models` are not shown.
        known: dict of name to the scores of a predictor that is not trained (see
            common/floors.py). Their rows are below those of the models.
        **columns: more columns, each a list with an element for each model.
    """
    for view in views:
        print(f"On new sequences, {view.words}, {describe_runs(view.scores.run.max())}:")
        table = tabulate_comparison(models, view.scores, known, **columns)
        print(table.to_string(line_width=80))


def tabulate_comparison(models, scores, known, **columns):
    """Return the table of `print_comparison`, for one view: a DataFrame of str."""
    first, *others = models
    table = summarize(scores, ["model"]).loc[[*models]].assign(**columns)
    table.insert(0, "parameters", [f"{model.count_params():,}" for model in models.values()])
    for measure in ("loss", "accuracy"):
        if measure in scores:
            paired = [differences(scores, measure, other, first) for other in others]
            heading = f"{MEASURES[measure].heading} minus {first}"
            table[heading] = ["", *(with_interval(pairs, sign="+") for pairs in paired)]
    if "step number alone" in known:
        failed = count_failed(scores, known)
        table["runs with no lower loss than step number"] = failed.loc[[*models]]
    table = pd.concat([table, tabulate_known(known)])
    return table.astype(object).fillna("").rename_axis("model")


def count_failed(scores, known):
    """Return in how many runs each model has no lower loss than the step number alone, a Series.

    One or two such runs can change a mean so much that it is like no run's loss.
    """
    failed = ~(scores.loss < known["step number alone"]["loss"])  # NaN, too
    counts = failed.groupby(scores.model, sort=False).agg(["sum", "count"])
    return counts["sum"].map(str) + " of " + counts["count"].map(str)


def tabulate_known(known):
    """Return the rows of a table for `known` as `print_comparison` takes it: a DataFrame of str.

    Where a predictor has no score for a measure, there is NaN.
    """
    rows = pd.DataFrame(known).T.map("{:.3f}".format, na_action="ignore")
    return rows.rename(columns={name: measure.heading for name, measure in MEASURES.items()})


def count(number, noun):
    """Return `1 noun` or `2 nouns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
