"""Small models, the LSTM set by hand, and what happens inside the cell."""

from itertools import pairwise

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats

from common.training import LossHistory, train_runs
from data import get_labels, get_sequences, score_labels
from extensions import find_smaller_model
from extensions.counting_lstm import get_counting_model
from extensions.find_smaller_model import (
    DISTANCES,
    decay,
    find_safe_distance,
    get_models,
    get_test_data,
    recommend,
    score,
    tabulate_errors,
)
from extensions.find_smaller_model import answer as answer_smaller
from extensions.inside_lstm import answer as answer_inside
from extensions.inside_lstm import (
    correlate,
    inspect_cells,
    run_lstm,
    run_model,
    summarize_models,
    tabulate_by_step,
)
from lstm_forward import get_lstm_model


@pytest.mark.parametrize(
    ("n_timesteps", "n_features", "n_units"), [(1, 1, 1), (7, 1, 20), (12, 3, 5)]
)
def test_numpy_cell_is_keras_cell(n_timesteps, n_features, n_units):
    rng = np.random.default_rng(n_units)
    X = rng.normal(size=(4, n_timesteps, n_features)).astype(np.float32)
    lstm = layers.LSTM(n_units, return_sequences=True, return_state=True)
    lstm.build(X.shape)
    lstm.set_weights([rng.normal(size=weight.shape) for weight in lstm.get_weights()])
    outputs, hidden_state, cell_state = map(np.asarray, lstm(X))
    steps = run_lstm(X, *lstm.get_weights())
    assert {values.shape for values in steps.values()} == {(4, n_timesteps, n_units)}
    np.testing.assert_allclose(steps["hidden_state"], outputs, atol=1e-5)
    np.testing.assert_allclose(steps["hidden_state"][:, -1], hidden_state, atol=1e-5)
    np.testing.assert_allclose(steps["cell_state"][:, -1], cell_state, atol=1e-5)


def test_each_gate_does_its_work():
    """With a bias so large that a gate is open or shut, the cell must add, keep or hide."""
    X = np.array([[[0.5], [0.25]]])
    kernel, recurrent_kernel = np.array([[0.0, 0.0, 1.0, 0.0]]), np.zeros((1, 4))
    open_gate, shut = 50.0, -50.0

    def states(input_gate, forget_gate, output_gate):
        bias = np.array([input_gate, forget_gate, 0.0, output_gate])
        steps = run_lstm(X, kernel, recurrent_kernel, bias)
        return steps["cell_state"].ravel(), steps["hidden_state"].ravel()

    candidates = np.tanh([0.5, 0.25])
    cell, hidden = states(open_gate, open_gate, open_gate)
    np.testing.assert_allclose(cell, np.cumsum(candidates))
    np.testing.assert_allclose(hidden, np.tanh(cell))
    np.testing.assert_allclose(states(open_gate, shut, open_gate)[0], candidates)
    np.testing.assert_allclose(states(shut, open_gate, open_gate)[0], [0, 0], atol=1e-9)
    np.testing.assert_allclose(states(open_gate, open_gate, shut)[1], [0, 0], atol=1e-9)


def test_a_held_cell_is_that_of_keras():
    """Keras' layer called for one step at a time, with the state put right in between."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 5, 1)).astype(np.float32)
    lstm = layers.LSTM(3, return_state=True)
    lstm.build((None, 1, 1))
    lstm.set_weights([rng.normal(size=weight.shape) for weight in lstm.get_weights()])
    held_at = np.array([0.5, -0.25, 2.0, 0.125, -1.0])
    steps = run_lstm(X, *lstm.get_weights(), held={1: held_at})
    hidden_state = cell_state = np.zeros((4, 3), np.float32)
    for step, held in enumerate(held_at):
        one = X[:, step : step + 1]
        _, *states = lstm(one, initial_state=[hidden_state, cell_state])
        hidden_state, cell_state = (np.array(state) for state in states)
        output_gate = hidden_state[:, 1] / np.tanh(cell_state[:, 1])
        cell_state[:, 1] = held
        hidden_state[:, 1] = output_gate * np.tanh(held)
        np.testing.assert_allclose(steps["cell_state"][:, step], cell_state, atol=1e-5)
        np.testing.assert_allclose(steps["hidden_state"][:, step], hidden_state, atol=1e-5)


def test_the_model_in_numpy_is_that_of_keras():
    model = get_lstm_model(6, 4)
    X, _ = get_sequences(5, 6, 0)
    predictions = run_model(X, model.get_weights())["prediction"]
    np.testing.assert_allclose(predictions, model.predict(X, verbose=0), atol=1e-6)


def test_correlations_at_each_step():
    rng = np.random.default_rng(0)
    states, sums = rng.normal(size=(50, 3, 2)), rng.normal(size=(50, 3))
    states[:, 1, 1] = -2 * sums[:, 1] + 1
    states[:, 2, 0] = 7
    correlations = correlate(states, sums)
    for step, unit in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 1)):
        expected = abs(stats.pearsonr(states[:, step, unit], sums[:, step]).statistic)
        assert correlations[step, unit] == pytest.approx(expected)
    assert correlations[1, 1] == pytest.approx(1) and correlations[2, 0] == 0


def test_a_cell_that_counts_beside_one_that_does_nothing():
    kernel, _, bias, slope, offset = get_counting_model(10).get_weights()
    of_unit_1 = np.arange(8) % 2 == 1  # the units alternate within each gate
    weights = [
        np.where(of_unit_1, np.repeat(kernel, 2, axis=1), 0),
        np.zeros((2, 8)),
        np.where(of_unit_1, np.repeat(bias, 2), 0),
        np.concatenate([np.zeros((1, 1)), slope]),
        offset,
    ]
    chosen_by, _ = get_sequences(300, 10, 0)
    X, y = get_sequences(200, 10, 1)
    idle, counting = inspect_cells(weights, chosen_by, X, y).to_dict("records")
    assert not idle["follows_best"] and counting["follows_best"]
    assert idle["accuracy"] == idle["accuracy_held"] == counting["accuracy"] == 1
    # Held at its mean, it says of all sequences what it says of the mean one.
    mean_sums = np.cumsum(chosen_by.mean(axis=0, dtype=np.float64))
    expected = ((mean_sums >= 2.5) == (y[:, :, 0] == 1)).mean()
    assert counting["accuracy_held"] == pytest.approx(expected) and expected < 0.95
    assert [idle[f"correlation_{step}"] for step in (1, 10)] == [0, 0]
    assert [counting[f"correlation_{step}"] for step in (1, 10)] == pytest.approx([1, 1])


@pytest.fixture
def cells():
    """Two models of three cells, two steps."""
    return pd.DataFrame(
        {
            "run": [1, 1, 1, 2, 2, 2],
            "unit": [0, 1, 2, 0, 1, 2],
            "follows_best": [False, True, False, True, False, False],
            "accuracy": [0.9, 0.9, 0.9, 0.8, 0.8, 0.8],
            "accuracy_held": [0.9, 0.5, 0.8, 0.7, 0.6, 0.75],
            "correlation_1": [0.1, 0.9, 0.3, 1.0, 0.2, 0.4],
            "correlation_2": [0.1, 0.7, 0.3, 0.6, 0.2, 0.4],
        }
    )


def test_models_of_made_up_cells(cells):
    models = summarize_models(cells)
    assert models.index.tolist() == [1, 2]
    assert models.held.tolist() == [0.5, 0.7] and models["rank"].tolist() == [1, 2]
    np.testing.assert_allclose(models.others_held, [0.85, 0.675])
    np.testing.assert_allclose(models.others_2, [0.2, 0.3])
    by_step = tabulate_by_step(models)
    found = by_step.set_index(["cell", "step", "run"]).correlation
    assert found["best following", 1, 2] == 1 and found["best following", 2, 1] == 0.7
    assert found["median of others", 1, 1] == pytest.approx(0.2) and len(found) == 8


def test_answer_about_made_up_cells(cells):
    text = answer_inside(summarize_models(cells))
    assert "in 2 models" in text and "0.650 (0.600 to 0.700) with it at step 2" in text
    assert "others there" not in text and "there has 0.250 (0.200 to 0.300)" in text
    assert "with that cell held at its mean 0.600 (0.500 to 0.700)" in text
    assert "neither clearly lower nor higher (-0.163 (-0.350 to +0.025))" in text
    assert "in 1 of 2 models. So the sum is not in that cell alone" in text
    cells.loc[3, "accuracy_held"] = 0.5
    text = answer_inside(summarize_models(cells))
    assert "in 2 of 2 models." in text and "So the sum" not in text


@pytest.mark.parametrize("n_timesteps", [1, 4, 10, 37])
def test_the_lstm_set_by_hand(n_timesteps):
    model = get_counting_model(n_timesteps)
    assert model.count_params() == 14 and model.input_shape == (None, n_timesteps, 1)
    X, y = get_sequences(100_000 if n_timesteps == 10 else 1000, n_timesteps, 0)
    predictions = model.predict(X, batch_size=10_000, verbose=0)
    assert score_labels(y, predictions)["sequence_accuracy"] == 1


def test_the_lstm_set_by_hand_at_the_limit_itself():
    X = np.full((3, 4, 1), 0.25, np.float32)  # the limit is 1
    X[1, 3] -= 2.0**-24
    X[2, 3] += 2.0**-23
    predictions = get_counting_model(4).predict(X, verbose=0)[:, 3, 0]
    assert (predictions > 0.5).tolist() == [True, False, True]
    assert get_labels(X)[:, 3, 0].tolist() == [1, 0, 1]


def build(learning_rate):
    """Build a model that has the same initial weights each time its layers are built."""
    lstm = layers.LSTM(
        2,
        return_sequences=True,
        kernel_initializer=keras.initializers.RandomUniform(seed=1),
        recurrent_initializer=keras.initializers.RandomUniform(seed=2),
    )
    output = layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.Constant(0.3))
    model = keras.Sequential([keras.Input((4, 1)), lstm, output])
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def test_a_decay_is_that_of_keras():
    """And the accuracy in training is that which `fit` prints."""
    X, y = get_sequences(22, 4, 0)

    def get_data(n_sequences, rng):
        return X[:n_sequences], y[:n_sequences]

    def get_scored_data(n_sequences, rng):
        return X[-n_sequences:], y[-n_sequences:], "known to the test alone"

    def keep(y, known, predictions):
        return {"known": known, "predictions": predictions}

    history = LossHistory()
    schedule = keras.optimizers.schedules.CosineDecay(0.3, 6)
    np.testing.assert_allclose(decay(0.3, 6), [schedule(step) for step in range(6)], atol=1e-7)
    expected = build(schedule)
    fitted = expected.fit(X, y, batch_size=4, shuffle=False, verbose=0, callbacks=[history])
    model = build(0.001)
    settings = {"n_sequences": 22, "n_runs": 1, "n_test": 5, "batch_size": 4}
    rates = {"falling": decay(0.3, 6), "own": {"m": decay(0.3, 6)}, "constant": 0.3}
    losses, scores = train_runs(
        {"m": model},
        get_data,
        keep,
        learning_rates=rates,
        get_test_data=get_scored_data,
        **settings,
    )
    losses = losses.pivot(index="update", columns="setting", values="m")
    np.testing.assert_allclose(losses.falling, history.losses, atol=1e-5)
    np.testing.assert_array_equal(losses.falling, losses.own)
    assert abs(losses.constant - losses.falling).max() > 0.001
    assert scores.learning_rate.tolist() == [0.3] * 3
    assert scores.known.tolist() == ["known to the test alone"] * 3
    predictions = expected.predict(X[-5:], verbose=0)
    np.testing.assert_allclose(scores.predictions[0], predictions, atol=1e-4)

    # A model that is compiled with the schedule trains so by itself.
    accuracies, _ = train_runs(
        {"m": build(schedule)},
        get_data,
        lambda y, predictions: {},
        record=keras.metrics.binary_accuracy,
        **settings,
    )
    mean = np.average(accuracies.m, weights=[4, 4, 4, 4, 4, 2])
    assert mean == pytest.approx(fitted.history["accuracy"][0], abs=1e-6)


def test_errors_by_distance():
    X, y, distances = get_test_data(200, 10, 0)
    predictions = np.where(np.cumsum(X, axis=1) >= 2.6, 0.9, 0.1)  # the limit is 2.5
    predictions[150, 0] = 0.9
    sums = np.cumsum(X[:, :, 0].astype(float), axis=1)
    wrong = (2.5 <= sums) & (sums < 2.6)
    wrong[150, 0] = True
    scores = score(y, distances, predictions)
    edges = [0, *DISTANCES, np.inf]
    for number, (low, high) in enumerate(pairwise(edges)):
        within = (low <= abs(sums - 2.5)) & (abs(sums - 2.5) < high)
        assert scores["steps"][number] == within.sum()
        assert scores["wrong"][number] == (within & wrong).sum()
    assert scores["wrong"].sum() == wrong.sum() > 5
    assert scores["accuracy"] == pytest.approx(1 - wrong.mean())
    assert scores["accuracy_on_100"] == pytest.approx(1 - wrong[:100].mean())
    assert scores["sequence_accuracy"] == pytest.approx(1 - wrong.any(axis=1).mean())
    assert scores["nearest"] == pytest.approx(abs(sums - 2.5).min())


def test_safe_distance():
    rates = pd.Series([0.5, 0.001, 0.02, 0.009, 0.0], [0, 0.1, 0.3, 1, 3])
    assert find_safe_distance(rates) == 1
    assert find_safe_distance(rates * 0) == 0
    assert find_safe_distance(rates + 0.01) == np.inf


def test_models_to_search_among():
    models = get_models(4, (2, 10, 1), with_recipe=True)
    assert next(iter(models)) == "bidirectional 10" and len(models["bidirectional 10"]) > 0
    assert set(models) == {f"{way} {n}" for way in ("forward", "bidirectional") for n in (1, 2)} | {
        "bidirectional 10"
    }
    parameters = {name: copies[0].count_params() for name, copies in models.items()}
    assert parameters["forward 1"] == 14 and parameters["bidirectional 1"] == 27
    assert max(size for name, size in parameters.items() if name != "bidirectional 10") <= 98
    assert "bidirectional 10" not in get_models(4, (10, 1), with_recipe=False)


@pytest.fixture
def small_scores():
    """A recipe, two models, and the one set by hand: two runs, one sequence of two steps each."""
    models = [
        # direction, units, parameters, sequences, batch, setting, rate, whole right, of 100, time
        ("bidirectional", 50, 20_901, 500, 10, "constant", 0.001, (0.8, 0.9), (0.9, 1.0), 2.0),
        ("bidirectional", 50, 20_901, 500, 10, "decay", 0.01, (0.95, 0.97), (1.0, 1.0), 2.0),
        ("forward", 1, 14, 500, 10, "constant", 0.001, (0.1, 0.2), (0.1, 0.2), 0.01),
        ("forward", 1, 14, 500, 1, "decay", 0.03, (0.9, 0.9), (0.9, 0.9), 0.5),
        ("forward", 5, 146, 100, 1, "decay", 0.1, (0.86, 0.86), (0.9, 0.9), 0.25),
        ("forward", 1, 14, 0, 0, "by hand", 0.0, (1.0,), (1.0,), 0.0),
    ]
    rows = [
        dict(zip(find_smaller_model.KEYS, keys, strict=True))
        | {
            "run": run,
            "sequence_accuracy": right,
            "accuracy_on_100": on_100,
            "training_accuracy": 0.97 + run / 100,
            "nearest": 0.00002,
            "steps": np.full(len(DISTANCES) + 1, 10),
            "wrong": np.array([4, 1, *[0] * (len(DISTANCES) - 1)]),
            "seconds": seconds,
        }
        for *keys, rights, of_100, seconds in models
        for run, (right, on_100) in enumerate(zip(rights, of_100, strict=True), 1)
    ]
    return pd.DataFrame(rows)


def test_recommended_models(small_scores):
    found = recommend(small_scores)
    assert {name: rows.index.tolist() for name, rows in found.items()} == {
        "recipe": [0, 1],
        "smallest": [6, 7],
        "fastest": [8, 9],
        "most right": [2, 3],
    }
    assert list(recommend(small_scores[:2])) == ["recipe"]


def test_answer_about_smaller_models(small_scores):
    errors = tabulate_errors(small_scores)
    assert errors.error_rate[:3].tolist() == [0.4, 0.1, 0] and len(errors) == 11 * 9
    assert errors.distance[:9].tolist() == [0, *DISTANCES]
    recipe, smallest, fastest, best, what = answer_smaller(small_scores, errors).splitlines()
    assert recipe.startswith("Answer: the lesson's recipe, bidirectional with 20,901 parameters")
    assert "learning rate 0.001, 2 seconds: whole sequences right 0.850" in recipe
    assert "all of 100 in 1 of 2 runs" in recipe and "0.950 (0.900 to 1.000) on 100" in recipe
    assert "0.9800 to 0.9900 in single runs" in recipe
    assert "forward with 14 parameters, 500 sequences, 1 per update" in smallest
    assert "falling from 0.03" in smallest and "(+0.050 (+0.000 to +0.100))" in smallest
    assert "fastest, forward with 146 parameters" in fastest and "0.25 seconds" in fastest
    assert "0.960 (0.950 to 0.970), all of 100 in 2 of 2 runs; 0.110" in best
    assert "within 2e-05 of the limit" in what and "gets 40% wrong" in what
    assert "fewer than 1% from a distance of 0.001 on." in what
    assert "14 parameters, gets 100,000 of 100,000 sequences right" in what
    alone = small_scores[small_scores.setting != "decay"]
    alone = alone[alone.direction.ne("forward") | alone.setting.eq("by hand")]
    assert "\nNo other model gets as many" in answer_smaller(alone, errors)


def test_decays_are_chosen_on_other_runs_than_those_reported(monkeypatch):
    seen = {}

    def get_data(n_sequences, n_timesteps, rng):
        X, y = get_sequences(n_sequences, n_timesteps, rng)
        seen.setdefault("now", set()).add(X.tobytes())
        return X, y

    real, parts = train_runs, []

    def spy(*arguments, **settings):
        seen["now"] = set()
        frames = real(*arguments, **settings)
        parts.append((seen["now"], settings["seed"], frames[1]))
        return frames

    monkeypatch.setattr(find_smaller_model, "get_sequences", get_data)
    monkeypatch.setattr(find_smaller_model, "train_runs", spy)

    class Options:
        timesteps, learning_rate, runs, seed = 3, (0.01, 0.1), 2, 5

    models = {"forward 1": [get_lstm_model(3, 1)]}
    scores = find_smaller_model.train(models, 20, 4, Options)
    (tuned, tuning_seed, _), (reported, seed, _) = parts
    assert seed == 5 != tuning_seed and not tuned & reported
    assert scores.columns.tolist()[:8] == [*find_smaller_model.KEYS, "run"]
    assert scores.setting.tolist() == ["constant"] * 2 + ["decay"] * 2
    assert scores.learning_rate[0] == 0.001 and scores.learning_rate[3] in (0.01, 0.1)
    assert scores.direction.eq("forward").all() and scores.parameters.eq(14).all()
    assert scores.training_accuracy.between(0, 1).all() and len(scores) == 4
