"""What the figures share: how each model is drawn, and lines of means over runs."""

import textwrap
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np

from common.report import describe_runs, interval
from extensions.shared.results import MEASURES

# Each model has the same colour on all figures. The line styles and the markers differ as well, so
# that the models can be told apart in greyscale.
LINE_STYLES = [
    {"color": "#0b2a4a", "linestyle": "-", "marker": "o"},
    {"color": "#c1440e", "linestyle": "--", "marker": "s"},
    {"color": "#2a8c82", "linestyle": "-.", "marker": "^"},
    {"color": "#b07d00", "linestyle": ":", "marker": "D"},
    {"color": "#7a3b8f", "linestyle": (0, (8, 2)), "marker": "v"},
    {"color": "#5b8fd4", "linestyle": (0, (5, 1, 1, 1)), "marker": "<"},
    {"color": "#8a8a3a", "linestyle": (0, (3, 2)), "marker": ">"},
    {"color": "#d46a9b", "linestyle": (0, (3, 1, 1, 1, 1, 1)), "marker": "P"},
    {"color": "#6b4a35", "linestyle": (0, (8, 2, 1, 2)), "marker": "X"},
]
MODELS = [  # with the style of the same place in LINE_STYLES; the others take what is left
    ("lstm_forw", "forward"),
    ("lstm_back", "backward, as published"),
    ("lstm_back_aligned", "backward"),
    ("bilstm_con", "bidirectional", "both"),
    ("bilstm_sum",),
    ("bilstm_mul",),
    ("bilstm_ave",),
    ("gru_forw", "bigru_con"),
    ("rnn_forw", "birnn_con"),
]
STYLES = {name: style for names, style in zip(MODELS, LINE_STYLES, strict=True) for name in names}
THIN_LINES = ["-", (0, (8, 4)), (0, (2, 3)), (0, (8, 3, 2, 3))]  # of what is not trained


def get_styles(names):
    """Return a line style for each name: that of STYLES, or else another of LINE_STYLES."""
    taken = [STYLES[name] for name in names if name in STYLES]
    others = cycle([line for line in LINE_STYLES if line not in taken] or LINE_STYLES)
    return {name: STYLES.get(name) or next(others) for name in names}


def draw(
    views, x, y="loss", *, title, xlabel, ylabel, known=None, conditions=None, n_rows=1, **settings
):
    """Draw a line of means for each model, with their intervals: a panel for each view.

    Args:
        views: DataFrame as `extensions.shared.choosing.get_views` returns it.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.
        title: of the figure; a second line says what is shown of how many runs.
        xlabel, ylabel: what the axes show, with the unit.
        known: None, or a dict of name to the scores of a predictor that is not trained.
        conditions: the second line of the title, if it is not that of the mean over runs.
        n_rows: number of rows of panels.
        **settings: of all axes, as for `Axes.set`: `xscale="log"`, for example. With `xticks`, no
            other values of the horizontal axis are labelled.

    Returns:
        The figure. Its `axes` are the panels.
    """
    groups = list(views.groupby("view", sort=False))
    figure, panels = plt.subplots(
        n_rows, len(groups) // n_rows, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    figure.set_size_inches(8, 2 + 2.5 * n_rows)
    for axes, (view, rows) in zip(panels.flat, groups, strict=True):
        draw_means(axes, rows, x, y)
        draw_known(axes, known or {}, y)
        axes.set_title(textwrap.fill(view, 84 // panels.shape[1]), fontsize="medium")
    for axes in figure.axes:  # when all is drawn, as the panels share limits
        axes.set(xlabel=xlabel, ylabel=ylabel, **settings)
        axes.label_outer()
        if "xticks" in settings:
            set_ticks(axes, settings["xticks"])
    finish(figure, title, conditions or describe_runs(views.run.nunique()))
    return figure


def draw_means(axes, rows, x, y, by="model"):
    """Draw means over runs with their intervals: a line for each value of the column `by`."""
    for name, style in get_styles(rows[by].unique()).items():
        table = rows[rows[by] == name].pivot(index="run", columns=x, values=y)
        table = table.replace(np.inf, np.nan)  # is not drawn
        means = table.mean(skipna=False)
        spread = None  # of a single run
        if len(table) > 1:
            spread = np.abs(np.array(interval(table, MEASURES[y].is_share)) - means.to_numpy())
        axes.errorbar(means.index, means, spread, label=name, markersize=4, capsize=3, **style)
    axes.grid(alpha=0.3)


def draw_losses(panels, losses, known, window=1, **settings):
    """Draw the mean loss over runs at each update with its interval: a line for each model.

    Args:
        panels: Matplotlib axes, one for each view.
        losses: DataFrame as `extensions.shared.choosing.pick_losses` returns it.
        known: dict of name to the scores of a predictor that is not trained.
        window: number of updates whose losses are averaged first. Where fewer lie around an update
            nothing is drawn.
        **settings: of all axes, as for `Axes.set`.
    """
    for axes, (view, rows) in zip(panels, losses.groupby("view", sort=False), strict=True):
        for name, style in get_styles(rows.model.unique()).items():
            by_run = rows[rows.model == name].pivot(index="update", columns="run", values="loss")
            smooth = by_run.rolling(min(window, len(by_run)), center=True).mean()
            axes.plot(smooth.mean(axis=1, skipna=False), label=name, **style | {"marker": ""})
            axes.fill_between(smooth.index, *interval(smooth.T), color=style["color"], alpha=0.2)
        draw_known(axes, known)
        axes.set(ylabel="training loss (cross-entropy, nats)", **settings)
        axes.set_title(view, fontsize="medium")
        axes.grid(alpha=0.3)
        axes.label_outer()


def draw_known(axes, known, measure="loss"):
    """Draw a thin horizontal line for the score of each predictor that is not trained.

    Args:
        axes: Matplotlib axes.
        known: dict of name to a dict of scores.
        measure: the name of the score to draw. A predictor without it gets no line.
    """
    for (name, scores), dashes in zip(known.items(), cycle(THIN_LINES)):
        if measure in scores:
            style = {"color": "black", "linewidth": 0.9, "linestyle": dashes}
            axes.axhline(scores[measure], label=name, **style)


def set_ticks(axes, values):
    """Label some values of the horizontal axis, which may be logarithmic, and no others."""
    axes.set_xticks(values, [f"{value:,g}" for value in values])
    axes.minorticks_off()


def finish(figure, title, conditions):
    """Write the title and, below it, the conditions; put one legend below all panels.

    Args:
        figure: Matplotlib figure with a constrained layout.
        title, conditions: str.
    """
    figure.suptitle(f"{title}\n({conditions})")
    handles = {}  # each name once
    for axes in figure.axes:
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize="small"
    )
