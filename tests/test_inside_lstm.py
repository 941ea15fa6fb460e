"""The LSTM in NumPy, a cell that is held, and the cell that follows the sum best."""

import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats

from data import get_sequences
from extensions import inside_lstm
from extensions.inside_lstm import BEST, NONE, OTHERS, run_lstm
from extensions.parts.counting_lstm import get_counting_model
from lstm_forward import get_lstm_model


def test_a_held_cell_is_that_of_keras():
    """Keras' layer called for one step at a time, with the state put right in between."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 5, 1)).astype(np.float32)
    lstm = layers.LSTM(3, return_state=True)
    lstm.build((None, 1, 1))
    lstm.set_weights([rng.normal(size=weight.shape) for weight in lstm.get_weights()])
    held_at = np.array([0.5, -0.25, 2.0, 0.125, -1.0])
    steps = run_lstm(X, *lstm.get_weights(), held={1: held_at})
    hidden_state = cell_state = np.zeros((4, 3), np.float32)
    for step, held in enumerate(held_at):
        _, *states = lstm(X[:, step : step + 1], initial_state=[hidden_state, cell_state])
        hidden_state, cell_state = (np.array(state) for state in states)
        output_gate = hidden_state[:, 1] / np.tanh(cell_state[:, 1])
        cell_state[:, 1] = held
        hidden_state[:, 1] = output_gate * np.tanh(held)
        np.testing.assert_allclose(steps["cell_state"][:, step], cell_state, atol=1e-5)
        np.testing.assert_allclose(steps["hidden_state"][:, step], hidden_state, atol=1e-5)


def test_the_model_in_numpy_is_that_of_keras():
    model, rng = get_lstm_model(6, n_units=4), np.random.default_rng(0)
    weights = [rng.normal(size=weight.shape) for weight in model.get_weights()]
    model.set_weights(weights)
    X, _ = get_sequences(5, 6, 0)
    predictions = inside_lstm.run_model(X, weights)["prediction"]
    np.testing.assert_allclose(predictions, model(X), atol=1e-6)


def test_correlations_at_each_step():
    rng = np.random.default_rng(0)
    states, X = rng.normal(size=(50, 3, 2)), rng.normal(size=(50, 3, 1))
    sums = X[:, :, 0] @ np.triu(np.ones((3, 3)))
    states[:, 1, 1] = -2 * sums[:, 1] + 1
    states[:, 2, 0] = 7
    correlations = inside_lstm.correlate(states, X)
    for step, unit in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 1)):
        expected = abs(stats.pearsonr(states[:, step, unit], sums[:, step]).statistic)
        assert correlations[step, unit] == pytest.approx(expected)
    assert correlations[1, 1] == pytest.approx(1) and correlations[2, 0] == 0


def test_a_cell_that_counts_beside_one_that_does_nothing():
    kernel, _, bias, slope, offset = get_counting_model(10).get_weights()
    of_unit_1 = np.arange(8) % 2 == 1  # the units alternate within each gate
    weights = [
        np.where(of_unit_1, np.repeat(kernel, 2, axis=1), 0),
        np.zeros((2, 8)),
        np.where(of_unit_1, np.repeat(bias, 2), 0),
        np.concatenate([np.zeros((1, 1)), slope]),
        offset,
    ]
    chosen_by, _ = get_sequences(300, 10, 0)
    X, y = get_sequences(200, 10, 1)
    cells = inside_lstm.inspect_cells(weights, chosen_by, X, y).assign(run=1)
    assert cells.step.tolist() == [*range(1, 11)] * 2
    np.testing.assert_allclose(cells.correlation, cells.unit, atol=1e-6)  # 0 and 1
    assert (cells.cell == np.where(cells.unit == 1, BEST, OTHERS)).all()
    # Held at its mean, it says of all sequences what it says of the mean one.
    mean_sums = np.cumsum(chosen_by.mean(axis=0, dtype=np.float64))
    expected = ((mean_sums >= 2.5) == (y[:, :, 0] == 1)).mean()
    held = inside_lstm.summarize_models(cells).set_index("cell").accuracy
    assert held[BEST] == pytest.approx(expected) and expected < 0.95
    assert held[OTHERS] == held[NONE] == 1


def test_accuracies_of_made_up_cells():
    """Two models of three cells."""
    cells = {"run": [1, 1, 1, 2, 2, 2], "cell": [OTHERS, BEST, OTHERS, BEST, OTHERS, OTHERS]}
    cells["accuracy"] = np.repeat([0.9, 0.8], 3)
    cells["accuracy_held"] = [0.9, 0.5, 0.8, 0.7, 0.6, 0.75]
    found = inside_lstm.summarize_models(pd.DataFrame(cells)).pivot(index="run", columns="cell")
    expected = {BEST: [0.5, 0.7], OTHERS: [0.85, 0.675], NONE: [0.9, 0.8]}
    for cell, values in expected.items():
        np.testing.assert_allclose(found["accuracy"][cell], values)
