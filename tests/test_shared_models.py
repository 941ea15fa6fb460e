"""The builders of the extensions: sizes, and the tutorial's models from the same weights."""

import numpy as np
from keras import layers

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.shared.models import get_cell_model, get_named_model


def test_sizes_of_other_cells():
    cells = {layers.SimpleRNN: (461, 921), layers.GRU: (1401, 2801)}
    for cell, sizes in cells.items():
        models = (get_cell_model(10, cell, bidirectional) for bidirectional in (False, True))
        assert tuple(model.count_params() for model in models) == sizes


def test_both_ways_is_the_bidirectional_lstm():
    X, _ = get_sequences(3, 6, 0)
    expected, model = get_bi_lstm_model(6, n_units=4), get_named_model(6, "bidirectional 4")
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(model(X), expected(X), atol=1e-6)
