"""The builders of the extensions: sizes, and the tutorial's models from the same weights."""

import numpy as np
import pytest
from keras import layers

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.shared.models import get_cell_model, get_named_model


@pytest.mark.parametrize(
    ("cell", "bidirectional", "n_parameters"),
    [
        (layers.SimpleRNN, False, 461),
        (layers.SimpleRNN, True, 921),
        (layers.GRU, False, 1401),
        (layers.GRU, True, 2801),
        (layers.LSTM, False, 1781),
    ],
)
def test_sizes(cell, bidirectional, n_parameters):
    model = get_cell_model(10, cell, bidirectional)
    assert model.count_params() == n_parameters
    assert model.input_shape == model.output_shape == (None, 10, 1)


def test_both_ways_is_the_bidirectional_lstm():
    X, _ = get_sequences(3, 6, 0)
    expected = get_bi_lstm_model(6, n_units=4)
    model = get_named_model(6, "bidirectional 4")
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(model(X), expected(X), atol=1e-6)
