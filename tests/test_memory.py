"""How many updates until a bit is remembered; the initial bias that helps."""

from functools import partial
from math import inf
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.special import expit

from common.choosing import View, choose
from common.training import _draw_weights
from extensions import long_memory
from extensions.chrono_bias import ChronoBias
from extensions.long_memory import (
    explain,
    find_useful_rates,
    get_layers,
    get_marked_sequences,
    get_memory_model,
    get_most_updates,
    measure_learning,
    score_bits,
)
from extensions.memory_report import PAIRS, PANELS, answer, tabulate_learned

pytestmark = pytest.mark.usefixtures("without_xla")

RNN, LSTM = "plain RNN as Keras starts it", "LSTM as Keras starts it"
MIDDLE = "LSTM, bit in the middle"


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


@pytest.mark.parametrize("shape", [(7,), (2, 8), (3, 6), (2, 3, 6)])
def test_chrono_bias_of_another_layer(shape):
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
    forget_0 = partial(layers.LSTM, unit_forget_bias=False)
    for build, keep in ((layers.LSTM, expit(1)), (forget_0, 0.5), (layers.GRU, 0.5)):
        left = state_after(build(4, return_state=True), n_timesteps)
        np.testing.assert_allclose(left, keep**n_timesteps, rtol=1e-4)
    for build, gate in ((forget_0, np.s_[4:8]), (layers.GRU, np.s_[0, :4])):
        layer = build(4, bias_initializer=ChronoBias(50), return_state=True)
        left = state_after(layer, n_timesteps)
        times = np.exp(layer.get_weights()[2][gate])
        np.testing.assert_allclose(left, (times / (times + 1)) ** n_timesteps, rtol=1e-4)


# Keras' own, in saving: NumPy 2 deprecates how TensorFlow's variables become arrays.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_loads(tmp_path):
    recurrent = layers.LSTM(3, bias_initializer=ChronoBias(9), unit_forget_bias=False)
    model = get_memory_model(6, recurrent)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    X = np.random.default_rng(0).random((2, 6, 2), np.float32)
    np.testing.assert_array_equal(loaded(X), model(X))
    assert loaded.layers[0].cell.bias_initializer.longest == 9


@pytest.mark.parametrize(
    ("name", "row"), [("LSTM, chrono", np.s_[4:8]), ("GRU, chrono", np.s_[0, :4])]
)
def test_each_run_draws_its_bias(name, row):
    """`train_runs` builds layers anew; it must know an initializer of one's own."""
    model = get_memory_model(9, get_layers(9, 4)[name])
    one, other = (_draw_weights(model)[2][row] for _ in range(2))
    assert len(set(one) | set(other)) == 8  # all differ


def test_models_are_called_by_their_names():
    compared = {name for pair in PAIRS for name in pair}
    assert compared | {name for name, _ in PANELS.values()} <= set(get_layers(5, 2))
    most = {name: get_most_updates(name, [20_000, 100_000]) for name in (RNN, LSTM)}
    assert most == {RNN: 20_000, LSTM: 100_000}


def test_score_of_bits():
    y = np.array([[0], [1], [1], [0]])
    scores = score_bits(y, np.array([[0.2], [0.6], [0.4], [0.0]], np.float32))
    assert scores.keys() == {"loss", "accuracy"} and scores["accuracy"] == 0.75
    assert scores["loss"] == pytest.approx(-np.log([0.8, 0.6, 0.4, 1]).mean())
    assert score_bits(y, 1 - y)["loss"] == pytest.approx(-np.log(1e-7))  # wrong, but finite


def test_learned_when_200_losses_are_low():
    high = np.full(1000, 0.7, np.float32)
    curve = high.copy()
    curve[300:499] = 0  # one too few: the mean of 200 is 0.0035, which is below the level
    # 200 losses with 171 or fewer at 0 have a mean of 0.1015 or more, with 172 one of 0.098.
    assert measure_learning(curve) == {"updates_to_learn": 300 + 172}
    assert measure_learning(high) == {"updates_to_learn": inf}
    assert measure_learning(high[:100] * 0) == {"updates_to_learn": inf}  # too few to tell
    assert measure_learning(high * 0) == {"updates_to_learn": 200}
    below, above = (np.full(200, loss, np.float32) for loss in (0.0999, 0.1001))
    assert measure_learning(below)["updates_to_learn"] == 200
    assert measure_learning(above)["updates_to_learn"] == inf


def make_scores(**of_lengths):
    """Return scores at one rate: for each length a dict of a model to the updates of its runs."""
    return pd.DataFrame(
        {
            "timesteps": int(length[1:]),
            "model": model,
            "run": run,
            "learning_rate": 0.003 if run % 2 else 0.01,
            "updates_to_learn": number,
        }
        for length, of_models in of_lengths.items()
        for model, numbers in of_models.items()
        for run, number in enumerate(numbers, 1)
    )


HALF = [300.0, 900, 1500, 2000, 40_000, *[inf] * 5]
SCORES = make_scores(
    t50={RNN: np.arange(400, 410), LSTM: HALF},
    t100={RNN: [450.0] * 9 + [inf], MIDDLE: [inf] * 10},
)


def test_runs_that_never_learn_are_counted_as_such():
    most_updates = {RNN: 20_000, LSTM: 100_000, MIDDLE: 20_000}
    table = tabulate_learned(View("at 0.003", SCORES), most_updates)
    assert set(table["view"]) == {"at 0.003"}
    assert table.timesteps.tolist() == [50, 50, 100, 100]
    assert table.model.tolist() == [RNN, LSTM, RNN, MIDDLE]
    assert table.bit.tolist() == ["at the start"] * 3 + ["in the middle"]
    assert table.most_updates.tolist() == [20_000, 100_000, 20_000, 20_000]
    assert table.runs.tolist() == [10] * 4 and table.learned.tolist() == [10, 5, 9, 0]
    # No mean, but the median, and the second and the ninth of ten as its interval.
    assert table["median"].tolist() == [404.5, inf, 450, inf]
    assert table.low.tolist() == [401, 900, 450, inf]
    assert table.high.tolist() == [408, inf, 450, inf]
    assert set(table.rates) == {"0.003 (5), 0.01 (5)"}


def test_the_rate_is_that_at_which_most_runs_learn():
    """The mean of three is infinite at both: that alone would not tell them apart."""
    most = [250.0, 250, inf, 250, 250, inf, 250, 250, 250, 250]
    few = [240.0, inf, inf, inf, inf, inf, inf, inf, 240, inf]
    tables = [
        make_scores(t50={LSTM: of}).assign(learning_rate=rate, loss=loss)
        for rate, of, loss in ((0.01, most, 2.0), (0.1, few, 0.7))
    ]
    scores = pd.concat(tables, ignore_index=True)
    view = choose(scores, 0, "updates_to_learn")
    assert view.scores.learning_rate.eq(0.01).sum() >= 9
    kept = view.scores[view.scores.learning_rate == 0.01]
    expected = [most[run - 1] for run in kept.run]
    assert kept.updates_to_learn.tolist() == expected  # infinity is infinity again


def test_rates_that_are_tried_with_longer_sequences():
    """Those at which half of the runs have learned."""
    learned = {0.01: HALF, 0.1: [*HALF[:4], *[inf] * 6], 0.001: [300.0] * 10}
    tables = [
        make_scores(t50={LSTM: runs}).assign(learning_rate=of) for of, runs in learned.items()
    ]
    assert find_useful_rates(pd.concat(tables)) == [0.01, 0.001]
    assert find_useful_rates(tables[1]) == []


def test_each_model_goes_on_with_the_rates_that_are_useful(monkeypatch):
    trained = []

    def train(n_timesteps, name, rates, options):
        trained.append((n_timesteps, name, rates))
        runs = [300.0 if rate * n_timesteps < 0.3 and name == RNN else inf for rate in rates]
        return make_scores(t9={name: runs}).assign(learning_rate=rates)

    monkeypatch.setattr(long_memory, "train", train)
    options = SimpleNamespace(timesteps=[50, 20, 100], learning_rate=[0.01, 0.001], units=2)
    scores = long_memory.train_all(options)
    both = [0.01, 0.001]
    assert trained[:3] == [(20, RNN, both), (50, RNN, both), (100, RNN, [0.001])]
    assert trained[3:] == [(20, name, both) for name in get_layers(20, 2) if name != RNN]
    assert len(scores) == 5 + 2 * 9


def test_answer_about_memory():
    text = answer(View("at 0.003", SCORES), 20_000)
    _, heading, *rows = text.splitlines()
    assert heading.split() == ["timesteps", "50", "100"]
    cells = [
        ["10 of 10: 404 (401 to 408)", "9 of 10: 450 (450 to 450)"],
        ["5 of 10: never (900 to never)", "not tried"],
        ["not tried", "0 of 10: never (never to never)"],
    ]
    for row, name, expected in zip(rows, [RNN, LSTM, MIDDLE], cells, strict=False):
        assert row.startswith(name) and all(cell in row for cell in expected)
    # The median of LSTM, of 100,000 updates, is that within 20,000 here; one pair at one length.
    (line,) = rows[3:]
    assert line.startswith(
        f"Answer, 50 time steps, within 20,000 updates, {RNN} compared with {LSTM}: "
    )
    assert ": sooner, 404 (401 to 408) against never (900 to never)" in line
    assert "in 9 of 10 runs" in line
    late = View("at 0.003", SCORES.replace({"updates_to_learn": {inf: 30_000.0}}))
    assert answer(late, 20_000).splitlines()[-1] == line
    assert "against 30,000 (900 to 30,000) updates" in answer(late, 40_000).splitlines()[-1]
    text = explain([10, 50])
    assert "sigmoid(1) = 0.731" in text and "4.4e-02 after 10, 1.6e-07 after 50 steps" in text


def test_a_training_ends_when_it_has_learned(monkeypatch):
    """At the first chunk, of at most 400 updates, by which it has; or at its largest number."""
    monkeypatch.setattr(long_memory, "CHUNK", 400)
    options = {"sequences": [1500], "runs": 2, "units": 5, "seed": 0}
    scores = long_memory.train(3, RNN, [0.03, 1e-9], SimpleNamespace(**options))
    assert scores.columns[:2].tolist() == ["timesteps", "model"]
    assert len(scores) == 4  # one row for each training
    fast = scores[scores.learning_rate == 0.03]
    assert fast.updates_to_learn.max() <= 1500 and fast.loss.max() < 0.2
    assert (fast["update"] == np.ceil(fast.updates_to_learn / 375) * 375).all()
    slow = scores[scores.learning_rate == 1e-9]
    assert (slow.updates_to_learn == inf).all() and (slow["update"] == 1500).all()
