"""The variants of the LSTM: each against NumPy, the standard one also against Keras."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit

from common.training import train_model
from data import get_sequences
from extensions.compare_variants import get_variant_model
from extensions.parts.variant_cell import VARIANTS, VariantCell

pytestmark = pytest.mark.usefixtures("without_xla")
N_UNITS = 5


def make_layer(variant):
    layer = layers.RNN(VariantCell(N_UNITS, variant), return_sequences=True)
    layer.build((None, None, 2))
    return layer


def run_variant(X, variant, kernel, recurrent_kernel, bias, *peepholes):
    """Run a variant in NumPy, in float64; return the hidden states."""
    names = {"no_input_gate": "fgo", "no_output_gate": "ifg"}.get(variant, "ifgo")
    names = "igo" if variant in ("coupled_gates", "no_forget_gate") else names  # Keras' order
    (peepholes,) = peepholes or [np.zeros((3, N_UNITS))]
    hidden = cell = np.zeros((len(X), N_UNITS))
    outputs = []
    for x in X.astype(np.float64).swapaxes(0, 1):
        sums = np.split(x @ kernel + hidden @ recurrent_kernel + bias, len(names), axis=1)
        part = dict(zip(names, sums, strict=True))
        i = 1 if variant == "no_input_gate" else expit(part["i"] + peepholes[0] * cell)
        without = 1 - i if variant == "coupled_gates" else 1
        f = expit(part["f"] + peepholes[1] * cell) if "f" in part else without
        g = part["g"] if variant == "no_candidate_activation" else np.tanh(part["g"])
        cell = f * cell + i * g
        o = 1 if variant == "no_output_gate" else expit(part["o"] + peepholes[2] * cell)
        hidden = o * (cell if variant == "no_output_activation" else np.tanh(cell))
        outputs.append(hidden)
    return np.stack(outputs, axis=1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_its_numpy_oracle(variant):
    rng = np.random.default_rng(1)
    X, layer = rng.normal(size=(3, 6, 2)).astype(np.float32), make_layer(variant)
    layer.set_weights([rng.normal(size=weights.shape) for weights in layer.get_weights()])
    expected = run_variant(X, variant, *layer.get_weights())
    np.testing.assert_allclose(layer(X), expected, atol=1e-5, rtol=1e-5)


def test_the_standard_cell_is_the_lstm_of_keras():
    X = np.random.default_rng(0).normal(size=(4, 10, 3)).astype(np.float32)
    keras.utils.set_random_seed(1)
    lstm = layers.LSTM(4, return_sequences=True)
    expected = lstm(X)
    keras.utils.set_random_seed(1)
    standard = layers.RNN(VariantCell(4), return_sequences=True)
    np.testing.assert_allclose(standard(X), expected, atol=1e-6)
    for weights, of_lstm in zip(standard.get_weights(), lstm.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, of_lstm)  # it starts from the same


def test_coupled_gates_start_with_the_forget_gate_of_the_others():
    bias = make_layer("coupled_gates").get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([-1, 0, 0], N_UNITS))


def test_an_unknown_variant():
    with pytest.raises(ValueError, match=r"variant.*'no_gates'"):
        VariantCell(3, "no_gates")


# Keras' own, in saving: NumPy 2 deprecates how TensorFlow's variables become arrays.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_trains_as_with_fit_and_a_saved_one_loads(tmp_path):
    X, y = get_sequences(6, 4, 0)
    expected, model = (get_variant_model(4, "peepholes", n_units=3) for _ in range(2))
    model.set_weights(expected.get_weights())
    history = expected.fit(X, y, batch_size=6, epochs=1, verbose=0).history["loss"]
    assert train_model(model, X, y, batch_size=6) == pytest.approx(history, abs=1e-5)
    assert model.get_weights()[3].all()  # the peepholes, 0 at first, have learned, too
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded(X), model(X))
