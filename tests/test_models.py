"""The models: parameters, the order of their outputs, and what each merge mode computes."""

import keras
import numpy as np
import pytest
from scipy.special import expit

from bilstm import get_bi_lstm_model
from compare_directions import get_aligned_backward_model, get_backward_model
from data import get_sequences
from lstm_forward import get_lstm_model

X, _ = get_sequences(6, 7, 0)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (get_lstm_model(10), 1781),
        (get_backward_model(10), 1781),
        (get_aligned_backward_model(10), 1781),
        (get_bi_lstm_model(10), 3561),
        (get_bi_lstm_model(10, mode="sum"), 3541),
        (get_bi_lstm_model(10, mode="mul"), 3541),
        (get_bi_lstm_model(10, mode="ave"), 3541),
        (get_bi_lstm_model(10, n_units=14), 1821),
        (get_bi_lstm_model(10, n_units=50), 20901),
    ],
)
def test_parameters_and_settings(model, parameters):
    assert model.count_params() == parameters
    assert model.input_shape == model.output_shape == (None, 10, 1)
    assert model.loss == "binary_crossentropy"
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    model.evaluate(*get_sequences(2, 10, 0), verbose=0)
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert [metric.name for metric in model.metrics[1].metrics] == ["accuracy"]


def test_lesson_10_layers():
    layers = get_bi_lstm_model(10, n_units=50).layers
    assert [layer.count_params() for layer in layers] == [20_800, 101]


def test_alignment_of_the_directions():
    forward = get_lstm_model(7, 5)
    backward, aligned = get_backward_model(7, 5), get_aligned_backward_model(7, 5)
    for model in backward, aligned:
        model.set_weights(forward.get_weights())
    reversed_outputs = forward.predict(X[:, ::-1], verbose=0)
    np.testing.assert_allclose(backward.predict(X, verbose=0), reversed_outputs, atol=1e-6)
    np.testing.assert_allclose(aligned.predict(X, verbose=0), reversed_outputs[:, ::-1], atol=1e-6)
    assert not np.allclose(reversed_outputs, reversed_outputs[:, ::-1], atol=1e-3)


@pytest.mark.parametrize(
    ("mode", "merge"),
    [
        ("sum", np.add),
        ("mul", np.multiply),
        ("ave", lambda forward, backward: (forward + backward) / 2),
        ("concat", lambda forward, backward: np.concatenate([forward, backward], axis=-1)),
    ],
)
def test_merge_modes_against_numpy(mode, merge):
    model = get_bi_lstm_model(7, 5, mode)
    bidirectional, output = model.layers
    forward = np.asarray(bidirectional.forward_layer(X))
    backward = np.asarray(bidirectional.backward_layer(X))[:, ::-1]  # back to forward time
    kernel, bias = output.get_weights()
    expected = expit(merge(forward, backward) @ kernel + bias)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("mode", [None, "average", "", 3])
def test_unknown_merge_mode(mode):
    with pytest.raises(ValueError, match=f"mode.*{mode}"):
        get_bi_lstm_model(10, mode=mode)


@pytest.mark.parametrize("build", [get_lstm_model, get_bi_lstm_model])
def test_sizes_that_keras_cannot_build(build):
    with pytest.raises(ValueError, match="0"):
        build(10, n_units=0)


@pytest.mark.parametrize(
    "build",
    [get_lstm_model, get_backward_model, get_aligned_backward_model, get_bi_lstm_model],
)
def test_learning_rate(build):
    assert float(build(4, 2).optimizer.learning_rate) == pytest.approx(0.001)
    assert float(build(4, 2, learning_rate=0.03).optimizer.learning_rate) == pytest.approx(0.03)
