"""The coverage of intervals, measured on tables whose coverage is known."""

from argparse import Namespace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from benchmarks import interval_coverage
from benchmarks.interval_coverage import cover, get_losses, simulate


def test_normal_differences_are_covered():
    rng = np.random.default_rng(0)
    assert cover(rng.normal(0.3, 1, size=(12, 8000))) == pytest.approx(0.95, abs=0.01)
    moved = rng.normal([[0.0] * 4000 + [3.0] * 4000], 1, size=(12, 8000))
    assert cover(moved) < 0.1


def test_each_run_has_the_rate_of_three_others():
    """Three runs of two rates each: all 81 draws of four runs are counted by hand."""
    table = np.array([[1.0, 2.0], [3.0, 2.5], [0.0, 5.0]])
    draws = [
        table[reported, table[choosers].mean(axis=0).argmin()]
        for *choosers, reported in product(range(3), repeat=4)
    ]
    by_three, _ = simulate({"a": table}, 10, np.random.default_rng(0))
    assert by_three["a"].mean() == pytest.approx(np.mean(draws), abs=0.02)


def test_both_ways_of_one_rate_report_the_runs_that_were_drawn(monkeypatch):
    monkeypatch.setattr(interval_coverage, "N_DRAWS", 3)
    losses = {"a": np.arange(50.0)[:, None], "b": 2 * np.arange(50.0)[:, None]}
    by_three, by_one = simulate(losses, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(by_three["b"], 2 * by_one["a"])
    drawn = np.random.default_rng(0).integers(50, size=(2, 10))[0]
    np.testing.assert_array_equal(by_three["a"][:, 0], drawn)


def test_table_and_files(tmp_path, monkeypatch):
    """A failed run of the first model counts as the worst of all."""
    names = dict.fromkeys(name for pair in interval_coverage.PAIRS for name in pair)
    trainings = product(names, range(1, 7), (0.25, 0.5))
    scores = pd.DataFrame(trainings, columns=["model", "run", "learning_rate"])
    scores["loss"] = np.random.default_rng(0).random(len(scores))
    scores.loc[0, "loss"] = np.nan
    losses = get_losses(scores)[scores.model[0]]
    assert losses[0].tolist() == [scores.loss.max(), scores.loss[1]]
    monkeypatch.setattr(interval_coverage, "N_DRAWS", 20)
    monkeypatch.setattr(interval_coverage, "train_on_sums", lambda *arguments: (None, scores))
    monkeypatch.setattr(interval_coverage, "get_models", lambda *arguments: None)
    options = Namespace(timesteps=10, units=20, sequences=1000, seed=0, show=False)
    interval_coverage.main(Namespace(name="interval_coverage", output=tmp_path, **vars(options)))
    table = pd.read_csv(tmp_path / "interval_coverage_coverage.csv")
    assert set(table.runs) == {10, 30} and table.coverage.between(0.5, 1).all()
    assert (tmp_path / "interval_coverage.png").exists()
