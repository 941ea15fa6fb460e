"""What changed since 2017, docs/changes.md: both sides, where the old one still runs."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from common.training import train_model
from data import get_sequence, get_sequences
from extensions.compare_cells import get_cell_model
from lstm_forward import get_lstm_model

pytestmark = pytest.mark.usefixtures("without_xla")
X, y = get_sequences(8, 6, 0)
KERAS = tuple(int(number) for number in keras.__version__.split(".")[:2])
FIRST_WITH_BUG = 3, 14  # of TimeDistributed
FIRST_WITHOUT_MASKS = 3, 16  # on what recurrent layers and TimeDistributed return
ANSWERS = Path(__file__).parent.parent / "docs" / "answers.md"


def old_model(**settings):
    """Build the forward model as the tutorial did."""
    model = keras.Sequential()
    model.add(layers.LSTM(3, input_shape=(6, 1), return_sequences=True, **settings))
    model.add(layers.TimeDistributed(layers.Dense(1, activation="sigmoid")))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["acc"])
    return model


@pytest.fixture
def models():
    with pytest.warns(UserWarning, match="input_shape"):
        old = old_model()
    new = get_lstm_model(6, n_units=3)
    new.set_weights(old.get_weights())
    return old, new


def test_input_shape_warns_and_builds_the_same(models):
    old, new = models
    np.testing.assert_array_equal(old.predict(X, verbose=0), new.predict(X, verbose=0))


def test_predict_classes_is_gone(models):
    _, model = models
    with pytest.raises(AttributeError, match="predict_classes"):
        model.predict_classes(X)
    probabilities = model.predict(X, verbose=0)
    classes = (probabilities > 0.5).astype(int)
    np.testing.assert_array_equal(classes, np.where(probabilities > 0.5, 1, 0))
    assert probabilities.argmax(axis=-1).max() == 0  # what is often advised instead: all 0


def test_history_names_the_metric_as_compile_does(models):
    old, new = models
    old_history = old.fit(X, y, verbose=0).history
    new_history = new.fit(X, y, verbose=0).history
    assert set(old_history) == {"acc", "loss"} and set(new_history) == {"accuracy", "loss"}


def test_fit_in_a_loop_gives_the_losses_of_one_call(models):
    old, new = models
    loop = [old.fit(X[i : i + 1], y[i : i + 1], verbose=0).history["loss"][0] for i in range(8)]
    np.testing.assert_allclose(train_model(new, X, y), loop, atol=1e-5)


def test_go_backwards_returns_the_last_step_first(models):
    _, forward = models
    with pytest.warns(UserWarning, match="input_shape"):
        backward = old_model(go_backwards=True)
    backward.set_weights(forward.get_weights())
    of_reversed = forward.predict(X[:, ::-1], verbose=0)  # its first step is X's last
    np.testing.assert_allclose(backward.predict(X, verbose=0), of_reversed, atol=1e-6)


def weights_after(seed):
    seed()
    return get_lstm_model(6, n_units=3).get_weights()[0], np.random.default_rng().random()


def test_seeds():
    old, old_again = (weights_after(lambda: np.random.seed(1)) for _ in range(2))
    assert not np.array_equal(old[0], old_again[0])
    new, new_again = (weights_after(lambda: keras.utils.set_random_seed(1)) for _ in range(2))
    np.testing.assert_array_equal(new[0], new_again[0])
    assert new[1] != new_again[1]  # a generator of one's own needs its own seed


def test_shapes():
    model = get_lstm_model(6, n_units=3)
    sequence, labels = get_sequence(6, 0)
    with pytest.raises(ValueError, match="Expected shape"):
        model.predict(sequence, verbose=0)
    model.fit(sequence.reshape(1, 6, 1), labels.reshape(1, 6, 1), verbose=0)


def test_time_distributed_changes_nothing():
    losses, predictions = [], []
    for output in (
        layers.Dense(1, activation="sigmoid"),
        layers.TimeDistributed(layers.Dense(1, activation="sigmoid")),
    ):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((6, 1)), layers.LSTM(3, return_sequences=True)])
        output.build((None, 6, 3))
        model.add(output)
        output.set_weights([np.full((3, 1), 0.5), np.zeros(1)])
        model.compile(loss="binary_crossentropy", optimizer="adam")
        losses.append(train_model(model, X, y))
        predictions.append(model.predict(X, verbose=0))
        assert output.count_params() == 4
    np.testing.assert_allclose(*losses, atol=1e-6)
    np.testing.assert_allclose(*predictions, atol=1e-6)


@pytest.mark.skipif(KERAS < FIRST_WITH_BUG, reason="this Keras still counts the time steps")
def test_time_distributed_counts_the_batch_where_the_length_is_unknown():
    """A bug of Keras: once it is mended, the warnings of README and the builders can go.

    `TimeDistributed.call` swaps batch and time and then, if TensorFlow knows the length of the
    sequences, calls its layer once for each time step. If not, it does so for the first entry of
    the shape before the swap: the batch size.
    """
    layer = layers.TimeDistributed(layers.Dense(1))
    layer.build((None, None, 1))

    def shape(function, n_sequences, n_timesteps):
        return function(np.ones((n_sequences, n_timesteps, 1), np.float32)).shape

    assert shape(layer, 1, 3) == (1, 3, 1)  # no graph: every length is known
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 1))])
    assert shape(graph, 1, 3) == (1, 1, 1)  # the steps after the first are lost
    assert shape(graph, 2, 3) == (2, 2, 1)
    assert shape(graph, 3, 3) == (3, 3, 1)  # right, by chance
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        graph(np.ones((4, 3, 1), np.float32))


@pytest.mark.parametrize(
    ("output", "second"),
    [
        (layers.Dense(1), (1, 3, 1)),
        (layers.TimeDistributed(layers.Dense(1)), (1, 3 if KERAS < FIRST_WITH_BUG else 1, 1)),
    ],
)
def test_sequences_of_a_second_length(output, second):
    """TensorFlow takes a length for fixed until it meets another; then it is unknown."""
    model = keras.Sequential([keras.Input((None, 1)), output])
    assert model.predict(np.ones((1, 2, 1)), verbose=0).shape == (1, 2, 1)
    assert model.predict(np.ones((1, 3, 1)), verbose=0).shape == second


@pytest.mark.parametrize("bidirectional", [False, True])
def test_bidirectional_reads_the_future(bidirectional):
    model = get_cell_model(6, bidirectional=bidirectional, n_units=3)
    changed = X.copy()
    changed[:, -1] += 1
    first, first_of_changed = (model.predict(x, verbose=0)[:, 0] for x in (X, changed))
    assert np.array_equal(first, first_of_changed) == (not bidirectional)


@pytest.fixture(scope="module")
def padded():
    """Run the example of docs/answers.md; return what it names, and labels changed at padding."""
    _, answer = ANSWERS.read_text(encoding="utf-8").split("## How do I pad?\n")
    names = {"__name__": "snippet"}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=DeprecationWarning, module="snippet")
        exec(answer.split("```python\n")[1].split("```")[0], names)
    X, y, weights = names["X"], names["y"], names["weights"]
    assert X.shape == y.shape == (3, 6, 1) and weights.sum(axis=1).tolist() == [2, 5, 6]
    return names | {"changed_y": np.where(weights[:, :, None] == 1, y, 1 - y)}


def get_largest_difference(model, X, weights):
    """Return by how much padding changes what a model predicts at real time steps."""
    return max(
        np.abs(np.asarray(model(sequence[None, :length]))[0] - of_padded[:length]).max()
        for sequence, of_padded, length in zip(
            X, np.asarray(model(X)), weights.sum(axis=1).astype(int), strict=True
        )
    )


def test_masks_are_for_each_layer_and_for_the_loss(padded):
    model, X, weights = padded["model"], padded["X"], padded["weights"]
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=some.shape) for some in model.get_weights()])
    same_layers = (layer for layer in model.layers if layer.weights)
    old = keras.Sequential([keras.Input((None, 1)), layers.Masking(-1.0), *same_layers])
    assert get_largest_difference(model, X, weights) < 1e-6
    assert (get_largest_difference(old, X, weights) > 1e-3) == (KERAS >= FIRST_WITHOUT_MASKS)

    p = model.predict(X, verbose=0)[weights == 1].astype(float)
    is_one = padded["y"][weights == 1] == 1
    by_hand = -np.log(np.where(is_one, p, 1 - p)).mean(), ((p > 0.5) == is_one).mean()
    for labels in (padded["y"], padded["changed_y"]):
        scores = model.evaluate(X, labels, sample_weight=weights, verbose=0)
        assert scores == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(3, return_sequences=True),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3)),
    ],
)
def test_masks_reach_the_loss_by_themselves_before_keras_3_16(padded, layer):
    # With a bias of 0 it would predict 0.5 for padding, and both labels would lose the same.
    output = layers.Dense(1, activation="sigmoid", bias_initializer="ones")
    model = keras.Sequential([keras.Input((6, 1)), layers.Masking(-1.0), layer, output])
    model.compile(loss="binary_crossentropy")
    X = padded["X"]
    losses = [
        float(model.compute_loss(X, labels, model(X)))
        for labels in (padded["y"], padded["changed_y"])
    ]
    assert (losses[0] == losses[1]) == (KERAS < FIRST_WITHOUT_MASKS)
