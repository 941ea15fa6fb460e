"""Sequences of many lengths: padding that never counts, scores, and what can be known."""

import re

import keras
import numpy as np
import pandas as pd
import pytest

from common.floors import score_step_number
from data import get_labels
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
def test_what_can_be_known(shortest, longest):
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


def test_one_length_and_many_lengths():
    known, _ = score_variable_length(10, 10)
    of_ten = score_step_number(10)
    assert known[STEP] == pytest.approx({name: of_ten[name] for name in ("loss", "accuracy")})
    assert known[FORWARD] == pytest.approx(known[BOTH])
    assert np.isfinite(pd.DataFrame(score_variable_length(1, 100)[0])).all(axis=None)


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


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_counts(bidirectional):
    model = get_any_length_model(bidirectional, n_units=4)
    rng = np.random.default_rng(0)  # with a bias of 0, as Keras starts it, 0s leave no trace
    model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
    X, y, weights = get_padded_sequences(8, 2, 6, 3)
    padded = np.asarray(model(X))
    lengths = weights.sum(axis=1).astype(int)
    for sequence, prediction, length in zip(X, padded, lengths, strict=True):
        alone = model(sequence[None, :length])[0]
        np.testing.assert_allclose(alone, prediction[:length], atol=1e-6)

    # Loss and accuracy are means over the real steps alone.
    p, labels = padded[weights == 1].astype(float), y[weights == 1]
    expected = -np.log(np.where(labels == 1, p, 1 - p)).mean(), ((p > 0.5) == labels).mean()
    for some in (model, without_output_mask(model)):
        scores = some.evaluate(*change_padding(X, y, weights), sample_weight=weights, verbose=0)
        assert scores == pytest.approx(expected, abs=1e-5)


def test_what_is_printed(run_script, tmp_path, capsys):
    """At the chosen rates: of two runs each has the rate that is best in the other."""
    options = "--timesteps 4 --units 3 --sequences 40 --runs 2 --learning-rate 0.001 0.1"
    run_script("extensions.variable_length", *options.split(), "--output", tmp_path)
    out = capsys.readouterr().out
    table, scores = (
        pd.read_csv(tmp_path / f"variable_length_{name}.csv") for name in ("lengths", "scores")
    )
    best = scores.loc[scores.groupby(["model", "run"]).loss.idxmin()]
    chosen = best.assign(run=3 - best.run)[["model", "run", "learning_rate"]]
    rows = table.merge(chosen).query("length == 4").sort_values("accuracy").groupby("model")
    cells = re.findall(r"\n4 +(\S+) to (\S+) +(\S+) to (\S+)", out)[-1]
    expected = [*rows.get_group("forward").accuracy, *rows.get_group("bidirectional").accuracy]
    assert [*map(float, cells)] == pytest.approx(expected, abs=6e-4)
    expected, predicted = re.search(r"Expected: +([01 ]+)\nPredicted: ([01 ]+)\n", out).groups()
    assert len(expected.split()) == len(predicted.split()) == 4 + 5
    assert f"all trained on: {'right' if expected == predicted else 'wrong'}\n" in out
