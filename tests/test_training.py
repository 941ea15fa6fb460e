"""The compiled training against Keras' own `fit`."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from training import LossHistory, train_model, train_runs, updates_per_record

from benchmarks.update_cost import PACKAGES, WAYS
from bilstm import get_bi_lstm_model
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
    with pytest.raises(TypeError, match=r"batch_size.*2\.5"):
        train_model(model, X, y, batch_size=2.5)
    with pytest.raises(ValueError, match=r"\[24, 23\]"):
        train_model(model, X, y[:-1])
    with pytest.raises(ValueError, match=r"\[0, 0\]"):
        train_model(model, X[:0], y[:0])
    with pytest.raises(ValueError, match="compiled"):
        train_model(keras.Sequential([keras.Input((6, 1)), layers.Dense(1)]), X, y)


def identity(predictions):
    return predictions


def draw_runs(n_runs):
    runs = [get_sequences(9, 6, k) for k in range(n_runs)]
    return [run[0] for run in runs], [run[1] for run in runs]


@pytest.fixture(scope="module")
def five_runs():
    models = {"forward": get_lstm_model(6, 3), "dropout": regression_like(6)}
    return train_runs(models, *draw_runs(5), X, identity, seed=0, batch_size=2)


def regression_like(n_timesteps):
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.LSTM(3, return_sequences=True, dropout=0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def test_runs_do_not_depend_on_their_number_nor_on_other_models(five_runs):
    losses, predictions, _ = five_runs
    assert losses["forward"].shape == (5, 5)
    for name, model in {"forward": get_lstm_model(6, 3), "dropout": regression_like(6)}.items():
        again, predicted, _ = train_runs({name: model}, *draw_runs(3), X, identity, 0, 2)
        np.testing.assert_array_equal(again[name], losses[name][:3])
        np.testing.assert_array_equal(predicted[name], predictions[name][:3])


def test_runs_start_from_different_weights():
    """With no training and the same data, only the initial weights tell the runs apart."""
    model = get_lstm_model(6, 3)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.0))
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    losses, predictions, _ = train_runs({"m": model}, [X] * 4, [y] * 4, X, identity, 0, 24)
    assert len(np.unique(losses["m"])) == 4
    assert abs(np.array(predictions["m"]) - 0.5).min() > 0  # not the zeros that it came with


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

    data_X, data_y = draw_runs(2)
    data_X[1], data_y[1] = data_X[0], data_y[0]
    losses, predictions, _ = train_runs({"m": build()}, data_X, data_y, X, identity, 5)
    expected_model = build()
    expected = fit_losses(expected_model, data_X[0], data_y[0])
    for run in range(2):
        np.testing.assert_allclose(losses["m"][run], expected, atol=1e-5)
        np.testing.assert_allclose(
            predictions["m"][run], expected_model.predict(X, verbose=0), atol=1e-4
        )


def test_history_holds_means_since_the_last_record():
    model = fresh(get_lstm_model, 6, 3)
    each_update = np.array(fit_losses(fresh(get_lstm_model, 6, 3), X, y))
    model.steps_per_execution = 5
    history = LossHistory()
    model.fit(X, y, batch_size=1, shuffle=False, verbose=0, callbacks=[history])
    assert history.updates == [5, 10, 15, 20, 24]
    expected = [each_update[start : start + 5].mean() for start in range(0, 24, 5)]
    np.testing.assert_allclose(history.losses, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("n_sequences", "batch_size", "updates"),
    [(1, 1, 1), (100, 1, 1), (101, 1, 2), (1000, 1, 10), (50_000, 10, 50), (3, 10, 1)],
)
def test_updates_per_record(n_sequences, batch_size, updates):
    assert updates_per_record(n_sequences, batch_size) == updates


@pytest.mark.parametrize("name", WAYS)
def test_all_ways_of_the_benchmark_train_alike(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    X, y = get_sequences(12, 6, 1)
    way, _ = WAYS[name]
    expected = train_model(fresh(get_lstm_model, 6, 4), X, y).mean()
    assert way(fresh(get_lstm_model, 6, 4), X, y) == pytest.approx(expected, abs=1e-4)
