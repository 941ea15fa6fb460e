"""What is drawn of hand-made scores: means with their intervals, a style for each name."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from common.report import interval
from extensions.shared import figures


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_each_name_has_a_style_of_its_own_on_all_figures():
    names = ["new", *list(figures.STYLES)[:5], "other", "third"]
    styles = figures.get_styles(names)
    known = [figures.STYLES[name]["color"] for name in names if name in figures.STYLES]
    others = {styles[name]["color"] for name in ("new", "other", "third")}
    assert len(others) == 3 and not others & {*known}
    assert all(figures.get_styles([name])[name] == figures.STYLES[name] for name in figures.STYLES)
    assert len(figures.get_styles([f"model_{number}" for number in range(12)])) == 12
    for key in ("color", "linestyle", "marker"):  # in greyscale, too
        assert len({str(style[key]) for style in figures.LINE_STYLES}) == len(figures.LINE_STYLES)


@pytest.mark.parametrize("n_runs", [3, 12])
def test_means_are_drawn_with_their_intervals(n_runs):
    """A panel for each view, one legend; intervals of shares end at 0 and 1."""
    rng = np.random.default_rng(0)
    rows = [
        (view, model, run, x, 1 - 0.1 * rng.random() ** 9)
        for view in ("one", "other")
        for model in ("a", "b")
        for run in range(1, n_runs + 1)
        for x in (10, 1000)
    ]
    views = pd.DataFrame(rows, columns=["view", "model", "run", "size", "accuracy"])
    views.loc[(views["view"] == "one") & (views.model == "b"), "accuracy"] = np.inf
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
    rows = [(view, "a", run, 1000, 0.1 * run) for view in ("one", "other") for run in (1, 2)]
    views = pd.DataFrame(rows, columns=["view", "model", "run", "size", "loss"])
    figure = figures.draw(views, "size", title="Which?", xlabel="", ylabel="", xscale="log")
    for axes in figure.axes:
        figures.set_ticks(axes, [1000])
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    assert low < 1000 < high
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1,000"]
