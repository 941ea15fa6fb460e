"""The coverage of intervals, measured on tables whose coverage is known."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import interval_coverage
from benchmarks.interval_coverage import cover, estimate_targets, read_losses, simulate


def test_normal_differences_are_covered():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.3, 1, size=(4000, 2, 12))
    assert cover(differences, np.array([0.3, 0.3])) == pytest.approx([0.95, 0.95], abs=0.012)
    assert cover(differences, np.array([0.3, 9])).tolist()[1] == 0


def test_the_target_is_that_of_three_fresh_runs_and_a_fourth():
    """Three runs of two rates each: all 81 draws of four runs are counted by hand."""
    table = np.array([[1.0, 2.0], [3.0, 2.5], [0.0, 5.0]])
    expected = np.mean(
        [
            table[d, np.argmin(table[[a, b, c]].mean(axis=0))]
            for a in range(3)
            for b in range(3)
            for c in range(3)
            for d in range(3)
        ]
    )
    losses = {"a": table, "zero": np.zeros((3, 2))}
    found = estimate_targets(losses, [("a", "zero")], np.random.default_rng(0))
    assert found == pytest.approx([expected], abs=0.02)


def test_both_ways_of_one_rate_report_the_runs_that_were_drawn(monkeypatch):
    monkeypatch.setattr(interval_coverage, "N_DRAWS", 3)
    losses = {"a": np.arange(50.0)[:, None], "b": 2 * np.arange(50.0)[:, None]}
    new, usual = simulate(losses, [("b", "a"), ("a", "b")], 10, np.random.default_rng(0))
    assert new.shape == usual.shape == (3, 2, 10)
    np.testing.assert_array_equal(new, usual)
    np.testing.assert_array_equal(new[:, 0], -new[:, 1])
    drawn = np.random.default_rng(0).integers(50, size=(2, 10))[0]
    np.testing.assert_array_equal(new[0, 0], drawn)


def test_a_table_of_several_lengths_with_a_failed_run(tmp_path):
    rows = [
        {"model": "m", "timesteps": length, "run": run, "learning_rate": rate, "update": update}
        | {"loss": 10 * length + run + rate + (update == 5), "accuracy": 0.5}
        for length in (1, 2)
        for run in (1, 2)
        for rate in (0.25, 0.5)
        for update in (5, 9)
    ]
    rows[-1]["loss"] = np.nan
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    losses = read_losses(tmp_path / "scores.csv")
    assert losses["m 1"].tolist() == [[11.25, 11.5], [12.25, 12.5]]
    assert losses["m 2"].tolist() == [[21.25, 21.5], [22.25, 22.25]]  # the worst there is
