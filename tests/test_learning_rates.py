"""Each model at its own best rate: the choice, what is reported of it, and the answers in words."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from matplotlib import pyplot as plt

from common import tuning
from common.figures import LINES, THIN_LINES, draw_comparison, draw_known, draw_loss, draw_means
from common.results import count_accurate, describe_setting, tabulate_comparison
from common.training import time_trainings, train_runs
from data import get_sequences, score_labels
from extensions import (
    compare_cells,
    compare_depths,
    compare_learning_rates,
    compare_sizes,
    train_to_the_end,
)
from extensions.compare_cells import get_repeated_sequences
from extensions.train_to_the_end import average_losses

RATES = (0.001, 0.01, 0.1)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make_tuning_scores(**losses):
    """Return scores as if each model had been trained twice at each of RATES."""
    return pd.DataFrame(
        [
            {"model": model, "learning_rate": rate, "run": run, "loss": loss, "accuracy": 1 - loss}
            for model, of_rates in losses.items()
            for rate, of_runs in zip(RATES, of_rates, strict=True)
            for run, loss in enumerate(of_runs, 1)
        ]
    )


def test_the_best_rate_has_the_lowest_mean_loss_or_the_highest_mean_accuracy():
    scores = make_tuning_scores(
        b=[(0.5, 0.5), (0.1, 0.8), (0.4, 0.4)],  # the single best run is of another rate
        a=[(0.2, 0.2), (0.3, 0.3), (0.9, 0.9)],
    )
    assert tuning.find_best_rates(scores) == {"b": 0.1, "a": 0.001}
    assert tuning.find_best_rates(scores, "accuracy") == {"b": 0.1, "a": 0.001}
    worst = scores.assign(error=1 - scores.loss)
    assert tuning.find_best_rates(worst, "error") == {"b": 0.001, "a": 0.1}


def test_a_rate_at_which_a_run_fails_is_never_the_best():
    scores = make_tuning_scores(a=[(0.5, 0.5), (0.1, np.nan), (0.4, 0.4)])
    assert tuning.find_best_rates(scores) == {"a": 0.1}
    assert tuning.find_best_rates(scores, "accuracy") == {"a": 0.1}


def test_settings_to_report():
    best = {"a": 0.01, "b": 0.001}
    assert tuning.get_settings(best, (0.001, 0.01)) == {"0.001": 0.001, "best": best}
    assert list(tuning.get_settings(best, (0.001, 0.01))) == ["0.001", "best"]
    assert tuning.get_settings(best, (0.003, 0.01)) == {"best": best}
    assert tuning.get_settings({"a": 0.003}, (0.003, 0.003)) == {"0.003": 0.003}


class Recorder:
    """Stands for data and score: keeps the arrays of every run that it is asked for."""

    def __init__(self):
        self.drawn = []

    def get_data(self, n_sequences, rng):
        X, y = get_sequences(n_sequences, 3, rng)
        self.drawn.append(X.tobytes())
        return X, y


def small_models(*names):
    models = {}
    for name in names:
        models[name] = keras.Sequential([keras.Input((3, 1)), layers.Dense(1, "sigmoid")])
        models[name].compile("adam", "binary_crossentropy")
    return models


def test_runs_that_choose_are_not_those_reported(monkeypatch):
    """Neither the data nor the initial weights of the one are among those of the other."""
    calls = []

    def train_and_keep(models, get_data, score, **settings):
        recorder = Recorder()
        # At a rate of practically 0 the predictions are those of the initial weights.
        rates = {name: 1e-30 for name in settings["learning_rates"]}
        losses, scores = train_runs(
            models, recorder.get_data, score, **{**settings, "learning_rates": rates}
        )
        calls.append((set(recorder.drawn), settings))
        return losses, scores

    outputs = []

    def score(y, predictions):
        # On fixed inputs, whatever the data: the weights tell runs apart.
        outputs.append(models["a"].predict(np.ones((1, 3, 1)), verbose=0).tobytes())
        return score_labels(y, predictions)

    models = small_models("a")
    monkeypatch.setattr(tuning, "train_runs", train_and_keep)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    losses, scores = tuning.train_at_best_rates(
        models, None, score, RATES, n_runs=3, n_tuning_runs=4, seed=7, n_sequences=5, n_test=6
    )
    (chosen_by, tuned), (reported, trained) = calls
    # Training and test data of 4 and of 3 runs, and none in common. (The first is asked for twice.)
    assert len(chosen_by) == 8 and len(reported) == 6 and not chosen_by & reported
    assert tuned["n_runs"] == 4 and list(tuned["learning_rates"]) == list(RATES)
    assert trained["n_runs"] == 3 and list(trained["learning_rates"]) == ["0.001", "best"]
    chosen_weights, reported_weights = set(outputs[: 4 * 3]), set(outputs[4 * 3 :])
    assert len(chosen_weights) == 4 and len(reported_weights) == 3
    assert not chosen_weights & reported_weights
    assert len(scores) == 2 * 3 and set(losses.setting) == {"0.001", "best"}


def test_a_tuning_seed_is_a_seed_of_its_own():
    seeds = [tuning.get_tuning_seed(seed) for seed in range(50)]
    assert len({*seeds, *range(50)}) == 100
    assert all(0 <= seed < 2**32 for seed in seeds)


def train_small(**settings):
    settings = {"n_sequences": 12, "n_runs": 2, "n_test": 20, **settings}
    return Recorder().get_data, score_labels, settings


def test_reported_runs_are_those_of_train_runs_at_the_best_rates(capsys):
    get_data, score, settings = train_small()
    models = small_models("a", "b")
    best, scores_of_choice = tuning.choose_rates(models, get_data, score, RATES, **settings)
    assert len(scores_of_choice) == 2 * 3 * 2
    expected = train_runs(
        models, get_data, score, learning_rates={"0.001": 0.001, "best": best}, **settings
    )
    capsys.readouterr()
    found = tuning.train_at_best_rates(models, get_data, score, RATES, n_tuning_runs=2, **settings)
    for table, expected_table in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(table, expected_table)
    out = capsys.readouterr().out
    assert "of 0.001, 0.01, 0.1, by 2 runs at each" in out
    assert f"a {best['a']:g}, b {best['b']:g}\n2 new runs of each model" in out


def test_a_single_rate_needs_no_choice(capsys):
    get_data, score, settings = train_small()
    losses, scores = tuning.train_at_best_rates(
        small_models("a"), get_data, score, (0.02,), **settings
    )
    assert "Choosing" not in capsys.readouterr().out
    assert set(losses.setting) == {"0.02"} and set(scores.learning_rate) == {0.02}


def test_what_was_compiled_serves_another_call():
    get_data, score, settings = train_small(learning_rates={"x": 0.01})
    models, compiled = small_models("a"), {}
    first = train_runs(models, get_data, score, compiled=compiled, **settings)
    kept = dict(compiled)
    assert len(kept) == 1
    for seed in (0, 1):
        again = train_runs(models, get_data, score, seed=seed, compiled=compiled, **settings)
        fresh = train_runs(models, get_data, score, seed=seed, **settings)
        for table, expected in zip(again, fresh, strict=True):
            pd.testing.assert_frame_equal(table, expected)
        assert compiled == kept
    assert not again[0].equals(first[0])


def test_test_data_of_its_own():
    get_data, _, settings = train_small()
    asked = []

    def get_test_data(n_sequences, rng):
        asked.append(n_sequences)
        return *get_sequences(n_sequences, 3, rng), "more"

    def score(y, more, predictions):
        assert more == "more" and y.shape == predictions.shape == (20, 3, 1)
        return {"loss": 1.0}

    train_runs(small_models("a"), get_data, score, get_test_data=get_test_data, **settings)
    assert set(asked) == {20}


def test_trainings_are_timed_in_turns():
    X, y = get_sequences(12, 3, 0)
    seconds = time_trainings(small_models("a", "b"), X, y, batch_size=5, n_times=4)
    assert list(seconds) == ["a", "b"]
    assert all(of_model.shape == (4,) and (of_model > 0).all() for of_model in seconds.values())


def make_scores(settings, n_runs=12, **measures):
    """Return scores of models in some settings: a measure's value by model, with a little noise."""
    rng = np.random.default_rng(0)
    rows = [
        {"setting": setting, "model": model, "learning_rate": 0.01, "run": run}
        | {measure: of_models[model] for measure, of_models in measures.items()}
        for setting in settings
        for model in measures["loss"]
        for run in range(1, n_runs + 1)
    ]
    scores = pd.DataFrame(rows)
    for measure in measures:
        scores[measure] += rng.normal(0, 1e-4, len(scores))
    return scores


class Sized:
    def count_params(self):
        return 1234


def test_table_of_a_setting_with_what_is_known():
    scores = make_scores(["best"], loss={"b": 0.3, "a": 0.2}, accuracy={"b": 0.8, "a": 0.9})
    known = {
        "blind": {"loss": 0.25, "accuracy": 0.875, "sequence_accuracy": 0.5},
        "backward": {"loss": 0.125},
    }
    # The order is that of the models, not of the scores.
    table = tabulate_comparison(
        {"a": Sized(), "b": Sized()}, scores.drop(columns="setting"), known, note=["x", "y"]
    )
    assert table.index.tolist() == ["a", "b", "blind", "backward"]
    assert table.loc["a", "test loss"].startswith("0.200 ±")
    assert table.loc["b", "test loss - a"].startswith("+0.100 ±")
    assert table.loc["b", "accuracy - a"].startswith("-0.100 ±")
    assert table.loc["a", ["test loss - a", "accuracy - a"]].tolist() == ["", ""]
    assert table.loc["a", "learning_rate"] == "0.01" and table.loc["a", "parameters"] == "1,234"
    assert table.loc["blind", ["test loss", "accuracy"]].tolist() == ["0.250", "0.875"]
    assert table.loc["backward", ["test loss", "accuracy", "note"]].tolist() == ["0.125", "", ""]


def test_runs_that_are_accurate_enough():
    scores = pd.DataFrame({"model": ["a"] * 4 + ["b"], "accuracy": [0.9, 0.899, 1.0, 0.95, 0.1]})
    assert count_accurate(scores, "a") == "3 of 4 runs"
    assert count_accurate(scores, "b") == "0 of 1 run"


def test_known_lines_of_a_comparison():
    losses = pd.DataFrame({"run": 1, "update": [1, 2, 3], "a": 0.5})
    known = {"blind": {"loss": 0.25, "accuracy": 0.9}, "number": 0.125, "none": {"accuracy": 1}}
    for figure in (
        draw_comparison(losses, "Title", 1, known=known),
        draw_loss(pd.DataFrame({"update": [1], "loss": [0.5]}), "Title", 1, known=known),
    ):
        (axes,) = figure.axes
        lines = {line.get_label(): line for line in axes.lines}
        assert lines["blind"].get_ydata() == [0.25] * 2
        assert lines["number"].get_ydata() == [0.125] * 2 and "none" not in lines
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend[-2:] == ["blind", "number"]
    assert len(set(THIN_LINES)) == len(THIN_LINES) == 4
    _, axes = plt.subplots()
    draw_known(axes, known, "accuracy")
    assert [line.get_ydata()[0] for line in axes.lines] == [0.9, 0.125, 1]


def test_each_setting_has_its_panels():
    losses = pd.DataFrame({"run": 1, "update": [1, 2] * 2, "a": [1, 1, 3, 3], "b": 2.0})
    losses["setting"] = ["0.001"] * 2 + ["best"] * 2
    figure = draw_comparison(losses, "Title", 1, {"one": ["a"], "other": ["b"]})
    assert [axes.get_title() for axes in figure.axes] == [
        "one, at 0.001",
        "other, at 0.001",
        "one, each at its best learning rate",
        "other, each at its best learning rate",
    ]
    assert [axes.lines[0].get_ydata()[0] for axes in figure.axes] == [1, 2, 3, 2]
    assert describe_setting("0.03") == "at 0.03"


def test_styles_of_lines_may_be_given():
    _, axes = plt.subplots()
    scores = pd.DataFrame({"model": ["a", "b"], "rate": 1, "loss": 0.5, "run": 1})
    draw_means(axes, scores, "rate", "loss", by="model", lines=[{**LINES[0], "marker": "^"}])
    assert [container[0].get_marker() for container in axes.containers] == ["^", "^"]


# The answers in words.


def test_answer_about_learning_rates():
    scores = pd.concat(
        [
            make_scores(["0.001"], loss={"a": 0.2, "b": 0.3, "c": 0.1}),
            make_scores(["best"], loss={"a": 0.1, "b": 0.1, "c": 0.2}),
        ]
    )
    text = compare_learning_rates.answer(scores, ["a", "b", "c"])
    start, best = text.split("; each at its best learning rate, ")
    assert start.startswith("Answer, test loss against that of a: at 0.001, b 0.10")
    assert " higher, c 0.1" in start and start.endswith(" lower")
    assert best.startswith("b neither clearly lower nor higher") and best.endswith(" higher.")
    cells = compare_learning_rates.PANELS["cells"]
    assert {*cells, *compare_learning_rates.CONTROLS} < set(compare_learning_rates.MODELS)


@pytest.mark.parametrize(
    ("name", "parameters"), [("lstm_forw_twice", 3561), ("lstm_forw_step", 1861)]
)
def test_controls_read_forward_alone(name, parameters):
    model = compare_learning_rates.MODELS[name](10, 20)
    assert model.count_params() == parameters and model.output_shape == (None, 10, 1)
    X, _ = get_sequences(2, 10, 0)
    changed = X.copy()
    changed[:, 6:] = 0.5
    before, after = model.predict(X, verbose=0), model.predict(changed, verbose=0)
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert np.abs(before[:, 6:] - after[:, 6:]).min() > 0


def test_the_counting_model_is_given_the_step():
    model = compare_learning_rates.get_step_model(5, 3)
    inputs = keras.Model(model.input, model.get_layer(index=-2).input)(np.full((2, 5, 1), 0.3))
    expected = np.stack([np.full((2, 5), 0.3), np.tile([0.2, 0.4, 0.6, 0.8, 1], (2, 1))], axis=-1)
    np.testing.assert_allclose(inputs, expected, atol=1e-6)


def test_answer_to_the_end():
    accuracies = {"lstm_forw": 0.9, "lstm_back_aligned": 0.8, "bilstm_con": 0.95}
    losses = {"lstm_forw": 0.2, "lstm_back_aligned": 0.3, "bilstm_con": 0.1}
    scores = make_scores(["0.001", "best"], loss=losses, accuracy=accuracies)
    text = train_to_the_end.answer(scores, 3000, 0.25)
    assert text.startswith("Answer after 3,000 sequences: at 0.001, the bidirectional")
    assert text.count("lower than the forward one's") == 2 and "its accuracy 0.05" in text
    assert "the backward one's loss is 0.0" in text and "possible for it, 0.250" in text


def test_losses_averaged_over_stretches():
    losses = pd.DataFrame(
        {"setting": "best", "run": 1, "update": np.arange(1, 101), "a": np.arange(1.0, 101)}
    )
    averages = average_losses(pd.concat([losses, losses.assign(run=2, a=0.0)]), n_points=3)
    assert averages.columns.tolist() == ["setting", "run", "update", "a"]
    assert averages["update"].tolist() == [1, 10, 100] * 2
    assert averages.a.tolist() == [1, np.arange(2, 11).mean(), np.arange(11, 101).mean(), 0, 0, 0]
    assert average_losses(losses)["update"].iloc[-1] == 100


def test_answer_about_depths():
    scores = make_scores(["best"], loss={"bilstm_x1": 0.3, "bilstm_x2": 0.2, "bilstm_x3": 0.2})
    text = compare_depths.answer(scores)
    assert "each at its best learning rate, the test loss of two layers is 0.10" in text
    assert " lower than that of one, the loss of three neither clearly" in text


def test_answer_about_cells():
    losses = {"lstm_forw": 0.2, "gru_forw": 0.1, "rnn_forw": 0.3}
    scores = pd.concat(
        [
            make_scores(["0.001"], loss=dict.fromkeys(losses, 0.5)).assign(sequences=3000),
            make_scores(["best"], loss=losses).assign(sequences=3000),
            make_scores(["best"], loss=dict.fromkeys(losses, 0.5)).assign(sequences=30),
        ]
    )
    text = compare_cells.answer(scores, "forward")
    of_few, of_many = text.split("; ")
    assert "of 30 sequences neither clearly" in of_few and of_few.count("neither") == 2
    assert of_many.startswith("of 3,000 sequences 0.") and "lower than the plain RNN's" in of_many
    assert of_many.endswith("higher than the GRU's.")


def test_answer_about_times_claims_only_what_can_be_told_apart():
    noise = np.random.default_rng(0).normal(0, 1e-7, 20)
    seconds = {"lstm_forw": 2e-5 + noise, "gru_forw": 2e-5 - noise, "rnn_forw": 1e-5 + 0 * noise}
    text = compare_cells.answer_times(seconds, "forward")
    assert "forward LSTM takes 19.98" in text and "neither clearly lower nor higher" in text
    assert "higher than the plain RNN's" in text


def test_few_sequences_are_repeated():
    X, y = get_repeated_sequences(8, 5, 3, 0)
    expected_X, expected_y = get_sequences(3, 5, 0)
    for start in (0, 3):
        np.testing.assert_array_equal(X[start : start + 3], expected_X)
        np.testing.assert_array_equal(y[start : start + 3], expected_y)
    assert len(X) == len(y) == 8
    np.testing.assert_array_equal(get_repeated_sequences(3, 5, 3, 0)[0], expected_X)


def test_answer_about_growth():
    rows = make_scores(["0.001", "best"], loss={"forward": 0.2, "bidirectional": 0.1})
    rows = rows.rename(columns={"model": "direction"})
    scores = pd.concat([rows.assign(timesteps=10), rows.assign(timesteps=20, loss=rows.loss / 2)])
    scores["sequence_loss"] = scores.loss * scores.timesteps
    text = compare_sizes.answer_growth(scores)
    assert text.startswith("Answer, test loss each at its best learning rate: forward, 10 time")
    forward, bidirectional = text.split("; ")
    assert "10 time steps 0.200 ± " in forward and "per step and 2.0" in forward
    assert "20 time steps 0.100 ± " in forward and bidirectional.count("per sequence") == 2
