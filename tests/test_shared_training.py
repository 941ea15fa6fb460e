"""The data of a run, averages of losses, and the time of an update."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from data import get_sequences
from extensions.shared.models import get_cell_model
from extensions.shared.training import average_losses, make_get_data, time_trainings


def test_test_data_do_not_depend_on_the_number_of_training_sequences():
    draw = partial(get_sequences, n_timesteps=3)
    few, many = (
        make_get_data(draw, n_train, n_test=5)(np.random.default_rng(1)) for n_train in (2, 4)
    )
    assert [len(arrays[0]) for arrays in (*few, *many)] == [2, 5, 4, 5]
    np.testing.assert_array_equal(few[1][0], many[1][0])
    assert not np.isin(few[1][0], many[0][0]).any()  # and are no training sequences


def test_averages_of_stretches():
    """Of 100 updates in 3 stretches, up to 1, 10 and 100; each training has its own."""
    trainings = pd.DataFrame({"run": [1, 2], "learning_rate": 0.1})
    losses = trainings.merge(pd.DataFrame({"update": np.arange(1, 101)}), how="cross")
    losses["a"] = losses.run * losses["update"]
    found = average_losses(losses, 3)
    assert found["update"].tolist() == [1, 10, 100] * 2
    assert found.a.tolist() == [1, 6, 55.5, 2, 12, 111]  # 6 is the mean of 2 to 10


@pytest.mark.usefixtures("without_xla")
def test_trainings_are_timed():
    models = {name: get_cell_model(3, n_units=2) for name in "ab"}
    before = models["a"].get_weights()[0]
    seconds = time_trainings(models, *get_sequences(12, 3, 0), batch_size=5, n_times=4)
    for of_model in seconds.values():
        assert of_model.shape == (4,) and of_model.min() > 0
    assert np.abs(models["a"].get_weights()[0] - before).max() > 0
