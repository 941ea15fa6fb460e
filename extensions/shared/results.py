"""What the scores of many runs say: measures, intervals, and the words for a difference.

Scores are tidy, as `common.training.train_runs` returns them: a row for each model, run and
learning rate (and size or length, where those vary), and a column for each measure.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from common.report import FEWEST_RUNS, interval, with_interval


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
    "sequence_accuracy": Measure("whole sequences", is_share=True),
    "sequence_loss": Measure("test loss per sequence", margin=0.1),
    "held_out_loss": Measure("held-out loss"),
    "accuracy_on_100": Measure("accuracy on 100", is_share=True),
    "accuracy_near": Measure("near the limit", is_share=True),
    "accuracy_far": Measure("far from it", is_share=True),
    "correlation": Measure("correlation with the sum", is_share=True),
    "absolute_error": Measure("absolute error"),
    "updates_to_learn": Measure("updates until learned", is_censored=True),
    "microseconds": Measure("microseconds per update", margin=1),
}


def get_keys(scores):
    """Return the columns that say what was trained: the model, and whatever else varies.

    Measures, and columns whose name is a number, do not.
    """
    others = {*MEASURES, "view", "run", "learning_rate", "update"}
    return [name for name in scores.columns if isinstance(name, str) and name not in others]


def get_differences(scores, measure, one, other):
    """Return a measure of one model minus that of another in the same run, shape `(n_runs,)`."""
    by_run = scores.pivot(index="run", columns="model", values=measure)
    return (by_run[one] - by_run[other]).to_numpy()


def get_verdict(differences, margin=0.01):
    """Say in words what the paired differences between two models show.

    Args:
        differences: one model minus the other in each run, array of shape `(n_runs,)`.
        margin: a smaller difference does not matter.

    Returns:
        `lower` or `higher` if the 95% interval lies on one side of 0, with `(within 0.01)` if it
        also lies within the margin; `alike, to within 0.01` if it holds 0 and lies within the
        margin; otherwise `no clear difference`. `too few runs` for fewer than FEWEST_RUNS, and
        `no mean` if a difference is not finite.
    """
    if not np.isfinite(differences).all():
        return "no mean"
    if len(differences) < FEWEST_RUNS:
        return "too few runs"
    low, high = interval(differences)
    is_small = -margin <= low and high <= margin
    if low > 0 or high < 0:
        word = "higher" if low > 0 else "lower"
        return f"{word} (within {margin:g})" if is_small else word
    return f"alike, to within {margin:g}" if is_small else "no clear difference"


def describe(values):
    """Return the mean over runs, or the median, as str, of a Series named after its measure."""
    measure = MEASURES[values.name]
    if measure.is_censored:
        return with_median(values)
    return with_interval(values, share=measure.is_share)


def with_median(values):
    """Return the median of runs, some of which may never get there, as str: `430 (410 to 470)`.

    In brackets is its 95% confidence interval, which comes from the order of the values, or, with
    fewer than FEWEST_RUNS runs, the smallest and the largest. Infinity is `never`.
    """
    shown = [f"{value:,.0f}" for value in (np.median(values), *median_interval(values))]
    return "{} ({} to {})".format(*shown).replace("inf", "never")


def median_interval(values):
    """Return the 95% confidence interval of a median, or the range of a few runs: two floats."""
    if len(values) < FEWEST_RUNS:
        return np.min(values), np.max(values)
    return stats.quantile_test(np.asarray(values), p=0.5).confidence_interval(0.95)


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
