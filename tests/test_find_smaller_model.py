"""The search for a smaller model, and the comparison of constant and falling rates."""

from itertools import product
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd

from data import get_labels
from extensions import find_smaller_model
from extensions.find_smaller_model import COMPARED, KEYS, RECIPE, decay, make_plans, pick

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
    made = {}

    def train_runs(models, get_data, score, rates, n_runs, seed, batch_size, schedule, n_copies):
        (X, _), _ = get_data(np.random.default_rng(0))
        kind = len(X), batch_size, {None: "constant", decay: "falling"}[schedule]
        keys = list(product(models, rates))
        assert not made.keys() & {(name, *kind, rate) for name, rate in keys}
        made.update({(name, *kind, rate): n_runs for name, rate in keys})
        rows = [(name, rate, run) for name, rate in keys for run in range(1, n_runs + 1)]
        return None, pd.DataFrame(rows, columns=["model", "learning_rate", "run"])

    monkeypatch.setattr(find_smaller_model, "train_runs", train_runs)
    plans = make_plans(OPTIONS)
    models = dict.fromkeys(pd.concat(plans).model)
    scores = find_smaller_model.train(models, pd.concat(plans), OPTIONS)
    searched = [("bidirectional 4", 30, 4), *product(["forward 1"], [10, 30], [1])]
    searched.append(("forward 1", 30, 4))
    expected = {(*keys, "constant", 0.001): 10 for keys in searched}
    expected |= {(*keys, "falling", rate): 10 for keys in searched for rate in (0.01, 0.03)}
    assert len(pick(scores, plans[0])) == 10 * len(expected)
    for model, batch_size in COMPARED.items():
        for kind in product([30], [batch_size], ["constant", "falling"], [0.001, 0.1]):
            expected[model, *kind] = 10 if model == RECIPE else 12
    assert made == expected
    assert len(pick(scores, plans[1])) == 4 * (10 + 3 * 12)


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
    scores = pd.DataFrame(models, columns=columns).assign(loss=0.1).explode("sequence_accuracy")
    scores = scores.astype({"sequence_accuracy": float}).assign(run=[1, 2] * 5)
    found = find_smaller_model.recommend(scores)
    places = {"recipe": 0, "smallest": 3, "fastest": 4, "most accurate": 1}
    expected = {name: models[place][:4] for name, place in places.items()}
    assert found[KEYS].apply(tuple, axis=1).to_dict() == expected
    find_smaller_model.report_search(scores, found, {})
    printed = " ".join(capsys.readouterr().out.split())
    assert "smallest minus recipe +0.000 to +0.100" in printed
    find_smaller_model.report_search(scores[:2], find_smaller_model.recommend(scores[:2]), {})
    assert "No small model gets as many" in capsys.readouterr().out


def make_scores():
    """Ten runs of each compared model at two rates. All choose 0.1, though its loss is higher."""
    right = {("constant", 0.001): 0.5, ("constant", 0.1): 0.6}
    right |= {("falling", 0.001): 0.45, ("falling", 0.1): 0.8}
    rows = [
        (model, *key, run, share, share)
        for model, (key, share), run in product(COMPARED, right.items(), range(1, 11))
    ]
    columns = ["model", "schedule", "learning_rate", "run", "loss", "sequence_accuracy"]
    scores = pd.DataFrame(rows, columns=columns).assign(update=9)
    return scores.assign(
        accuracy_near=0.5, accuracy_far=1.0, accuracy_on_100=1.0 * (scores.run == 1)
    )


def test_what_the_rate_does_and_what_the_fall_does(capsys):
    find_smaller_model.report_rates(make_scores(), OPTIONS)
    printed = capsys.readouterr().out
    _, block = printed.split("Differences in whole sequences, forward 1:\n")
    differences = [line.split()[:6] for line in block.splitlines()[1:5]]
    assert differences == [
        [*"constant chosen minus constant 0.001 +0.100".split()],
        [*"falling 0.001 minus constant 0.001 -0.050".split()],
        [*"falling chosen minus constant chosen +0.200".split()],
        [*"falling chosen minus constant 0.001 +0.300".split()],
    ]
    assert "falling chosen 1 1 1 1" in " ".join(printed.split())

    scores = make_scores()  # one run makes no choice
    find_smaller_model.report_rates(scores[scores.run == 1], OPTIONS)
    printed = capsys.readouterr().out
    assert "falling 0.001 minus constant 0.001" in printed and "chosen" not in printed
