"""Three output layers: sizes, and what the labels may depend on."""

import numpy as np

from data import get_sequences
from extensions.compare_outputs import MODELS


def test_the_last_state_alone_has_read_all_steps():
    """With the last value changed, the other two models' labels before it stay as they are."""
    X, _ = get_sequences(2, 5, 0)
    changed = np.where(np.arange(5)[:, None] < 4, X, 0.5)
    for name, get_model in MODELS.items():
        model = get_model(5, n_units=3)
        before, after = np.asarray(model(X)), np.asarray(model(changed))
        assert (np.abs(after - before)[:, :4].max() > 1e-6) == (name == "last_state")
        dense = 5 * (3 + 1) if name == "last_state" else 3 + 1
        assert model.count_params() == 4 * 3 * (3 + 1 + 1) + dense
