"""Stacked models, controls, and what compare_learning_rates and train_to_the_end answer."""

import re
from itertools import product
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from matplotlib import pyplot as plt

from bilstm import get_bi_lstm_model
from common.floors import score_backward
from data import get_sequences
from extensions import compare_learning_rates, train_to_the_end
from extensions.compare_cells import get_cell_model
from extensions.compare_depths import get_stacked_model
from extensions.compare_learning_rates import get_step_model, get_two_forward_model
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
        (get_two_forward_model(10), 3561),
        (get_step_model(10), 1861),
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


@pytest.mark.parametrize("build", [get_two_forward_model, get_step_model])
def test_controls_read_forward_alone(build):
    X, _ = get_sequences(2, 10, 0)
    changed = np.where(np.arange(10)[:, None] < 6, X, 0.5)
    model = build(10, n_units=4)
    before, after = np.asarray(model(X)), np.asarray(model(changed))
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert np.abs(before[:, 6:] - after[:, 6:]).min() > 0


def test_the_counting_model_is_given_the_step():
    model = get_step_model(5, n_units=3)
    inputs = keras.Model(model.input, model.get_layer(index=-2).input)(np.full((2, 5, 1), 0.3))
    expected = [[[0.3, step] for step in (0.2, 0.4, 0.6, 0.8, 1)]] * 2
    np.testing.assert_allclose(inputs, expected, atol=1e-6)


# What the scripts print of given scores.


@pytest.fixture
def get_output(monkeypatch, capsys):
    """Return a function that runs the `main` of a script on scores instead of trainings."""

    def get_output(script, scores):
        losses = scores[["run", "learning_rate"]].drop_duplicates().assign(update=1)
        losses = losses.assign(**dict.fromkeys(scores.model.unique(), 0.5))
        monkeypatch.setattr(script, "train_by_options", lambda *args, **settings: (losses, scores))
        monkeypatch.setattr(script, "save", lambda options, figure, **tables: plt.close(figure))
        options = SimpleNamespace(timesteps=4, units=2, sequences=9, batch_size=1, runs=12, seed=0)
        script.main(options)
        return capsys.readouterr().out

    return get_output


def make_scores(rates, losses):
    """Return the scores of 12 runs: the loss of each model at each rate, with a little noise."""
    scores = pd.DataFrame(product(losses, range(1, 13), rates), columns=["model", "run", "rate"])
    noise = np.random.default_rng(0).normal(0, 1e-4, len(scores))
    loss = scores.model.map(losses) + noise
    shares = {"accuracy": 1 - loss, "sequence_accuracy": 0.5}
    return scores.rename(columns={"rate": "learning_rate"}).assign(update=9, loss=loss, **shares)


def test_what_train_to_the_end_answers(get_output):
    least = score_backward(4)["loss"]
    losses = {"lstm_forw": 0.05, "lstm_back_aligned": least + 0.005, "bilstm_con": 0.05}
    scores = make_scores([0.001, 0.003], losses)
    is_late = scores.learning_rate.eq(0.003) & scores.model.eq("lstm_forw")
    scores.loc[is_late, ["loss", "accuracy"]] = 0.01, 0.85
    out = get_output(train_to_the_end, scores)
    at_start, chosen = re.findall("^Answer, (.*): the loss of (.*)", out, flags=re.MULTILINE)
    assert (at_start[0], chosen[0]) == ("at 0.001", "at a rate chosen by three other runs")
    text = (
        f"lstm_back_aligned minus the least that is possible for it, {least:.3f}: higher by 0.005"
    )
    assert at_start[1].startswith(text) and "(within 0.01); 90%" in at_start[1]
    assert at_start[1].endswith(" 90% to 100% of the time steps right: lstm_forw in 12 of 12 runs.")
    assert chosen[1].endswith("lstm_forw in 0 of 12 runs.")
    for measure in ("test loss", "accuracy"):
        assert f"Answer, {measure}, at 0.001: bilstm_con minus lstm_forw: alike, to" in out
    assert "best lstm_back_aligned" in out


def test_what_compare_learning_rates_answers(get_output):
    names = compare_learning_rates.get_models(4, 2)
    scores = make_scores([0.001, 0.003, 0.01], dict.fromkeys(names, 0.1) | {"rnn_forw": 0.2})
    scores.loc[scores.model.eq("gru_forw") & scores.learning_rate.eq(0.01), "loss"] = 0.9
    out = get_output(compare_learning_rates, scores)
    failed = re.search(r"^gru_forw +(.*)$", out.split("Runs that end")[1], flags=re.MULTILINE)
    assert failed[1].split("  ") == ["0 of 12", "0 of 12", "12 of 12"]
    for words in ("at 0.001", "at a rate chosen by three other runs"):
        answers = re.findall(f"^Answer, test loss, {words}: (.*)", out, flags=re.MULTILINE)
        pairs = re.findall(r"(\w+) minus (\w+): (\w+)", " ".join(answers))
        expected = {
            "lstm_forw": "lstm_back_aligned bilstm_con lstm_forw_twice lstm_forw_step gru_forw",
            "bilstm_sum": "bilstm_mul bilstm_ave bilstm_con",
            "bilstm_con": "bigru_con birnn_con",
        }
        alike = {(name, one, "alike") for one, names in expected.items() for name in names.split()}
        assert set(pairs) == alike | {("rnn_forw", "lstm_forw", "higher")}
