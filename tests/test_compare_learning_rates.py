"""The controls, and what is printed of made-up losses."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from data import get_sequences
from extensions import compare_learning_rates
from extensions.compare_learning_rates import PAIRS, get_step_model, get_two_forward_model


@pytest.mark.parametrize(
    ("build", "parameters"), [(get_two_forward_model, 3561), (get_step_model, 1861)]
)
def test_controls_read_forward_alone(build, parameters):
    X, _ = get_sequences(2, 10, 0)
    changed = np.where(np.arange(10)[:, None] < 6, X, 0.5)
    model = build(10)
    before, after = np.asarray(model(X)), np.asarray(model(changed))
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert np.abs(before[:, 6:] - after[:, 6:]).min() > 0
    assert model.count_params() == parameters


def test_the_counting_model_is_given_the_step():
    inputs = get_step_model(5, n_units=3).layers[0](np.full((2, 5, 1), 0.3))
    expected = [[[0.3, step] for step in (0.2, 0.4, 0.6, 0.8, 1)]] * 2
    np.testing.assert_allclose(inputs, expected, atol=1e-6)


def test_made_up_losses(monkeypatch, capsys):
    """The loss is 1, and later 0. At 0.01 a model learns later, and test loss is lower."""
    names = list(dict.fromkeys(name for pair in PAIRS for name in pair))
    keys = {"run": range(1, 13), "learning_rate": [0.001, 0.01], "update": range(1, 201)}
    losses = pd.DataFrame(product(*keys.values()), columns=[*keys])
    losses[names] = 1.0
    # The step number alone has 0.239: at most 23 of the last 100 losses may be 1.
    for rate, end in ((0.001, 30), (0.01, 50)):
        is_later = (losses.learning_rate == rate) & (losses["update"] > end)
        losses.loc[is_later, [name for name in names if name != "rnn_forw"]] = 0.0
    scores = losses[losses["update"] == 200].melt([*keys], names, "model", "loss")
    is_small = scores.learning_rate == 0.001
    scores["loss"] = np.where(is_small, 0.2, 0.1) + 0.2 * (is_small & (scores.model == "gru_forw"))
    scores["accuracy"] = np.where(is_small | (scores.run == 3), 0.9, 0.89)
    monkeypatch.setattr(compare_learning_rates, "get_models", lambda *_: None)
    monkeypatch.setattr(compare_learning_rates, "train_on_sums", lambda *_: (losses, scores))
    monkeypatch.setattr(compare_learning_rates, "save", lambda *_, **__: plt.close("all"))
    options = SimpleNamespace(timesteps=10, units=2, sequences=200, runs=12, seed=0)
    compare_learning_rates.main(options)

    text = capsys.readouterr().out
    chosen = "at a rate chosen by three other runs"
    assert f"right:\nat 0.001: 12 of 12\n{chosen}: 1 of 12\n" in text
    blocks = [[line.split() for line in block.splitlines()] for block in text.split("\n\n")]
    failed, learned = (block[2:] for block in blocks if block[1:2] == [[".001", ".01"]])
    assert failed == [[name, "12" if name == "gru_forw" else "0", "0"] for name in names]
    updates = {name: ["-", "-"] if name == "rnn_forw" else ["107", "127"] for name in names}
    assert learned == [[name, *numbers] for name, numbers in updates.items()]
