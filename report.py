"""Figures, tables and files of an experiment."""

import os
import tempfile
from pathlib import Path

from command_line import output_files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

# Line style and lightness differ as well as the hue, for print in grey.
LINES = [
    {"color": "#0b2a4a", "linestyle": "-"},
    {"color": "#c1440e", "linestyle": "--"},
    {"color": "#2a8c82", "linestyle": "-."},
    {"color": "#b07d00", "linestyle": ":"},
]
SMOOTHING = 11  # updates in the moving mean of a comparison's curves

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


def print_comparison(models, scores):
    """Print `comparison_table`, with a line that says what the numbers are."""
    n_runs = len(next(iter(scores.values())))
    runs = "one run" if n_runs == 1 else f"mean of {n_runs} runs ± its 95% interval"
    print(f"On 1,000 new sequences, {runs}:")
    print(comparison_table(models, scores).to_string())


def with_interval(values, sign=""):
    """Return `mean ± half width of the 95% interval` of the values of all runs, as str."""
    mean = f"{np.mean(values):{sign}.3f}"
    return mean if len(values) == 1 else f"{mean} ± {half_interval(values):.3f}"


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


def draw_comparison(losses, title, batch_size):
    """Draw the mean loss per update of each model, with the 95% interval of the mean as a band.

    Both are moving means over SMOOTHING updates. For a single run there is no band; the loss
    of every update is drawn as a thin line.

    Args:
        losses: dict of model name to the loss of every update, shape `(n_runs, n_updates)`;
            as many models as there are LINES, at most.
        title: str.
        batch_size: sequences per update.

    Returns:
        The figure.
    """
    figure, axes = new_figure(batch_size)
    for (name, values), line in zip(losses.items(), LINES[: len(losses)], strict=True):
        n_runs, n_updates = values.shape
        updates = np.arange(1, n_updates + 1)
        smooth = pd.DataFrame(values.T).rolling(SMOOTHING, center=True, min_periods=1).mean().T
        mean = smooth.mean()
        marker = "o" if n_updates == 1 else None  # a line needs two points
        axes.plot(updates, mean, label=name, linewidth=2, marker=marker, **line)
        if n_runs == 1:
            axes.plot(updates, values[0], color=line["color"], linewidth=0.8, alpha=0.45)
        else:
            half = half_interval(smooth)
            axes.fill_between(updates, mean - half, mean + half, color=line["color"], alpha=0.2)
    if n_runs == 1:
        what = f"one run: every update (thin), moving mean of {SMOOTHING} updates (thick)"
    else:
        what = f"mean of {n_runs} runs with its 95% interval, over {SMOOTHING} updates each"
    axes.set_title(f"{title}\n{what}")
    axes.legend()
    return figure


def draw_loss(history, title, batch_size):
    """Draw the loss along one training; return the figure.

    Args:
        history: a `training.LossHistory` after `fit`.
        title: str.
        batch_size: sequences per update.
    """
    figure, axes = new_figure(batch_size)
    axes.plot(history.updates, history.losses, marker=".", **LINES[0])
    axes.set_title(f"{title}\neach point: mean of {count(history.updates[0], 'update')}")
    return figure


def loss_table(history):
    """Return the DataFrame of a `training.LossHistory`: columns `update` and `loss`."""
    return pd.DataFrame({"update": history.updates, "loss": history.losses})


def new_figure(batch_size):
    """Return a figure and its axes for training losses over updates."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.set_xlabel(f"update ({count(batch_size, 'sequence')} each)")
    axes.set_ylabel("training loss (cross-entropy, nats)")
    axes.grid(alpha=0.3)
    return figure, axes


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


def draw_sequence(table):
    """Draw what `sequence_table` returns; return the figure."""
    figure, (values, labels) = plt.subplots(
        2, sharex=True, figsize=(8, 4.5), layout="constrained", height_ratios=(3, 1)
    )
    values.bar(table.step, table.value, color="#b9c4cf", label="value")
    values.plot(table.step, table.cumulative_sum, marker="o", label="cumulative sum", **LINES[0])
    values.axhline(table.limit[0], label="limit", **LINES[1])
    values.set_title("One sequence: the label turns 1 when the cumulative sum reaches the limit")
    values.set_ylabel("value, sum (no unit)")
    values.legend()
    labels.step(table.step, table.label, where="mid", marker="s", color=LINES[2]["color"])
    labels.set_ylabel("label")
    labels.set_yticks([0, 1])
    labels.margins(y=0.2)
    labels.set_xlabel("time step")
    labels.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
    return figure


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
