"""The compiled training against Keras' own `fit`."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks.update_cost import PACKAGES, WAYS
from bilstm import get_bi_lstm_model
from common.training import LossHistory, compile_fit, train_model, train_runs
from compare_directions import get_aligned_backward_model, get_backward_model
from data import get_sequences
from lstm_forward import get_lstm_model

X, y = get_sequences(24, 6, 0)
BUILDERS = {
    "lstm_forw": get_lstm_model,
    "lstm_back": get_backward_model,
    "lstm_back_aligned": get_aligned_backward_model,
    "bilstm_sum": partial(get_bi_lstm_model, mode="sum"),
    "bilstm_mul": partial(get_bi_lstm_model, mode="mul"),
    "bilstm_ave": partial(get_bi_lstm_model, mode="ave"),
    "bilstm_con": get_bi_lstm_model,
}


def fresh(build, *arguments):
    keras.utils.set_random_seed(1)
    return build(*arguments)


def fit_losses(model, X, y, batch_size=1, **options):
    history = LossHistory()
    model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0, callbacks=[history], **options)
    return history.losses


def assert_same_training(build, X, y, batch_size, jit_compile=False, **options):
    expected_model, model = fresh(build), fresh(build)
    expected_model.jit_compile = jit_compile
    expected = fit_losses(expected_model, X, y, batch_size, **options)
    losses = train_model(model, X, y, batch_size, **options)
    assert losses.dtype == np.float32 and losses.shape == (-(-len(X) // batch_size),)
    np.testing.assert_allclose(losses, expected, atol=1e-5)
    for weights, expected_weights in zip(
        model.get_weights(), expected_model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weights, expected_weights, atol=1e-4)


@pytest.mark.parametrize("name", BUILDERS)
def test_as_fit_and_as_the_tutorial_trains(name):
    n_updates = 12
    X, y = get_sequences(n_updates, 6, 1)
    losses = train_model(fresh(BUILDERS[name], 6, 4), X, y)
    np.testing.assert_allclose(losses, fit_losses(fresh(BUILDERS[name], 6, 4), X, y), atol=1e-5)
    tutorial = fresh(BUILDERS[name], 6, 4)
    tutorial_losses = [
        tutorial.fit(X[i : i + 1], y[i : i + 1], batch_size=1, verbose=0).history["loss"][0]
        for i in range(n_updates)
    ]
    np.testing.assert_allclose(losses, tutorial_losses, atol=1e-5)


@pytest.mark.parametrize("batch_size", [5, 24, 100])
def test_last_short_batch(batch_size):
    assert_same_training(partial(get_lstm_model, 6, 4), X, y, batch_size)


def masked_model():
    model = keras.Sequential(
        [
            keras.Input((6, 1)),
            layers.Masking(mask_value=-1.0),
            layers.LSTM(4, return_sequences=True),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(clipnorm=0.1))
    return model


def test_mask():
    padded = X.copy()
    padded[::2, 4:] = -1.0
    assert_same_training(masked_model, padded, y, 4)


@pytest.mark.parametrize("shape", [(24, 1), (24, 6)])
def test_sample_weight(shape):
    weights = np.random.default_rng(0).random(shape)
    assert_same_training(partial(get_lstm_model, 6, 4), X, y, 6, sample_weight=weights)


def regression_model():
    model = keras.Sequential(
        [
            keras.Input((6, 1)),
            layers.GRU(4, dropout=0.3, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.05, momentum=0.9))
    return model


def test_regression_with_dropout_regularizer_and_state():
    # Compiled alike, as XLA draws other dropout masks from the same seed.
    assert_same_training(regression_model, X, X.astype(np.float64).sum(axis=1), 4, jit_compile=True)


def test_model_without_an_input_shape():
    def build():
        model = keras.Sequential([layers.LSTM(3, return_sequences=True), layers.Dense(1)])
        model.compile(loss="mse", optimizer="sgd")
        return model

    assert train_model(build(), X, y, 8).shape == (3,)


def test_errors_name_what_is_wrong():
    model = get_lstm_model(6, 2)
    with pytest.raises(ValueError, match=r"batch_size.*0"):
        train_model(model, X, y, batch_size=0)
    with pytest.raises(ValueError, match=r"batch_size.*2\.5"):
        train_model(model, X, y, batch_size=2.5)
    with pytest.raises(ValueError, match=r"\[24, 23\]"):
        train_model(model, X, y[:-1])
    with pytest.raises(ValueError, match=r"\[0, 0\]"):
        train_model(model, X[:0], y[:0])
    with pytest.raises(ValueError, match="compiled"):
        train_model(keras.Sequential([keras.Input((6, 1)), layers.Dense(1)]), X, y)


def get_data(n_sequences, rng):
    return get_sequences(n_sequences, 6, rng)


def keep_predictions(y, predictions):
    return {"predictions": predictions, "expected": y}


def dropout_model():
    model = keras.Sequential(
        [
            keras.Input((6, 1)),
            layers.LSTM(3, return_sequences=True, dropout=0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def train_small_runs(models, **settings):
    settings = {"n_sequences": 9, "n_runs": 3, "n_test": 4, "batch_size": 2} | settings
    return train_runs(models, get_data, keep_predictions, **settings)


@pytest.fixture(scope="module")
def five_runs():
    models = {"forward": get_lstm_model(6, 3), "dropout": dropout_model()}
    return train_small_runs(models, n_runs=5)


@pytest.mark.parametrize("n_cores", [1, 3])
def test_runs_depend_on_nothing_else(five_runs, n_cores, monkeypatch):
    """Neither on their number, nor on other models, nor on the cores."""
    losses, scores = five_runs
    monkeypatch.setattr(os, "cpu_count", lambda: n_cores)
    for name, model in {"dropout": dropout_model(), "forward": get_lstm_model(6, 3)}.items():
        again, scores_again = train_small_runs({name: model})
        np.testing.assert_array_equal(again[name], losses[losses.run <= 3][name])
        expected = scores[(scores.model == name) & (scores.run <= 3)]
        for one, other in zip(scores_again.predictions, expected.predictions, strict=True):
            np.testing.assert_array_equal(one, other)


def test_copies_share_the_runs(five_runs):
    losses, scores = five_runs
    copies = [get_lstm_model(6, 3) for _ in range(2)]
    shared, shared_scores = train_small_runs({"forward": copies}, n_runs=5)
    np.testing.assert_array_equal(shared.forward, losses.forward)
    expected = scores[scores.model == "forward"].predictions
    for one, other in zip(shared_scores.predictions, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tables_of_runs(five_runs):
    losses, scores = five_runs
    assert losses.columns.tolist() == ["run", "update", "forward", "dropout"]
    assert losses.run.tolist() == sorted([1, 2, 3, 4, 5] * 5)
    assert losses["update"].tolist() == [1, 2, 3, 4, 5] * 5
    assert scores.columns.tolist() == ["model", "run", "predictions", "expected"]
    assert scores.model.tolist() == ["forward"] * 5 + ["dropout"] * 5
    assert scores.run.tolist() == [1, 2, 3, 4, 5] * 2


def test_each_run_has_its_own_test_data_the_same_for_all_models(five_runs):
    _, scores = five_runs
    expected = {name: rows.expected.tolist() for name, rows in scores.groupby("model")}
    np.testing.assert_array_equal(expected["forward"], expected["dropout"])
    assert len({labels.tobytes() for labels in expected["forward"]}) == 5


def test_learning_rates_share_runs():
    """Each rate trains from the same weights on the same data as a model compiled with it."""
    models = {"m": get_lstm_model(6, 3), "n": get_lstm_model(6, 3)}
    settings = {"slow": 0.01, "own": {"m": 0.3, "n": 0.02}}
    losses, scores = train_small_runs(models, learning_rates=settings)
    assert losses.columns.tolist() == ["setting", "run", "update", "m", "n"]
    assert scores.columns.tolist()[:4] == ["model", "setting", "learning_rate", "run"]
    for setting, name, rate in (("slow", "m", 0.01), ("own", "m", 0.3), ("own", "n", 0.02)):
        alone, scores_alone = train_small_runs({name: get_lstm_model(6, 3, learning_rate=rate)})
        np.testing.assert_allclose(losses[losses.setting == setting][name], alone[name], atol=1e-6)
        of_rate = scores[(scores.setting == setting) & (scores.model == name)]
        assert of_rate.learning_rate.tolist() == [rate] * 3
        for one, other in zip(of_rate.predictions, scores_alone.predictions, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_runs_start_from_different_weights():
    """With no training and the same data, only the initial weights tell the runs apart."""
    model = get_lstm_model(6, 3, learning_rate=1e-20)
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    losses, scores = train_runs(
        {"m": model},
        lambda n_sequences, rng: (X[:n_sequences], y[:n_sequences]),
        keep_predictions,
        n_sequences=24,
        n_runs=4,
        n_test=5,
        batch_size=24,
    )
    assert losses.m.nunique() == 4
    # Not the zeros that it came with.
    assert min(abs(predictions - 0.5).min() for predictions in scores.predictions) > 0


def test_each_run_is_a_fit_from_scratch():
    """With constant initial weights every run must equal `fit` on a new model."""

    def build():
        keras.utils.set_random_seed(0)
        lstm = layers.LSTM(
            3,
            return_sequences=True,
            kernel_initializer=keras.initializers.RandomUniform(seed=1),
            recurrent_initializer=keras.initializers.RandomUniform(seed=2),
        )
        output = layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.Constant(0.3))
        model = keras.Sequential([keras.Input((6, 1)), lstm, output])
        model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01))
        return model

    seen = []

    def get_seen_data(n_sequences, rng):
        data = get_sequences(n_sequences, 6, rng)
        seen.append(data)
        return data

    model = build()
    losses, scores = train_runs(
        {"m": model}, get_seen_data, keep_predictions, n_sequences=9, n_runs=2, n_test=4
    )
    runs = seen[2:]  # the first two gave the shapes
    for run, ((run_X, run_y), (test_X, _)) in enumerate(zip(runs[::2], runs[1::2], strict=True)):
        expected_model = build()
        expected = fit_losses(expected_model, run_X, run_y)
        np.testing.assert_allclose(losses[losses.run == run + 1].m, expected, atol=1e-5)
        predictions = expected_model.predict(test_X, verbose=0)
        np.testing.assert_allclose(scores.predictions[run], predictions, atol=1e-4)
    # The model is left as its last run trained it.
    np.testing.assert_allclose(model.predict(test_X, verbose=0), predictions, atol=1e-4)


def test_an_error_in_a_run_is_raised():
    def fail(y, predictions):
        raise ArithmeticError("no score")

    with pytest.raises(ArithmeticError, match="no score"):
        train_runs({"m": get_lstm_model(6, 2)}, get_data, fail, n_sequences=2, n_runs=2, n_test=2)
    with pytest.raises(ValueError, match=r"n_runs.*0"):
        train_small_runs({"m": get_lstm_model(6, 2)}, n_runs=0)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_history_holds_means_since_the_last_record(is_compiled):
    model = fresh(get_lstm_model, 6, 3)
    each_update = np.array(fit_losses(fresh(get_lstm_model, 6, 3), X, y))
    if is_compiled:
        compile_fit(model, 5)
    else:
        model.steps_per_execution = 5
    history = LossHistory()
    returned = model.fit(X, y, batch_size=1, shuffle=False, verbose=0, callbacks=[history])
    assert history.updates.tolist() == [5, 10, 15, 20, 24]
    expected = [each_update[start : start + 5].mean() for start in range(0, 24, 5)]
    np.testing.assert_allclose(history.losses, expected, atol=1e-6)
    # What `fit` returns is as without the callback.
    assert returned.history["loss"] == pytest.approx([each_update.mean()], abs=1e-6)


def test_history_of_a_last_short_batch():
    history = LossHistory()
    model = fresh(get_lstm_model, 6, 3)
    model.steps_per_execution = 3
    model.fit(X, y, batch_size=10, shuffle=False, verbose=0, callbacks=[history])
    each_update = train_model(fresh(get_lstm_model, 6, 3), X, y, 10)
    assert history.updates.tolist() == [3]
    assert history.losses == pytest.approx([each_update @ [10, 10, 4] / 24], abs=1e-6)


IMPORT = """
import gc, os, signal, sys
import keras, tensorflow

def state():
    threads = tensorflow.config.threading.get_intra_op_parallelism_threads()
    handler = signal.getsignal(signal.SIGINT)
    return dict(os.environ), handler, gc.isenabled(), gc.get_freeze_count(), threads, os.fstat(2)

before, modules = state(), set(sys.modules)
import common.training
assert state() == before
files = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - modules}
ours = {name for name, file in files.items() if str(file).startswith(os.getcwd())}
assert ours == {"common", "common.training"}, ours
"""


def test_to_import_it_changes_nothing():
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", IMPORT], cwd=root, check=True)


@pytest.mark.parametrize("name", WAYS)
def test_all_ways_of_the_benchmark_train_alike(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    X, y = get_sequences(12, 6, 1)
    way, _ = WAYS[name]
    expected = train_model(fresh(get_lstm_model, 6, 4), X, y).mean()
    assert way(fresh(get_lstm_model, 6, 4), X, y) == pytest.approx(expected, abs=1e-4)
