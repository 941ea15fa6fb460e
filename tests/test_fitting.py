"""The two helpers for Keras' `fit`, against what it does without them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from common.fitting import LossHistory, speed_up_fit
from common.training import train_model
from data import get_sequences

X, y = get_sequences(24, 6, 0)


def fresh_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6, 1)), layers.Dense(1, "sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


@pytest.mark.parametrize("prepare", [speed_up_fit, lambda model, n_updates: None])
def test_history_holds_means_since_the_last_record(prepare):
    model, history = fresh_model(), LossHistory(23, 2)
    prepare(model, 5)
    model.steps_per_execution = 5
    options = {"batch_size": 2, "shuffle": False, "verbose": 0, "callbacks": [history]}
    returned = model.fit(X[:23], y[:23], **options).history["loss"]
    assert history.updates.tolist() == [5, 10, 12] and not model.jit_compile
    each_update = train_model(fresh_model(), X[:23], y[:23], 2)
    expected = each_update[:5].mean(), each_update[5:10].mean(), each_update[10:] @ [2, 1] / 3
    np.testing.assert_allclose(history.losses, expected, atol=1e-5)
    # What `fit` returns is as without the callback.
    assert returned == pytest.approx([(each_update[:11].sum() * 2 + each_update[11]) / 23])


def test_history_of_several_epochs_and_validation():
    """Each epoch is as a training of its own."""
    model, expected, history = fresh_model(), fresh_model(), LossHistory(23, 2)
    options = {"batch_size": 2, "shuffle": False, "verbose": 0, "validation_data": (X, y)}
    model.fit(X[:23], y[:23], epochs=3, callbacks=[history], **options)
    losses = [train_model(expected, X[:23], y[:23], 2) for _ in range(3)]
    assert history.updates.tolist() == [*range(1, 37)]
    np.testing.assert_allclose(history.losses, np.concatenate(losses), atol=1e-5)


def test_history_names_what_it_was_not_told():
    with pytest.raises(ValueError, match=r"expects 12 updates.*24 and batch_size 2; fit makes 9"):
        fresh_model().fit(X, y, 2, validation_split=0.25, verbose=0, callbacks=[LossHistory(24, 2)])


def test_fit_may_be_sped_up_later():
    """After `fit`, `evaluate` and `predict` have made functions for one batch at a time."""
    model, expected = (fresh_model() for _ in range(2))
    ended = {}
    for number in range(2):
        for each in (model, expected):
            each.fit(X, y, batch_size=2, shuffle=False, verbose=0)
            loss = each.evaluate(X, y, batch_size=2, verbose=0)
            ended[each] = np.append(each.predict(X, batch_size=2, verbose=0), loss)
        if number == 0:
            speed_up_fit(model, 5)
    assert model.optimizer.iterations == expected.optimizer.iterations == 24
    np.testing.assert_allclose(ended[model], ended[expected], atol=1e-5)
    for array, expected_array in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(array, expected_array, atol=1e-4)


def make_batches(kind):
    """Return what `fit` takes, a new one at each call, and how many updates it makes."""
    weights = np.random.default_rng(0).random((24, 6))
    pieces = np.split(np.arange(24), [5, 8, 11, 12, 20])  # of 5, 3, 3, 1, 8 and 4
    batches = [(X[some], y[some], weights[some]) for some in pieces]
    signature = [tf.TensorSpec((None, *array.shape[1:])) for array in batches[0]]
    sizes = tf.data.Dataset.from_generator(lambda: batches, output_signature=tuple(signature))
    several = ((array[:, : 3 + len(array) % 3] for array in batch) for batch in batches)
    return {
        "arrays": ({"x": X, "y": y, "batch_size": 5, "sample_weight": weights}, 5),
        "one batch": ({"x": X, "y": y, "batch_size": 24}, 1),
        "class weights": ({"x": X, "y": y[:, 0, 0], "class_weight": {0: 1.0, 1: 3.0}}, 1),
        "sizes": ({"x": sizes}, 6),
        "lengths": ({"x": (tuple(batch) for batch in several)}, 6),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "n_updates"),
    [
        ("arrays", 4),
        ("arrays", 7),
        ("one batch", 1),
        ("class weights", 4),
        ("sizes", 4),
        ("lengths", 4),
    ],
)
def test_what_is_sped_up_trains_as_fit_does(kind, n_updates):
    ended = []
    for prepare in (speed_up_fit, lambda *_: None):
        keras.utils.set_random_seed(1)
        output = layers.GlobalMaxPooling1D() if kind == "class weights" else layers.Identity()
        model = keras.Sequential([keras.Input((None, 1)), layers.Dense(1, "sigmoid"), output])
        model.compile(loss="binary_crossentropy", optimizer="adam", weighted_metrics=["accuracy"])
        prepare(model, n_updates)
        data, n_each = make_batches(kind)
        history = model.fit(**data, shuffle=False, verbose=0).history
        if prepare is speed_up_fit:  # plain `fit` counts one more where the data end unforeseen
            assert model.optimizer.iterations == n_each
        if kind == "arrays":
            model.train_on_batch(X[:7], y[:7])
        ended.append((model.get_weights(), history))
    for array, expected in zip(*(weights for weights, _ in ended), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-6)
    assert [*ended[0][1]] == [*ended[1][1]]
    np.testing.assert_allclose([*ended[0][1].values()], [*ended[1][1].values()], rtol=1e-5)
