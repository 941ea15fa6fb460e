"""The comparisons in other settings: what is trained how long, verdicts on hand-made scores."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import compare_directions
import compare_merge_modes
from extensions import compare_settings
from extensions.compare_settings import CLAIMS, count_passes, get_settings

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
    passes = {
        model: [count_passes(model, setting) for setting in settings.values()]
        for model in ("lstm_forw", "bilstm_mul")
    }
    assert passes == {"lstm_forw": [10] * 5 + [1], "bilstm_mul": [10] * 4 + [1] * 2}


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

    def train_on_sums(models, n_timesteps, n_sequences, options, **settings):
        assert (n_timesteps, n_sequences, settings["batch_size"]) == (4, 6 * batch_size, batch_size)
        assert settings["fresh"]
        updates = range(6, 6 * settings["n_epochs"] + 1, 6)
        rows = [(name, update) for name in models for update in updates]
        return None, pd.DataFrame(rows, columns=["model", "update"])

    monkeypatch.setattr(compare_settings, "train_on_sums", train_on_sums)
    setting = {"timesteps": 4, "units": 30, "batch_size": batch_size}
    scores = compare_settings.train(setting, SimpleNamespace(sequences=6))
    assert scores.groupby("model")["update"].agg(list).to_dict() == {
        name: [6, 60] if batch_size == 1 and name.endswith("_forw") else [6] for name in NAMES
    }


NOISE = np.resize([-0.001, 0.001], 10)  # of ten runs


def tabulate_verdicts(**means):
    """Return the verdicts on scores of ten runs, with noise but in `lstm_forw`.

    Args:
        **means: of each model, a dict of setting to test loss.
    """
    rows = [
        (setting, 60, "at 0.001", model, run, mean + NOISE[run] * (model != "lstm_forw"))
        for model, of_settings in means.items()
        for setting, mean in of_settings.items()
        for run in range(10)
    ]
    columns = ["setting", "update", "view", "model", "run", "loss"]
    differences = compare_settings.subtract(pd.DataFrame(rows, columns=columns))
    return compare_settings.tabulate_verdicts(differences)


def test_verdicts_of_the_pairs_that_were_trained():
    verdicts = tabulate_verdicts(bilstm_con={"x": 0.3}, lstm_forw={"x": 0.5}, gru_forw={"x": 0.5})
    half = stats.t.ppf(0.975, 9) * stats.sem(NOISE)
    expected = [("bilstm_con", "lower", -0.2), ("gru_forw", "alike, to within 0.01", 0)]
    for row, (one, verdict, mean) in zip(verdicts.to_numpy(), expected, strict=True):
        assert [*row[:6]] == ["x", 60, "at 0.001", one, "lstm_forw", verdict]
        np.testing.assert_allclose([*row[6:]], [mean, mean - half, mean + half], atol=1e-12)


def test_what_goes_against_the_claims(capsys):
    verdicts = tabulate_verdicts(
        lstm_forw={"few": 0.5, "many": 0.5},
        bilstm_con={"few": 0.2, "many": 0.7},
        gru_forw={"few": 0.3, "many": 0.7},
        rnn_forw={"few": 0.6, "many": 0.4},
        bilstm_sum={"few": 0.4, "many": 0.4},
        bilstm_mul={"few": 0.3, "many": 0.3},
        bilstm_ave={"few": 0.401, "many": 0.401},
    )
    compare_settings.print_verdicts(verdicts)
    counts, against, _ = capsys.readouterr().out.split("\n\n")
    _, words, _, *rows = [line.split() for line in counts.splitlines()]
    assert words == ["lower", "higher"]
    assert rows[0] == ["C2:", "lower", "bilstm_con", "lstm_forw", "1", "1"]
    assert rows[3:5] == [
        ["C4:", "nothing", "bilstm_con", "bilstm_sum", "1", "1"],
        ["C4:", "higher", "bilstm_mul", "bilstm_sum", "2", "0"],
    ]
    # Names that a line shares with the line before are not repeated.
    assert [line.split() for line in against.splitlines()[3:]] == [
        ["bilstm_con", "lstm_forw", "many", "60", "+0.200", "higher"],
        ["gru_forw", "lstm_forw", "few", "60", "-0.200", "lower"],
        ["many", "60", "+0.200", "higher"],
        ["rnn_forw", "lstm_forw", "many", "60", "-0.100", "lower"],
        ["bilstm_mul", "bilstm_sum", "few", "60", "-0.100", "lower"],
        ["many", "60", "-0.100", "lower"],
        ["bilstm_con", "many", "60", "-0.400", "lower"],
        ["bilstm_ave", "bilstm_con", "many", "60", "-0.299", "lower"],
    ]
