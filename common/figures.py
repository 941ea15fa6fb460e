"""The figures of an experiment."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np

from common.choosing import pick_losses
from common.results import MEASURES, count, interval

# One colour for each model, on all figures; line style, marker and lightness differ as well as the
# hue, for print in grey.
COLORS = ["#0b2a4a", "#c1440e", "#2a8c82", "#b07d00", "#7a3b8f", "#5b8fd4", "#8a8a3a", "#d46a9b"]
DASHES = ["-", "--", "-.", ":", (0, (8, 2)), (0, (5, 1, 1, 1)), (0, (3, 2)), (0, (1, 1))]
LINES = [
    {"color": color, "linestyle": linestyle, "marker": marker}
    for color, linestyle, marker in zip(COLORS, DASHES, "os^Dv<>P", strict=True)
]
STYLES = {
    "lstm_forw": LINES[0],
    "lstm_back": LINES[1],
    "lstm_back_aligned": LINES[2],
    "bilstm_con": LINES[3],
    "bilstm_sum": LINES[4],
    "bilstm_mul": LINES[5],
    "bilstm_ave": LINES[6],
    "gru_forw": LINES[1] | {"marker": "P", "linestyle": "--"},
    "rnn_forw": LINES[5] | {"marker": "X", "linestyle": "--"},
    "bigru_con": LINES[1] | {"marker": "P", "linestyle": "-"},
    "birnn_con": LINES[5] | {"marker": "X", "linestyle": "-"},
    "forward": LINES[0],
    "backward": LINES[2],
    "bidirectional": LINES[3],
}
THIN_LINES = [(0, (8, 4)), (0, (1, 0)), (0, (2, 3)), (0, (8, 3, 2, 3))]


def get_styles(names):
    """Return a style of lines for each name: of STYLES, or the next of LINES that is not taken."""
    taken = [STYLES[name] for name in names if name in STYLES]
    others = cycle([line for line in LINES if line not in taken] or LINES)
    return {name: STYLES.get(name) or next(others) for name in names}


def draw_averages(losses, views, batch_size, known):
    """Draw the mean loss of each model along its training on logarithmic axes, a panel each view.

    Args:
        losses: DataFrame as `train_runs` returns it, with losses averaged over some updates each.
        views: list of `common.choosing.View` of its scores.
        batch_size: sequences per update.
        known: dict of name to the scores of a predictor that is not trained; thin lines, but none
            at a loss of 0.

    Returns:
        The figure.
    """
    figure, all_axes = plt.subplots(
        1, len(views), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, view in zip(all_axes[0], views, strict=True):
        of_view = pick_losses(losses, view)
        names = of_view.columns.drop(["run", "update"])
        for name, style in get_styles(names).items():
            by_run = of_view.pivot(index="run", columns="update", values=name)
            axes.plot(by_run.columns, by_run.mean(), label=name, markersize=3, **style)
            axes.fill_between(by_run.columns, *interval(by_run), color=style["color"], alpha=0.2)
        draw_known(axes, {name: of for name, of in known.items() if of["loss"] > 0})
        axes.set(
            xscale="log", yscale="log", xlabel=f"update ({count(batch_size, 'sequence')} each)"
        )
        axes.set_title(view.words, fontsize="medium")
        axes.grid(alpha=0.3)
    all_axes[0, 0].set_ylabel("training loss (cross-entropy, nats)")
    all_axes[0, 0].legend(loc="lower left")
    return figure


def draw_known(axes, known, measure="loss"):
    """Draw a thin line across for what no training changes.

    Args:
        axes: of matplotlib.
        known: dict of name to a dict of scores.
        measure: the name of the score to draw; where there is none, no line.
    """
    for (name, scores), dashes in zip(known.items(), cycle(THIN_LINES)):
        if measure in scores:
            style = {"color": "black", "linewidth": 0.9, "linestyle": dashes}
            axes.axhline(scores[measure], label=name, **style)


def draw_means(axes, scores, x, y, by="model"):
    """Draw means over runs with their intervals.

    Args:
        axes: of matplotlib.
        scores: tidy DataFrame.
        x: the column along the horizontal axis.
        y: the measure whose means are drawn.
        by: the column that has a line for each of its values.
    """
    styles = get_styles(scores[by].unique())
    for name, rows in scores.groupby(by, sort=False):
        values = rows.groupby(x)[y]
        means = values.mean()
        low, high = np.transpose([interval(of_x, share=MEASURES[y].is_share) for _, of_x in values])
        # A mean of shares may lie a rounding error outside its interval.
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
    """Put one legend below all panels."""
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
