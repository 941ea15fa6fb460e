"""Stacked layers: sizes, and one layer is the tutorial's model."""

import numpy as np

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.compare_depths import get_stacked_model


def test_stacked_models():
    sizes = [get_stacked_model(10, n_layers).count_params() for n_layers in (1, 2, 3)]
    assert sizes == [3561, 13_321, 23_081]
    X, _ = get_sequences(3, 6, 0)
    expected, model = get_bi_lstm_model(6, n_units=4), get_stacked_model(6, 1, n_units=4)
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(model(X), expected(X), atol=1e-6)
