"""One table of what many runs have scored, and the sentence that it comes to."""

import textwrap

import numpy as np
import pandas as pd
from scipy.special import stdtrit

FEWEST_RUNS = 10  # for an interval of the mean, and for a verdict


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


def with_interval(values, sign="", share=False):
    """Return the mean over runs with its `interval`, as str.

    This is `0.123 ± 0.004`; `0.119 to 0.130` for fewer than FEWEST_RUNS runs; `0.123` for one;
    `0.998 (0.995 to 1.000)` for a share whose interval ends at 0 or 1; and `2/30 failed`
    instead of a mean that would not be finite. `sign="+"` shows the sign of a positive mean.
    """
    values = np.asarray(values, np.float64)
    n_runs, n_bad = len(values), np.count_nonzero(~np.isfinite(values))
    if n_bad:
        return f"{n_bad}/{n_runs} failed"
    number = f"{sign}z.3f"
    low, high = interval(values, share)
    if n_runs == 1:
        return format(low, number)
    if n_runs < FEWEST_RUNS:
        return f"{low:{number}} to {high:{number}}"
    if share and (low == 0 or high == 1):
        return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"
    return f"{values.mean():{number}} ± {(high - low) / 2:.3f}"


def describe_runs(n_runs):
    """Say what is shown of some runs: `mean of 30 runs, 95% interval`."""
    if n_runs == 1:
        return "one run"
    if n_runs < FEWEST_RUNS:
        return f"smallest to largest of {n_runs} runs"
    return f"mean of {n_runs} runs, 95% interval"


def report(scores, known):
    """Print a table of the models, and which has the lowest test loss.

    Args:
        scores: DataFrame as `train_runs` returns it, at one learning rate. The first model is the
            one that the others are compared with, in the same runs.
        known: dict of name to the scores of a predictor that is not trained (common/floors.py).
    """
    by_run = scores.pivot(index="run", columns="model", values=["loss", "accuracy"])
    losses, names = by_run["loss"], scores.model.unique()
    table = pd.DataFrame(index=[*names, *known], columns=["test loss", "accuracy"])
    for measure, heading in (("loss", "test loss"), ("accuracy", "accuracy")):
        cells = {
            name: with_interval(by_run[measure][name], share=measure != "loss") for name in names
        }
        cells |= {name: f"{of_name[measure]:.3f}" for name, of_name in known.items()}
        table[heading] = cells
    minus_first = {name: with_interval(losses[name] - losses[names[0]], "+") for name in names[1:]}
    table[f"loss minus {names[0]}"] = pd.Series(minus_first)
    print(f"On 1,000 new sequences ({describe_runs(len(by_run))}):")
    print(table.fillna("").to_string())

    best, second = losses.mean(skipna=False).sort_values().index[:2]  # NaN is last
    lead = losses[second] - losses[best]
    answer = f"{best} has the lowest test loss; "
    if not np.isfinite(losses[best]).all():
        answer = "no model has a mean test loss, since runs of each have failed."
    elif len(by_run) < FEWEST_RUNS:
        answer += f"for a verdict, take --runs {FEWEST_RUNS} or more."
    elif not np.isfinite(lead).all():
        answer += "runs of all others have failed."
    elif interval(lead)[0] <= 0:
        answer = f"{best} and {second} have the lowest test loss, with no clear difference."
    else:
        small = " (within 0.01)" if interval(lead)[1] <= 0.01 else ""
        answer += f"{second} has {with_interval(lead)} more{small}."
    print(f"Answer, at a learning rate of {scores.learning_rate.iloc[0]:g}:")
    print(textwrap.fill(answer, 80))
