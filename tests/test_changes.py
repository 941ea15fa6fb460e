"""What changed since 2017, docs/changes.md: both sides, where the old one still runs."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from common.training import train_model
from data import get_sequence, get_sequences
from extensions.shared.models import get_cell_model
from lstm_forward import get_lstm_model

pytestmark = pytest.mark.usefixtures("without_xla")
X, y = get_sequences(8, 6, 0)
KERAS = tuple(int(number) for number in keras.__version__.split(".")[:2])
ANSWERS = Path(__file__).parents[1] / "docs" / "answers.md"


def get_old_model(**settings):
    """Build the forward model as the tutorial did."""
    model = keras.Sequential()
    with pytest.warns(UserWarning, match="input_shape"):
        model.add(layers.LSTM(3, input_shape=(6, 1), return_sequences=True, **settings))
    model.add(layers.TimeDistributed(layers.Dense(1, activation="sigmoid")))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["acc"])
    return model


@pytest.fixture
def models():
    old, new = get_old_model(), get_lstm_model(6, n_units=3)
    new.set_weights(old.get_weights())
    return old, new


def test_predict_classes_is_gone(models):
    old, new = models
    with pytest.raises(AttributeError, match="predict_classes"):
        old.predict_classes(X)
    probabilities = new.predict(X, verbose=0)
    np.testing.assert_array_equal(old.predict(X, verbose=0), probabilities)
    assert probabilities.argmax(axis=-1).max() == 0  # what is often advised instead: all 0


def test_fit_in_a_loop_gives_the_losses_of_one_call(models):
    """And the history names the metric as `compile` does."""
    old, new = models
    loop = [old.fit(X[[i]], y[[i]], verbose=0).history for i in range(8)]
    losses = [history["loss"][0] for history in loop]
    np.testing.assert_allclose(train_model(new, X, y), losses, atol=1e-5)
    assert set(loop[0]) == {"acc", "loss"}


def test_go_backwards_returns_the_last_step_first(models):
    backward = get_old_model(go_backwards=True)
    backward.set_weights(models[0].get_weights())
    of_reversed = models[0].predict(X[:, ::-1], verbose=0)  # its first step is X's last
    np.testing.assert_allclose(backward.predict(X, verbose=0), of_reversed, atol=1e-6)


def test_seeds():
    def get_weights_and_number(set_seed):
        set_seed(1)
        return get_lstm_model(6, n_units=3).get_weights()[0], np.random.default_rng().random()

    old, old_again = (get_weights_and_number(np.random.seed) for _ in range(2))
    assert not np.array_equal(old[0], old_again[0])
    new, new_again = (get_weights_and_number(keras.utils.set_random_seed) for _ in range(2))
    np.testing.assert_array_equal(new[0], new_again[0])
    assert new[1] != new_again[1]  # a generator of one's own needs its own seed


def test_shapes(models):
    sequence, labels = get_sequence(6, 0)
    with pytest.raises(ValueError, match="Expected shape"):
        models[1].predict(sequence, verbose=0)
    fit = models[1].fit(sequence.reshape(1, 6, 1), labels.reshape(1, 6, 1), verbose=0)
    assert set(fit.history) == {"accuracy", "loss"}


def test_time_distributed_changes_nothing(models):
    wrapped, plain = models[1], get_cell_model(6, n_units=3)
    plain.set_weights(wrapped.get_weights())
    np.testing.assert_allclose(train_model(plain, X, y), train_model(wrapped, X, y), atol=1e-6)
    predictions = (model.predict(X, verbose=0) for model in (plain, wrapped))
    np.testing.assert_allclose(*predictions, atol=1e-6)


@pytest.mark.parametrize("wrap", [lambda layer: layer, layers.TimeDistributed])
def test_time_distributed_at_a_second_length(wrap):
    """A bug of Keras: once it is mended, the warnings of the pages and the builders can go.

    TensorFlow takes a length for fixed until it meets another; then it is unknown, and
    `TimeDistributed` takes the number of sequences for it.
    """
    model = keras.Sequential([keras.Input((None, 1)), wrap(layers.Dense(1))])
    assert model.predict(np.ones((1, 2, 1)), verbose=0).shape == (1, 2, 1)
    if wrap is layers.TimeDistributed and KERAS >= (3, 14):
        assert model.predict(np.ones((1, 3, 1)), verbose=0).shape == (1, 1, 1)
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
            model.predict(np.ones((4, 3, 1)), verbose=0)
    else:
        assert model.predict(np.ones((4, 3, 1)), verbose=0).shape == (4, 3, 1)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_bidirectional_reads_the_future(bidirectional):
    model = get_cell_model(6, bidirectional=bidirectional, n_units=3)
    changed = X.copy()
    changed[:, -1] += 1
    first, first_of_changed = (model.predict(x, verbose=0)[:, 0] for x in (X, changed))
    assert np.array_equal(first, first_of_changed) == (not bidirectional)


@pytest.mark.filterwarnings("error::DeprecationWarning:snippet")
def test_masks_are_for_each_layer_and_for_the_loss():
    """The example of docs/answers.md, beside one `Masking` layer, which is enough before 3.16."""
    _, answer = ANSWERS.read_text(encoding="utf-8").split("## How do I pad?\n")
    names = {"__name__": "snippet"}
    exec(answer.split("```python\n")[1].split("```")[0], names)
    X, y, weights, model = (names[name] for name in ("X", "y", "weights", "model"))
    is_real = weights == 1
    assert X.shape == y.shape == (3, 6, 1) and is_real.sum(axis=1).tolist() == [2, 5, 6]
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=some.shape) for some in model.get_weights()])
    same_layers = (layer for layer in model.layers if layer.weights)
    old = keras.Sequential([keras.Input((None, 1)), layers.Masking(-1.0), *same_layers])
    old.compile(loss="binary_crossentropy")

    def get_largest_difference(model):
        """Return by how much padding changes what a model predicts at real time steps."""
        alone = [model(X[[i], : is_real[i].sum()])[0] for i in range(3)]
        return np.abs(np.concatenate(alone) - np.asarray(model(X))[is_real]).max()

    assert get_largest_difference(model) < 1e-6
    assert (get_largest_difference(old) < 1e-6) == (KERAS < (3, 16))

    p, is_one = np.asarray(model(X), float)[is_real], y[is_real] == 1
    by_hand = -np.log(np.where(is_one, p, 1 - p)).mean(), ((p > 0.5) == is_one).mean()
    changed = np.where(is_real[:, :, None], y, 1 - y)  # at padding
    for labels in (y, changed):
        scores = model.evaluate(X, labels, sample_weight=weights, verbose=0)
        assert scores == pytest.approx(by_hand, abs=1e-5)
    losses = [float(old.compute_loss(X, labels, old(X))) for labels in (y, changed)]
    assert (losses[0] == losses[1]) == (KERAS < (3, 16))
