"""The cells that are compared, one of one's own among them."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit

from common.training import train_model
from data import get_sequences
from extensions.compare_cells import (
    PANELS,
    answer_times,
    get_models,
    get_repeated_data,
    time_trainings,
)
from extensions.compare_variants import get_variant_model
from extensions.variant_cell import VARIANTS, VariantCell

pytestmark = pytest.mark.usefixtures("without_xla")
N_UNITS = 5


def variant_layer(variant, rng=None, n_features=2):
    """Return a layer of a variant; with a generator, with random weights."""
    layer = layers.RNN(VariantCell(N_UNITS, variant), return_sequences=True, return_state=True)
    layer.build((None, None, n_features))
    if rng is not None:
        layer.set_weights([rng.normal(size=weights.shape) for weights in layer.get_weights()])
    return layer


def run_variant(X, variant, kernel, recurrent_kernel, bias, peepholes=None):
    """Run a variant in NumPy, cell by cell and gate by gate, in float64."""
    peepholes = np.zeros((3, N_UNITS)) if peepholes is None else peepholes
    columns = {  # the parts that have weights, in the order of Keras
        "coupled_gates": "igo",
        "no_forget_gate": "igo",
        "no_input_gate": "fgo",
        "no_output_gate": "ifg",
    }.get(variant, "ifgo")

    def total(part, x, h, cell):
        column = columns.index(part) * N_UNITS + cell
        return x @ kernel[:, column] + h @ recurrent_kernel[:, column] + bias[column]

    outputs, states = [], []
    for sequence in X.astype(np.float64):
        h, c = np.zeros(N_UNITS), np.zeros(N_UNITS)
        for x in sequence:
            new_h, new_c = h.copy(), c.copy()
            for cell in range(N_UNITS):
                part = partial(total, x=x, h=h, cell=cell)
                i = f = o = 1.0
                if variant != "no_input_gate":
                    i = expit(part("i") + peepholes[0, cell] * c[cell])
                if variant == "coupled_gates":
                    f = 1 - i
                elif variant != "no_forget_gate":
                    f = expit(part("f") + peepholes[1, cell] * c[cell])
                g = part("g")
                g = g if variant == "no_candidate_activation" else np.tanh(g)
                new_c[cell] = f * c[cell] + i * g
                if variant != "no_output_gate":
                    o = expit(part("o") + peepholes[2, cell] * new_c[cell])
                shown = new_c[cell]
                shown = shown if variant == "no_output_activation" else np.tanh(shown)
                new_h[cell] = o * shown
            h, c = new_h, new_c
            outputs.append(h)
        states.append(c)
    return np.reshape(outputs, (*X.shape[:2], N_UNITS)), np.array(states)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_its_numpy_oracle(variant):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3, 6, 2)).astype(np.float32)
    layer = variant_layer(variant, rng)
    outputs, hidden_state, cell_state = map(np.asarray, layer(X))
    expected, expected_state = run_variant(X, variant, *layer.get_weights())
    np.testing.assert_allclose(outputs, expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(hidden_state, expected[:, -1], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(cell_state, expected_state, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("n_features", "n_units"), [(1, 20), (3, 4)])
def test_the_standard_cell_is_the_lstm_of_keras(n_features, n_units):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 10, n_features)).astype(np.float32)
    both = []
    for build in (
        lambda: layers.LSTM(n_units, return_sequences=True),
        lambda: layers.RNN(VariantCell(n_units), return_sequences=True),
    ):
        keras.utils.set_random_seed(1)
        both.append(build())
        both[-1].build(X.shape)
    lstm, standard = both
    # It even starts from the same weights ...
    for weights, expected in zip(standard.get_weights(), lstm.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    # ... and is the same with any others.
    lstm.set_weights([rng.normal(size=weights.shape) for weights in lstm.get_weights()])
    standard.set_weights(lstm.get_weights())
    np.testing.assert_allclose(np.asarray(standard(X)), np.asarray(lstm(X)), atol=1e-6)


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [
        ("standard", 1781),
        ("peepholes", 1841),
        ("coupled_gates", 1341),
        ("no_input_gate", 1341),
        ("no_forget_gate", 1341),
        ("no_output_gate", 1341),
        ("no_candidate_activation", 1781),
        ("no_output_activation", 1781),
    ],
)
def test_parameters_of_variants(variant, parameters):
    assert get_variant_model(10, variant).count_params() == parameters


def test_what_the_gates_are_at_first():
    standard, coupled, peepholes = (
        variant_layer(variant).get_weights()
        for variant in ("standard", "coupled_gates", "peepholes")
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
def test_a_saved_model_loads(tmp_path):
    model = get_variant_model(6, "peepholes", n_units=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    X = np.random.default_rng(0).random((2, 6, 1), np.float32)
    np.testing.assert_array_equal(loaded(X), model(X))
    cell = loaded.layers[0].cell
    assert isinstance(cell, VariantCell) and cell.variant == "peepholes" and cell.units == 3


def test_a_cell_of_ones_own_trains_as_with_fit():
    X, y = get_sequences(6, 4, 0)
    expected_model, model = (get_variant_model(4, "peepholes", n_units=3) for _ in range(2))
    model.set_weights(expected_model.get_weights())
    history = expected_model.fit(X, y, batch_size=6, epochs=1, verbose=0).history["loss"]
    assert train_model(model, X, y, batch_size=6) == pytest.approx(history, abs=1e-5)
    for weights, expected in zip(model.get_weights(), expected_model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-5)
    assert np.abs(model.get_weights()[3]).min() > 0  # the peepholes have learned, too


def test_few_sequences_are_repeated():
    (X, y), (X_test, _) = get_repeated_data(np.random.default_rng(0), 5, 3, 8)
    expected_X, expected_y = get_sequences(3, 5, 0)
    np.testing.assert_array_equal(X, expected_X[[0, 1, 2, 0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(y, expected_y[[0, 1, 2, 0, 1, 2, 0, 1]])
    assert len(np.unique(X_test[:, 0])) > 990  # those of the test are all different ...
    (more, _), (same, _) = get_repeated_data(np.random.default_rng(0), 5, 8, 8)
    np.testing.assert_array_equal(more[:3], expected_X)
    np.testing.assert_array_equal(same, X_test)  # ... and the same for any number


def test_trainings_are_timed():
    models = get_models(3, 2)
    assert [*models] == [name for names in PANELS.values() for name in names]
    models = {name: models[name] for name in ("lstm_forw", "birnn_con")}
    before = models["lstm_forw"].get_weights()[0]
    X, y = get_sequences(12, 3, 0)
    seconds = time_trainings(models, X, y, batch_size=5, n_times=4)
    assert list(seconds) == list(models)
    for of_model in seconds.values():
        assert of_model.shape == (4,) and 0 < of_model.min() < 0.2  # compiled before
    assert np.abs(models["lstm_forw"].get_weights()[0] - before).max() > 0


def test_answer_about_times():
    noise = np.resize([-1e-7, 1e-7], 20)
    seconds = {"a": 2e-5 + noise, "b": 2e-5 - noise, "c": 1e-5 + 0 * noise}
    text = answer_times(seconds, ["a", "b", "c"])
    assert text.startswith("Microseconds per update, a: 20.000 ± 0.048; b minus a: no clear diff")
    assert "c minus a: lower by 10.000 ± 0.048" in text
