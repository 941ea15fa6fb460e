"""The extensions: the cell in NumPy, sizes, and the answers in words."""

import numpy as np
import pandas as pd
import pytest
from keras import layers

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.compare_cells import CELLS, get_cell_model
from extensions.compare_depths import get_stacked_model
from extensions.compare_sizes import answer as answer_sizes
from extensions.compare_sizes import get_pairs, matching_units
from extensions.find_smaller_model import answer as answer_smaller
from extensions.find_smaller_model import score, unbeaten
from extensions.inside_lstm import run_lstm
from lstm_forward import get_lstm_model


@pytest.mark.parametrize(
    ("n_timesteps", "n_features", "n_units"), [(1, 1, 1), (7, 1, 20), (12, 3, 5)]
)
def test_numpy_cell_is_keras_cell(n_timesteps, n_features, n_units):
    rng = np.random.default_rng(n_units)
    X = rng.normal(size=(4, n_timesteps, n_features)).astype(np.float32)
    lstm = layers.LSTM(n_units, return_sequences=True, return_state=True)
    lstm.build(X.shape)
    lstm.set_weights([rng.normal(size=weight.shape) for weight in lstm.get_weights()])
    outputs, hidden_state, cell_state = map(np.asarray, lstm(X))
    steps = run_lstm(X, *lstm.get_weights())
    assert {values.shape for values in steps.values()} == {(4, n_timesteps, n_units)}
    np.testing.assert_allclose(steps["hidden_state"], outputs, atol=1e-5)
    np.testing.assert_allclose(steps["hidden_state"][:, -1], hidden_state, atol=1e-5)
    np.testing.assert_allclose(steps["cell_state"][:, -1], cell_state, atol=1e-5)


def test_each_gate_does_its_work():
    """With a bias so large that a gate is open or shut, the cell must add, keep or hide."""
    X = np.array([[[0.5], [0.25]]])
    kernel, recurrent_kernel = np.array([[0.0, 0.0, 1.0, 0.0]]), np.zeros((1, 4))
    open_gate, shut = 50.0, -50.0

    def states(input_gate, forget_gate, output_gate):
        bias = np.array([input_gate, forget_gate, 0.0, output_gate])
        steps = run_lstm(X, kernel, recurrent_kernel, bias)
        return steps["cell_state"].ravel(), steps["hidden_state"].ravel()

    candidates = np.tanh([0.5, 0.25])
    cell, hidden = states(open_gate, open_gate, open_gate)
    np.testing.assert_allclose(cell, np.cumsum(candidates))
    np.testing.assert_allclose(hidden, np.tanh(cell))
    np.testing.assert_allclose(states(open_gate, shut, open_gate)[0], candidates)
    np.testing.assert_allclose(states(shut, open_gate, open_gate)[0], [0, 0], atol=1e-9)
    np.testing.assert_allclose(states(open_gate, open_gate, shut)[1], [0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("cell", "forward", "bidirectional"),
    [("rnn", 461, 921), ("gru", 1401, 2801), ("lstm", 1781, 3561)],
)
def test_parameters_of_the_cells(cell, forward, bidirectional):
    assert get_cell_model(10, 20, CELLS[cell]).count_params() == forward
    assert get_cell_model(10, 20, CELLS[cell], bidirectional=True).count_params() == bidirectional


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (get_cell_model(6, 4), get_lstm_model(6, 4)),
        (get_cell_model(6, 4, bidirectional=True), get_bi_lstm_model(6, 4)),
        (get_stacked_model(6, 4, n_layers=1), get_bi_lstm_model(6, 4)),
    ],
)
def test_models_are_those_of_the_builders(model, expected):
    X, y = get_sequences(3, 6, 0)
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(
        model.predict(X, verbose=0), expected.predict(X, verbose=0), atol=1e-6
    )
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected.evaluate(X, y, verbose=0))


@pytest.mark.parametrize(("n_layers", "parameters"), [(1, 3561), (2, 13_321), (3, 23_081)])
def test_stacked_layers(n_layers, parameters):
    model = get_stacked_model(10, 20, n_layers)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 10, 1)


def test_pairs_of_like_size():
    assert [matching_units(n) for n in (10, 20, 40)] == [7, 14, 28]
    models, descriptions = get_pairs(10, [10, 20, 40])
    parameters = [model.count_params() for model in models.values()]
    assert parameters == [491, 519, 1781, 1821, 6761, 6777]
    assert parameters == [of_model["parameters"] for of_model in descriptions.values()]
    assert descriptions["bidirectional 7"] == {
        "timesteps": 10,
        "direction": "bidirectional",
        "units": 7,
        "parameters": 519,
    }
    assert [len(model.layers[0].get_weights()) for model in models.values()] == [3, 6] * 3


def test_pairs_are_the_nearest():
    for n_units in range(1, 30):
        n_parameters = get_lstm_model(2, n_units).count_params()
        m = np.arange(1, 40)  # any number of units, by Keras' own count for one and two of them
        sizes = np.polyval(np.polyfit([1, 2, 14], [27, 69, 1821], 2), m)
        assert matching_units(n_units) == m[np.argmin(np.abs(sizes - n_parameters))]
    for units, parameters in ((1, 27), (2, 69), (14, 1821)):
        assert get_bi_lstm_model(2, units).count_params() == parameters


def test_answer_about_sizes():
    losses = {
        ("forward", 100): [0.3, 0.5],
        ("bidirectional", 110): [0.1, 0.2],
        ("forward", 1000): [0.1, 0.1],
        ("bidirectional", 1100): [0.1, 0.1],
    }
    scores = pd.DataFrame(
        [
            {"timesteps": 7, "direction": direction, "parameters": size, "run": run, "loss": loss}
            for (direction, size), of_runs in losses.items()
            for run, loss in enumerate(of_runs, 1)
        ]
    )
    text = answer_sizes(scores)
    assert "for 7 time steps: at like size, the test loss is 0.125 (0.100 to 0.150) lower" in text
    assert "of 110 parameters has a test loss neither clearly lower nor higher" in text
    assert "(+0.050 (+0.000 to +0.100)) than a forward one of 1,000." in text


def test_unbeaten_models():
    parameters = np.array([10, 10, 20, 30, 40, 40])
    accuracies = np.array([0.8, 0.7, 0.9, 0.9, 0.95, 0.95])
    assert unbeaten(parameters, accuracies).tolist() == [True, False, True, False, True, True]


def test_score_of_a_smaller_model():
    _, y = get_sequences(200, 10, 0)
    predictions = y.astype(float)
    predictions[150, 3] = 1 - predictions[150, 3]
    assert score(y, predictions) == pytest.approx(
        {"accuracy_on_100": 1, "accuracy": 1 - 1 / 2000, "sequence_accuracy": 1 - 1 / 200}
    )


def test_answer_about_smaller_models():
    table = pd.DataFrame(
        {
            "units": [1, 1, 5, 5],
            "parameters": [27, 27, 291, 291],
            "sequences": 100,
            "batch_size": 10,
            "run": [1, 2, 1, 2],
            "accuracy_on_100": [0.9, 1.0, 1.0, 1.0],
            "accuracy": 0.99,
            "sequence_accuracy": [0.9, 0.98, 0.97, 0.99],
        }
    )
    seconds = pd.Series({(1, 27, 100, 10): 3.0, (5, 291, 100, 10): 2.5})
    text = answer_smaller(table, seconds)
    assert "3 of 4 trained models" in text and "smallest has 27 parameters" in text
    assert "trained in 2.50 seconds" in text
    assert "291 parameters, gets 99.0%" in text and f"probability of {0.99**100:.1%}" in text
    assert "96.4% to 100%" in text  # 0.025 ** (1 / 100) is 0.9638
    text = answer_smaller(table.assign(accuracy_on_100=0.5), seconds)
    assert "0 of 4 trained models" in text and "smallest" not in text
