"""The cells that are compared, one of one's own among them; how long recurrent layers remember."""

from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.special import expit

from common.choosing import View
from common.training import _draw_weights, train_model
from data import get_sequences
from extensions.chrono_bias import ChronoBias
from extensions.compare_cells import (
    PANELS,
    answer_times,
    get_models,
    get_repeated_data,
    time_trainings,
)
from extensions.compare_variants import get_variant_model
from extensions.long_memory import (
    answer,
    count_learned,
    explain,
    get_layers,
    get_marked_sequences,
    get_memory_model,
    measure_gradient,
    score_bits,
)
from extensions.variant_cell import VARIANTS, VariantCell

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


def chrono_model():
    recurrent = layers.LSTM(3, bias_initializer=ChronoBias(9), unit_forget_bias=False)
    return get_memory_model(6, recurrent)


# Keras' own, in saving: NumPy 2 deprecates how TensorFlow's variables become arrays.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "build", [partial(get_variant_model, 6, "peepholes", n_units=3), chrono_model]
)
def test_a_saved_model_loads(build, tmp_path):
    model = build()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    X = np.random.default_rng(0).random((2, *model.input_shape[1:]), np.float32)
    np.testing.assert_array_equal(loaded(X), model(X))
    recurrent = loaded.layers[0]
    if isinstance(recurrent.cell, VariantCell):
        assert recurrent.cell.variant == "peepholes" and recurrent.cell.units == 3
    else:
        assert recurrent.cell.bias_initializer.longest == 9


def test_a_cell_of_ones_own_trains_as_with_fit():
    X, y = get_sequences(6, 4, 0)
    expected_model, model = (get_variant_model(4, "peepholes", n_units=3) for _ in range(2))
    model.set_weights(expected_model.get_weights())
    history = expected_model.fit(X, y, batch_size=6, epochs=1, verbose=0).history["loss"]
    assert train_model(model, X, y, batch_size=6) == pytest.approx(history, abs=1e-5)
    for weights, expected in zip(model.get_weights(), expected_model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-5)
    assert np.abs(model.get_weights()[3]).min() > 0  # the peepholes have learned, too


def test_each_run_draws_its_weights():
    """`train_runs` builds layers anew; it must know a cell and an initializer of one's own."""
    model = get_variant_model(6, "coupled_gates", n_units=4)
    one, other = (_draw_weights(model) for _ in range(2))
    assert [weights.shape for weights in one] == [weights.shape for weights in model.get_weights()]
    for index in (0, 1):  # kernel and recurrent kernel
        assert not np.array_equal(one[index], other[index])
    np.testing.assert_array_equal(one[2], np.repeat([-1, 0, 0], 4))

    for name, row in (("lstm_chrono", np.s_[4:8]), ("gru_chrono", np.s_[0, :4])):
        model = get_memory_model(9, get_layers(9, 4)["at the start"][name])
        one, other = (_draw_weights(model)[2][row] for _ in range(2))
        assert len(set(one) | set(other)) == 8  # all differ


def test_marked_sequences():
    X, y = get_marked_sequences(2000, 7, bit_step=3, rng=0)
    assert X.shape == (2000, 7, 2) and X.dtype == np.float32 and y.shape == (2000, 1)
    np.testing.assert_array_equal(X[:, 3, :1], np.where(y == 1, 1, -1))
    np.testing.assert_array_equal(X[:, :, 1], np.tile(np.arange(7) == 3, (2000, 1)))
    assert y.mean() == pytest.approx(0.5, abs=0.05)
    noise = np.delete(X[:, :, 0], 3, axis=1)
    assert noise.min() < -0.99 and noise.max() > 0.99 and abs(noise.mean()) < 0.02
    # The noise tells nothing of the bit.
    assert np.abs(np.corrcoef(noise.T, y.T)[-1, :-1]).max() < 0.1
    np.testing.assert_array_equal(get_marked_sequences(3, 5, rng=1)[0][:, :, 1].argmax(axis=1), 0)


@pytest.mark.parametrize("longest", [2, 10, 200])
def test_chrono_bias(longest):
    keras.utils.set_random_seed(0)
    bias = np.asarray(ChronoBias(longest)((4000,)))
    keep = bias[1000:2000]
    np.testing.assert_array_equal(bias[:1000], -keep)
    np.testing.assert_array_equal(bias[2000:], 0)
    times = np.exp(keep)
    assert times.min() >= 1 - 1e-6 and times.max() <= longest - 1 + 1e-3
    assert times.mean() == pytest.approx(longest / 2, rel=0.05)  # uniform from 1 to longest - 1
    assert times.std() == pytest.approx((longest - 2) / 12**0.5, rel=0.05, abs=1e-6)
    again = np.asarray(ChronoBias(longest)((4000,)))
    assert (again == bias).all() == (longest == 2)

    bias = np.asarray(ChronoBias(longest)((2, 3000)))
    np.testing.assert_array_equal(bias[1], 0)
    np.testing.assert_array_equal(bias[0, 1000:], 0)
    assert np.exp(bias[0, :1000]).mean() == pytest.approx(longest / 2, rel=0.05)


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
    forget_0 = partial(layers.LSTM, unit_forget_bias=False)
    for build, keep in ((layers.LSTM, expit(1)), (forget_0, 0.5), (layers.GRU, 0.5)):
        left = state_after(build(4, return_state=True), n_timesteps)
        np.testing.assert_allclose(left, keep**n_timesteps, rtol=1e-4)
    for build, gate in ((forget_0, np.s_[4:8]), (layers.GRU, np.s_[0, :4])):
        layer = build(4, bias_initializer=ChronoBias(50), return_state=True)
        left = state_after(layer, n_timesteps)
        times = np.exp(layer.get_weights()[2][gate])
        np.testing.assert_allclose(left, (times / (times + 1)) ** n_timesteps, rtol=1e-4)


def test_gradient_against_finite_differences():
    keras.utils.set_random_seed(0)
    X, _ = get_marked_sequences(5, 4, 1, rng=0)
    for layer in (layers.SimpleRNN(3), layers.Bidirectional(layers.LSTM(3))):
        model = get_memory_model(4, layer)
        model.set_weights([3 * weights for weights in model.get_weights()])
        for step in (0, 1, 3):
            ends = []
            for shift in (-0.02, 0.02):
                shifted = X.copy()
                shifted[:, step, 0] += shift
                ends.append(np.asarray(model(shifted), np.float64))
            expected = np.abs(ends[1] - ends[0]).mean() / 0.04
            assert measure_gradient(model, X, step) == pytest.approx(expected, rel=0.02, abs=1e-4)


def test_score_of_bits():
    y = np.array([[0], [1], [1], [0]])
    scores = score_bits(y, np.array([[0.2], [0.6], [0.4], [0.0]], np.float32))
    assert scores.keys() == {"loss", "accuracy"} and scores["accuracy"] == 0.75
    assert scores["loss"] == pytest.approx(-np.log([0.8, 0.6, 0.4, 1]).mean())
    assert score_bits(y, 1 - y)["loss"] == pytest.approx(-np.log(1e-7))  # wrong, but finite


def make_view(**learned):
    """Return a view of models in runs of 5 and of 9 steps, of which some of ten learn it."""
    rows = [
        {"timesteps": timesteps, "model": model, "run": run, "accuracy": 0.95 if run <= n else 0.9}
        for model, counts in learned.items()
        for timesteps, n in zip((9, 5), counts, strict=True)
        for run in range(1, 11)
    ]
    return View("at 0.001", pd.DataFrame(rows))


def test_count_learned():
    table = count_learned(make_view(all=(10, 10), some=(4, 0)).scores)
    assert table.model.tolist() == ["all", "all", "some", "some"]
    assert table.timesteps.tolist() == [9, 5] * 2
    assert table.learned.tolist() == [10, 10, 4, 0]  # 90% right is not enough
    assert table.share.tolist() == [1, 1, 0.4, 0] and (table.runs == 10).all()
    limit = 0.025 ** (1 / 10)  # all ten learn it with a probability of 2.5%
    np.testing.assert_allclose(table.low[[0, 3]], [limit, 0])
    np.testing.assert_allclose(table.high[[0, 3]], [1, 1 - limit])


def test_answer_about_memory():
    text = answer(make_view(short=(4, 10), long=(5, 9), neither=(0, 4), longer=(10, 4)))
    # It is no use to learn the longer if the shorter fails.
    assert text.endswith("half of the runs learn: short 5, long 9, neither none, longer none.")
    assert text.startswith("Runs of 10 that learn it, at 0.001, ") and "Answer, at 0.001: " in text
    counts = [line.split() for line in text.splitlines()[1:4]]
    assert counts == [["timesteps", "5", "9"], ["model"], ["short", "10", "4"]]
    text = explain([10, 50])
    assert "sigmoid(1) = 0.731" in text and "4.4e-02 in 10, 1.6e-07 in 50 steps" in text


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
        assert of_model.shape == (4,) and 0 < of_model.min() and of_model.max() < 0.2  # compiled
    assert np.abs(models["lstm_forw"].get_weights()[0] - before).max() > 0


def test_answer_about_times():
    noise = np.resize([-1e-7, 1e-7], 20)
    seconds = {"a": 2e-5 + noise, "b": 2e-5 - noise, "c": 1e-5 + 0 * noise}
    text = answer_times(seconds, ["a", "b", "c"])
    assert text.startswith("Microseconds an update, a: 20.000 ± 0.048; b minus a: no clear diff")
    assert "c minus a: lower by 10.000 ± 0.048" in text
