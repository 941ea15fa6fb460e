"""The LSTM whose weights are set by hand."""

import numpy as np
import pytest

from data import get_labels, get_sequences, score_labels
from extensions.parts.counting_lstm import get_counting_model


@pytest.mark.parametrize("n_timesteps", [1, 4, 10, 37])
def test_it_is_right_on_all_sequences(n_timesteps):
    model = get_counting_model(n_timesteps)
    assert model.count_params() == 14 and model.input_shape == (None, n_timesteps, 1)
    X, y = get_sequences(100_000 if n_timesteps == 10 else 1000, n_timesteps, 0)
    predictions = model.predict(X, batch_size=10_000, verbose=0)
    assert score_labels(y, predictions)["sequence_accuracy"] == 1


def test_it_is_right_at_the_limit_itself():
    X = np.full((3, 4, 1), 0.25, np.float32)  # the limit is 1
    X[1, 3] -= 2.0**-24
    X[2, 3] += 2.0**-23
    predictions = get_counting_model(4).predict(X, verbose=0)[:, 3, 0]
    assert (predictions > 0.5).tolist() == [True, False, True]
    assert get_labels(X)[:, 3, 0].tolist() == [1, 0, 1]
