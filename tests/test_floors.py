"""What can be known at all: against simulation, exact fractions and known values."""

import math
from fractions import Fraction

import numpy as np
import pytest

from common import floors
from data import get_sequences, score_labels


def exact_cdf(n, x):
    """Return the Irwin-Hall distribution by its alternating sum, in exact fractions."""
    x = Fraction(x)
    terms = ((-1) ** k * math.comb(n, k) * (x - k) ** n for k in range(min(n, math.floor(x)) + 1))
    return float(sum(terms, Fraction(0)) / math.factorial(n))


@pytest.mark.parametrize("n_timesteps", [1, 7, 10, 60])
def test_distribution_of_a_sum(n_timesteps):
    cdf = floors.get_sum_cdf(n_timesteps)
    n_points = cdf.shape[1]
    assert cdf.shape == (n_timesteps + 1, n_timesteps * floors.GRID // 4 + 1)
    for n in range(n_timesteps + 1):
        for point in {0, n_points // 3, floors.GRID // 4, n_points - 1}:
            assert cdf[n, point] == pytest.approx(
                exact_cdf(n, Fraction(point, floors.GRID)), rel=1e-9
            )


def test_distribution_of_the_sum_of_many():
    # Sums of 400: nearly normal, of mean 200 and variance 400 / 12; at 100, n = 200 is the middle.
    last = floors.get_sum_cdf(400)[:, -1]
    assert last[200] == pytest.approx(0.5) and np.all(np.diff(last) <= 0)
    assert last[208] == pytest.approx(0.5 * math.erfc(4 / math.sqrt(2 * 208 / 12)), abs=1e-3)


@pytest.fixture(scope="module", params=[10, 7])
def simulated(request):
    return request.param, *get_sequences(100_000, request.param, 0)


def test_step_number_against_simulation(simulated):
    n_timesteps, _, y = simulated
    # A half tells the share of 1s at each step, the other half is predicted.
    shares = y[::2].mean(axis=0, keepdims=True)
    if n_timesteps % 2 == 0:
        shares[0, n_timesteps // 2 - 1] += 0.01  # 0.5 but for chance: say 1
    scores = score_labels(y[1::2], np.broadcast_to(shares, y[1::2].shape))
    assert floors.score_step_number(n_timesteps) == pytest.approx(scores, abs=0.005)


def predict(seen, n_unseen, limit):
    """Return the probability that a sum reaches the limit, given the sum of what was seen."""
    grid = np.linspace(0, limit, 2001)
    cdf = [exact_cdf(n_unseen, Fraction(x)) if n_unseen else 1.0 for x in grid]
    return np.where(seen >= limit, 1, 1 - np.interp(limit - seen, grid, cdf))


@pytest.mark.parametrize(
    ("score", "get_first_read"),
    [
        (floors.score_backward, lambda n_timesteps, step: step - 1),
        # The n-th output has read the last n values; the label is that of the n-th step.
        (floors.score_misaligned_backward, lambda n_timesteps, step: n_timesteps - step),
    ],
)
def test_backward_against_simulation(score, get_first_read, simulated):
    """Which of the values up to a step has its output read? All from the first one on."""
    n_timesteps, X, y = simulated
    X, y = X[:20_000], y[:20_000]
    outputs = []
    for step in range(1, n_timesteps + 1):
        seen = X[:, get_first_read(n_timesteps, step) : step]
        outputs.append(predict(seen.sum(axis=1), step - seen.shape[1], n_timesteps / 4))
    scores = score_labels(y, np.stack(outputs, axis=1))
    expected = score(n_timesteps)
    assert expected == pytest.approx({name: scores[name] for name in expected}, abs=0.005)


@pytest.mark.parametrize("n_timesteps", [1, 2, 10, 40])
def test_who_has_seen_all_is_never_wrong(n_timesteps):
    scores = floors.score_partial_sums(n_timesteps, np.arange(1, n_timesteps + 1))
    assert scores == pytest.approx({"loss": 0, "accuracy": 1})
    known = floors.get_known(n_timesteps)
    assert known["best possible"].items() >= {"loss": 0, "accuracy": 1}.items()
    assert known["step number alone"] == floors.score_step_number(n_timesteps)


def test_one_and_two_time_steps_by_hand():
    # One step: 1 in three of four cases, from 0.25 on; who reads it knows.
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert floors.score_step_number(1) == pytest.approx(
        {"loss": entropy, "accuracy": 0.75, "sequence_accuracy": 0.75}
    )
    assert floors.score_backward(1) == pytest.approx({"loss": 0, "accuracy": 1})
    # Two steps, limit 0.5: read backward, the first label is known. At the second, x >= 0.5 is 1,
    # a smaller x is 1 with probability 0.5 + x: the mean is (1/2 + 3/8) in two halves.
    # Its loss, -p ln p - (1 - p) ln(1 - p), is 1/2 on average for p from 1/2 to 1.
    expected = {"loss": (0 + 1 / 2 * 1 / 2) / 2, "accuracy": (1 + 1 / 2 + 3 / 8) / 2}
    assert floors.score_backward(2) == pytest.approx(expected, abs=2e-5)
    # Misaligned, the first label is not known at all, the second is.
    expected = {"loss": math.log(2) / 2, "accuracy": (1 / 2 + 1) / 2}
    assert floors.score_misaligned_backward(2) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (floors.score_step_number(10), [0.2387, 0.8892, 0.2995]),
        (floors.score_step_number(20), [0.1669, 0.9244, 0.2152]),
        (floors.score_step_number(40), [0.1173, 0.9475, 0.1533]),
        (floors.score_backward(10), [0.2140, 0.9050]),
        (floors.score_misaligned_backward(10), [0.2037, 0.8941]),
    ],
)
def test_known_values(scores, expected):
    assert list(scores.values()) == pytest.approx(expected, abs=1e-4)
