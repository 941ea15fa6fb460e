"""Stacked models, and what train_to_the_end answers."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from matplotlib import pyplot as plt

from bilstm import get_bi_lstm_model
from common.choosing import View
from common.figures import STYLES
from common.floors import score_backward
from data import get_sequences
from extensions import train_to_the_end
from extensions.shared.models import get_cell_model
from extensions.compare_depths import get_stacked_model
from lstm_forward import get_lstm_model


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (get_cell_model(10, layers.SimpleRNN), 461),
        (get_cell_model(10, layers.SimpleRNN, bidirectional=True), 921),
        (get_cell_model(10, layers.GRU), 1401),
        (get_cell_model(10, layers.GRU, bidirectional=True), 2801),
        (get_stacked_model(10), 13_321),
        (get_stacked_model(10, 3), 23_081),
    ],
)
def test_parameters(model, parameters):
    assert model.count_params() == parameters
    assert model.input_shape == model.output_shape == (None, 10, 1)
    assert model.loss == "binary_crossentropy"
    assert isinstance(model.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (get_cell_model(6, n_units=4), get_lstm_model(6, n_units=4)),
        (get_cell_model(6, bidirectional=True, n_units=4), get_bi_lstm_model(6, n_units=4)),
        (get_stacked_model(6, 1, n_units=4), get_bi_lstm_model(6, n_units=4)),
    ],
)
def test_models_are_those_of_the_builders(model, expected):
    X, _ = get_sequences(3, 6, 0)
    model.set_weights(expected.get_weights())
    np.testing.assert_allclose(model(X), expected(X), atol=1e-6)


def test_averages_along_the_training():
    losses = pd.DataFrame({"run": [1, 1, 2, 2], "learning_rate": 0.001, "update": [1, 10] * 2})
    losses = losses.assign(a=[4.0, 2.0, 8.0, 4.0], bilstm_con=1.0)
    names = ["a", "a", "bilstm_con", "bilstm_con"]
    scores = pd.DataFrame({"model": names, "run": [1, 2] * 2, "learning_rate": 0.001})
    known = {"step number alone": {"loss": 0.2}, "best possible": {"loss": 0.0}}
    figure = train_to_the_end.draw(losses, [View("at 0.001", scores)], 5, known)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == {"a", "bilstm_con", "step number alone"}
    assert lines["a"].get_xydata().tolist() == [[1, 6], [10, 3]]
    assert lines["bilstm_con"].get_color() == STYLES["bilstm_con"]["color"]
    assert (axes.get_title(), axes.get_xlabel()) == ("at 0.001", "update (batch size 5)")
    # Each line is named, from the lowest end to the highest; before them stands the heading.
    assert [text.get_text() for text in axes.texts][1:] == ["step number alone", "bilstm_con", "a"]
    assert len(axes.collections) == 2
    plt.close(figure)


def test_what_train_to_the_end_answers(monkeypatch, capsys):
    """Of made-up scores: the backward model is 0.005 above the lowest loss that is possible."""
    least = score_backward(4)["loss"]
    losses = {"lstm_forw": (0.05, 0.01), "bilstm_con": (0.05, 0.01)}
    losses["lstm_back_aligned"] = least + 0.005, least + 0.005
    rows = [
        {"model": model, "run": run, "learning_rate": rate, "loss": loss, "accuracy": accuracy}
        for model, of_rates in losses.items()
        for run in range(1, 13)
        for rate, loss, accuracy in zip((0.001, 0.003), of_rates, (0.95, 0.85), strict=True)
    ]
    scores = pd.DataFrame(rows)
    curves = (
        scores[["run", "learning_rate"]]
        .drop_duplicates()
        .assign(update=1, **dict.fromkeys(losses, 0.5))
    )
    monkeypatch.setattr(train_to_the_end, "train_on_sums", lambda *_: (curves, scores))
    monkeypatch.setattr(train_to_the_end, "save", lambda options, figure, **_: plt.close(figure))
    options = {"timesteps": 4, "units": 2, "sequences": 9, "batch_size": 1, "runs": 12, "seed": 0}
    train_to_the_end.main(SimpleNamespace(**options))
    lines = capsys.readouterr().out.splitlines()
    for words, n_accurate in (("0.001", 12), ("a rate chosen by three other runs", 0)):
        assert (
            f"Answer, test loss, at {words}: lstm_back_aligned minus the lowest possible loss of"
            f" a backward model, {least:.3f}: higher by 0.005 ± 0.000 (within 0.01)."
        ) in lines
        assert (
            f"Answer, accuracy, at {words}: lstm_forw gets 90% to 100% of the time steps right in"
            f" {n_accurate} of 12 runs."
        ) in lines
    alike = "alike, to within 0.01 (+0.000 ± 0.000)"
    answer = f"Answer, accuracy, at 0.001: bilstm_con minus lstm_forw: {alike};"
    assert any(line.startswith(answer) for line in lines)
