"""Verdicts on hand-made differences, medians, and the updates until a model has learned."""

import numpy as np
import pytest
from conftest import around
from scipy import stats

from extensions.shared import results

NEVER = np.inf


@pytest.mark.parametrize(
    ("differences", "margin", "verdict"),
    [
        (around(-0.2, 0.03), 0.01, "lower"),
        (around(0.2, 0.199), 0.01, "higher"),
        (around(0.2, 0.201), 0.01, "no clear difference"),
        (around(-0.006, 0.0039), 0.01, "lower (within 0.01)"),
        (around(-0.006, 0.0041), 0.01, "lower"),
        (around(0.004, 0.0059), 0.01, "alike, to within 0.01"),
        (around(0.004, 0.0061), 0.01, "no clear difference"),
        (around(0.004, 0.0959), 0.1, "alike, to within 0.1"),
        (np.zeros(12), 0.01, "alike, to within 0.01"),
        (around(0.2, 0.1, n_runs=10), 0.01, "higher"),
        (np.full(9, -0.2), 0.01, "too few runs"),
        (np.append(np.nan, np.zeros(11)), 0.01, "no mean"),
    ],
)
def test_verdicts(differences, margin, verdict):
    assert results.get_verdict(differences, margin) == verdict


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3000, 1, 2], "2 (1 to 3,000)"),
        ([4, NEVER], "never (4 to never)"),  # half of them never
        ([*range(10, 110, 10)], "55 (20 to 90)"),  # the second and the ninth of ten
        ([*range(10, 60, 10), *[NEVER] * 5], "never (20 to never)"),
        ([*range(10, 70, 10), *[NEVER] * 4], "55 (20 to never)"),
    ],
)
def test_medians_in_print(values, words):
    assert results.with_median(np.random.default_rng(0).permutation(values)) == words


@pytest.mark.parametrize("n_runs", [10, 13, 30, 101])
def test_interval_of_a_median_is_exact(n_runs):
    """The narrowest from the n-th value to the n-th last that covers the median in 95% of cases."""
    below = stats.binom.cdf(np.arange(n_runs), n_runs, 0.5)  # so many values below the median
    first = np.flatnonzero(below <= 0.025)[-1]
    low, high = results.median_interval(np.random.default_rng(n_runs).permutation(n_runs))
    assert (low, high) == (first, n_runs - 1 - first)


@pytest.mark.parametrize("window", [1, 3, 8])
def test_updates_until_learned_against_plain_python(window):
    rng = np.random.default_rng(window)
    for _ in range(50):
        losses = rng.choice([0, 1, 2, 3], 12).astype(np.float32)
        means = {end: losses[end - window : end].mean() for end in range(window, 13)}
        for level in (0.5, 1.25, 2.5):
            expected = min((end for end, mean in means.items() if mean < level), default=NEVER)
            assert results.count_updates_to_learn(losses, level, window) == expected
    for few in ([], [0.0] * (window - 1)):  # fewer losses than the window: not yet
        assert results.count_updates_to_learn(np.array(few), 1, window) == NEVER
