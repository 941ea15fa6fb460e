"""The initial bias with which a layer can remember for many steps."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit

from common.training import _draw_weights
from extensions.parts.chrono_bias import ChronoBias

FORGET_0 = partial(layers.LSTM, unit_forget_bias=False)


@pytest.mark.parametrize("longest", [2, 10, 200])
def test_chrono_bias(longest):
    keras.utils.set_random_seed(0)
    bias = np.asarray(ChronoBias(longest)((4000,)))
    np.testing.assert_array_equal(bias[:1000], -bias[1000:2000])
    np.testing.assert_array_equal(bias[2000:], 0)
    times = np.exp(bias[1000:2000])
    assert times.min() >= 1 - 1e-6 and times.max() <= longest - 1 + 1e-3
    assert times.mean() == pytest.approx(longest / 2, rel=0.05)  # uniform from 1 to longest - 1
    assert times.std() == pytest.approx((longest - 2) / 12**0.5, rel=0.05, abs=1e-6)
    of_gru = np.asarray(ChronoBias(longest)((2, 3000)))
    assert np.count_nonzero(of_gru[:, 1000:]) == np.count_nonzero(of_gru[1]) == 0


@pytest.mark.parametrize("shape", [(7,), (2, 8), (3, 6), (2, 3, 6)])
def test_bias_of_another_layer(shape):
    with pytest.raises(ValueError, match=r"no bias of an LSTM or a GRU has the shape \("):
        ChronoBias(9)(shape)


def state_after(layer, n_timesteps):
    """Return what is left of a state of 1 after n_timesteps of inputs that say nothing."""
    layer.build((None, n_timesteps, 1))
    bias = layer.get_weights()[2]
    layer.set_weights([*(np.zeros_like(weights) for weights in layer.get_weights()[:2]), bias])
    n_states = len(layer.cell.state_size) if isinstance(layer, layers.LSTM) else 1
    ones = [np.ones((1, layer.units), np.float32)] * n_states
    X = np.zeros((1, n_timesteps, 1), np.float32)
    return np.asarray(layer(X, initial_state=ones)[-1])[0]  # the cell state, or the GRU's state


@pytest.mark.parametrize("n_timesteps", [1, 50])
def test_what_is_left_of_a_state(n_timesteps):
    """At first a gate keeps sigmoid(bias) of a state at each step: in an LSTM and in a GRU."""
    for build, keep in ((layers.LSTM, expit(1)), (FORGET_0, 0.5), (layers.GRU, 0.5)):
        left = state_after(build(4, return_state=True), n_timesteps)
        np.testing.assert_allclose(left, keep**n_timesteps, rtol=1e-4)
    for build, gate in ((FORGET_0, np.s_[4:8]), (layers.GRU, np.s_[0, :4])):
        layer = build(4, bias_initializer=ChronoBias(50), return_state=True)
        left = state_after(layer, n_timesteps)
        times = np.exp(layer.get_weights()[2][gate])
        np.testing.assert_allclose(left, (times / (times + 1)) ** n_timesteps, rtol=1e-4)


# Keras' own, in saving: NumPy 2 deprecates how TensorFlow's variables become arrays.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_loads(tmp_path):
    model = keras.Sequential([keras.Input((6, 2)), FORGET_0(3, bias_initializer=ChronoBias(9))])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    X = np.random.default_rng(0).random((2, 6, 2), np.float32)
    np.testing.assert_array_equal(loaded(X), model(X))
    assert loaded.layers[0].cell.bias_initializer.longest == 9


def test_each_run_draws_its_bias():
    """`train_runs` builds layers anew; it must know an initializer of one's own."""
    layer = FORGET_0(4, bias_initializer=ChronoBias(9))
    model = keras.Sequential([keras.Input((9, 2)), layer])
    one, other = (_draw_weights(model)[2][4:8] for _ in range(2))
    assert len({*one, *other}) == 8  # all differ
