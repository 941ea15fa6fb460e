"""Sines and cosines: the waves, the regression, its scores, and what can be known."""

import re

import numpy as np
import pandas as pd
import pytest

from extensions.sine_to_cosine import get_regression_model, get_waves, score_regression, score_waves

STEP, FORWARD, BOTH = "step number alone", "best possible forward", "best possible bidirectional"


def test_waves():
    X, y = get_waves(500, 21, 0)
    assert X.shape == y.shape == (500, 21, 1) and X.dtype == y.dtype == np.float32
    np.testing.assert_allclose(X**2 + y**2, 1, atol=1e-6)
    np.testing.assert_allclose(X[:, 20], X[:, 0], atol=1e-6)  # a period
    np.testing.assert_allclose(y[:, :15], X[:, 5:20], atol=1e-6)  # a quarter ahead
    assert np.abs(X[:, 0].mean()) < 0.1 and np.abs(y[:, 0].mean()) < 0.1  # any phase


def test_regression_can_leave_0_to_1():
    model = get_regression_model(3, bidirectional=True, n_units=2)
    assert model.loss == "mean_squared_error"
    model.layers[-1].set_weights([np.zeros((4, 1)), np.array([-5.0])])
    predictions = model.predict(get_waves(2, 3, 0)[0], verbose=0)
    np.testing.assert_array_equal(predictions, np.full((2, 3, 1), -5.0))


def test_what_can_be_known():
    X, y = get_waves(200_000, 4, 0)
    known = score_waves(4)
    zero = score_regression(y, np.zeros_like(y))
    assert known[STEP] == pytest.approx(zero, abs=0.005)
    # One sine leaves the cosine 0 on average; two give it, by the sine of a sum of angles.
    near = pd.Series(y[:, 0, 0]).groupby(np.floor(10 * X[:, 0, 0])).mean()
    assert abs(near).max() < 0.05
    step = 2 * np.pi / 20
    best = np.zeros_like(y)
    best[:, 1:] = (X[:, 1:] * np.cos(step) - X[:, :-1]) / np.sin(step)
    assert known[FORWARD] == pytest.approx(score_regression(y, best), abs=0.005)
    best[:, 0] = (X[:, 1] - X[:, 0] * np.cos(step)) / np.sin(step)
    assert known[BOTH] == pytest.approx(score_regression(y, best), abs=1e-5)
    known = score_waves(1)  # with one step there is no other direction
    assert known[STEP] == known[FORWARD] == known[BOTH] == {"loss": 0.5, 1: 2 / np.pi}


@pytest.mark.usefixtures("without_xla")
def test_errors_that_are_printed(run_script, tmp_path, capsys):
    options = "--timesteps 2 --units 3 --sequences 40 --runs 1 --learning-rate 0.01"
    run_script("extensions.sine_to_cosine", *options.split(), "--output", tmp_path)
    _, printed = capsys.readouterr().out.split("Mean absolute error at each time step, at 0.01:")
    table = pd.read_csv(tmp_path / "sine_to_cosine_steps.csv").set_index(["step", "model"])
    for step, best in ((1, 0.637), (2, 0)):
        both, forward = (
            table.absolute_error[step, model] for model in ("bidirectional", "forward")
        )
        cells = re.search(rf"\n{step} +(.*)", printed)[1].split()
        expected = [both, forward, both - forward, best]
        assert [*map(float, cells)] == pytest.approx(expected, abs=6e-4)
