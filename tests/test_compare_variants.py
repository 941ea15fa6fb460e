"""The variants of the LSTM: each against NumPy, the standard one against Keras, and the figure."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from matplotlib import pyplot as plt
from scipy.special import expit

from common.training import train_model
from data import get_sequences
from extensions.compare_variants import draw, get_variant_model
from extensions.parts.variant_cell import VARIANTS, VariantCell

pytestmark = pytest.mark.usefixtures("without_xla")
N_UNITS = 5


def make_layer(variant):
    layer = layers.RNN(VariantCell(N_UNITS, variant), return_sequences=True, return_state=True)
    layer.build((None, None, 2))
    return layer


def run_variant(X, variant, kernel, recurrent_kernel, bias, *peepholes):
    """Run a variant in NumPy, in float64: return all hidden states and the last cell states."""
    names = {"no_input_gate": "fgo", "no_output_gate": "ifg"}.get(variant, "ifgo")
    names = "igo" if variant in ("coupled_gates", "no_forget_gate") else names  # Keras' order
    (peepholes,) = peepholes or [np.zeros((3, N_UNITS))]
    hidden = cell = np.zeros((len(X), N_UNITS))
    outputs = []
    for x in X.astype(np.float64).swapaxes(0, 1):
        sums = np.split(x @ kernel + hidden @ recurrent_kernel + bias, len(names), axis=1)
        part = dict(zip(names, sums, strict=True))
        i = 1 if variant == "no_input_gate" else expit(part["i"] + peepholes[0] * cell)
        f = 1 - i if variant == "coupled_gates" else 1
        if "f" in part:
            f = expit(part["f"] + peepholes[1] * cell)
        g = part["g"] if variant == "no_candidate_activation" else np.tanh(part["g"])
        cell = f * cell + i * g
        o = 1 if variant == "no_output_gate" else expit(part["o"] + peepholes[2] * cell)
        hidden = o * (cell if variant == "no_output_activation" else np.tanh(cell))
        outputs.append(hidden)
    return np.stack(outputs, axis=1), cell


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_its_numpy_oracle(variant):
    rng = np.random.default_rng(1)
    X, layer = rng.normal(size=(3, 6, 2)).astype(np.float32), make_layer(variant)
    layer.set_weights([rng.normal(size=weights.shape) for weights in layer.get_weights()])
    outputs, hidden_state, cell_state = map(np.asarray, layer(X))
    expected, expected_state = run_variant(X, variant, *layer.get_weights())
    np.testing.assert_allclose(outputs, expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(hidden_state, expected[:, -1], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(cell_state, expected_state, atol=1e-5, rtol=1e-5)


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


def test_what_the_gates_are_at_first():
    standard, coupled, peepholes = (
        make_layer(variant).get_weights() for variant in ("standard", "coupled_gates", "peepholes")
    )
    np.testing.assert_array_equal(standard[2], np.repeat([0, 1, 0, 0], N_UNITS))
    np.testing.assert_array_equal(coupled[2], np.repeat([-1, 0, 0], N_UNITS))
    assert 1 - expit(-1) == pytest.approx(expit(1))  # the same forget gate
    np.testing.assert_array_equal(peepholes[3], np.zeros((3, N_UNITS)))


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
    for weights, of_fit in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weights, of_fit, atol=1e-5)
    assert np.abs(model.get_weights()[3]).min() > 0  # the peepholes have learned, too
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded(X), model(X))


def test_figure_shows_differences_from_the_standard_cell():
    rows = [
        {"view": "at 0.001", "timesteps": steps, "model": variant, "run": run, "loss": run + number}
        for steps in (4, 8)
        for number, variant in enumerate(VARIANTS)
        for run in range(3)
    ]
    figure = draw(pd.DataFrame(rows))
    for axes in figure.axes:
        np.testing.assert_allclose(axes.lines[0].get_xdata(), np.arange(1, len(VARIANTS)))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [variant.replace("_", " ") for variant in VARIANTS][1:]
    plt.close(figure)
