"""The ways to train whose updates are timed."""

from argparse import Namespace

import keras
import numpy as np
import pandas as pd

from benchmarks import update_cost
from data import get_sequences
from lstm_forward import get_lstm_model


def train(way):
    """Return the weights of a small model that a way has trained on six sequences."""
    keras.utils.set_random_seed(1)
    model = get_lstm_model(10, n_units=3)
    way(model, *get_sequences(6, 10, 0))
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def test_all_ways_train_alike():
    weights = {name: train(way) for name, (way, _) in update_cost.WAYS.items()}
    assert np.abs(weights["one fit"] - train(lambda *arguments: None)).max() > 0.004
    for name, of_way in weights.items():
        np.testing.assert_allclose(of_way, weights["one fit"], atol=1e-5, err_msg=name)


def test_table_and_files(tmp_path, monkeypatch, capsys):
    """Two ways of known speeds: 2 s and 5 ms an update, 3 s and 1 ms."""
    ways = {"slow": ((2, 0.005), 10), "fast": ((3, 0.001), 1)}
    monkeypatch.setattr(update_cost, "WAYS", ways)
    stages = pd.DataFrame({"trace": ["0.5"]}, ["lstm_forw"])
    monkeypatch.setattr(update_cost, "tabulate_stages", lambda options: (stages, 2.5))
    monkeypatch.setattr(update_cost, "measure", lambda way, n, options: way[0] + n * way[1])
    options = Namespace(sequences=20, output=tmp_path, show=False, name="update_cost")
    update_cost.main(options)
    _, slow, fast = capsys.readouterr().out.split(":\n")[1].splitlines()[:3]
    assert slow.split() == ["slow", "5", "(5-5)", "2", "(2-2)"]
    assert fast.split() == ["fast", "1", "(1-1)", "3", "(3-3)"]
    table = pd.read_csv(tmp_path / "update_cost_seconds.csv")
    assert len(table) == 2 * update_cost.N_ROUNDS and (tmp_path / "update_cost.png").exists()


def test_stages():
    model = get_lstm_model(10, n_units=3)
    stages = update_cost.measure_stages(model, *get_sequences(6, 10, 0))
    assert list(stages) == ["trace", "compile", "250 updates"]
    assert min(stages["trace"], stages["250 updates"]) > 0
    assert model.optimizer.iterations == 12  # each update is made twice
