"""What is drawn of hand-made scores: means with their intervals, a style for each name."""

from itertools import product

import numpy as np
import pandas as pd

from common.report import interval
from extensions.shared import figures


def test_each_name_has_a_style_of_its_own_on_all_figures():
    styles = figures.get_styles([*"abcdefg", "lstm_forw", "bilstm_con"])
    for key in ("color", "linestyle", "marker"):  # in greyscale, too
        assert len({str(style[key]) for style in styles.values()}) == 9
    assert figures.get_styles(["other", "forward"])["forward"] == styles["lstm_forw"]
    assert len(figures.get_styles(range(12))) == 12


def test_means_are_drawn_with_their_intervals():
    """A panel for each view, one legend; intervals of shares end at 0 and 1."""
    rows = product(["one", "other"], "ab", range(1, 13), [10, 1000])
    views = pd.DataFrame(rows, columns=["view", "model", "run", "size"])
    views["accuracy"] = 1 - 0.1 * np.random.default_rng(0).random(len(views)) ** 9
    is_failed = (views["view"] == "one") & (views.model == "b") & (views.run == 3)
    views.loc[is_failed, "accuracy"] = np.inf
    labels = {"title": "Which?", "xlabel": "size", "ylabel": "share"}
    known = {"best": {"accuracy": 0.875}, "without": {"loss": 0.5}}
    figure = figures.draw(views, "size", "accuracy", known=known, xscale="log", **labels)
    assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
    assert figure.get_suptitle().startswith("Which?\n(")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["a", "b", "best"]
    for axes, (_, of_view) in zip(figure.axes, views.groupby("view"), strict=True):
        assert axes.get_lines()[-1].get_ydata() == [0.875, 0.875]
        models = of_view.groupby("model")
        for (line, _, (bars,)), (_, rows) in zip(axes.containers, models, strict=True):
            table = rows.pivot(index="run", columns="size", values="accuracy")
            if np.isinf(table.to_numpy()).any():  # what has no mean is not drawn
                assert np.isnan(line.get_ydata().astype(float)).all()
                continue
            np.testing.assert_allclose(line.get_xydata(), [*table.mean().items()])
            ends = [segment[:, 1] for segment in bars.get_segments()]
            np.testing.assert_allclose(ends, np.transpose(np.clip(interval(table), 0, 1)))


def test_a_single_value_leaves_the_panels_their_width():
    rows = product(["one", "other"], "a", [1, 2], [1000], [0.1])
    views = pd.DataFrame(rows, columns=["view", "model", "run", "size", "loss"])
    settings = {"xscale": "log", "xticks": [1000]}
    figure = figures.draw(views, "size", title="Which?", xlabel="", ylabel="", **settings)
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    assert low < 1000 < high
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1,000"]
