"""The extensions: the cell in NumPy, padding, sizes, waves, and the answers in words."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from bilstm import get_bi_lstm_model
from data import get_labels, get_sequences
from extensions.compare_cells import CELLS, get_cell_model
from extensions.compare_depths import get_stacked_model
from extensions.compare_sizes import answer as answer_sizes
from extensions.compare_sizes import get_pairs, matching_units
from extensions.find_smaller_model import answer as answer_smaller
from extensions.find_smaller_model import score, unbeaten
from extensions.inside_lstm import run_lstm
from extensions.sine_to_cosine import errors_by_step, get_regression_model, get_waves
from extensions.variable_length import (
    get_any_length_model,
    get_padded_sequences,
    score_by_length,
)
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
            {"timesteps": 7, "setting": "best", "direction": direction, "parameters": size}
            | {"run": run, "loss": loss}
            for (direction, size), of_runs in losses.items()
            for run, loss in enumerate(of_runs, 1)
        ]
    )
    text = answer_sizes(pd.concat([scores.assign(setting="0.001", loss=0.5), scores]))
    at_same_rate, best = text.split("; ")
    assert at_same_rate.startswith("Answer for 7 time steps: at 0.001, at like size, the test loss")
    assert at_same_rate.count("neither clearly lower nor higher (+0.000") == 2
    assert "at like size, the test loss is 0.125 (0.100 to 0.150) lower with the second" in best
    assert "model of 110 parameters neither clearly lower nor higher" in best
    assert "(+0.050 (+0.000 to +0.100)) than that of the forward one of 1,000." in best


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


def test_padded_sequences():
    X, y, weights = get_padded_sequences(300, 5, 20, 0)
    assert X.shape == (300, 20, 2) and y.shape == (300, 20, 1) and weights.shape == (300, 20)
    assert X.dtype == weights.dtype == np.float32 and set(np.unique(y)) == {0, 1}
    lengths = weights.sum(axis=1).astype(int)
    assert set(lengths) == set(range(5, 21))
    for sequence, labels, weight, length in zip(X, y, weights, lengths, strict=True):
        assert weight.tolist() == [1] * length + [0] * (20 - length)
        np.testing.assert_array_equal(sequence[:, 1], weight)
        np.testing.assert_array_equal(labels[:length], get_labels(sequence[None, :length, :1])[0])
    real = X[weights == 1, 0]
    assert 0 <= real.min() < 0.01 and 0.99 < real.max() < 1


@pytest.fixture(scope="module", params=[False, True], ids=["forward", "bidirectional"])
def any_length_model(request):
    keras.utils.set_random_seed(0)
    return get_any_length_model(4, request.param)


def test_padded_and_unpadded_predictions_are_equal(any_length_model):
    X, _, weights = get_padded_sequences(6, 2, 5, 1)
    padded = any_length_model.predict(X, verbose=0)
    for sequence, prediction, weight in zip(X, padded, weights, strict=True):
        length = int(weight.sum())
        alone = any_length_model.predict(sequence[None, :length], verbose=0)
        assert alone.shape == (1, length, 1)
        np.testing.assert_allclose(alone[0], prediction[:length], atol=1e-6)


def change_padding(X, y, weights):
    X, y, padding = X.copy(), y.copy(), weights == 0
    X[padding, 0] = np.random.default_rng(2).normal(size=padding.sum())
    y[padding] = 1 - y[padding]
    return X, y


def without_output_mask(model):
    """Return the same model with no mask on its output, as Keras 3.16 and later leave it."""
    unmasked = keras.Model(model.inputs, model.outputs[0] + 0.0)
    unmasked.compile_from_config(model.get_compile_config())
    return unmasked


@pytest.mark.parametrize("change_model", [lambda model: model, without_output_mask])
def test_padding_never_counts(any_length_model, change_model):
    model = change_model(any_length_model)
    X, y, weights = get_padded_sequences(8, 2, 6, 3)
    changed_X, changed_y = change_padding(X, y, weights)
    scores = model.evaluate(X, y, sample_weight=weights, verbose=0)
    changed = model.evaluate(changed_X, changed_y, sample_weight=weights, verbose=0)
    assert changed == pytest.approx(scores, abs=1e-6)

    # Both are means over the real steps alone.
    p = model.predict(X, verbose=0)[weights == 1].astype(float)
    labels = y[weights == 1]
    assert scores[0] == pytest.approx(-np.log(np.where(labels == 1, p, 1 - p)).mean(), abs=1e-5)
    assert scores[1] == pytest.approx(((p > 0.5) == labels).mean(), abs=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_counts_in_training(bidirectional):
    X, y, weights = get_padded_sequences(8, 2, 6, 3)
    trained = []
    for inputs, labels in ((X, y), change_padding(X, y, weights)):
        keras.utils.set_random_seed(0)
        model = get_any_length_model(4, bidirectional)
        model.fit(inputs, labels, batch_size=4, sample_weight=weights, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    for weight, weight_of_changed in zip(*trained, strict=True):
        np.testing.assert_allclose(weight, weight_of_changed, atol=1e-6)


def test_score_by_length():
    y = np.zeros((3, 4, 1))
    weights = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]])
    predictions = np.zeros((3, 4, 1))
    predictions[0, 0] = predictions[1, 3] = 1
    predictions[2, 2:] = 1  # padding
    assert score_by_length(y, weights, predictions) == {
        "accuracy": 6 / 8,
        "accuracy_2": 3 / 4,
        "accuracy_4": 3 / 4,
    }


def test_waves():
    X, y = get_waves(500, 21, 0)
    assert X.shape == y.shape == (500, 21, 1) and X.dtype == y.dtype == np.float32
    np.testing.assert_allclose(X**2 + y**2, 1, atol=1e-6)
    np.testing.assert_allclose(X[:, 20], X[:, 0], atol=1e-6)  # a period
    np.testing.assert_allclose(y[:, :15], X[:, 5:20], atol=1e-6)  # a quarter ahead
    assert np.abs(X[:, 0].mean()) < 0.1 and np.abs(y[:, 0].mean()) < 0.1  # any phase


def test_regression_can_leave_0_to_1():
    model = get_regression_model(3, 2, bidirectional=True)
    assert model.loss == "mean_squared_error"
    model.layers[-1].set_weights([np.zeros((4, 1)), np.array([-5.0])])
    predictions = model.predict(get_waves(2, 3, 0)[0], verbose=0)
    np.testing.assert_array_equal(predictions, np.full((2, 3, 1), -5.0))


def test_errors_by_step():
    y = np.zeros((2, 3, 1))
    predictions = np.array([[[1.0], [-2.0], [0.0]], [[3.0], [2.0], [0.5]]])
    assert errors_by_step(y, predictions) == {
        "error_1": 2.0,
        "error_2": 2.0,
        "error_3": 0.25,
    }
