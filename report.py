"""Tables, words and files of an experiment."""

import os
import tempfile
from pathlib import Path

from command_line import output_files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# Student's t for a 95% interval by 1 / (degrees of freedom), from the usual printed table.
T_95 = {0: 1.960, 1 / 120: 1.980, 1 / 60: 2.000, 1 / 40: 2.021, 1 / 30: 2.042, 1 / 20: 2.086}
T_95 |= {1 / 15: 2.131, 1 / 12: 2.179, 1 / 10: 2.228, 1 / 9: 2.262, 1 / 8: 2.306, 1 / 7: 2.365}
T_95 |= {1 / 6: 2.447, 1 / 5: 2.571, 1 / 4: 2.776, 1 / 3: 3.182, 1 / 2: 4.303, 1: 12.706}


def half_interval(values):
    """Return half the width of the 95% interval of a mean over independent runs.

    Args:
        values: array of shape `(n_runs, ...)`.

    Returns:
        Array of shape `(...)`: Student's t times the standard error; NaN for a single run.
    """
    values = np.asarray(values)
    n_runs = len(values)
    if n_runs == 1:
        return np.full(values.shape[1:], np.nan)
    t = np.interp(1 / (n_runs - 1), list(T_95), list(T_95.values()))
    return t * values.std(axis=0, ddof=1) / np.sqrt(n_runs)


def comparison_table(models, scores):
    """Tabulate a comparison: means over runs, each with its 95% interval.

    Args:
        models: dict of name to Keras model.
        scores: dict of model name to scores of each run, as `data.score_labels` returns them.

    Returns:
        DataFrame of str, one row a model. The last column is the test loss less that of the
        first model in the same run.
    """
    first = next(iter(scores))
    first_losses = np.array(scores[first])[:, 0]
    rows = {}
    for name in scores:
        losses, accuracies, whole = np.array(scores[name]).T
        difference = with_interval(losses - first_losses, sign="+")
        rows[name] = {
            "parameters": f"{models[name].count_params():,}",
            "test loss": with_interval(losses),
            "accuracy": with_interval(accuracies),
            "whole sequences right": with_interval(whole),
            f"test loss - {first}": "" if name == first else difference,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def print_comparison(models, scores, **columns):
    """Print `comparison_table`, with further columns, and a line that says what the numbers are."""
    n_runs = len(next(iter(scores.values())))
    runs = "one run" if n_runs == 1 else f"mean of {n_runs} runs ± its 95% interval"
    print(f"On 1,000 new sequences, {runs}:")
    print(comparison_table(models, scores).assign(**columns).to_string())


def with_interval(values, sign=""):
    """Return `mean ± half width of the 95% interval` of the values of all runs, as str."""
    mean = f"{np.mean(values):{sign}z.3f}"
    return mean if len(values) == 1 else f"{mean} ± {half_interval(values):.3f}"


def in_words(differences):
    """Say in words whether one of two models is lower or higher.

    Args:
        differences: the one less the other in each run, array of shape `(n_runs,)`.

    Returns:
        str: `0.123 ± 0.004 lower`, or, if 0 lies in the 95% interval of the mean, that the
        direction is not clear.
    """
    mean = np.mean(differences)
    word = "lower" if mean < 0 else "higher"
    if len(differences) == 1:
        return f"{abs(mean):.3f} {word} (one run, no interval)"
    if abs(mean) <= half_interval(differences):
        return f"neither clearly lower nor higher ({with_interval(differences, sign='+')})"
    return f"{with_interval(np.multiply(differences, np.sign(mean)))} {word}"


def score_table(scores, keys, columns=None):
    """Tabulate the scores of every run.

    Args:
        scores: dict of model name, a str or a tuple, to the scores of each run.
        keys: list of str: what the name, or each element of the tuple, is.
        columns: list of str: what the scores are. None if they are dicts, which tell.

    Returns:
        DataFrame with the columns `keys`, `run` (counted from 1) and those of the scores.
    """
    tables = {key: pd.DataFrame(of_runs, columns=columns) for key, of_runs in scores.items()}
    table = pd.concat(tables, names=[*keys, "run"]).reset_index()
    return table.assign(run=table["run"] + 1)


def print_scores(table, keys, **columns):
    """Print the means over runs of a `score_table`, with 95% intervals and further columns."""
    scores = table.set_index([*keys, "run"])
    means = scores.groupby(keys, sort=False).agg(with_interval).assign(**columns)
    print((means if len(means.columns) < 10 else means.T).to_string())


def describe_runs(table):
    """Say what the means over the runs of a `score_table` are, for the title of a figure."""
    n_runs = table.run.max()
    return "one run" if n_runs == 1 else f"mean of {n_runs} runs, 95% interval"


def comparison_losses(losses):
    """Return the tutorial's DataFrame, a column of losses a model, with the runs added.

    Args:
        losses: dict of model name to the loss of every update, shape `(n_runs, n_updates)`.

    Returns:
        DataFrame with the columns `run` and `update`, both counted from 1, and one per model.
    """
    n_runs, n_updates = next(iter(losses.values())).shape
    columns = {
        "run": np.repeat(np.arange(1, n_runs + 1), n_updates),
        "update": np.tile(np.arange(1, n_updates + 1), n_runs),
    }
    return pd.DataFrame(columns | {name: values.ravel() for name, values in losses.items()})


def loss_table(history):
    """Return the DataFrame of a `training.LossHistory`: columns `update` and `loss`."""
    return pd.DataFrame({"update": history.updates, "loss": history.losses})


def sequence_table(X, y):
    """Return a DataFrame of one sequence: step, value, cumulative sum, limit and label."""
    return pd.DataFrame(
        {
            "step": np.arange(1, len(X) + 1),
            "value": X,
            "cumulative_sum": np.cumsum(X, dtype=np.float64),
            "limit": len(X) / 4.0,
            "label": y,
        }
    )


def print_steps(y, predicted):
    """Print the labels of one sequence, expected and predicted, a line each time step."""
    for expected, label in zip(y, predicted, strict=True):
        print("Expected:", expected, "Predicted", label)


def print_sequences(y, predicted):
    """Print the labels of sequences, a line each: expected, predicted, right or wrong."""
    for expected, labels in zip(y, predicted, strict=True):
        verdict = "right" if np.array_equal(expected, labels) else "wrong"
        print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel(), f" {verdict}")


def save(options, figure, table):
    """Write a script's figure and table, both or neither; say where; show the figure if asked.

    Args:
        options: what `command_line.parse_options` returned.
        figure: matplotlib figure, for `<script>.png`.
        table: DataFrame, for `<script>.csv`.
    """
    files = output_files(options.output, options.name)
    # A directory of its own: another script may be writing to the same place.
    with tempfile.TemporaryDirectory(prefix=".", dir=options.output) as directory:
        temporary_files = output_files(Path(directory), options.name)
        figure.savefig(temporary_files[0], dpi=100)
        table.to_csv(temporary_files[1], index=False)
        for temporary_file, file in zip(temporary_files, files, strict=True):
            os.replace(temporary_file, file)
    print("Saved", *files)
    if options.show:
        plt.show()
    plt.close(figure)


def count(number, noun):
    """Return `1 noun` or `2 nouns`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
