"""Which learning rate each run is reported at: the rule, the two views, the losses with them."""

from itertools import product
from math import inf, isfinite, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extensions.shared import choosing

KEYS = ["model", "run", "learning_rate"]
RATES = [0.001, 0.003, 0.01]
VALUES = st.sampled_from([0.25, 0.5, 1.0, nan, inf, -inf])  # few, so that many are equal


@st.composite
def tables(draw):
    """Draw values and losses of some runs at some rates, and who chooses for whom."""
    n_runs, n_rates = draw(st.integers(2, 7)), draw(st.integers(1, 4))
    row = st.lists(VALUES, min_size=n_rates, max_size=n_rates)
    table = st.lists(row, min_size=n_runs, max_size=n_runs)
    return draw(table), draw(table), choosing.draw_choosers(n_runs, draw(st.integers(0, 9)))


def choose_slowly(values, losses, choosers):
    """Choose one run's rate by the rule as it is written."""

    def mean(table, rate):
        of_choosers = [table[run][rate] for run in choosers]
        return sum(of_choosers) / len(of_choosers) if all(map(isfinite, of_choosers)) else inf

    rates = range(len(values[0]))
    best = min(rates, key=lambda rate: (mean(values, rate), mean(losses, rate), rate))
    neighbour = {0: 1, rates[-1]: rates[-1] - 1}.get(best)
    at_edge = len(rates) > 2 and neighbour is not None
    return best, at_edge and mean(values, best) < mean(values, neighbour)


@given(tables())
def test_the_rule_against_one_in_plain_python(drawn):
    values, losses, choosers = drawn
    found = choosing.choose_rates(np.array(values), np.array(losses), choosers)
    expected = [choose_slowly(values, losses, of_run) for of_run in choosers]
    assert list(zip(*(array.tolist() for array in found), strict=True)) == expected


def test_rounding_breaks_no_tie():
    values = np.array([[0, 0], [0.3, 0.1], [0.2, 0.2], [0.1, 0.3]])  # equal means of the last three
    losses = np.array([[9.0, 0.0]] * 4)
    chosen, _ = choosing.choose_rates(values, losses, np.array([[1, 2, 3]] * 4))
    assert chosen.tolist() == [1] * 4


@pytest.mark.parametrize("n_runs", [2, 3, 4, 5, 30])
def test_who_chooses(n_runs):
    choosers = choosing.draw_choosers(n_runs, 1)
    assert choosers.shape == (n_runs, min(3, n_runs - 1))
    for run, others in enumerate(choosers):
        assert len({run, *others}) == 1 + len(others) and set(others) < set(range(n_runs))
    np.testing.assert_array_equal(choosers, choosing.draw_choosers(n_runs, 1))
    if n_runs > 4:
        assert not np.array_equal(choosers, choosing.draw_choosers(n_runs, 2))


def make_scores(n_runs=12, rates=RATES, **losses):
    """Return scores of models by their losses from the lowest rate up, with a little noise."""
    scores = pd.DataFrame(product(losses, range(1, n_runs + 1), rates), columns=KEYS)
    ranks = scores.learning_rate.rank(method="dense").astype(int) - 1
    loss = [losses[model][rank] for model, rank in zip(scores.model, ranks, strict=True)]
    loss += np.random.default_rng(0).normal(0, 1e-4, len(scores))
    return scores.assign(update=9, loss=loss, accuracy=1 - loss)


@pytest.mark.parametrize("by", ["loss", "accuracy"])
def test_a_table_is_read_as_the_rule_has_it(by):
    """The rows in any order; each model and length by itself; by an accuracy the highest."""
    scores = make_scores(9, a=[0.3] * 3, b=[0.5, 0.1, 0.1])
    scores = pd.concat([scores.assign(timesteps=5), scores.assign(timesteps=9, loss=-scores.loss)])
    scores["accuracy"] = np.random.default_rng(1).choice([0.25, 0.5], len(scores))
    choices = choosing.tabulate_choices(scores.sample(frac=1, random_state=0), 4, by)
    assert choices.columns.tolist() == ["model", "timesteps", "run", "learning_rate", "at_edge"]
    assert choices.learning_rate.nunique() == 3
    for trained, rows in scores.groupby(["model", "timesteps"]):
        tables = rows.pivot(index="run", columns="learning_rate")
        losses = tables.loss.to_numpy()
        values = losses if by == "loss" else -tables.accuracy.to_numpy()
        expected = [
            choose_slowly(values, losses, others) for others in choosing.draw_choosers(9, 4)
        ]
        found = choices.set_index(["model", "timesteps"]).loc[trained]
        assert found.learning_rate.tolist() == [RATES[rate] for rate, _ in expected]
        assert found.at_edge.tolist() == [at_edge for _, at_edge in expected]


def test_the_last_test_of_a_stopped_training_counts():
    """The rate is chosen at which most of the others learn; if none does, the loss decides."""
    last = make_scores(a=[0.3, 0.2, 0.1], b=[0.3, 0.1, 0.2])
    early = last.learning_rate == 0.001
    last["updates_to_learn"] = np.where(early, 8.0, 25.0)
    last["update"] = np.where(early, 9, 27)
    last.loc[last.model.eq("b") & ~(early & last.run.eq(1)), "updates_to_learn"] = inf
    worse = last[~early].assign(updates_to_learn=inf, loss=1 - last.loss)
    before = [worse.assign(update=update) for update in (9, 18)]
    scores = pd.concat([*before, last], ignore_index=True)
    choices = choosing.tabulate_choices(scores, by="updates_to_learn")
    assert choices.groupby("model").learning_rate.unique().map(list).to_dict() == {
        "a": [0.001],
        "b": [0.003, 0.001],  # run 1 alone, at 0.001, has learned: the others choose that rate
    }
    views = choosing.get_views(scores, by="updates_to_learn")
    chosen = views[views["view"] == CHOSEN]
    assert chosen[chosen.model == "a"]["update"].tolist() == [9] * 12  # one test: it was stopped
    by_run = chosen[chosen.model == "b"].groupby("run").learning_rate
    assert (by_run.size() == by_run.first().map({0.001: 1, 0.003: 3})).all()


CHOSEN = "at a rate chosen by three other runs"


@pytest.mark.parametrize(
    ("n_runs", "rates", "words"),
    [
        (5, RATES, ["at 0.001", CHOSEN]),
        (4, [0.01, 0.001], ["at 0.001", CHOSEN]),
        (3, RATES, ["at 0.001", "at a rate chosen by the other runs"]),
        (5, [0.003, 0.01], [CHOSEN]),
        (5, [0.003], ["at 0.003"]),
        (1, [0.003], ["at 0.003"]),
        (1, [0.01, 0.001], ["at 0.001"]),
        (1, [0.01, 0.003], ["at 0.01"]),
    ],
)
def test_views(n_runs, rates, words):
    scores = make_scores(n_runs, rates, a=[0.2, 0.3, 0.4], b=[0.4, 0.3, 0.2])
    views = choosing.get_views(scores)
    assert views.columns.tolist() == ["view", *scores.columns]
    assert views["view"].unique().tolist() == words
    for view, rows in views.groupby("view"):
        # One row of the table for each model and run.
        assert rows.groupby(["model", "run"]).size().tolist() == [1] * 2 * n_runs
        assert len(rows.merge(scores)) == 2 * n_runs
        rate = view.removeprefix("at ")
        expected = [min(rates), max(rates)] if rate.startswith("a rate") else [float(rate)] * 2
        assert rows.groupby("model").learning_rate.unique().map(list).to_dict() == {
            "a": expected[:1],
            "b": expected[1:],
        }


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
