"""Stacked layers: sizes, and one layer is the tutorial's model."""

import keras
import numpy as np

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.compare_depths import get_stacked_model


def test_stacked_models():
    for n_layers, n_parameters in ((2, 13_321), (3, 23_081)):
        model = get_stacked_model(10, n_layers)
        assert model.count_params() == n_parameters
        assert model.input_shape == model.output_shape == (None, 10, 1)
        assert isinstance(model.optimizer, keras.optimizers.Adam)


def test_one_layer_is_the_bidirectional_lstm():
    X, _ = get_sequences(3, 6, 0)
    expected = get_bi_lstm_model(6, n_units=4)
    model = get_stacked_model(6, 1, n_units=4)
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(model(X), expected(X), atol=1e-6)
