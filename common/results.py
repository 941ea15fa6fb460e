"""What the scores of many runs say: intervals, tables and words.

Scores are tidy: a DataFrame with a row for each model and run, the columns `model` and `run`, and
a column for each measure. A measure with "accuracy" in its name is a share, from 0 to 1.
"""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

FEWEST_RUNS = 10  # for an interval of the mean
HEADINGS = {
    "loss": "test loss",
    "sequence_accuracy": "whole sequences right",
}


def interval(values, share=False):
    """Return the 95% interval of a mean over independent runs, or the range of a few runs.

    Args:
        values: array of shape `(n_runs, ...)`.
        share: the values are shares, so that the interval must stay within 0 to 1.

    Returns:
        Two arrays of shape `(...)`, the lower and the upper end: the mean and Student's t times
        its standard error on both sides, or, of fewer than FEWEST_RUNS runs, the smallest and
        the largest value.
    """
    values = np.asarray(values, np.float64)
    n_runs = len(values)
    if n_runs < FEWEST_RUNS:
        return values.min(axis=0), values.max(axis=0)
    half = stdtrit(n_runs - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n_runs)
    low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
    return (np.clip(low, 0, 1), np.clip(high, 0, 1)) if share else (low, high)


def describe_runs(n_runs):
    """Say what the means over some runs, and their intervals, are."""
    if n_runs == 1:
        return "one run"
    what = "95% interval" if n_runs >= FEWEST_RUNS else "smallest to largest"
    return f"mean of {n_runs} runs, {what}"


def with_interval(values, sign="", share=False):
    """Return the mean over runs with its `interval`, as str.

    `0.123 ± 0.004`; or `0.123 (0.119 to 0.130)` where the two sides differ: of few runs, or of
    shares near 0 or 1; or `0.123` of one run. `sign="+"` shows the sign of a positive mean.
    """
    mean = f"{np.mean(values):{sign}z.3f}"
    low, high = interval(values, share)
    if len(values) == 1:
        return mean
    if len(values) < FEWEST_RUNS or (share and (low == 0 or high == 1)):
        return f"{mean} ({low:{sign}z.3f} to {high:{sign}z.3f})"
    return f"{mean} ± {(high - low) / 2:.3f}"


def in_words(differences):
    """Say in words whether one of two models is lower or higher.

    Args:
        differences: the one less the other in each run, array of shape `(n_runs,)`.

    Returns:
        str: `0.123 ± 0.004 lower`, or, if 0 lies in the `interval`, that the direction is not
        clear.
    """
    differences = np.asarray(differences)
    mean = differences.mean()
    word = "lower" if mean < 0 else "higher"
    if len(differences) == 1:
        return f"{abs(mean):.3f} {word} (one run, no interval)"
    low, high = interval(differences)
    if low <= 0 <= high:
        return f"neither clearly lower nor higher ({with_interval(differences, sign='+')})"
    return f"{with_interval(differences * np.sign(mean))} {word}"


def differences(scores, measure, one, other):
    """Return a measure of one model less that of another in the same run, shape `(n_runs,)`."""
    by_run = scores.pivot(index="run", columns="model", values=measure)
    return (by_run[one] - by_run[other]).to_numpy()


def summarize(scores, by):
    """Tabulate the means over runs, each with its interval, as str.

    Args:
        scores: tidy DataFrame.
        by: list of the columns that tell what was trained; a row for each of their values.

    Returns:
        DataFrame of str, a column for each measure, under the heading that it has in print.
    """
    measures = [column for column in scores.columns if column not in ("run", *by)]
    groups = scores.groupby(by, sort=False)
    return (
        groups[measures]
        .agg(lambda values: with_interval(values.to_numpy(), share="accuracy" in values.name))
        .rename(columns=HEADINGS)
    )


def print_comparison(models, scores, known=None, **columns):
    """Print a comparison: parameters, each measure, the difference of the loss to the first model.

    Args:
        models: dict of name to Keras model.
        scores: tidy DataFrame with the measure `loss`; of models that are not in `models`, it is
            not shown. If it has a column `setting`, as `train_at_best_rates` returns it, each
            setting has a table.
        known: None, or a dict of name to the scores of a predictor that is not trained (see
            common/floors.py), which stand below the models.
        **columns: more columns, a list with an element for each model.
    """
    scores = scores[scores.model.isin(models)]
    runs = describe_runs(scores.run.max())
    if "setting" not in scores:
        print(f"On new sequences, {runs}:")
        print(tabulate_comparison(models, scores, known, **columns).to_string())
        return
    for setting, rows in scores.groupby("setting", sort=False):
        rates = "each at its best learning rate" if setting == "best" else f"at {setting}"
        print(f"On new sequences, {rates}, {runs}:")
        table = tabulate_comparison(models, rows.drop(columns="setting"), known, **columns)
        print(table.to_string())


def tabulate_comparison(models, scores, known=None, **columns):
    """Return the table of `print_comparison`, for one setting: a DataFrame of str."""
    first, *others = models
    by = [column for column in ("model", "learning_rate") if column in scores]
    table = summarize(scores, by).reset_index(by[1:]).assign(**columns).astype(object)
    table.insert(0, "parameters", [f"{model.count_params():,}" for model in models.values()])
    paired = [differences(scores, "loss", other, first) for other in others]
    table[f"test loss - {first}"] = ["", *(with_interval(pairs, sign="+") for pairs in paired)]
    rows = pd.DataFrame(known or {}).T.map("{:.3f}".format).rename(columns=HEADINGS)
    return pd.concat([table, rows]).fillna("").rename_axis("model")


def print_sequences(y, predicted):
    """Print the labels of sequences, a line each: expected, predicted, right or wrong."""
    for expected, labels in zip(y, predicted, strict=True):
        verdict = "right" if np.array_equal(expected, labels) else "wrong"
        print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel(), f" {verdict}")


def count(number, noun):
    """Return `1 noun` or `2 nouns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
