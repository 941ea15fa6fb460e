"""The data against worked examples, exact arithmetic and NumPy's generators."""

from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import get_labels, get_sequence, get_sequences, score_labels, tabulate_sequence

SIZES = st.integers(1, 40)
SEEDS = st.integers(0, 2**32 - 1)


def exact_labels(values):
    """Label one sequence by exact fractions, one step at a time."""
    total, labels = Fraction(0), []
    for value in values:
        total += Fraction(float(value))
        labels.append(int(total >= Fraction(len(values), 4)))
    return labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (".63144003 .29414551 .91587952 .95189228 .32195638 .607 .839 .18 .84 .29", "0001111111"),
        (".22228819 .26882207 .069623 .91477783 .02095862 .71322527 .9 .65 .88 .4", "0000001111"),
        ("0.5 0.5 0.5 0.5", "0111"),  # to reach the limit exactly counts
    ],
)
def test_worked_examples(values, labels):
    """Two of the tutorial, the values after the limit rounded."""
    X = np.array(values.split(), float).reshape(1, -1, 1)
    assert "".join(map(str, get_labels(X).ravel())) == labels


@given(SIZES, SIZES, SEEDS)
def test_labels_follow_the_sum_of_the_values_returned(n_sequences, n_timesteps, seed):
    X, y = get_sequences(n_sequences, n_timesteps, seed)
    assert X.shape == y.shape == (n_sequences, n_timesteps, 1)
    assert X.dtype == np.float32 and np.issubdtype(y.dtype, np.integer)
    assert X.min() >= 0 and X.max() < 1
    for values, labels in zip(X[..., 0], y[..., 0], strict=True):
        assert labels.tolist() == exact_labels(values)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=40))
def test_labels_at_equality(eighths):
    """Eighths reach the limit exactly, often."""
    X = np.array(eighths, np.float32).reshape(1, -1, 1) / 8
    assert get_labels(X).ravel().tolist() == exact_labels(X.ravel())


def test_a_sum_just_below_the_limit_is_not_rounded_up():
    """0.75 + 0.75 + (1 - 2**-24) is 2.5 in float32, but does not reach it."""
    X = np.zeros((1, 10, 1), np.float32)
    X[0, :3, 0] = 0.75, 0.75, 1 - 2.0**-24
    assert np.cumsum(X, axis=1).max() == 2.5
    assert get_labels(X).max() == 0


@given(SIZES, SEEDS)
def test_one_sequence_is_the_first_of_many(n_timesteps, seed):
    X, y = get_sequence(n_timesteps, seed)
    many_X, many_y = get_sequences(1, n_timesteps, seed)
    np.testing.assert_array_equal(X, many_X[0, :, 0])
    np.testing.assert_array_equal(y, many_y[0, :, 0])


def test_rng_may_be_a_seed_a_generator_or_none():
    generator = np.random.default_rng(3)
    first, second = get_sequences(5, 4, generator)[0], get_sequences(5, 4, generator)[0]
    np.testing.assert_array_equal(first, get_sequences(5, 4, 3)[0])
    assert not np.array_equal(first, second)
    assert not np.array_equal(get_sequences(5, 4)[0], get_sequences(5, 4)[0])


def test_values_are_uniform():
    X, _ = get_sequences(50_000, 10, 0)
    counts, _ = np.histogram(X, bins=20, range=(0, 1))
    expected = X.size / 20
    assert abs(counts - expected).max() < 5 * expected**0.5


@pytest.mark.parametrize("name", ["n_sequences", "n_timesteps"])
@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None])
def test_bad_sizes(name, size):
    error = ValueError if isinstance(size, int) else TypeError
    with pytest.raises(error, match=f"{name}.*{size}"):
        get_sequences(**({"n_sequences": 2, "n_timesteps": 2} | {name: size}))


def test_scores_against_keras():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (40, 3, 1))
    predictions = np.clip(rng.normal(y, 0.5), 0, 1).astype(np.float32)  # with exact 0 and 1
    scores = score_labels(y, predictions)
    assert scores["loss"] == pytest.approx(
        float(keras.losses.BinaryCrossentropy()(y, predictions)), 1e-5
    )
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state(y, predictions)
    assert scores["accuracy"] == pytest.approx(float(metric.result()))
    assert scores["sequence_accuracy"] == np.mean(
        [np.array_equal(a, b) for a, b in zip(y, predictions > 0.5, strict=True)]
    )
    assert 0 < scores["sequence_accuracy"] < scores["accuracy"] < 1


def test_table_of_a_sequence():
    table = tabulate_sequence(np.array([0.5, 0.5, 0.25, 0.5]), np.array([0, 1, 1, 1]))
    assert table["cumulative_sum"].tolist() == [0.5, 1.0, 1.25, 1.75]
    assert table["step"].tolist() == [1, 2, 3, 4] and table["limit"] == 1
