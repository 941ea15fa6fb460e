"""Small models, the LSTM set by hand, what happens inside the cell; sizes and output layers."""

from itertools import pairwise, product
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats

from common.choosing import View
from data import get_labels, get_sequences, score_labels
from extensions import compare_sizes, find_smaller_model, inside_lstm
from extensions.compare_outputs import get_last_state_model
from extensions.counting_lstm import get_counting_model
from extensions.find_smaller_model import DISTANCES, KEYS, find_errors
from extensions.inside_lstm import BEST, OTHERS, run_lstm
from lstm_forward import get_lstm_model

pytestmark = pytest.mark.usefixtures("without_xla")


@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 1, 20), (12, 3, 5)])
def test_numpy_cell_is_keras_cell(sizes):
    n_timesteps, n_features, n_units = sizes
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
        _, *states = lstm(X[:, step : step + 1], initial_state=[hidden_state, cell_state])
        hidden_state, cell_state = (np.array(state) for state in states)
        output_gate = hidden_state[:, 1] / np.tanh(cell_state[:, 1])
        cell_state[:, 1] = held
        hidden_state[:, 1] = output_gate * np.tanh(held)
        np.testing.assert_allclose(steps["cell_state"][:, step], cell_state, atol=1e-5)
        np.testing.assert_allclose(steps["hidden_state"][:, step], hidden_state, atol=1e-5)


def test_the_model_in_numpy_is_that_of_keras():
    model = get_lstm_model(6, n_units=4)
    X, _ = get_sequences(5, 6, 0)
    predictions = inside_lstm.run_model(X, model.get_weights())["prediction"]
    np.testing.assert_allclose(predictions, model(X), atol=1e-6)


def test_correlations_at_each_step():
    rng = np.random.default_rng(0)
    states, sums = rng.normal(size=(50, 3, 2)), rng.normal(size=(50, 3))
    states[:, 1, 1] = -2 * sums[:, 1] + 1
    states[:, 2, 0] = 7
    correlations = inside_lstm.correlate(states, sums)
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
    idle, counting = inside_lstm.inspect_cells(weights, chosen_by, X, y).to_dict("records")
    assert not idle["follows_best"] and counting["follows_best"]
    assert idle["accuracy"] == idle["accuracy_held"] == counting["accuracy"] == 1
    # Held at its mean, it says of all sequences what it says of the mean one.
    mean_sums = np.cumsum(chosen_by.mean(axis=0, dtype=np.float64))
    expected = ((mean_sums >= 2.5) == (y[:, :, 0] == 1)).mean()
    assert counting["accuracy_held"] == pytest.approx(expected) and expected < 0.95
    table = inside_lstm.tabulate_correlations(weights, X).sort_values(["unit", "step"])
    assert table.step.tolist() == [*range(1, 11)] * 2
    np.testing.assert_allclose(table.correlation, table.unit, atol=1e-6)  # 0 and 1


@pytest.fixture
def cells():
    """Two models of three cells."""
    return pd.DataFrame(
        {
            "run": [1, 1, 1, 2, 2, 2],
            "unit": [0, 1, 2, 0, 1, 2],
            "follows_best": [False, True, False, True, False, False],
            "accuracy": [0.9, 0.9, 0.9, 0.8, 0.8, 0.8],
            "accuracy_held": [0.9, 0.5, 0.8, 0.7, 0.6, 0.75],
        }
    )


@pytest.fixture
def by_step(cells):
    both = pd.concat([cells[["run", "unit"]].assign(step=step) for step in (1, 2)])
    both["correlation"] = [0.1, 0.9, 0.3, 1.0, 0.2, 0.4, 0.1, 0.7, 0.3, 0.6, 0.2, 0.4]
    return inside_lstm.summarize_correlations(both, cells)


def test_models_of_made_up_cells(cells, by_step):
    models = inside_lstm.summarize_models(cells)
    assert models.index.tolist() == [1, 2]
    assert models.held.tolist() == [0.5, 0.7] and models["rank"].tolist() == [1, 2]
    np.testing.assert_allclose(models.others_held, [0.85, 0.675])
    found = by_step.set_index(["cell", "step", "run"]).correlation
    assert found[BEST, 1, 2] == 1 and found[BEST, 2, 1] == 0.7 and len(found) == 8
    assert found[OTHERS, 1, 1] == pytest.approx(0.2) and found[OTHERS, 2, 2] == pytest.approx(0.3)


def test_answer_about_made_up_cells(cells, by_step):
    text = inside_lstm.answer(inside_lstm.summarize_models(cells), by_step)
    assert "in 2 models" in text and "0.650 (0.600 to 0.700) with it at step 2" in text
    assert "others there" not in text and "there has 0.250 (0.200 to 0.300)" in text
    assert "and 0.600 (0.500 to 0.700) if this cell is held at its mean" in text
    assert "held (median): lower by 0.163 (-0.025 to 0.350) in 2 runs" in text
    assert (
        "In 1 of 2 models, holding this cell" in text and "So this cell is not the only one" in text
    )
    cells.loc[3, "accuracy_held"] = 0.5
    models = inside_lstm.summarize_models(cells)
    assert inside_lstm.answer(models, by_step).endswith("more than holding any other.")
    alone = cells[cells.follows_best]
    text = inside_lstm.answer(inside_lstm.summarize_models(alone), by_step[by_step.cell == BEST])
    assert "there has none." in text and "So this cell" not in text


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


def test_errors_by_distance():
    """Of a model that takes the limit, 2.5, for 2.6, and errs once far from it."""

    def predict(X, **settings):
        predictions = np.where(np.cumsum(X, axis=1) >= 2.6, 0.9, 0.1)
        predictions[150, 0] = 0.9
        return predictions

    errors = find_errors(SimpleNamespace(input_shape=(None, 10, 1), predict=predict), 7)
    X, _ = get_sequences(10_000, 10, 7)
    sums = np.cumsum(X[:, :, 0].astype(float), axis=1)
    wrong = (2.5 <= sums) & (sums < 2.6)
    wrong[150, 0] = True
    assert errors.distance.tolist() == DISTANCES and errors.wrong.sum() == wrong.sum() > 1000
    for row, (low, high) in zip(errors.itertuples(), pairwise([*DISTANCES, np.inf]), strict=True):
        within = (low <= abs(sums - 2.5)) & (abs(sums - 2.5) < high)
        assert row.steps == within.sum() and row.wrong == (within & wrong).sum()
        assert row.error_rate == pytest.approx(row.wrong / row.steps)


def test_models_to_search_among():
    models = find_smaller_model.get_models(4, (2, 10, 1, 3, 2))
    sizes = {name: model.count_params() for name, model in models.items()}
    # The first is the recipe: its trainings take longest.
    names = [f"bidirectional {units}" for units in (10, 2, 1)]
    assert [*sizes] == [*names, "forward 3", "forward 2", "forward 1"]
    assert [*sizes.values()] == [981, 69, 27, 64, 35, 14]


def test_which_trainings_are_made(monkeypatch):
    def train(models, schedule, rates, n_sequences, n_runs, options, batch_size, **others):
        made.append((n_sequences, batch_size, schedule, *rates, *models))
        return pd.DataFrame({"model": [*models], "schedule": schedule, "update": n_sequences})

    def time_trainings(models, X, y, batch_size):
        assert X.shape == y.shape == (200 * batch_size, 3, 1)
        return {name: np.array([0.1, 0.25, 9]) * batch_size for name in models}

    made = []
    monkeypatch.setattr(find_smaller_model, "train", train)
    monkeypatch.setattr(find_smaller_model, "time_trainings", time_trainings)
    options = SimpleNamespace(timesteps=3, sequences=(30, 10, 30), batch_size=(4, 1), runs=2)
    options.seed, options.learning_rate = 0, [0.5]
    models = find_smaller_model.get_models(3, (1, 4))
    scores, _ = find_smaller_model.train_all(models, options)
    assert made[::2] == [
        (10, 1, "constant", 0.001, "forward 1"),
        (30, 1, "constant", 0.001, "forward 1"),
        (30, 4, "constant", 0.001, "bidirectional 4", "forward 1"),
    ]
    assert made[1::2] == [(*of[:2], "falling", 0.5, *of[4:]) for of in made[::2]]
    assert scores.parameters.tolist() == [14] * 4 + [201, 14] * 2
    find_smaller_model.add_seconds(scores, models, options)
    assert scores.seconds.tolist() == [10 * 0.25] * 2 + [30 * 0.25] * 2 + [30 * 1.0] * 4


def test_errors_are_those_of_each_training():
    options = SimpleNamespace(timesteps=3, sequences=(200,), batch_size=(4,), runs=3, seed=5)
    options.learning_rate = (0.001, 0.3)
    models = find_smaller_model.get_models(options.timesteps, (1, 4))
    scores, weights = find_smaller_model.train_all(models, options)
    assert scores.columns.tolist()[:7] == [*KEYS, "run", "learning_rate"]
    assert len(scores) == len(weights) == 3 * 2 * 3
    falling = scores[scores.learning_rate == 0.3]
    found = dict(list(falling.groupby("model")))
    errors = find_smaller_model.tabulate_errors(found, models, weights, options.seed)
    totals = errors.groupby(["model", "run"])[["wrong", "steps"]].sum()
    assert totals.loc["set by hand"].to_numpy().tolist() == [[0, 30_000]]
    for name, rows in found.items():
        shares = totals.loc[name].wrong / totals.loc[name].steps
        np.testing.assert_allclose(shares, 1 - rows.accuracy, atol=0.015)


def test_falling_rates_are_chosen_by_whole_sequences_right(capsys, monkeypatch):
    monkeypatch.setattr(find_smaller_model, "time_trainings", lambda models, *_: {"m": [0.5, 0.5]})
    options = SimpleNamespace(timesteps=3, runs=3, seed=5)
    trainings = [("constant", 0.001), ("falling", 0.001), ("falling", 0.3)]
    keys = dict(zip(KEYS[:4], ("m", 14, 8, 4), strict=True))
    scores = [
        keys | {"schedule": schedule, "learning_rate": rate, "run": run}
        for (schedule, rate), run in product(trainings, (1, 2, 3))
    ]
    better = np.repeat([False, False, True], 3)  # but the loss is higher
    scores = pd.DataFrame(scores).assign(update=2, accuracy_on_100=1.0, loss=1.0 + better)
    scores["sequence_accuracy"] = 0.5 + better / 4
    reported = find_smaller_model.report(scores, {"m": None}, {"loss": 0.5}, options)
    assert set(reported[reported.schedule == "falling"].learning_rate) == {0.3}
    assert reported.schedule.value_counts().to_dict() == {"constant": 3, "falling": 3}
    assert reported.seconds.tolist() == [1.0] * 6
    assert "rates at a rate chosen by the other runs, mean of 3 runs" in capsys.readouterr().out


@pytest.fixture
def small_scores():
    """A recipe and smaller models: two runs each."""
    models = [
        # model, parameters, sequences, batch, schedule, rates, whole right, of 100, time
        ("bidirectional 50", 20_901, 500, 10, "constant", 0.001, (0.8, 0.9), (0.9, 1.0), 2.0),
        ("bidirectional 50", 20_901, 500, 10, "falling", 0.01, (0.95, 0.97), (1.0, 1.0), 2.0),
        ("forward 1", 14, 500, 10, "constant", 0.001, (0.1, 0.2), (0.1, 0.2), 0.01),
        ("forward 1", 14, 500, 1, "falling", 0.03, (0.9, 0.9), (0.9, 0.9), 0.5),
        ("forward 5", 146, 100, 1, "falling", 0.1, (0.86, 0.86), (0.9, 0.9), 0.25),
    ]
    names = [*KEYS, "learning_rate", "sequence_accuracy", "accuracy_on_100", "seconds"]
    scores = pd.DataFrame(models, columns=names).assign(run=[[1, 2]] * 5)
    measures = ["sequence_accuracy", "accuracy_on_100"]
    scores = scores.explode(["run", *measures], ignore_index=True)
    scores.loc[7, "learning_rate"] = 0.1
    return scores.astype(dict.fromkeys(measures, float))


def test_recommended_models(small_scores):
    found = find_smaller_model.recommend(small_scores)
    expected = {"recipe": [0, 1], "smallest": [6, 7], "fastest": [8, 9], "most accurate": [2, 3]}
    assert {name: rows.index.tolist() for name, rows in found.items()} == expected
    recipe, smallest, fastest, best, caveat = find_smaller_model.answer(found).splitlines()
    assert recipe.startswith("Answer: the lesson's recipe, bidirectional 50 with 20,901 parameters")
    assert "constant learning rate of 0.001, 2 seconds: whole sequences right 0.850" in recipe
    assert recipe.endswith("all of 100 in 1 of 2 runs.")
    assert "forward 1 with 14 parameters, 500 sequences, 1 per update" in smallest
    assert "falling learning rate of 0.03 or 0.1, 0.5 seconds" in smallest
    assert "compared with the recipe: higher by 0.050 (0.000 to 0.100)" in smallest
    assert "fastest, forward 5 with 146 parameters" in fastest and "0.25 seconds" in fastest
    assert "0.960 (0.950 to 0.970), all of 100 in 2 of 2 runs; compared with" in best
    assert "the same runs" in caveat
    text = find_smaller_model.answer(find_smaller_model.recommend(small_scores[:2]))
    assert text.endswith("\nNo other model gets as many whole sequences right.")


def test_answer_about_100_percent():
    errors = pd.DataFrame({"distance": DISTANCES, "steps": 1000, "wrong": [400, 1, 10, *[9] * 6]})
    errors = pd.concat([errors.assign(model=name) for name in ("recipe", "most accurate")])
    errors.loc[errors.model == "recipe", "wrong"] = 1000
    text = find_smaller_model.answer_perfect(errors, {"sequence_accuracy": 0.99999}, 0.00002)
    assert "within 0.0003 of the limit, the most accurate trained model gets 40% wrong" in text
    assert (
        "within 2e-05 of the limit" in text
        and "distance is 0.003 or more, it gets fewer than 1% wrong." in text
    )
    assert "gets 99,999 of 100,000 sequences right" in text
    recipe = errors[errors.model == "recipe"]
    text = find_smaller_model.answer_perfect(recipe, {"sequence_accuracy": 1}, 0.00002)
    assert "100% wrong; it never gets fewer than 1% wrong." in text


@pytest.mark.parametrize(("n_features", "n_outputs"), [(1, 1), (12, 9)])
def test_pairs_are_the_nearest(n_features, n_outputs):
    """By Keras' own count of three sizes, and the parabola through them."""

    def count_parameters(lstm):
        inputs = keras.Input((2, n_features))
        return keras.Sequential([inputs, lstm, layers.Dense(n_outputs)]).count_params()

    sizes, all_units = (1, 2, 14), np.arange(1, 60)
    one = [count_parameters(layers.LSTM(n)) for n in sizes]
    two = [count_parameters(layers.Bidirectional(layers.LSTM(n))) for n in sizes]
    one, two = (np.polyval(np.polyfit(sizes, of, 2), all_units) for of in (one, two))
    for n_units, n_parameters in zip(all_units, one, strict=True):
        expected = all_units[np.argmin(abs(two - n_parameters))]
        assert compare_sizes.matching_units(n_units, n_features, n_outputs) == expected


def test_pairs_of_like_size():
    pairs = compare_sizes.get_pairs((40, 10, 20, 10))
    assert pairs[0] == ("bidirectional 7", "forward 10")
    assert [name.split()[1] for pair in pairs for name in pair] == "7 10 14 20 28 40 7 40".split()
    models = {name: compare_sizes.get_named_model(5, name) for name in pairs[0]}
    assert [len(model.layers[0].get_weights()) for model in models.values()] == [6, 3]
    scores = pd.DataFrame({"model": ["forward 10", "bidirectional 7"], "run": 1, "loss": 0.5})
    split = compare_sizes.split_names(scores, models)
    assert split.columns.tolist() == ["direction", "units", "parameters", "run", "loss"]
    assert split[:1].to_numpy().tolist() == [["forward", 10, 491, 1, 0.5]]
    assert split[1:].to_numpy().tolist() == [["bidirectional", 7, 519, 1, 0.5]]


def test_the_loss_of_a_sequence():
    y, predictions = np.array([[[0], [1]], [[1], [1]]]), np.array([[[0.5], [0.5]], [[0.25], [1]]])
    scores = compare_sizes.score(y, predictions)
    assert scores["sequence_loss"] == pytest.approx(np.log(2) * (1 + 1 + 2) / 2)
    assert scores["sequence_loss"] == 2 * scores["loss"] and scores["accuracy"] == 0.5


def test_answers_about_sizes():
    runs = [("forward", 100, 0.3, 0.5), ("bidirectional", 110, 0.1, 0.2)]
    runs += [("forward", 1000, 0.1, 0.1), ("bidirectional", 1100, 0.1, 0.1)]
    scores = pd.DataFrame(runs, columns=["direction", "parameters", 1, 2])
    scores = scores.melt(["direction", "parameters"], var_name="run", value_name="loss")
    scores = pd.concat([scores.assign(timesteps=7), scores.assign(timesteps=9, loss=0.5)])
    scores["sequence_loss"] = scores.loss * scores.timesteps
    views = [View("at 0.001", scores), View("chosen", scores.assign(loss=2 * scores.loss))]
    first, second, third, _ = compare_sizes.answer(views).splitlines()
    assert first.startswith("Answer, 7 time steps, at 0.001: test loss of bidirectional minus")
    assert first.endswith("lower by 0.125 (0.100 to 0.150) in 2 runs, too few for a verdict.")
    assert "9 time steps" in second and "sizes: mean of 0 in 2 runs" in second
    assert "7 time steps, chosen" in third and "lower by 0.250" in third
    forward, both, of_nine, _ = compare_sizes.answer_growth(views[0]).split("; ")
    assert "at 0.001: forward, 7 time steps: 0.250 (0.200 to 0.300) per step, 1.750" in forward
    assert of_nine.startswith("forward, 9 time steps: 0.500") and "bidirectional, 7" in both


def test_a_failed_run_stays_in_the_mean():
    runs = [("forward", 100, run, 0.3) for run in range(1, 11)]
    runs += [("bidirectional", 110, run, 0.1) for run in range(1, 11)]
    scores = pd.DataFrame(runs, columns=["direction", "parameters", "run", "loss"])
    scores = scores.assign(timesteps=7, sequence_loss=2.1)
    scores.loc[3, "loss"] = np.nan
    view = View("at 0.001", scores)
    assert compare_sizes.answer([view]).endswith("over the sizes: no mean (1 of 10 not finite).")
    assert "forward, 7 time steps: 1 of 10 not finite per step" in compare_sizes.answer_growth(view)


def test_last_state_predicts_all_labels():
    model = get_last_state_model(4, n_units=3)
    X, _ = get_sequences(5, 4, 0)
    lstm, output, _ = model.layers
    assert lstm(X).shape == (5, 3) and model.count_params() == 60 + 4 * 3 + 4
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 4)), rng.normal(size=4)
    output.set_weights([kernel, bias])
    hidden_state = run_lstm(X, *lstm.get_weights())["hidden_state"]
    expected = 1 / (1 + np.exp(-(hidden_state[:, -1] @ kernel + bias)))
    np.testing.assert_allclose(model(X), expected[:, :, None], atol=1e-6)
