"""The compiled training, once and many times, against Keras' own `fit`."""

import os
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from bilstm import get_bi_lstm_model
from common.fitting import LossHistory
from common.training import train_model, train_runs
from compare_directions import get_aligned_backward_model
from data import get_sequences
from extensions.shared.training import make_get_data

X, y = get_sequences(24, 6, 0)
PADDED = np.where(np.arange(6)[:, None] < np.resize([3, 6], 24)[:, None, None], X, -1)
WEIGHTS = np.random.default_rng(0).random((24, 6))
draw = partial(get_sequences, n_timesteps=6)
get_data = make_get_data(draw, 9, 4)


def fresh(build_model):
    keras.utils.set_random_seed(1)
    return build_model()


def build(*stack, inputs=((6, 1),), **settings):
    """Compile a stack of layers; `inputs=()` leaves it to find its shape by itself."""
    model = keras.Sequential([*map(keras.Input, inputs), *stack])
    model.compile(**{"loss": "binary_crossentropy", "optimizer": "adam"} | settings)
    return model


def dense_model(**settings):
    return build(layers.Dense(1, "sigmoid"), **settings)


def masked_model():
    masked = layers.Masking(-1.0), layers.LSTM(3, return_sequences=True)
    clipped = keras.optimizers.Adam(clipnorm=0.1)
    return build(*masked, layers.Dense(1, "sigmoid"), optimizer=clipped)


def regression_model():
    hidden = layers.Dense(4, kernel_regularizer="l2")
    stack = layers.Flatten(), layers.Dropout(0.3), hidden, layers.BatchNormalization()
    momentum = keras.optimizers.SGD(0.05, momentum=0.9)
    return build(*stack, layers.Dense(1), loss="mse", optimizer=momentum)


def decayed_model():
    """Build a model whose optimizer has a schedule, and averages the weights."""
    averages = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 5}
    decay = keras.optimizers.schedules.CosineDecay(0.1, 12)
    return dense_model(optimizer=keras.optimizers.Adam(decay, **averages))


def fit_losses(model, X, y, batch_size=1, **options):
    history = LossHistory(len(X), batch_size)
    model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0, callbacks=[history], **options)
    return history.losses


def assert_same_weights(weights, expected):
    for array, expected_array in zip(weights, expected.get_weights(), strict=True):
        np.testing.assert_allclose(array, expected_array, atol=1e-4)


CASES = {
    "aligned": (partial(get_aligned_backward_model, 6, n_units=3), {}),
    "bidirectional": (partial(get_bi_lstm_model, 6, "mul", n_units=3), {}),
    "mask": (masked_model, {"X": PADDED, "batch_size": 4}),
    "last short batch": (dense_model, {"batch_size": 5, "sample_weight": WEIGHTS[:, :1]}),
    "one short batch": (dense_model, {"batch_size": 100, "sample_weight": WEIGHTS}),
    # Dropout, a regularizer and layers with a state. Compiled alike, as XLA draws other dropout
    # masks from the same seed.
    "regression": (
        regression_model,
        {"y": X.sum(1, float), "batch_size": 6, "sample_weight": X[:, 0, 0]},
    ),
    "schedule and averages of the weights": (decayed_model, {"batch_size": 2}),
    "no input shape": (partial(dense_model, inputs=()), {"batch_size": 8}),
}


@pytest.mark.parametrize("case", CASES)
def test_as_fit_trains(case):
    build_model, options = CASES[case]
    options = {"X": X, "y": y, "batch_size": 1} | options
    expected_model, model = fresh(build_model), fresh(build_model)
    expected_model.jit_compile = case == "regression"
    losses = train_model(model, **options)
    assert losses.dtype == np.float32 and losses.shape == (-(-24 // options["batch_size"]),)
    np.testing.assert_allclose(losses, fit_losses(expected_model, **options), atol=1e-5)
    assert_same_weights(model.get_weights(), expected_model)


class CountedDense(layers.Dense):
    """Counts how often Python calls it: when it is traced."""

    n_calls = 0

    def call(self, inputs):
        CountedDense.n_calls += 1
        return super().call(inputs)


def test_what_is_compiled_serves_until_the_model_is_compiled_anew(tmp_path):
    model, expected = build(CountedDense(1, "sigmoid")), dense_model()
    expected.set_weights(model.get_weights())
    calls = []
    for compile_anew in (False, False, True):
        for one in (model, expected) if compile_anew else ():
            one.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
        losses = train_model(model, X, y, 8)
        np.testing.assert_allclose(losses, fit_losses(expected, X, y, 8), atol=1e-6)
        calls.append(CountedDense.n_calls)
    assert calls[0] == calls[1] < calls[2]
    model.save(tmp_path / "model.keras")  # what is compiled does not hinder it
    loaded = keras.models.load_model(tmp_path / "model.keras", {"CountedDense": CountedDense})
    assert_same_weights(loaded.get_weights(), expected)


# Many trainings.

RATES = [0.01, 0.1]
KEYS = ["run", "learning_rate"]


def score(y, predictions):
    """Return numbers that tell labels and predictions from others."""
    places = np.arange(y.size)
    return {"output": predictions.ravel() @ places, "labels": y.ravel() @ 2.0**places}


def draw_run(get_data, seed, run):
    return get_data(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,))))


@pytest.fixture(scope="module")
def small():
    """Return two models, and the tables of four runs of them."""
    lstm = layers.LSTM(3, return_sequences=True, dropout=0.5)
    models = {"dense": dense_model(), "lstm": build(lstm, CountedDense(1, "sigmoid"))}
    return models, *train_runs(models, get_data, score, RATES, 4, batch_size=3)


def test_tables(small):
    models, losses, scores = small
    by_update = losses.set_index([*KEYS, "update"])
    assert by_update.columns.tolist() == [*models]
    assert by_update.index.tolist() == [*product(range(1, 5), RATES, range(1, 4))]
    by_training = scores.set_index(["model", *KEYS, "update"])
    assert by_training.columns.tolist() == ["output", "labels"]
    assert by_training.index.tolist() == [*product(models, range(1, 5), RATES, [3])]
    # The first loss of a run is the same at each rate; nothing else is.
    assert losses.dense.nunique() == len(losses) - 4 and scores.output.nunique() == len(scores)


@pytest.mark.parametrize("n_cores", [1, 3])
def test_a_training_depends_on_nothing_else(small, n_cores, monkeypatch):
    """Neither on cores, runs, rates and other models nor on what had its name before."""
    models, losses, scores = small
    monkeypatch.setattr(os, "cpu_count", lambda: n_cores)
    n_calls = CountedDense.n_calls
    found = train_runs({"dense": models["lstm"]}, get_data, score, [0.1], 2, batch_size=3)
    assert CountedDense.n_calls == n_calls  # it is compiled already
    expected = losses.query("run <= 2 and learning_rate == 0.1").lstm
    np.testing.assert_array_equal(found[0].dense, expected)
    expected = scores.query("run <= 2 and learning_rate == 0.1 and model == 'lstm'").output
    np.testing.assert_array_equal(found[1].output, expected)


def test_copies_share_the_runs(small):
    models, losses, scores = small
    trained = {}

    def keep(name, run, rate, model):
        trained[name, run, rate] = model

    dense, settings = {"dense": models["dense"]}, {"batch_size": 3, "n_copies": 2, "after": keep}
    shared = train_runs(dense, get_data, score, RATES, 4, **settings)
    assert sorted(trained) == [*product(dense, range(1, 5), RATES)]
    assert len(set(map(id, trained.values()))) == 2
    np.testing.assert_array_equal(shared[0].dense, losses.dense)
    np.testing.assert_array_equal(shared[1].output, scores[scores.model == "dense"].output)


@pytest.mark.parametrize("fresh", [False, True])
def test_all_trainings_of_a_run_share_its_data(fresh, small):
    models, _, scores = small
    assert scores.labels.nunique() == 4 and set(scores.groupby("run").labels.nunique()) == {1}
    seen = set()

    def get_seen_data(rng):
        (X, y), test = get_data(rng)
        seen.add(X.tobytes())
        return (X, y), test

    train_runs(models, get_seen_data, score, RATES, 2, 7, 3, n_epochs=3, fresh=fresh)
    assert seen >= {draw_run(get_data, 7, run)[0][0].tobytes() for run in (1, 2)}
    assert len(seen) == (2 * 3 if fresh else 2)  # a set for each run, or for each of its passes


def constant_model(learning_rate=0.5, **settings):
    """Build a model that has the same initial weights each time."""
    output = layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.Constant(0.3))
    adam = keras.optimizers.Adam(learning_rate, **settings)
    return build(output, optimizer=adam)


def get_weighted_data(rng):
    train, test = get_data(rng)
    return (*train, rng.random(9)[:, None]), test


@pytest.fixture(scope="module")
def train_constant():
    """Return a function that trains one model twice: losses, scores, and weights, by run, rate."""
    models = {"m": constant_model()}

    def train(learning_rates, **settings):
        kept = {}
        settings["after"] = lambda _, run, rate, m: kept.update({(run, rate): m.get_weights()})
        tables = train_runs(models, get_weighted_data, score, learning_rates, 2, 5, **settings)
        return *(table.set_index(KEYS).sort_index() for table in tables), kept

    return train


def assert_as_fit(trained, run, rate, orders, fit_rate, batch_size=1):
    """Fit a new model to the data of a run, in some orders, a pass each; test it after each."""
    losses, scores, weights = trained
    model = constant_model(fit_rate)
    train, (test_X, test_y) = draw_run(get_weighted_data, 5, run)
    rows = scores.loc[[(run, rate)]]
    n_updates = -(-9 // batch_size)
    assert rows["update"].tolist() == [n_updates * (1 + number) for number in range(len(orders))]
    of_passes = losses.m[run, rate].to_numpy().reshape(-1, n_updates)
    for order, found, (_, row) in zip(orders, of_passes, rows.iterrows(), strict=True):
        X, y, sample_weight = (array[order] for array in train)
        expected = fit_losses(model, X, y, batch_size, sample_weight=sample_weight)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        output = score(test_y, model.predict(test_X, verbose=0))["output"]
        assert row.output == pytest.approx(output, rel=1e-5)
    assert_same_weights(weights[run, rate], model)


IN_ORDER = np.arange(9)


@pytest.mark.parametrize(("run", "rate"), [(1, 0.01), (2, 0.1)])
def test_a_run_is_a_fit_from_scratch(run, rate, train_constant):
    assert_as_fit(train_constant(RATES), run, rate, [IN_ORDER], rate)


def test_a_run_ends_with_the_averages_of_its_weights():
    averages, kept = {"use_ema": True, "ema_momentum": 0.5}, []
    models = {"m": constant_model(0.1, **averages)}
    train_runs(
        models, get_data, score, [0.1], 1, 5, after=lambda *of: kept.extend(of[-1].get_weights())
    )
    model = constant_model(0.1, **averages)
    fit_losses(model, *draw_run(get_data, 5, 1)[0])
    assert_same_weights(kept, model)


def test_a_rate_for_each_update_of_two_passes(train_constant):
    def decay(learning_rate, n_updates):
        return learning_rate * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates)) / 2

    trained = train_constant([0.1], schedule=decay, n_epochs=2, batch_size=2)
    in_keras = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert_as_fit(trained, 2, 0.1, [IN_ORDER] * 2, in_keras, batch_size=2)


def test_each_pass_in_an_order_of_its_own(train_constant):
    """At a rate of practically 0, the loss of an update tells which sequence it was made by."""
    in_order = train_constant([1e-20])[0].m
    trained = train_constant([1e-20, 0.1], n_epochs=3, shuffle=True)
    shuffled = trained[0].m.xs(1e-20, level=1).to_numpy().reshape(2, 3, 9, 1)
    orders = abs(shuffled - in_order.to_numpy().reshape(2, 1, 1, 9)).argmin(axis=-1)
    assert (np.sort(orders) == IN_ORDER).all()
    assert len(np.unique(orders.reshape(6, 9), axis=0)) == 6
    assert_as_fit(trained, 2, 0.1, orders[1], 0.1)


def test_each_pass_on_sequences_of_its_own(train_constant):
    """At a rate of practically 0, losses tell of them."""
    first = train_constant([1e-20])[0].m.to_numpy().reshape(2, 9)
    new = train_constant([1e-20], n_epochs=3, fresh=True)[0].m.to_numpy().reshape(2, 3, 9)
    np.testing.assert_array_equal(new[:, 0], first)
    assert len(np.unique(new)) == new.size


def test_a_training_may_be_stopped():
    """After any test, by what its losses are; another one goes on."""
    models = {"stops": constant_model(), "goes_on": constant_model()}
    models["goes_on"].layers[0].kernel_initializer.value = -3.0
    lengths = []

    def stop(losses):
        lengths.append(len(losses))
        return losses.mean() < 0.7

    losses, scores = train_runs(models, get_data, score, [1e-20], 1, n_epochs=3, stop=stop)
    assert sorted(lengths) == [9, 9, 18, 27]
    assert scores[scores.model == "stops"]["update"].tolist() == [9]
    assert scores[scores.model == "goes_on"]["update"].tolist() == [9, 18, 27]
    assert losses["update"].tolist() == [*range(1, 28)]
    assert losses.stops.notna().tolist() == [True] * 9 + [False] * 18
    assert losses.goes_on.notna().all() and losses.stops.mean() < 0.7 < 1 < losses.goes_on.mean()


# Traps: an error, or none any more.


def train_little(model, rates=(1e-20,), n_runs=2, score=score, **settings):
    return train_runs({"m": model}, get_data, score, rates, n_runs, **settings)


def test_weights_are_drawn_anew_but_for_those_of_frozen_layers():
    keras.utils.set_random_seed(1)
    inner = build(layers.Dense(3, name="frozen"), layers.Dense(3, name="free"), inputs=())
    wrapped = layers.TimeDistributed(layers.Dense(3, name="frozen_too"))
    model = build(inner, wrapped, layers.TimeDistributed(layers.Dense(1, "sigmoid")))
    inner.layers[0].trainable = wrapped.layer.trainable = False
    weights = {0: [array.copy() for array in model.get_weights()]}
    train_little(model, after=lambda _, run, *rest: weights.update({run: rest[1].get_weights()}))
    paths = [weight.path for weight in model.weights]
    expected = ["kernel" in path and "frozen" not in path for path in paths]
    assert sum(expected) == 2
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = zip(weights[one], weights[other], strict=True)
        assert [not np.allclose(*pair, atol=1e-15) for pair in pairs] == expected


SHARED = dense_model()


@pytest.mark.parametrize(
    ("train", "match"),
    [
        (lambda: train_model(dense_model(), X, y, 0), r"batch_size.*0"),
        (lambda: train_model(dense_model(), X, y, 2.5), r"batch_size.*2\.5"),
        (lambda: train_model(dense_model(), X, y[:-1]), r"\[24, 23\]"),
        (lambda: train_model(dense_model(), X[:0], y[:0]), r"\[0, 0\]"),
        (lambda: train_model(dense_model(), [X, X], y), "several inputs use `fit`"),
        (
            lambda: train_model(dense_model(), [X[0], X[0, :3]], y[:2]),
            "X has sequences of diff.*pad",
        ),
        (lambda: train_model(dense_model(), X, np.full(y.shape, "yes")), "y must hold numbers"),
        (lambda: train_model(keras.Sequential([layers.Dense(1)]), X, y), "compiled"),
        (lambda: train_little(decayed_model()), "'m' has a schedule of its own.*hand train_runs a"),
        (lambda: train_runs({"a": SHARED, "b": SHARED}, get_data, score, [0.1]), "share layers"),
        (lambda: train_little(dense_model(), n_runs=0), r"n_runs.*0"),
        (lambda: train_little(dense_model(), n_epochs=0), r"n_epochs.*0"),
        (lambda: train_little(dense_model(), rates=[]), r"learning_rates.*\[\]"),
        (lambda: train_little(dense_model(), rates=[0.1, 0]), r"learning_rates.*0\.1, 0"),
        (lambda: train_little(dense_model(), rates=[np.nan]), r"learning_rates.*nan"),
        (lambda: train_little(dense_model(), score=lambda y, p: {"x": int("no")}), "'no'"),
    ],
)
def test_what_cannot_be_trained_is_named(train, match):
    with pytest.raises(ValueError, match=match):
        train()


IMPORT = """
import gc, os, signal, sys
import keras, tensorflow

def state():
    threads = tensorflow.config.threading.get_intra_op_parallelism_threads()
    handler = signal.getsignal(signal.SIGINT)
    return dict(os.environ), handler, gc.isenabled(), gc.get_freeze_count(), threads, os.fstat(2)

before, modules = state(), set(sys.modules)
import common.fitting, common.training
assert state() == before
files = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - modules}
folders = os.getcwd(), os.path.join(os.getcwd(), "common")  # but not those of an environment there
ours = {name for name, file in files.items() if os.path.dirname(str(file)) in folders}
assert ours == {"common", "common.fitting", "common.training"}, ours
"""


def test_to_import_them_changes_nothing():
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", IMPORT], cwd=root, check=True)
