"""Sequences of many lengths, waves, output layers; and what can be known of each."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from matplotlib import pyplot as plt

from common.figures import draw_known, draw_settings
from common.floors import score_step_number, score_variable_length, score_waves
from common.results import describe_setting, print_comparison, tabulate_known
from data import get_labels, get_sequences
from extensions.compare_outputs import answer as answer_outputs
from extensions.compare_outputs import get_dense_model, get_last_state_model
from extensions.sine_to_cosine import answer as answer_waves
from extensions.sine_to_cosine import get_regression_model, get_waves, score_regression
from extensions.variable_length import answer as answer_lengths
from extensions.variable_length import (
    get_any_length_model,
    get_padded_sequences,
    score_by_length,
)
from lstm_forward import get_lstm_model

STEP, FORWARD, BOTH = "step number alone", "best possible forward", "best possible bidirectional"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def score_table(keys, y, weights):
    """Score a table of the share of 1s at each key, made from one half, on the other half."""
    half = len(y) // 2
    real = weights == 1
    shares = pd.Series(y[:half][real[:half]].ravel()).groupby(keys[:half][real[:half]]).mean()
    predictions = shares.reindex(keys[half:].ravel(), fill_value=0.5).to_numpy()
    return score_by_length(y[half:], weights[half:], predictions.reshape(y[half:].shape))


@pytest.mark.parametrize(("shortest", "longest"), [(5, 20), (1, 4), (3, 3)])
def test_what_can_be_known_of_sequences_of_many_lengths(shortest, longest):
    """The predictors need not be told how: a table learns it from many sequences."""
    X, y, weights = get_padded_sequences(80_000, shortest, longest, 0)
    steps = np.broadcast_to(np.arange(longest), weights.shape)
    n_quarters = np.floor(4 * np.cumsum(X[:, :, 0], axis=1, dtype=np.float64)).astype(int)
    known = score_variable_length(shortest, longest)
    by_step = score_table(steps, y, weights)
    by_sum = score_table(1000 * steps + n_quarters, y, weights)
    for name, simulated in ((STEP, by_step), (FORWARD, by_sum)):
        assert known[name].keys() == simulated.keys()
        for measure in ("loss", "accuracy"):
            assert known[name][measure] == pytest.approx(simulated[measure], abs=0.004)
    # By length a tie between 0 and 1 may go either way, and the table's ties are chance.
    for measure in by_step:
        assert known[STEP][measure] == pytest.approx(by_step[measure], abs=0.015)
    assert set(known[BOTH].values()) <= {0.0, 1.0} and known[BOTH]["loss"] == 0


def test_known_values_of_many_lengths():
    known = score_variable_length(5, 20)
    assert known[FORWARD]["accuracy"] == pytest.approx(0.8544, abs=5e-5)
    for name, scores in known.items():  # each length counts by its steps
        by_length = [length * scores[f"accuracy_{length}"] for length in range(5, 21)]
        assert sum(by_length) / sum(range(5, 21)) == pytest.approx(scores["accuracy"]), name
    one_length = score_variable_length(10, 10)
    of_ten = score_step_number(10)
    assert one_length[STEP]["loss"] == pytest.approx(of_ten["loss"])
    assert one_length[STEP]["accuracy"] == pytest.approx(of_ten["accuracy"])
    assert one_length[FORWARD] == {"loss": 0.0, "accuracy": 1.0, "accuracy_10": pytest.approx(1)}
    assert np.isfinite([list(of.values()) for of in score_variable_length(1, 100).values()]).all()


def test_answer_about_lengths():
    scores = pd.DataFrame(
        {
            "model": ["forward", "bidirectional"] * 4,
            "setting": ["0.001"] * 4 + ["best"] * 4,
            "run": [1, 1, 2, 2] * 2,
            "accuracy": [0.1, 0.2, 0.1, 0.2, 0.75, 0.95, 0.85, 0.95],
        }
    )
    text = answer_lengths(scores, {FORWARD: {"accuracy": 0.854}, STEP: {"accuracy": 0.824}})
    assert "forward model gets 0.800 (0.750 to 0.850) of the time steps right" in text
    assert "best possible forward model gets 0.854" in text and "number alone 0.824" in text
    assert "bidirectional model gets 0.950 (0.950 to 0.950), 0.150 (0.100 to 0.200) higher" in text


def test_padded_sequences():
    X, y, weights = get_padded_sequences(300, 5, 20, 0)
    assert X.shape == (300, 20, 2) and y.shape == (300, 20, 1) and weights.shape == (300, 20)
    assert X.dtype == weights.dtype == np.float32 and set(np.unique(y)) == {0, 1}
    lengths = weights.sum(axis=1).astype(int)
    assert set(lengths) == set(range(5, 21))
    for sequence, labels, weight, length in zip(X, y, weights, lengths, strict=True):
        assert weight.tolist() == [1] * length + [0] * (20 - length)
        np.testing.assert_array_equal(sequence[:, 1], weight)
        np.testing.assert_array_equal(labels[:length], get_labels(sequence[None, :length, :1])[0])
    real = X[weights == 1, 0]
    assert 0 <= real.min() < 0.01 and 0.99 < real.max() < 1


@pytest.fixture(scope="module", params=[False, True], ids=["forward", "bidirectional"])
def any_length_model(request):
    keras.utils.set_random_seed(0)
    return get_any_length_model(4, request.param)


def test_padded_and_unpadded_predictions_are_equal(any_length_model):
    X, _, weights = get_padded_sequences(6, 2, 5, 1)
    padded = any_length_model.predict(X, verbose=0)
    for sequence, prediction, weight in zip(X, padded, weights, strict=True):
        length = int(weight.sum())
        alone = any_length_model.predict(sequence[None, :length], verbose=0)
        assert alone.shape == (1, length, 1)
        np.testing.assert_allclose(alone[0], prediction[:length], atol=1e-6)


def change_padding(X, y, weights):
    X, y, padding = X.copy(), y.copy(), weights == 0
    X[padding, 0] = np.random.default_rng(2).normal(size=padding.sum())
    y[padding] = 1 - y[padding]
    return X, y


def without_output_mask(model):
    """Return the same model with no mask on its output, as Keras 3.16 and later leave it."""
    unmasked = keras.Model(model.inputs, model.outputs[0] + 0.0)
    unmasked.compile_from_config(model.get_compile_config())
    return unmasked


@pytest.mark.parametrize("change_model", [lambda model: model, without_output_mask])
def test_padding_never_counts(any_length_model, change_model):
    model = change_model(any_length_model)
    X, y, weights = get_padded_sequences(8, 2, 6, 3)
    changed_X, changed_y = change_padding(X, y, weights)
    scores = model.evaluate(X, y, sample_weight=weights, verbose=0)
    changed = model.evaluate(changed_X, changed_y, sample_weight=weights, verbose=0)
    assert changed == pytest.approx(scores, abs=1e-6)

    # Both are means over the real steps alone.
    p = model.predict(X, verbose=0)[weights == 1].astype(float)
    labels = y[weights == 1]
    assert scores[0] == pytest.approx(-np.log(np.where(labels == 1, p, 1 - p)).mean(), abs=1e-5)
    assert scores[1] == pytest.approx(((p > 0.5) == labels).mean(), abs=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_counts_in_training(bidirectional):
    X, y, weights = get_padded_sequences(8, 2, 6, 3)
    trained = []
    for inputs, labels in ((X, y), change_padding(X, y, weights)):
        keras.utils.set_random_seed(0)
        model = get_any_length_model(4, bidirectional)
        model.fit(inputs, labels, batch_size=4, sample_weight=weights, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    for weight, weight_of_changed in zip(*trained, strict=True):
        np.testing.assert_allclose(weight, weight_of_changed, atol=1e-6)


def test_score_by_length():
    y = np.zeros((3, 4, 1))
    weights = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]])
    predictions = np.full((3, 4, 1), 0.25)
    predictions[0, 0] = predictions[1, 3] = 0.875
    predictions[2, 2:] = 1  # padding
    assert score_by_length(y, weights, predictions) == pytest.approx(
        {
            "loss": -(6 * np.log(0.75) + 2 * np.log(0.125)) / 8,
            "accuracy": 6 / 8,
            "accuracy_2": 3 / 4,
            "accuracy_4": 3 / 4,
        }
    )


def test_waves():
    X, y = get_waves(500, 21, 0)
    assert X.shape == y.shape == (500, 21, 1) and X.dtype == y.dtype == np.float32
    np.testing.assert_allclose(X**2 + y**2, 1, atol=1e-6)
    np.testing.assert_allclose(X[:, 20], X[:, 0], atol=1e-6)  # a period
    np.testing.assert_allclose(y[:, :15], X[:, 5:20], atol=1e-6)  # a quarter ahead
    assert np.abs(X[:, 0].mean()) < 0.1 and np.abs(y[:, 0].mean()) < 0.1  # any phase


def test_regression_can_leave_0_to_1():
    model = get_regression_model(3, 2, bidirectional=True)
    assert model.loss == "mean_squared_error"
    model.layers[-1].set_weights([np.zeros((4, 1)), np.array([-5.0])])
    predictions = model.predict(get_waves(2, 3, 0)[0], verbose=0)
    np.testing.assert_array_equal(predictions, np.full((2, 3, 1), -5.0))


def test_score_of_a_regression():
    y = np.zeros((2, 3, 1))
    predictions = np.array([[[1.0], [-2.0], [0.0]], [[3.0], [2.0], [0.5]]])
    assert score_regression(y, predictions) == {
        "loss": 18.25 / 6,
        "error_1": 2.0,
        "error_2": 2.0,
        "error_3": 0.25,
    }


def test_what_can_be_known_of_waves():
    X, y = get_waves(200_000, 4, 0)
    known = score_waves(4)
    zero = score_regression(y, np.zeros_like(y))
    assert known[STEP] == pytest.approx(zero, abs=0.005)
    for name, constant in (("too low", -0.1), ("too high", 0.1)):
        worse = score_regression(y, np.full_like(y, constant))
        assert all(worse[measure] > zero[measure] for measure in zero), name
    # One sine leaves the cosine 0 on average; two give it, by the sine of a sum of angles.
    near = pd.Series(y[:, 0, 0]).groupby(np.floor(10 * X[:, 0, 0])).mean()
    assert abs(near).max() < 0.05
    step = 2 * np.pi / 20
    best = np.zeros_like(y)
    best[:, 1:] = (X[:, 1:] * np.cos(step) - X[:, :-1]) / np.sin(step)
    assert known[FORWARD] == pytest.approx(score_regression(y, best), abs=0.005)
    best[:, 0] = (X[:, 1] - X[:, 0] * np.cos(step)) / np.sin(step)
    assert known[BOTH] == pytest.approx(score_regression(y, best), abs=1e-5)
    assert known[STEP]["error_3"] == 2 / np.pi and known[STEP]["loss"] == 0.5
    alone = score_waves(1)  # with one step there is no other direction
    assert alone[STEP] == alone[FORWARD] == alone[BOTH]


def test_answer_about_waves():
    scores = pd.DataFrame(
        {
            "model": ["forward", "bidirectional"] * 2,
            "setting": ["0.001"] * 2 + ["best"] * 2,
            "learning_rate": 0.001,
            "run": 1,
            "loss": 9.0,
            "error_1": [9, 9, 0.625, 0.125],
            "error_2": [9, 9, 0.5, 0.25],
            "error_3": [9, 9, 0.25, 0.25],
        }
    )
    text = answer_waves(scores, score_waves(3), np.array([0, 1, 1, 1]))
    assert "0.625 forward (best possible: 0.637), and from the second on 0.375;" in text
    assert "0.125 bidirectional (best possible: 0.000), and from the second on 0.250." in text
    assert "75.0% are 1" in text
    one_step = scores.drop(columns=["error_2", "error_3"])
    text = answer_waves(one_step, score_waves(1), np.ones(1))
    assert "0.125 bidirectional (best possible: 0.637). Of" in text


def test_last_state_predicts_all_labels():
    model = get_last_state_model(4, 3)
    X, y = get_sequences(5, 4, 0)
    lstm, output, _ = model.layers
    assert lstm(X).shape == (5, 3) and model.count_params() == 60 + 4 * 3 + 4
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 4)), rng.normal(size=4)
    output.set_weights([kernel, bias])
    every_step = layers.LSTM(3, return_sequences=True)
    every_step.build(X.shape)
    every_step.set_weights(lstm.get_weights())
    expected = 1 / (1 + np.exp(-(np.asarray(every_step(X))[:, -1] @ kernel + bias)))
    predictions = np.asarray(model(X))
    assert predictions.shape == y.shape
    np.testing.assert_allclose(predictions[:, :, 0], expected, atol=1e-6)


def test_dense_is_time_distributed():
    dense, wrapped = get_dense_model(6, 3), get_lstm_model(6, 3)
    dense.set_weights(wrapped.get_weights())
    X, _ = get_sequences(4, 6, 0)
    np.testing.assert_allclose(np.asarray(dense(X)), np.asarray(wrapped(X)), atol=1e-6)


def test_answer_about_outputs():
    losses = {"time_distributed": [0.2, 0.4], "dense": [0.2, 0.4], "last_state": [0.5, 0.5]}
    scores = pd.concat(
        pd.DataFrame(
            {
                "sequences": 1000,
                "model": name,
                "setting": "best",
                "run": [1, 2],
                "loss": of_runs,
                "sequence_accuracy": [0.25, 0.5 if name == "dense" else 0.75],
            }
        )
        for name, of_runs in losses.items()
    )
    text = answer_outputs(scores)
    assert text.startswith("Answer after 1,000 sequences, each at its best learning rate: the test")
    assert "every time step is the same as with TimeDistributed (at most 0 apart in a run)" in text
    assert "it is 0.200 (0.100 to 0.300) higher, and 50.0% of whole sequences" in text
    assert text.endswith("instead of 50.0%.")
    scores.loc[scores.model == "dense", "loss"] += 0.125
    text = answer_outputs(pd.concat([scores, scores.assign(sequences=1)]))
    assert text.count("0.125 (0.125 to 0.125) higher than with TimeDistributed (at most 0.1") == 2
    assert "\nAnswer after 1 sequence, " in text


def test_panels_of_settings():
    scores = pd.DataFrame(
        {
            "model": ["a", "b"] * 4,
            "setting": ["0.001"] * 4 + ["best"] * 4,
            "run": 1,
            "size": [1, 1, 2, 2] * 2,
            "loss": np.arange(8.0),
        }
    )
    figure, panels = draw_settings(scores, "size", "loss", {"floor": [5, 6]}, [1, 2])
    titles = [axes.get_title() for axes in panels]
    assert titles == [describe_setting("0.001"), describe_setting("best")]
    assert titles == ["at 0.001", "each at its best learning rate"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["floor", "a", "b"]
    means = [line.lines[0].get_ydata().tolist() for axes in panels for line in axes.containers]
    assert means == [[0, 2], [1, 3], [4, 6], [5, 7]]
    floor = [line for line in panels[0].lines if line.get_label() == "floor"]
    assert floor[0].get_xydata().tolist() == [[1, 5], [2, 6]]


def test_known_values_in_figures_and_tables():
    _, axes = plt.subplots()
    draw_known(axes, {"floor": 0.25, "other": 0.5})
    assert [set(line.get_ydata()) for line in axes.lines] == [{0.25}, {0.5}]
    table = tabulate_known({"floor": {"loss": 0.25, "accuracy": 1.0}})
    assert table.loc["floor"].to_dict() == {"test loss": "0.250", "accuracy": "1.000"}
    assert tabulate_known(None).empty


def test_table_with_learning_rates_and_known_values(recwarn, capsys):
    """What is not trained has no learning rate: the field stays empty, with no warning."""
    scores = pd.DataFrame(
        {
            "model": ["a"],
            "setting": ["best"],
            "learning_rate": [0.01],
            "run": [1],
            "loss": [0.5],
        }
    )
    models = {"a": SimpleNamespace(count_params=lambda: 3)}
    print_comparison(models, scores, {"floor": {"loss": 0.25}})
    *_, trained, floor = capsys.readouterr().out.splitlines()
    assert trained.split() == ["a", "3", "0.01", "0.500"] and floor.split() == ["floor", "0.250"]
    assert not recwarn.list
