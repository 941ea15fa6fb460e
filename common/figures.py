"""What the figures share: how each model is drawn, and its name at the end of its line."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import isotonic_regression

from common.results import MEASURES, interval, mean_of_all

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
    {"color": "#d46a9b", "linestyle": (0, (1, 1)), "marker": "P"},
    {"color": "#6b4a35", "linestyle": (0, (8, 2, 1, 2)), "marker": "X"},
]
STYLES = {
    "lstm_forw": LINE_STYLES[0],
    "lstm_back": LINE_STYLES[1],
    "lstm_back_aligned": LINE_STYLES[2],
    "bilstm_con": LINE_STYLES[3],
    "bilstm_sum": LINE_STYLES[4],
    "bilstm_mul": LINE_STYLES[5],
    "bilstm_ave": LINE_STYLES[6],
    "gru_forw": LINE_STYLES[7] | {"linestyle": "--"},
    "rnn_forw": LINE_STYLES[8] | {"linestyle": "--"},
    "bigru_con": LINE_STYLES[7] | {"linestyle": "-"},
    "birnn_con": LINE_STYLES[8] | {"linestyle": "-"},
    "forward": LINE_STYLES[0],
    "backward": LINE_STYLES[2],
    "bidirectional": LINE_STYLES[3],
    "both": LINE_STYLES[3],
}
VIEW_STYLES = [  # of the published rate, if it is one of several, and of the chosen ones
    {"marker": "o", "color": "#777777", "markerfacecolor": "white"},
    {"marker": "s", "color": "black"},
]
THIN_LINES = ["-", (0, (8, 4)), (0, (2, 3)), (0, (8, 3, 2, 3))]  # of what is not trained


def get_styles(names):
    """Return a line style for each name: that of STYLES, or else another of LINE_STYLES."""
    taken = [STYLES[name] for name in names if name in STYLES]
    others = cycle([line for line in LINE_STYLES if line not in taken] or LINE_STYLES)
    return {name: STYLES.get(name) or next(others) for name in names}


def set_heading(figure, question, conditions):
    """Write a question above a figure and, in a second, smaller line, the conditions."""
    heading = figure.suptitle(f"{question}\n")  # an empty second line, for the conditions
    style = {"ha": "center", "va": "bottom", "fontsize": "small"}
    line = figure.axes[0].annotate(conditions, (0.5, 0), xycoords=heading, **style)
    line.set_in_layout(False)  # the heading has made room for it


def label_lines(axes):
    """Write the name of each line at its right end, instead of a legend.

    Names that would overlap are moved apart. Call it last, when all else is drawn.

    Args:
        axes: Matplotlib axes; lines and error bars that have a label are named.
    """
    axes.figure.draw_without_rendering()  # fixes the limits and the height of the axes
    ends = []
    for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
        line = handle[0] if handle in axes.containers else handle
        points = (line.get_transform() - axes.transAxes).transform(line.get_xydata())
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            ends.append((*np.clip(points[-1], 0, 1), name, line.get_color()))
    if not ends:
        return
    ends.sort(key=lambda end: end[1])
    # Of all heights that are at least a line of text apart, take those nearest to the ends.
    line_height = 11 / 72 * axes.figure.dpi / axes.get_window_extent().height  # 11 points
    rises = line_height * np.arange(len(ends))
    heights = isotonic_regression([y for _, y, *_ in ends] - rises).x + rises
    for (x, y, name, color), height in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (x, y),
            (1.03, height),
            "axes fraction",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkB": 0},
            color=color,
            fontsize="small",
            va="center",
        )


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


def draw_means(axes, scores, x, y, by="model"):
    """Draw means over runs with their intervals.

    Args:
        axes: Matplotlib axes.
        scores: tidy DataFrame.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.
        by: the column that has a line for each of its values.
    """
    styles = get_styles(scores[by].unique())
    for name, rows in scores.groupby(by, sort=False):
        values = rows.groupby(x)[y]
        means = values.agg(mean_of_all)
        low, high = np.transpose([interval(of_x, share=MEASURES[y].is_share) for _, of_x in values])
        # Rounding may put the mean of equal shares just outside its interval.
        spread = np.maximum([means - low, high - means], 0)
        style = {"markersize": 4, "capsize": 3, **styles[name]}
        axes.errorbar(means.index, means, spread, label=name, **style)
    axes.grid(alpha=0.3)


def draw_views(views, x, y):
    """Draw the means of each model over x, with their intervals, a panel for each view.

    Args:
        views: list of `common.choosing.View`.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.

    Returns:
        The figure and its axes, an array of shape `(n_views,)`.
    """
    figure, all_axes = plt.subplots(
        1, len(views), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, view in zip(all_axes[0], views, strict=True):
        draw_means(axes, view.scores, x, y)
        axes.set_title(view.words, fontsize="medium")
    return figure, all_axes[0]


def add_legend(figure):
    """Put one legend below all panels, with the names that the last panel has."""
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
