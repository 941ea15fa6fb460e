"""Which learning rate each run is reported at: the rule, the two views, the losses with them."""

from itertools import product
from math import inf, isfinite, nan, prod

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extensions.shared import choosing

KEYS = ["model", "run", "learning_rate"]
RATES = [0.001, 0.003, 0.01]
VALUES = st.sampled_from([0.25, 0.5, 1.0, nan, inf, -inf])  # few, so that many are equal


@st.composite
def tables(draw):
    """Draw two tables of numbers: some runs, some rates, some tests of each training."""
    shape = draw(st.integers(2, 7)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
    size = prod(shape)
    numbers = st.lists(VALUES, min_size=size, max_size=size)
    return [np.reshape(draw(numbers), shape) for _ in range(2)]


def choose_slowly(values, losses, choosers):
    """Choose one run's rate, and its test, by the rule as it is written."""

    def mean(table, rate, test):
        of_choosers = [table[run, rate, test] for run in choosers]
        return sum(of_choosers) / len(of_choosers) if all(map(isfinite, of_choosers)) else inf

    _, n_rates, n_tests = values.shape
    rates, tests = range(n_rates), range(n_tests)
    ways = [(mean(values, *way), mean(losses, *way), *way) for way in product(rates, tests)]
    lowest, _, best, test = min(ways)
    neighbour = {0: 1, rates[-1]: rates[-1] - 1}.get(best)
    at_edge = n_rates > 2 and neighbour is not None
    return best, test, at_edge and lowest < min(mean(values, neighbour, of) for of in tests)


@settings(deadline=None)  # pandas is slow at first
@given(tables(), st.integers(0, 9))
def test_the_rule_against_one_in_plain_python(drawn, seed):
    """The rows in any order; each length by itself; by an accuracy the highest."""
    one, other = drawn
    n_runs, n_rates, n_tests = one.shape
    keys = product(["a"], range(1, n_runs + 1), range(n_rates), range(n_tests))
    scores = pd.DataFrame(keys, columns=[*KEYS, "update"])
    of_lengths = {5: (one, other), 9: (other, one)}
    scores = pd.concat(
        scores.assign(timesteps=length, accuracy=-values.ravel(), loss=losses.ravel())
        for length, (values, losses) in of_lengths.items()
    )
    choices = choosing.tabulate_choices(scores.sample(frac=1, random_state=0), seed, "accuracy")
    choosers = choosing.draw_choosers(n_runs, seed)
    for length, (values, losses) in of_lengths.items():
        expected = [choose_slowly(values, losses, of_run) for of_run in choosers]
        found = choices[choices.timesteps == length][["learning_rate", "update", "at_edge"]]
        assert [*found.itertuples(index=False, name=None)] == expected


def test_rounding_breaks_no_tie():
    values = np.array([[0, 0], [0.3, 0.1], [0.2, 0.2], [0.1, 0.3]])  # equal means of the last three
    losses = np.array([[9.0, 0.0]] * 4)
    others = np.array([[1, 2, 3]] * 4)
    chosen, *_ = choosing.choose_rates(values[:, :, None], losses[:, :, None], others)
    assert chosen.tolist() == [1] * 4


@pytest.mark.parametrize("n_runs", [2, 3, 4, 5, 30])
def test_who_chooses(n_runs):
    choosers = choosing.draw_choosers(n_runs, 1)
    assert choosers.shape == (n_runs, min(3, n_runs - 1))
    for run, others in enumerate(choosers):
        assert len({run, *others}) == 1 + len(others) and set(others) < set(range(n_runs))
    if n_runs > 4:
        assert not np.array_equal(choosers, choosing.draw_choosers(n_runs, 2))


def make_scores(n_runs=12, rates=RATES, **losses):
    """Return scores of models by their losses from the lowest rate up, with a little noise."""
    scores = pd.DataFrame(product(losses, range(1, n_runs + 1), rates), columns=KEYS)
    ranks = scores.learning_rate.rank(method="dense").astype(int) - 1
    loss = [losses[model][rank] for model, rank in zip(scores.model, ranks, strict=True)]
    loss += np.random.default_rng(0).normal(0, 1e-4, len(scores))
    return scores.assign(update=9, loss=loss, accuracy=1 - loss)


def test_the_rate_at_which_most_of_the_others_learn():
    """If none of them learns, the loss decides."""
    scores = make_scores(a=[0.3, 0.2, 0.1], b=[0.3, 0.1, 0.2])
    is_small = scores.learning_rate == 0.001
    scores["updates_to_learn"] = np.where(is_small, 8.0, 25.0)
    scores.loc[scores.model.eq("b") & ~(is_small & scores.run.eq(1)), "updates_to_learn"] = inf
    choices = choosing.tabulate_choices(scores, by="updates_to_learn")
    assert choices.groupby("model").learning_rate.unique().map(list).to_dict() == {
        "a": [0.001],
        "b": [0.003, 0.001],  # run 1 alone, at 0.001, has learned: the others choose that rate
    }


CHOSEN = "at a rate chosen by three other runs"


@pytest.mark.parametrize(
    ("n_runs", "rates", "words"),
    [
        (4, [0.01, 0.001], ["at 0.001", CHOSEN]),
        (3, RATES, ["at 0.001", "at a rate chosen by the other runs"]),
        (5, [0.003, 0.01], [CHOSEN]),
        (5, [0.003], ["at 0.003"]),
        (1, [0.01, 0.001], ["at 0.001"]),
        (1, [0.01, 0.003], ["at 0.01"]),
    ],
)
def test_views(n_runs, rates, words):
    scores = make_scores(n_runs, rates, a=[0.2, 0.3, 0.4], b=[0.4, 0.3, 0.2])
    views = choosing.get_views(scores)
    assert views["view"].unique().tolist() == words
    for view, rows in views.groupby("view"):
        assert len(rows) == len(rows.merge(scores)) == 2 * n_runs
        rate = view.removeprefix("at ")
        expected = [min(rates), max(rates)] if rate.startswith("a rate") else [float(rate)] * 2
        assert rows.groupby("model").learning_rate.unique().map(list).to_dict() == {
            "a": expected[:1],
            "b": expected[1:],
        }


def test_a_single_run_has_its_last_test():
    scores = pd.concat(make_scores(1, a=[0.1, 0.2, 0.3]).assign(update=n) for n in (30, 10, 20))
    assert choosing.get_views(scores)["update"].tolist() == [30]


def test_a_score_that_is_not_finite_is_reported():
    scores = make_scores(a=[0.3, 0.1, 0.2])
    scores.loc[scores.learning_rate.eq(0.003) & scores.run.eq(5), "loss"] = np.nan
    views = choosing.get_views(scores)
    assert views[views.loss.isna()][["view", "run"]].to_numpy().tolist() == [[CHOSEN, 5]]


def test_losses_at_the_rates_of_the_views():
    scores = make_scores(5, a=[0.1, 0.2, 0.3], b=[0.3, 0.2, 0.1])
    rows = list(product(range(1, 6), RATES, [1, 2]))
    losses = pd.DataFrame(rows, columns=["run", "learning_rate", "update"])
    losses["a"] = losses.run + losses.learning_rate + losses["update"] / 100
    losses["b"] = 10 * losses.a
    found = choosing.pick_losses(choosing.get_views(scores), losses)
    assert found.groupby(["view", "model", "run"])["update"].agg(list).tolist() == [[1, 2]] * 20
    is_chosen_b = found["view"].eq(CHOSEN) & found.model.eq("b")
    expected = found.run + np.where(is_chosen_b, 0.01, 0.001) + found["update"] / 100
    np.testing.assert_allclose(found.loss, expected * np.where(found.model == "b", 10, 1))
