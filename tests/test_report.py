"""Intervals against SciPy; tables, figures and files."""

from types import SimpleNamespace

from report import (
    comparison_losses,
    comparison_table,
    draw_comparison,
    draw_loss,
    half_interval,
    loss_table,
    print_sequences,
    print_steps,
    save,
    sequence_table,
)

import numpy as np
import pytest
from matplotlib import pyplot as plt
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
    assert "mean of 10 updates" in draw_loss(history, "Title", 1).axes[0].get_title()
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
