"""Intervals against SciPy; words, tables, figures and files."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from common.figures import draw_comparison, draw_loss, draw_means, draw_over_parameters
from common.files import save
from common.results import (
    describe_runs,
    differences,
    in_words,
    interval,
    print_comparison,
    print_sequences,
    summarize,
    with_interval,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("n_runs", [10, 11, 30, 300])
def test_interval_is_students(n_runs):
    values = np.random.default_rng(n_runs).normal(size=(n_runs, 3))
    expected = stats.t.interval(
        0.95, n_runs - 1, loc=values.mean(axis=0), scale=stats.sem(values, axis=0)
    )
    np.testing.assert_allclose(interval(values), expected, rtol=1e-9)


def test_of_fewer_than_ten_runs_there_is_a_range():
    assert np.transpose(interval([[3, 0], [1, 5], [2, 1]])).tolist() == [[1, 3], [0, 5]]
    assert interval([0.5]) == (0.5, 0.5)


def test_interval_of_shares_stays_within_0_to_1():
    shares = [1.0] * 11 + [0.9]
    assert interval(shares)[1] > 1 and interval(shares, share=True)[1] == 1
    assert interval(np.subtract(1, shares), share=True)[0] == 0


def test_intervals_in_print():
    values = np.random.default_rng(0).normal(0.5, 0.01, size=12)
    low, high = interval(values)
    assert with_interval(values) == f"{values.mean():.3f} ± {(high - low) / 2:.3f}"
    assert with_interval(values, sign="+").startswith("+0.5")
    assert with_interval([0.25, 0.5, 0.75]) == "0.500 (0.250 to 0.750)"
    assert with_interval([0.25]) == "0.250"
    shares = [1.0] * 11 + [0.9]
    assert with_interval(shares, share=True) == f"0.992 ({interval(shares)[0]:.3f} to 1.000)"
    assert describe_runs(1) == "one run"
    assert describe_runs(9) == "mean of 9 runs, smallest to largest"
    assert describe_runs(10) == "mean of 10 runs, 95% interval"


def test_a_difference_in_words():
    values = np.random.default_rng(0).normal(-0.2, 0.01, size=12)
    low, high = interval(values)
    assert in_words(values) == f"{-values.mean():.3f} ± {(high - low) / 2:.3f} lower"
    assert in_words(-values).endswith(" higher")
    assert in_words([-0.1, 0.2]) == "neither clearly lower nor higher (+0.050 (-0.100 to +0.200))"
    assert in_words([-0.2, -0.1]) == "0.150 (0.100 to 0.200) lower"
    assert in_words([0.25]) == "0.250 higher (one run, no interval)"


def test_direction_is_clear_just_when_students_test_says_so():
    rng = np.random.default_rng(1)
    for _ in range(40):
        values = rng.normal(0.5, 1, size=15)
        clear = stats.ttest_1samp(values, 0).pvalue < 0.05
        assert ("neither" not in in_words(values)) == clear


def make_scores(n_runs, **models):
    rng = np.random.default_rng(0)
    return pd.concat(
        pd.DataFrame(
            {
                "model": name,
                "parameters": parameters,
                "run": np.arange(1, n_runs + 1),
                "loss": rng.random(n_runs),
                "accuracy": rng.random(n_runs),
            }
        )
        for name, parameters in models.items()
    )


def test_differences_are_paired_by_run():
    scores = make_scores(12, a=1781, b=20_901)
    losses = {name: rows.loss.to_numpy() for name, rows in scores.groupby("model")}
    shuffled = scores.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(
        differences(shuffled, "loss", "b", "a"), losses["b"] - losses["a"]
    )


def test_table_of_a_comparison(capsys):
    scores = make_scores(12, a=1781, b=20_901)
    models = {
        name: SimpleNamespace(count_params=lambda n=n: n) for name, n in (("a", 1781), ("b", 20901))
    }
    print_comparison(models, scores.drop(columns="parameters"))
    heading, columns, _, of_a, of_b = capsys.readouterr().out.splitlines()
    assert heading == "On new sequences, mean of 12 runs, 95% interval:"
    for column in ("parameters", "test loss", "accuracy", "test loss - a"):
        assert column in columns
    losses = {name: rows.loss.to_numpy() for name, rows in scores.groupby("model")}
    assert of_a.split()[:2] == ["a", "1,781"] and with_interval(losses["a"]) in of_a
    difference = losses["b"] - losses["a"]
    paired = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    half = (paired.high - paired.low) / 2
    assert of_b.split()[:2] == ["b", "20,901"] and f"{difference.mean():+.3f} ± {half:.3f}" in of_b


def test_summary_knows_shares():
    scores = make_scores(12, a=10).assign(accuracy=[1.0] * 11 + [0.9], loss=[1.0] * 11 + [0.9])
    table = summarize(scores, ["model", "parameters"])
    assert table.index.tolist() == [("a", 10)]
    assert table["accuracy"].item().endswith("to 1.000)") and "±" in table["test loss"].item()


@pytest.mark.parametrize("n_runs", [1, 5])
def test_figure_of_a_comparison(n_runs):
    updates = np.arange(1, 41)
    losses = pd.DataFrame(
        {"run": np.repeat(np.arange(n_runs) + 1, 40), "update": [*updates] * n_runs}
    )
    for name in "abcd":
        losses[name] = np.random.default_rng(0).random(len(losses))
    axes = draw_comparison(losses, "Title", 2).axes[0]
    thick = [line for line in axes.lines if line.get_linewidth() == 2]
    assert len({line.get_linestyle() for line in thick}) == 4
    centre = losses[losses["update"].between(16, 26)].a.mean()
    assert thick[0].get_xydata()[20] == pytest.approx([21, centre])
    assert len(axes.collections) == (4 if n_runs > 1 else 0)
    assert len(axes.lines) == (4 if n_runs > 1 else 8)
    assert axes.get_xlabel() == "update (2 sequences each)"


def make_losses(names, n_updates):
    losses = pd.DataFrame({"run": 1, "update": np.arange(n_updates) + 1})
    return losses.assign(**dict.fromkeys(names, 1.0))


def test_a_single_update_is_visible():
    axes = draw_comparison(make_losses("a", 1), "Title", 1).axes[0]
    assert axes.lines[0].get_marker() == "o"


def test_panels():
    losses = make_losses("abcdef", 3)
    figure = draw_comparison(losses, "Title", 1, {"left": list("abc"), "right": list("def")})
    assert [axes.get_title() for axes in figure.axes] == ["left", "right"]
    for axes, names in zip(figure.axes, ("abc", "def"), strict=True):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == list(names)
    with pytest.raises(ValueError, match="zip"):
        draw_comparison(losses, "Title", 1)  # more models than styles of lines


def test_figure_of_a_single_run():
    losses = pd.DataFrame({"update": [10, 20, 23], "loss": [0.7, 0.5, 0.4]})
    assert "mean of 10 updates" in draw_loss(losses, "Title", 1).get_suptitle()


@pytest.mark.parametrize("n_runs", [2, 12])
def test_means_are_drawn_with_their_intervals(n_runs):
    scores = make_scores(n_runs, a=10, b=1000)
    _, axes = plt.subplots()
    draw_over_parameters(axes, scores, "loss", by="model")
    for (line, _, (bar,)), (_, rows) in zip(axes.containers, scores.groupby("model"), strict=True):
        np.testing.assert_allclose(line.get_xydata(), [[rows.parameters[0], rows.loss.mean()]])
        np.testing.assert_allclose(bar.get_segments()[0][:, 1], interval(rows.loss))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "1,000"]
    assert axes.get_xscale() == "log"


def test_many_lines_repeat_the_styles():
    _, axes = plt.subplots()
    draw_means(axes, make_scores(1, **dict.fromkeys("abcdef", 1)), "run", "loss", by="model")
    assert len(axes.containers) == 6


def test_printed_predictions(capsys):
    y, predicted = np.array([[[0], [1]], [[1], [1]]]), np.array([[[0], [1]], [[0], [1]]])
    print_sequences(y, predicted)
    assert capsys.readouterr().out.splitlines() == [
        "Expected: 0 1  Predicted: 0 1  right",
        "Expected: 1 1  Predicted: 0 1  wrong",
    ]


class FailingTable:
    def to_csv(self, path, index):
        path.write_text("half")
        raise OSError("disk full")


@pytest.mark.parametrize("tables", [[FailingTable()], [pd.DataFrame(), FailingTable()]])
def test_files_are_written_whole_or_not_at_all(tables, tmp_path):
    earlier = {name: f"earlier {name}" for name in ("x.png", "x.csv", "x_scores.csv")}
    for name, text in earlier.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path, "x", plt.figure(), *tables)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == earlier
