"""Sequences of many lengths, and waves: data, models, scores, and what can be known of each."""

import re

import keras
import numpy as np
import pandas as pd
import pytest

from common.choosing import View
from common.floors import score_step_number
from data import get_labels
from extensions import sine_to_cosine, variable_length
from extensions.sine_to_cosine import get_regression_model, get_waves, score_regression, score_waves
from extensions.variable_length import (
    get_any_length_model,
    get_padded_sequences,
    score_by_length,
    score_variable_length,
)

pytestmark = pytest.mark.usefixtures("without_xla")

STEP, FORWARD, BOTH = "step number alone", "best possible forward", "best possible bidirectional"


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
    known, by_length = score_variable_length(shortest, longest)
    by_step = score_table(steps, y, weights)
    by_sum = score_table(1000 * steps + n_quarters, y, weights)
    for name, simulated in ((STEP, by_step), (FORWARD, by_sum)):
        of_all = {measure: simulated[measure] for measure in ("loss", "accuracy")}
        assert known[name] == pytest.approx(of_all, abs=0.004)
    # By length a tie between 0 and 1 may go either way, and the table's ties are chance.
    accuracies = by_length[by_length.model == STEP].set_index("length").accuracy.to_dict()
    assert accuracies == pytest.approx(
        {length: by_step[length] for length in range(shortest, longest + 1)}, abs=0.015
    )
    assert known[BOTH] == {"loss": 0, "accuracy": 1}


def test_known_values_of_many_lengths():
    known, by_length = score_variable_length(5, 20)
    assert known[FORWARD]["accuracy"] == pytest.approx(0.8544, abs=5e-5)
    for name, rows in by_length.groupby("model"):  # each length counts by its steps
        assert rows.length.tolist() == list(range(5, 21))
        mean = np.average(rows.accuracy, weights=rows.length)
        assert mean == pytest.approx(known[name]["accuracy"]), name
    known, by_length = score_variable_length(10, 10)
    of_ten = score_step_number(10)
    del of_ten["sequence_accuracy"]
    assert known[STEP] == pytest.approx(of_ten)
    assert known[FORWARD] == known[BOTH] and by_length.accuracy.iloc[1] == pytest.approx(1)
    known, by_length = score_variable_length(1, 100)
    assert np.isfinite(pd.DataFrame(known)).all(axis=None) and by_length.notna().all(axis=None)


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
    model = get_any_length_model(request.param, n_units=4)
    rng = np.random.default_rng(0)  # with a bias of 0, as Keras starts it, 0s leave no trace
    model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
    return model


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
        model = get_any_length_model(bidirectional, n_units=4)
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
            2: 3 / 4,
            4: 3 / 4,
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
    model = get_regression_model(3, bidirectional=True, n_units=2)
    assert model.loss == "mean_squared_error"
    model.layers[-1].set_weights([np.zeros((4, 1)), np.array([-5.0])])
    predictions = model.predict(get_waves(2, 3, 0)[0], verbose=0)
    np.testing.assert_array_equal(predictions, np.full((2, 3, 1), -5.0))


def test_score_of_a_regression():
    y = np.zeros((2, 3, 1))
    predictions = np.array([[[1.0], [-2.0], [0.0]], [[3.0], [2.0], [0.5]]])
    assert score_regression(y, predictions) == {
        "loss": 18.25 / 6,
        1: 2.0,
        2: 2.0,
        3: 0.25,
    }


def test_what_can_be_known_of_waves():
    X, y = get_waves(200_000, 4, 0)
    losses, by_step = score_waves(4)
    known = {
        name: losses[name] | rows.set_index("step").absolute_error.to_dict()
        for name, rows in by_step.groupby("model")
    }
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
    assert known[STEP][3] == 2 / np.pi and known[STEP]["loss"] == 0.5
    losses, by_step = score_waves(1)  # with one step there is no other direction
    assert losses[STEP] == losses[FORWARD] == losses[BOTH]
    assert by_step.absolute_error.tolist() == [2 / np.pi] * 3


def make_view(measure, of_models, **columns):
    """Return a view with a measure of ten runs, a list of values of a run for each model."""
    rows = [
        pd.DataFrame({"model": model, "run": run, measure: values, **columns})
        for model, values in of_models.items()
        for run in range(1, 11)
    ]
    return View("at 0.1", pd.concat(rows, ignore_index=True))


def test_answer_about_the_best_possible_forward_model():
    view = make_view("accuracy", {"forward": [0.75], "bidirectional": [1.0]})
    known = {FORWARD: {"accuracy": 0.875}}
    line = "Answer, accuracy, at 0.1: forward minus the best possible forward model: lower by 0.125"
    lines = variable_length.answer_forward([view, view], known).splitlines()
    assert lines == [f"{line} ± 0.000."] * 2


def test_answers_about_time_steps(capsys):
    errors = {"forward": [0.75, 0.5, 0.25], "bidirectional": [0.5, 0.25, 0.5]}
    view = make_view("absolute_error", errors, step=[1, 2, 3])
    sine_to_cosine.report_steps(view, score_waves(3)[1])
    _, header, _, first, *_, of_first, of_later = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["model", "forward", "bidirectional"] and STEP in header
    assert first.split() == "1 0.750 ± 0.000 0.500 ± 0.000 0.637 0.637 0.000".split()
    assert "at the first step, at 0.1: bidirectional minus forward: lower by 0.250" in of_first
    assert "at the later steps, at 0.1: bidirectional minus forward: alike" in of_later


def test_figures_with_what_can_be_known():
    known = score_variable_length(2, 3)[1]
    view = make_view("accuracy", {"forward": [0.5, 1.0]}, length=[2, 3])
    (axes,) = variable_length.draw(view, known).axes
    line = next(line for line in axes.lines if line.get_label().startswith(FORWARD))
    expected = known[known.model == FORWARD][["length", "accuracy"]]
    np.testing.assert_array_equal(line.get_xydata(), expected)


@pytest.mark.parametrize(
    ("script", "what", "column", "measure"),
    [
        ("variable_length", "lengths", "length", "accuracy"),
        ("sine_to_cosine", "steps", "step", "absolute_error"),
    ],
)
def test_what_is_printed_is_at_the_chosen_rates(
    script, what, column, measure, run_script, tmp_path, capsys
):
    """Of two runs each has the rate that is best in the other."""
    options = "--timesteps 4 --units 3 --sequences 40 --runs 2 --learning-rate 0.001 0.1"
    run_script(f"extensions.{script}", *options.split(), "--output", tmp_path)
    *_, printed = capsys.readouterr().out.split(", at a rate chosen by the other runs:\nmodel")
    table = pd.read_csv(tmp_path / f"{script}_{what}.csv")
    scores = pd.read_csv(tmp_path / f"{script}_scores.csv")
    assert table.columns.tolist() == ["model", "run", "learning_rate", column, measure]
    assert len(table) == 2 * 2 * 2 * 4 and set(table[column]) == {1, 2, 3, 4}
    best = scores.loc[scores.groupby(["model", "run"]).loss.idxmin()]
    chosen = best.assign(run=3 - best.run)[["model", "run", "learning_rate"]]
    means = table.merge(chosen).groupby([column, "model"])[measure].mean()
    for number in (1, 2, 3, 4):
        row = re.search(rf"\n{number} +([\d.]+) \(.*?\) +([\d.]+) \(", printed)
        shown = {"forward": float(row[1]), "bidirectional": float(row[2])}
        assert means[number].to_dict() == pytest.approx(shown, abs=6e-4)
