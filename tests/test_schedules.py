"""Learning rates, constant and falling: what the rate does, and what its fall does."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from extensions import compare_schedules
from extensions.compare_schedules import RECIPE, SCHEDULES, decay

pytestmark = pytest.mark.usefixtures("without_xla")


def test_a_decay_is_that_of_keras():
    schedule = keras.optimizers.schedules.CosineDecay(0.3, 6)
    np.testing.assert_allclose(decay(0.3, 6), [schedule(step) for step in range(6)], atol=1e-7)
    assert SCHEDULES["constant"](0.3, 2).tolist() == [0.3, 0.3]


def test_the_first_hundred_are_scored_as_well():
    y = np.zeros((200, 2, 1))
    predictions = np.zeros((200, 2, 1))
    predictions[[0, 1, 150], 0] = 0.9
    scores = compare_schedules.score(y, predictions)
    assert scores["accuracy_on_100"] == 0.99 and scores["accuracy"] == 1 - 3 / 400
    assert scores["sequence_accuracy"] == 1 - 3 / 200


def test_how_often_each_model_is_trained(monkeypatch):
    """The recipe at most ten times; all on all cores, at all rates."""
    trained = []

    def train(models, schedule, rates, n_sequences, n_runs, options, batch_size, copies):
        (name,) = models
        trained.append((name, schedule, n_sequences, n_runs, batch_size, len(copies[name])))
        return pd.DataFrame({"model": [name], "schedule": schedule})

    monkeypatch.setattr(compare_schedules, "train", train)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    options = SimpleNamespace(timesteps=2, sequences=50, learning_rate=(0.1,), runs=12)
    for name in (RECIPE, "forward 1"):
        scores = compare_schedules.train_both(name, options)
        assert scores.model.tolist() == [name] * 2 and scores.schedule.tolist() == [*SCHEDULES]
    assert trained == [
        (RECIPE, "constant", 50, 10, 10, 2),
        (RECIPE, "falling", 50, 10, 10, 2),
        ("forward 1", "constant", 50, 12, 1, 2),
        ("forward 1", "falling", 50, 12, 1, 2),
    ]


def test_the_rates_fall_within_a_training():
    """A rate that falls from 0.001 ends elsewhere than a constant one, but not far from it."""
    options = SimpleNamespace(timesteps=3, seed=5)
    models = {"forward 1": compare_schedules.get_named_model(3, "forward 1")}
    constant, falling = (
        compare_schedules.train(models, schedule, [0.001], 200, 2, options, batch_size=4)
        for schedule in SCHEDULES
    )
    assert constant.columns[0] == "schedule" and set(falling.schedule) == {"falling"}
    assert (constant["update"] == 50).all() and constant.training_accuracy.between(0, 1).all()
    apart = abs(constant.loss - falling.loss)
    assert 0.0001 < apart.min() and apart.max() < 0.1


@pytest.fixture
def scores():
    """Ten runs of one model at two rates: at 0.1, which all choose, a fall brings 0.2."""
    rng = np.random.default_rng(0)
    right = {("constant", 0.001): 0.5, ("constant", 0.1): 0.6}
    right |= {("falling", 0.001): 0.5, ("falling", 0.1): 0.8}
    tables = [
        pd.DataFrame(
            {"run": range(1, 11), "sequence_accuracy": share + rng.uniform(0, 0.02, 10)}
        ).assign(schedule=schedule, model="forward 1", learning_rate=rate, loss=1 - share)
        for (schedule, rate), share in right.items()
    ]
    return pd.concat(tables, ignore_index=True).assign(accuracy_on_100=[1.0, *[0.9] * 39])


def test_the_four_trainings(scores):
    reported = compare_schedules.pick_four(scores, seed=0)
    means = reported.groupby(["schedule", "rate"]).sequence_accuracy.mean()
    expected = scores.groupby(["schedule", "learning_rate"]).sequence_accuracy.mean()
    np.testing.assert_allclose(means, expected)  # 0.1 is chosen
    chosen = reported[reported.rate == "chosen"]
    assert len(reported) == 40 and set(chosen.learning_rate) == {0.1}
    summary = compare_schedules.summarize_trainings(reported, ["schedule", "rate"])
    assert summary["runs with all of 100 right"].to_dict()["constant", "0.001"] == 1
    levels = compare_schedules.tabulate_levels(reported).set_index(["schedule", "rate", "measure"])
    level = levels.loc["falling", "chosen", "sequence_accuracy"]
    values = scores[30:].sequence_accuracy
    assert (level["rates"], level.runs, level.at_1) == ("0.1", 10, 0)
    assert (level["mean"], level.smallest, level.largest) == pytest.approx(
        (values.mean(), values.min(), values.max())
    )
    assert levels.at_1["constant", "0.001", "accuracy_on_100"] == 1


def test_what_the_rate_does_and_what_the_fall_does(scores):
    reported = compare_schedules.pick_four(scores, seed=0)
    verdicts = compare_schedules.tabulate_verdicts(reported)
    right = verdicts[verdicts.measure == "sequence_accuracy"].set_index("comparison")
    four = scores.pivot(
        index="run", columns=["schedule", "learning_rate"], values="sequence_accuracy"
    )
    start = four["constant", 0.001]
    expected = {
        "the rate alone": four["constant", 0.1] - start,
        "the decay alone": four["falling", 0.001] - start,
        "the decay, at chosen rates": four["falling", 0.1] - four["constant", 0.1],
        "both": four["falling", 0.1] - start,
    }
    assert right.index.tolist() == [*expected]
    for comparison, paired in expected.items():
        half = stats.t.ppf(0.975, 9) * stats.sem(paired)
        found = right.loc[comparison]
        np.testing.assert_allclose(
            [found["mean"], found.low, found.high],
            [paired.mean(), paired.mean() - half, paired.mean() + half],
        )
    assert right.words["the decay alone"].startswith("alike, to within 0.01")
    text = compare_schedules.answer(verdicts)
    assert "the decay alone: falling 0.001 minus constant 0.001" in text
    alone = f"the rate alone: higher by {right['mean']['the rate alone']:.3f}"
    assert f"\nAnswer, whole sequences right, forward 1: {alone}" in text
    assert "\nAnswer, test loss, forward 1: the rate alone: lower by 0.100" in text


def test_one_rate_or_one_run_makes_no_choice(scores):
    one_rate, one_run = scores[scores.learning_rate == 0.1], scores[scores.run == 1]
    for few, comparison in ((one_rate, "the decay, at chosen rates"), (one_run, "the decay alone")):
        reported = compare_schedules.pick_four(few, seed=0)
        verdicts = compare_schedules.tabulate_verdicts(reported)
        assert set(verdicts.comparison) == {comparison}
