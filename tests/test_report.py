"""Intervals against SciPy; tables, figures and files."""

from types import SimpleNamespace

import numpy as np
import pytest
from figures import draw_comparison, draw_loss, draw_means, draw_over_parameters
from matplotlib import pyplot as plt
from report import (
    comparison_losses,
    comparison_table,
    describe_runs,
    half_interval,
    in_words,
    loss_table,
    print_scores,
    print_sequences,
    print_steps,
    save,
    score_table,
    sequence_table,
)
from scipy import stats


@pytest.mark.parametrize("n_runs", [2, 3, 4, 5, 8, 14, 18, 30, 31, 50, 100, 300])
def test_interval_is_students(n_runs):
    values = np.random.default_rng(n_runs).normal(size=(n_runs, 3))
    low, high = stats.t.interval(
        0.95, n_runs - 1, loc=values.mean(axis=0), scale=stats.sem(values, axis=0)
    )
    np.testing.assert_allclose(half_interval(values), (high - low) / 2, rtol=1e-3)


def test_table_of_a_comparison():
    rng = np.random.default_rng(0)
    models = {"a": SimpleNamespace(count_params=lambda: 1781), "b": SimpleNamespace()}
    models["b"].count_params = lambda: 20_901
    scores = {"a": list(rng.random((7, 3))), "b": list(rng.random((7, 3)))}
    table = comparison_table(models, scores)
    assert table.index.tolist() == ["a", "b"]
    assert table["parameters"].tolist() == ["1,781", "20,901"]
    losses_a, losses_b = (np.array(scores[name])[:, 0] for name in "ab")
    assert table.loc["a", "test loss"] == f"{losses_a.mean():.3f} ± {half_interval(losses_a):.3f}"
    difference = losses_b - losses_a
    paired = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    expected = f"{difference.mean():+.3f} ± {(paired.high - paired.low) / 2:.3f}"
    assert table.loc["b", "test loss - a"] == expected


def test_table_of_a_single_run_has_no_intervals():
    model = SimpleNamespace(count_params=lambda: 1)
    table = comparison_table({"a": model}, {"a": [(0.5, 0.75, 0.25)]})
    assert table.loc["a"].tolist() == ["1", "0.500", "0.750", "0.250", ""]


def test_losses_table_is_the_tutorials_with_runs():
    losses = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones((2, 3))}
    table = comparison_losses(losses)
    assert table.columns.tolist() == ["run", "update", "a", "b"]
    for run in (1, 2):
        of_run = table[table.run == run]
        assert of_run["update"].tolist() == [1, 2, 3]
        assert of_run.a.tolist() == losses["a"][run - 1].tolist()


@pytest.mark.parametrize("n_runs", [1, 5])
def test_figure_of_a_comparison(n_runs):
    losses = {name: np.random.default_rng(0).random((n_runs, 40)) for name in "abcd"}
    axes = draw_comparison(losses, "Title", 2).axes[0]
    thick = [line for line in axes.lines if line.get_linewidth() == 2]
    assert len({line.get_linestyle() for line in thick}) == 4
    centre = losses["a"].mean(axis=0)[15:26].mean()
    assert thick[0].get_ydata()[20] == pytest.approx(centre)
    assert len(axes.collections) == (4 if n_runs > 1 else 0)
    assert len(axes.lines) == (4 if n_runs > 1 else 8)
    assert axes.get_xlabel() == "update (2 sequences each)"
    plt.close("all")


def test_a_single_update_is_visible():
    axes = draw_comparison({"a": np.ones((3, 1))}, "Title", 1).axes[0]
    assert axes.lines[0].get_marker() == "o"
    plt.close("all")


def test_single_run():
    history = SimpleNamespace(updates=[10, 20, 23], losses=[0.7, 0.5, 0.4])
    assert loss_table(history).to_dict("list") == {"update": [10, 20, 23], "loss": [0.7, 0.5, 0.4]}
    assert "mean of 10 updates" in draw_loss(history, "Title", 1).get_suptitle()
    plt.close("all")


def test_sequence_table():
    table = sequence_table(np.array([0.5, 0.5, 0.25, 0.5]), np.array([0, 1, 1, 1]))
    assert table.cumulative_sum.tolist() == [0.5, 1.0, 1.25, 1.75]
    assert table.limit.tolist() == [1.0] * 4


def test_printed_predictions(capsys):
    y, predicted = np.array([[[0], [1]], [[1], [1]]]), np.array([[[0], [1]], [[0], [1]]])
    print_steps(y[1], predicted[1])
    print_sequences(y, predicted)
    assert capsys.readouterr().out.splitlines() == [
        "Expected: [1] Predicted [0]",
        "Expected: [1] Predicted [1]",
        "Expected: 0 1  Predicted: 0 1  right",
        "Expected: 1 1  Predicted: 0 1  wrong",
    ]


class FailingTable:
    def to_csv(self, path, index):
        path.write_text("half")
        raise OSError("disk full")


def test_files_are_written_whole_or_not_at_all(tmp_path):
    options = SimpleNamespace(name="x", output=tmp_path, show=False)
    (tmp_path / "x.png").write_text("earlier figure")
    (tmp_path / "x.csv").write_text("earlier table")
    with pytest.raises(OSError, match="disk full"):
        save(options, plt.figure(), FailingTable())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x.png": "earlier figure",
        "x.csv": "earlier table",
    }


def test_a_difference_in_words():
    rng = np.random.default_rng(0)
    differences = rng.normal(-0.2, 0.01, size=12)
    assert (
        in_words(differences)
        == f"{-differences.mean():.3f} ± {half_interval(differences):.3f} lower"
    )
    assert in_words(-differences).endswith(f"{half_interval(differences):.3f} higher")
    assert in_words([-0.1, 0.2]) == "neither clearly lower nor higher (+0.050 ± 1.906)"
    assert in_words([-0.0001, 0.00001]).startswith("neither clearly lower nor higher (+0.000 ±")
    assert in_words([0.25]) == "0.250 higher (one run, no interval)"


def test_direction_is_clear_just_when_students_test_says_so():
    rng = np.random.default_rng(1)
    for _ in range(40):
        differences = rng.normal(0.5, 1, size=15)
        clear = stats.ttest_1samp(differences, 0).pvalue < 0.05
        assert ("neither" not in in_words(differences)) == clear


def table_of_scores():
    scores = {("a", 10): [(0.5, 1), (0.7, 2)], ("b", 1000): [(0.1, 3), (0.2, 5)]}
    return score_table(scores, ["model", "parameters"], ["loss", "size"])


def test_table_of_scores(capsys):
    table = table_of_scores()
    assert table.to_dict("list") == {
        "model": ["a", "a", "b", "b"],
        "parameters": [10, 10, 1000, 1000],
        "run": [1, 2, 1, 2],
        "loss": [0.5, 0.7, 0.1, 0.2],
        "size": [1, 2, 3, 5],
    }
    assert describe_runs(table) == "mean of 2 runs, 95% interval"
    assert describe_runs(table[table.run == 1]) == "one run"
    print_scores(table, ["model", "parameters"], seconds=[7, 8])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["a", "10", "0.600", "±", "1.271", "1.500", "±", "6.353", "7"]
    assert lines[3].split()[-1] == "8"


def test_scores_that_are_dicts():
    table = score_table({"a": [{"all": 0.5, 5: 0.1}]}, ["model"])
    assert table.to_dict("list") == {"model": ["a"], "run": [1], "all": [0.5], 5: [0.1]}


def test_means_are_drawn_with_their_intervals():
    axes = draw_means_of(table_of_scores())
    (line_a, _, (bar_a,)), (line_b, _, _) = axes.containers
    np.testing.assert_allclose(line_a.get_xydata(), [[10, 0.6]])
    np.testing.assert_allclose(line_b.get_xydata(), [[1000, 0.15]])
    half = half_interval(np.array([0.5, 0.7]))
    np.testing.assert_allclose(bar_a.get_segments()[0][:, 1], [0.6 - half, 0.6 + half])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "1,000"]
    assert axes.get_xscale() == "log"


def draw_means_of(table):
    _, axes = plt.subplots()
    draw_over_parameters(axes, table, "loss", by="model")
    return axes


def test_many_lines_repeat_the_styles():
    table = score_table({name: [(1,)] for name in "abcdef"}, ["model"], ["loss"])
    _, axes = plt.subplots()
    draw_means(axes, table, "run", "loss", by="model")
    assert len(axes.containers) == 6


def test_panels():
    losses = {name: np.ones((2, 3)) for name in "abcdef"}
    figure = draw_comparison(losses, "Title", 1, {"left": list("abc"), "right": list("def")})
    assert [axes.get_title() for axes in figure.axes] == ["left", "right"]
    for axes, names in zip(figure.axes, ("abc", "def"), strict=True):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == list(names)
    with pytest.raises(ValueError, match="zip"):
        draw_comparison(losses, "Title", 1)  # more models than styles of lines
