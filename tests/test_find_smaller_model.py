"""The search for a smaller model, and the comparison of constant and falling rates."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data import get_labels
from extensions import find_smaller_model
from extensions.find_smaller_model import COMPARED, KEYS, PAIRS, RECIPE, decay, make_plans, pick
from extensions.shared.models import get_named_model

OPTIONS = {"timesteps": 3, "units": (1, 4), "sequences": (30, 10), "batch_size": (4, 1)}
OPTIONS = SimpleNamespace(**OPTIONS, runs=12, seed=5, learning_rate=[0.001, 0.1])


def test_a_decay_is_that_of_keras():
    schedule = keras.optimizers.schedules.CosineDecay(0.3, 6)
    np.testing.assert_allclose(decay(0.3, 6), [schedule(step) for step in range(6)], atol=1e-7)


def test_scores_of_a_made_up_model():
    """It takes the limit, 1, for 1.005, and is wrong once elsewhere."""
    X = np.full((200, 4, 1), 0.3, np.float32)
    X[:100, 3] = 0.11  # a sum of 1.01
    X[:50, 3] = 0.1005  # of 1.0005
    predictions = (np.cumsum(X, axis=1) >= 1.005) * 0.8 + 0.1
    predictions[150, 0] = 0.9
    scores = find_smaller_model.score(get_labels(X), X, predictions)
    assert scores["accuracy_on_100"] == 0.875 and scores["accuracy"] == 1 - 51 / 800
    assert scores["sequence_accuracy"] == 149 / 200
    assert scores["accuracy_near"] == 0 and scores["accuracy_far"] == 1 - 1 / 700


def test_each_training_is_made_once(monkeypatch):
    """The recipe and the search at most ten times."""
    made = []

    def train_runs(models, get_data, score, rates, n_runs, seed, batch_size, schedule, n_copies):
        (X, _), (X_test, _, _) = get_data(np.random.default_rng(0))
        keys = len(X), batch_size, "falling" if schedule else "constant"
        made.extend((name, *keys, rate, n_runs) for name in models for rate in rates)
        names, runs = np.array([*models]), range(1, n_runs + 1)
        rows = pd.MultiIndex.from_product(
            [names, rates, runs], names=["model", "learning_rate", "run"]
        )
        return None, rows.to_frame(index=False).assign(n_test=len(X_test))

    monkeypatch.setattr(find_smaller_model, "train_runs", train_runs)
    plans = make_plans(OPTIONS)
    models = dict.fromkeys(pd.concat(plans).model)
    scores = find_smaller_model.train(models, pd.concat(plans), OPTIONS)
    searched = [
        ("bidirectional 4", 30, 4),
        *(("forward 1", *way) for way in [(10, 1), (30, 1), (30, 4)]),
    ]
    expected = {(*keys, "constant", 0.001): 10 for keys in searched}
    expected |= {(*keys, "falling", rate): 10 for keys in searched for rate in (0.01, 0.03)}
    assert len(pick(scores, plans[0])) == 10 * len(expected)
    for model, batch_size in COMPARED.items():
        keys = [(schedule, rate) for schedule in ("constant", "falling") for rate in (0.001, 0.1)]
        n_runs = 10 if model == RECIPE else 12
        expected |= {(model, 30, batch_size, *of_key): n_runs for of_key in keys}
    assert len(made) == len(expected) and {(*keys,): n for *keys, n in made} == expected
    assert made[0] == ("bidirectional 4", 30, 4, "constant", 0.001, 10)
    assert len(pick(scores, plans[1])) == 4 * (10 + 3 * 12) and set(scores.n_test) == {10_000}


@pytest.mark.usefixtures("without_xla")
def test_the_rates_fall_within_a_training():
    """A rate that falls from 0.001 ends elsewhere than a constant one, but not far from it."""
    plan = [("forward 1", 200, 4, schedule, 0.001, 2) for schedule in ("constant", "falling")]
    plan = pd.DataFrame(plan, columns=[*KEYS, "learning_rate", "runs"])
    models = {"forward 1": get_named_model(3, "forward 1")}
    scores = find_smaller_model.train(models, plan, OPTIONS)
    assert scores.columns.tolist()[:6] == [*KEYS, "run", "learning_rate"]
    constant, falling = (rows.loss.to_numpy() for _, rows in scores.groupby("schedule"))
    apart = abs(constant - falling)
    assert 0.0001 < apart.min() and apart.max() < 0.1 and (scores["update"] == 50).all()


def test_seconds_of_a_training(monkeypatch):
    def time_trainings(models, X, y, batch_size):
        assert X.shape == y.shape == (200 * batch_size, 3, 1)
        return {name: np.array([0.1, 0.25, 9]) * batch_size for name in models}

    monkeypatch.setattr(find_smaller_model, "time_trainings", time_trainings)
    scores = pd.DataFrame({"model": "a", "batch_size": [1, 4, 1], "update": [30, 30, 10]})
    seconds = find_smaller_model.measure_seconds(scores, {"a": None}, OPTIONS)
    assert seconds.tolist() == [7.5, 30.0, 2.5]


def test_recommended_models(capsys):
    """Two runs each of a recipe and of smaller models."""
    models = [
        # model, sequences, batch, schedule, parameters, whole right, time
        ("bidirectional 50", 500, 10, "constant", 20_901, (0.8, 0.9), 2.0),
        ("bidirectional 50", 500, 10, "falling", 20_901, (0.95, 0.97), 2.0),
        ("forward 1", 500, 10, "constant", 14, (0.1, 0.2), 0.01),
        ("forward 1", 500, 1, "falling", 14, (0.9, 0.9), 0.5),
        ("forward 5", 100, 1, "falling", 146, (0.86, 0.86), 0.25),
    ]
    columns = [*KEYS, "parameters", "sequence_accuracy", "seconds"]
    scores = pd.DataFrame(models, columns=columns).assign(run=[[1, 2]] * 5)
    scores = scores.explode(["run", "sequence_accuracy"], ignore_index=True)
    scores = scores.astype({"sequence_accuracy": float, "run": int}).assign(loss=0.1)
    found = find_smaller_model.recommend(scores)
    places = {"recipe": 0, "smallest": 3, "fastest": 4, "most accurate": 1}
    expected = {name: models[place][:4] for name, place in places.items()}
    assert found[KEYS].apply(tuple, axis=1).to_dict() == expected
    find_smaller_model.report_search(scores, found, {})
    printed = " ".join(capsys.readouterr().out.split())
    assert "smallest minus recipe +0.000 to +0.100" in printed
    assert "most accurate 0.950 to 0.970 0.100 to 0.100" in printed
    find_smaller_model.report_search(scores[:2], find_smaller_model.recommend(scores[:2]), {})
    assert "No small model gets as many" in capsys.readouterr().out


def make_scores():
    """Ten runs of each compared model at two rates. All choose 0.1, though its loss is higher."""
    rng = np.random.default_rng(0)
    right = {("constant", 0.001): 0.5, ("constant", 0.1): 0.6}
    right |= {("falling", 0.001): 0.5, ("falling", 0.1): 0.8}
    keys = [(model, *key, run) for model in COMPARED for key in right for run in range(1, 11)]
    scores = pd.DataFrame(keys, columns=["model", "schedule", "learning_rate", "run"])
    share = np.tile(np.repeat([*right.values()], 10), len(COMPARED))
    others = {"accuracy_near": 0.5, "accuracy_far": 1.0, "accuracy_on_100": (scores.run == 1) * 1.0}
    share_with_noise = share + rng.uniform(0, 0.02, len(share))
    return scores.assign(loss=share, sequence_accuracy=share_with_noise, **others)


def test_what_the_rate_does_and_what_the_fall_does(capsys):
    scores = make_scores()
    find_smaller_model.report_rates(scores, OPTIONS)
    printed = capsys.readouterr().out
    rates = {"0.001": 0.001, "chosen": 0.1}
    _, block = printed.split("Differences in whole sequences, forward 1:\n")
    of_model = scores[scores.model == "forward 1"]
    by_run = of_model.pivot(index="run", columns=["schedule", "learning_rate"])["sequence_accuracy"]
    for line, pair in zip(block.splitlines()[1:5], PAIRS, strict=True):
        one, other = (by_run[schedule, rates[rate]] for schedule, rate in map(str.split, pair))
        half = stats.t.ppf(0.975, 9) * stats.sem(one - other)
        mean = (one - other).mean()
        assert line.split("  ")[0] == " minus ".join(pair)
        assert f" {mean:+z.3f} ± {half:.3f} " in line
    assert max(map(len, printed.splitlines())) <= 80
    assert "falling chosen 1 1 1 1" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("column", "value", "rate"), [("learning_rate", 0.1, "chosen"), ("run", 1, "0.001")]
)
def test_one_rate_or_one_run_makes_no_choice(capsys, column, value, rate):
    scores = make_scores()
    find_smaller_model.report_rates(scores[scores[column] == value], OPTIONS)
    lines = [line for line in capsys.readouterr().out.splitlines() if " minus " in line]
    assert {line.split("  ")[0] for line in lines} == {f"falling {rate} minus constant {rate}"}
