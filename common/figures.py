"""The figures of an experiment."""

from itertools import cycle, product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from common.results import count, describe_runs, describe_setting, interval

# Line style and lightness differ as well as the hue, for print in grey.
LINES = [
    {"color": "#0b2a4a", "linestyle": "-"},
    {"color": "#c1440e", "linestyle": "--"},
    {"color": "#2a8c82", "linestyle": "-."},
    {"color": "#b07d00", "linestyle": ":"},
]
THIN_LINES = [(0, (8, 4)), (0, (1, 0)), (0, (2, 3)), (0, (8, 3, 2, 3))]
SMOOTHING = 11  # updates in the moving mean of a comparison's curves


def draw_comparison(losses, title, batch_size, panels=None, known=None):
    """Draw the mean loss per update of each model, with its interval over the runs as a band.

    Both are moving means over SMOOTHING updates. For a single run there is no band; the loss
    of every update is drawn as a thin line.

    Args:
        losses: DataFrame with the columns `run`, `update`, and one for each model. If it has a
            column `setting`, as `train_at_best_rates` returns it, each setting has its panels.
        title: str.
        batch_size: sequences per update.
        panels: dict of a panel's title to the names of its models, as many as there are LINES at
            most; None draws all in one.
        known: None, or a dict of name to the scores of a predictor that is not trained, as for
            `print_comparison`, or to its loss alone: a thin line.

    Returns:
        The figure.
    """
    settings = {"": losses}
    if "setting" in losses:
        groups = losses.groupby("setting", sort=False)
        settings = {describe_setting(setting): rows for setting, rows in groups}
    panels = panels or {"": losses.columns.drop(["setting", "run", "update"], errors="ignore")}
    all_panels = list(product(settings.items(), panels.items()))
    figure, all_axes = new_figure(batch_size, len(all_panels))
    for axes, ((setting, rows), (panel, names)) in zip(all_axes, all_panels, strict=True):
        axes.set_title(", ".join(filter(None, (panel, setting))), fontsize="medium")
        for name, line in zip(names, LINES[: len(names)], strict=True):
            draw_runs(axes, name, rows.pivot(index="run", columns="update", values=name), line)
        draw_known(axes, known)
        # Losses fall: there is room at the upper right.
        axes.legend(loc="upper right", ncols=2 if len(names) + len(known or {}) > 6 else 1)
    n_runs = losses.run.max()
    thin = " (thin: every update)" if n_runs == 1 else ""
    what = f"{describe_runs(n_runs)}; moving mean of {SMOOTHING} updates{thin}"
    figure.suptitle(f"{title}\n{what}", fontsize="large")
    return figure


def draw_runs(axes, name, losses, line):
    """Draw one model's losses, a row each run and a column each update, in a style of LINES."""
    smooth = losses.T.rolling(SMOOTHING, center=True, min_periods=1).mean().T
    marker = "o" if len(losses.columns) == 1 else None  # a line needs two points
    axes.plot(losses.columns, smooth.mean(), label=name, linewidth=2, marker=marker, **line)
    if len(losses) == 1:
        axes.plot(losses.columns, losses.iloc[0], color=line["color"], linewidth=0.8, alpha=0.45)
    else:
        axes.fill_between(losses.columns, *interval(smooth), color=line["color"], alpha=0.2)


def draw_known(axes, known, measure="loss", x=None):
    """Draw thin lines for what no training changes.

    Args:
        axes: of matplotlib.
        known: None, or a dict of name to a float, drawn across, or to a dict of scores; with x, to
            a sequence of float.
        measure: of a dict of scores, the name of the one to draw; where it is none, no line.
        x: where along the horizontal axis these values belong.
    """
    for (name, value), dashes in zip((known or {}).items(), cycle(THIN_LINES)):
        value = value.get(measure) if isinstance(value, dict) else value
        style = {"label": name, "color": "black", "linewidth": 0.9, "linestyle": dashes}
        if x is not None:
            axes.plot(x, value, **style)
        elif value is not None:
            axes.axhline(value, **style)


def draw_loss(losses, title, batch_size, known=None):
    """Draw the loss along one training; return the figure.

    Args:
        losses: DataFrame with the columns `update` and `loss`, each row the mean loss of the
            updates since the row before.
        title: str.
        batch_size: sequences per update.
        known: as for `draw_comparison`.
    """
    figure, (axes,) = new_figure(batch_size)
    axes.plot(losses["update"], losses["loss"], marker=".", **LINES[0])
    if known:
        draw_known(axes, known)
        axes.legend()
    what = f"each point: mean of {count(losses['update'][0], 'update')}"
    figure.suptitle(f"{title}\n{what}", fontsize="large")
    return figure


def new_figure(batch_size, n_panels=1):
    """Return a figure and its axes, a panel each, for training losses over updates."""
    figure, all_axes = plt.subplots(
        1, n_panels, figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    all_axes[0, 0].set_ylabel("training loss (cross-entropy, nats)")
    for axes in all_axes[0]:
        axes.set_xlabel(f"update ({count(batch_size, 'sequence')} each)")
        axes.grid(alpha=0.3)
    return figure, all_axes[0]


def draw_means(axes, scores, x, y, by, lines=LINES):
    """Draw means over runs with their intervals.

    Args:
        axes: of matplotlib.
        scores: tidy DataFrame.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.
        by: the column that has a line for each of its values.
        lines: list of styles, one for each of these lines in turn.
    """
    for (name, rows), line in zip(scores.groupby(by, sort=False), cycle(lines)):
        values = rows.groupby(x)[y]
        means = values.mean()
        low, high = np.transpose([interval(of_x, share="accuracy" in y) for _, of_x in values])
        style = {"marker": "o", "markersize": 4, "capsize": 3, **line}
        # A mean of shares may lie a rounding error outside its interval.
        spread = np.maximum([means - low, high - means], 0)
        axes.errorbar(means.index, means, spread, label=name, **style)
    axes.grid(alpha=0.3)


def draw_settings(scores, x, y, known=None, known_x=None):
    """Draw the means of each model over x, with their intervals, a panel for each setting.

    Args:
        scores: tidy DataFrame with the columns `model` and `setting`.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.
        known, known_x: as for `draw_known`, its `known` and `x`.

    Returns:
        The figure and its axes, an array of shape `(n_settings,)`.
    """
    settings = scores.groupby("setting", sort=False)
    figure, all_axes = plt.subplots(
        1, len(settings), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (setting, rows) in zip(all_axes[0], settings, strict=True):
        draw_means(axes, rows, x, y, by="model")
        draw_known(axes, known, x=known_x)
        axes.set_title(describe_setting(setting), fontsize="medium")
    handles, labels = axes.get_legend_handles_labels()  # of all panels
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure, all_axes[0]


def draw_over_parameters(axes, scores, y, by):
    """Draw what `draw_means` draws, over the column `parameters` on a logarithmic scale."""
    draw_means(axes, scores, "parameters", y, by)
    axes.set_xlabel("parameters")
    axes.set_xscale("log")
    sizes = np.unique(scores.parameters)
    sizes = sizes[np.diff(sizes, prepend=0) > 0.5 * sizes]  # labels need room
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()


def draw_sequence(table):
    """Draw one sequence, as `data.tabulate_sequence` gives it; return the figure."""
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


def draw_confusion(axes, confusion, classes):
    """Draw a confusion matrix.

    Args:
        axes: of matplotlib.
        confusion: array of shape `(n_classes, n_classes)`: how many of the class of the row were
            predicted to be of that of the column.
        classes: sequence of str.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 15:  # more numbers would not be legible
        for (row, column), number in np.ndenumerate(confusion):
            if number:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, number, color=color, ha="center", va="center")
    names = [name if len(name) <= 12 else f"{name[:11]}…" for name in classes]
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(names)), names)
    if len(names) > 30:
        axes.set(xticks=[], yticks=[])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
