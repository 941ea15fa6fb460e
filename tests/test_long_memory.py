"""How many updates until a bit is remembered."""

from argparse import Namespace
from math import inf

import numpy as np
import pandas as pd
import pytest

from extensions import long_memory
from extensions.long_memory import get_layers, get_marked_sequences


def make_scores(name, runs, n_timesteps=50, bit="start", rate=0.001):
    """Return the scores of a model, of the updates until each run has learned."""
    columns = {"timesteps": n_timesteps, "bit": bit, "model": name, "run": range(1, len(runs) + 1)}
    return pd.DataFrame(columns | {"learning_rate": rate, "updates_to_learn": runs})


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


def test_each_model_goes_on_with_the_rates_at_which_half_of_the_runs_have_learned(monkeypatch):
    trained = {}

    def train(n_timesteps, name, bit, rates, options):
        trained[n_timesteps, name, bit] = rates
        n_learned = {0.01: 4, 0.001: 5, 0.1: 10 if n_timesteps == 20 else 0}
        tables = []
        for rate in rates:
            n = n_learned[rate] if name == "RNN" else 0
            tables.append(make_scores(name, [300.0] * n + [inf] * (10 - n), rate=rate))
        return pd.concat(tables)

    monkeypatch.setattr(long_memory, "train", train)
    rates = [0.01, 0.001, 0.1]
    long_memory.train_all(Namespace(timesteps=[50, 20, 100], learning_rate=rates, units=2))
    expected = {(20, *model): rates for model in get_layers(20, 2)}
    expected |= {(50, "RNN", "start"): [0.001, 0.1], (100, "RNN", "start"): [0.001]}
    assert trained == expected


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize(("bit", "most", "step"), [("middle", 1500, 1), ("start", 1600, 0)])
def test_a_training_ends_when_it_has_learned(bit, most, step, monkeypatch):
    """At the first chunk, of at most 400 updates, by which it has; or at its largest number."""
    steps = []

    def draw(*sizes, bit_step, **settings):
        steps.append(bit_step)
        return get_marked_sequences(*sizes, bit_step=bit_step, **settings)

    monkeypatch.setattr(long_memory, "get_marked_sequences", draw)
    monkeypatch.setattr(long_memory, "CHUNK", 400)
    options = Namespace(sequences=[1500, 1600], runs=1, units=5, seed=0, learning_rate=None)
    fast, slow = long_memory.train(3, "LSTM", bit, [0.03, 1e-9], options).itertuples()
    assert set(steps) == {step}
    assert 200 <= fast.updates_to_learn <= 1500 and fast.loss < 0.2
    assert fast.update == np.ceil(fast.updates_to_learn * 4 / most) * most / 4
    assert (slow.updates_to_learn, slow.update) == (inf, most)


def test_what_is_printed(capsys):
    half = [300.0, 900, 1500, 2000, 40_000, *[inf] * 5]
    of_models = [
        make_scores("RNN", [400.0, 401, 402, 403, inf, 405, 406, 407, 408, 409]),
        make_scores("RNN", [450.0] * 9 + [inf], 100),
        make_scores("LSTM", half),
        make_scores("LSTM", [inf] * 10, bit="middle"),
    ]
    views = pd.concat(of_models).assign(view="at 0.001")
    long_memory.report(views, 20_000)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    # A - is not tried. No mean, but the median, and the second and the ninth of ten as its
    # interval. Run 5 counts as a tie: 40,000 updates are never within 20,000.
    assert [line for line in lines if "RNN" in line or "LSTM" in line] == [
        "start RNN 9 9",
        "LSTM 5 -",
        "middle LSTM 0 -",
        "50 start RNN 406 (401 to 409)",
        "LSTM never (900 to never)",
        "middle LSTM never (never to never)",
        "100 start RNN 450 (450 to 450)",
        "50 start RNN vs LSTM 8 of 10 sooner",
    ]

    (axes,) = long_memory.draw(views).axes  # what is not tried has no number
    assert [text.get_text() for text in axes.texts] == ["9", "9", "5", "", "0", ""]
