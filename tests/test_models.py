"""The models: parameters, the order of their outputs, and what each merge mode computes."""

from functools import partial

import keras
import numpy as np
import pytest
from scipy.special import expit

from bilstm import get_bi_lstm_model
from compare_directions import get_aligned_backward_model
from data import get_sequences
from lstm_forward import get_lstm_model

X, _ = get_sequences(6, 7, 0)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (get_lstm_model, [1760, 21]),
        (partial(get_lstm_model, backwards=True), [1760, 21]),
        (get_aligned_backward_model, [1760, 21]),
        (get_bi_lstm_model, [3520, 41]),
        (partial(get_bi_lstm_model, mode="sum", n_units=14), [1792, 15]),
        (partial(get_bi_lstm_model, n_units=50), [20_800, 101]),  # lesson 10
    ],
)
def test_parameters_and_settings(build, parameters):
    model = build(10)
    counts = [layer.count_params() for layer in model.layers]
    assert [count for count in counts if count] == parameters
    assert model.input_shape == model.output_shape == (None, 10, 1)
    settings = model.get_compile_config()
    assert (settings["loss"], settings["metrics"]) == ("binary_crossentropy", ["accuracy"])
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)
    assert float(build(10, learning_rate=0.03).optimizer.learning_rate) == pytest.approx(0.03)
    with pytest.raises(ValueError, match="0"):
        build(10, n_units=0)


def test_alignment_of_the_directions():
    forward = get_lstm_model(7, n_units=5)
    backward = get_lstm_model(7, True, n_units=5)
    aligned = get_aligned_backward_model(7, n_units=5)
    for model in backward, aligned:
        model.set_weights(forward.get_weights())
    reversed_outputs = np.asarray(forward(X[:, ::-1]))
    np.testing.assert_allclose(backward(X), reversed_outputs, atol=1e-6)
    np.testing.assert_allclose(aligned(X), reversed_outputs[:, ::-1], atol=1e-6)
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
    model = get_bi_lstm_model(7, mode, n_units=5)
    bidirectional, output = model.layers
    forward = np.asarray(bidirectional.forward_layer(X))
    backward = np.asarray(bidirectional.backward_layer(X))[:, ::-1]  # back to forward time
    kernel, bias = output.get_weights()
    np.testing.assert_allclose(model(X), expit(merge(forward, backward) @ kernel + bias), atol=1e-6)
