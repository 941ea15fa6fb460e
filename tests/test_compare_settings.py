"""The comparisons in other settings: what is trained how long, verdicts on hand-made scores."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import compare_directions
import compare_merge_modes
from extensions import compare_settings
from extensions.compare_settings import CLAIMS, get_settings

NAMES = {name for pair in CLAIMS for name in pair}


def test_one_thing_differs_at_a_time():
    settings = get_settings(timesteps=[10, 30, 100], units=[20, 5, 100], batch_size=[1, 32])
    assert {name: tuple(setting.values()) for name, setting in settings.items()} == {
        "10 steps, 20 units, 1 per update": (10, 20, 1),
        "30 steps": (30, 20, 1),
        "100 steps": (100, 20, 1),
        "5 units": (10, 5, 1),
        "100 units": (10, 100, 1),
        "32 per update": (10, 20, 32),
    }


def test_models_are_those_of_the_other_scripts():
    """But for TimeDistributed, which changes nothing: with the same weights, the same outputs."""
    models = compare_settings.get_models(4, 3)
    others = {
        **compare_merge_modes.get_models(4, n_units=3),
        "lstm_forw": compare_directions.get_models(4, n_units=3)["lstm_forw"],
    }
    assert {*models} == NAMES
    X = np.random.default_rng(0).random((2, 4, 1))
    for name, other in others.items():
        models[name].set_weights(other.get_weights())
        np.testing.assert_allclose(models[name](X), other(X), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 33])
def test_scores_after_so_many_updates_and_ten_times_as_many(batch_size, monkeypatch):
    """A stand-in for the training scores after each pass."""

    def train_on_sums(models, n_timesteps, n_sequences, options, batch_size, fresh, n_epochs):
        updates = np.arange(1, n_epochs + 1) * n_sequences // batch_size
        return None, pd.DataFrame(product(models, updates), columns=["model", "update"])

    monkeypatch.setattr(compare_settings, "train_on_sums", train_on_sums)
    setting = {"timesteps": 4, "units": 30, "batch_size": batch_size}
    scores = compare_settings.train(setting, SimpleNamespace(sequences=6))
    assert scores.groupby("model")["update"].agg(list).to_dict() == {
        name: [6, 60] if batch_size == 1 and name.endswith("_forw") else [6] for name in NAMES
    }


def test_what_goes_against_the_claims(capsys):
    losses = {
        "lstm_forw": {"few": 0.5, "many": 0.5},
        "bilstm_con": {"few": 0.2, "many": 0.7},
        "gru_forw": {"few": 0.3, "many": 0.505},
        "rnn_forw": {"many": 0.4},  # not trained on few
        "bilstm_sum": {"few": 0.4, "many": 0.4},
        "bilstm_mul": {"few": 0.3, "many": 0.3},
    }
    rows = [
        (setting, 60, "at 0.001", model, run, loss)
        for model, of_settings in losses.items()
        for setting, loss in of_settings.items()
        for run in range(10)
    ]
    columns = ["setting", "update", "view", "model", "run", "loss"]
    differences = compare_settings.subtract(pd.DataFrame(rows, columns=columns))
    compare_settings.print_verdicts(compare_settings.tabulate_verdicts(differences))
    counts, against, _ = capsys.readouterr().out.split("\n\n")
    _, words, _, *rows = [line.split() for line in counts.splitlines()]
    assert words == ["lower", "higher"]
    assert rows[:3] == [
        ["C2:", "lower", "bilstm_con", "lstm_forw", "1", "1"],
        ["C7:", "alike", "gru_forw", "lstm_forw", "1", "1"],
        ["C7:", "higher", "rnn_forw", "lstm_forw", "1", "0"],
    ]
    # Names that a line shares with the line before are not repeated.
    assert [line.split() for line in against.splitlines()[3:]] == [
        ["bilstm_con", "lstm_forw", "many", "60", "+0.200", "higher"],
        ["gru_forw", "lstm_forw", "few", "60", "-0.200", "lower"],
        ["rnn_forw", "lstm_forw", "many", "60", "-0.100", "lower"],
        ["bilstm_mul", "bilstm_sum", "few", "60", "-0.100", "lower"],
        ["many", "60", "-0.100", "lower"],
        ["bilstm_con", "many", "60", "-0.400", "lower"],
    ]
