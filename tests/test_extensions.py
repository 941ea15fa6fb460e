"""The extensions: sizes, depths, and the answers in words."""

import numpy as np
import pandas as pd
import pytest

from bilstm import get_bi_lstm_model
from data import get_sequences
from extensions.compare_cells import CELLS, get_cell_model
from extensions.compare_depths import get_stacked_model
from extensions.compare_sizes import answer as answer_sizes
from extensions.compare_sizes import get_pairs, matching_units
from lstm_forward import get_lstm_model


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
