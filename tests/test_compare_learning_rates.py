"""The controls, and what is printed and drawn of made-up losses."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from data import get_sequences
from extensions import compare_learning_rates
from extensions.compare_learning_rates import PAIRS, get_step_model, get_two_forward_model

CHOSEN = "at a rate chosen by three other runs"


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


def test_pairs_that_are_compared():
    names = "bilstm_con lstm_back_aligned lstm_forw_twice lstm_forw_step gru_forw rnn_forw"
    pairs = {(name, "lstm_forw") for name in names.split()}
    pairs |= {(name, "bilstm_sum") for name in ("bilstm_mul", "bilstm_ave", "bilstm_con")}
    pairs |= {(name, "bilstm_con") for name in ("bigru_con", "birnn_con")}
    assert {*PAIRS} == pairs
    models = compare_learning_rates.get_models(4, 2)
    assert {name for pair in pairs for name in pair} == {*models}
    assert all(isinstance(model, keras.Model) for model in models.values())


def test_made_up_losses(monkeypatch, capsys):
    """The loss is 1, and 0 from some update on; at 0.01 the test loss is lower, and accuracy is."""
    names = list(dict.fromkeys(name for pair in PAIRS for name in pair))
    axes = {"run": range(1, 13), "learning_rate": [0.001, 0.01], "update": range(1, 201)}
    trainings = pd.MultiIndex.from_product(list(axes.values())[:2], names=list(axes)[:2])
    drawn = np.random.default_rng(0).integers(1, 120, (len(trainings), len(names)))
    ends = pd.DataFrame(drawn, trainings, names).assign(rnn_forw=999)
    above = ends.to_numpy()[:, None] > np.arange(1, 201)[:, None]
    every = pd.MultiIndex.from_product(axes.values(), names=axes)
    losses = pd.DataFrame(above.reshape(-1, len(names)) * 1.0, every, names).reset_index()
    # The step number alone has 0.239: at most 23 of the last 100 losses may be 1.
    expected = np.maximum(100.0, ends + 76).mask(ends == 999, np.inf)

    scores = ends.melt(var_name="model", ignore_index=False).reset_index().drop(columns="value")
    is_small = scores.learning_rate == 0.001
    scores["loss"] = np.where(is_small, 0.2, 0.1) + 0.2 * (scores.model == "gru_forw") * is_small
    scores["accuracy"] = np.where(is_small | (scores.run == 3), 0.9, 0.89)
    saved = {}
    monkeypatch.setattr(compare_learning_rates, "get_models", lambda *_: None)
    monkeypatch.setattr(compare_learning_rates, "train_on_sums", lambda *_: (losses, scores))
    monkeypatch.setattr(
        compare_learning_rates,
        "save",
        lambda _, __, others, **tables: saved.update(others, **tables),
    )
    compare_learning_rates.main(
        SimpleNamespace(timesteps=10, units=2, sequences=200, runs=12, seed=0)
    )

    counted = saved["scores"].pivot(
        index=["run", "learning_rate"], columns="model", values="updates_to_learn"
    )
    pd.testing.assert_frame_equal(counted[names], expected, check_names=False)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert f"right:\nat 0.001: 12 of 12\n{CHOSEN}: 1 of 12\n" in text
    blocks = [[line.split() for line in block.splitlines()] for block in text.split("\n\n")]
    by_rate = [block[2:] for block in blocks if block[1:2] == [[".001", ".01"]]]
    failed, printed = ({row[0]: row[1:] for row in table} for table in by_rate)
    assert failed == dict.fromkeys(names, ["0", "0"]) | {"gru_forw": ["12", "0"]}
    medians = expected.groupby("learning_rate").median()
    shown = medians.drop(columns="rnn_forw").map("{:.0f}".format).to_dict("list")
    assert printed == shown | {"rnn_forw": ["-", "-"]}
    figure = saved["_updates.png"].__self__
    for axes, names in zip(figure.axes, compare_learning_rates.PANELS.values(), strict=False):
        drawn = [bars.lines[0].get_ydata() for bars in axes.containers]
        np.testing.assert_allclose(drawn, medians[names].T)
    plt.close("all")
