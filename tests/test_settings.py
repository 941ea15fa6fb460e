"""The comparisons in other settings: hand-made scores to words, what counts as a contradiction."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

import compare_directions
import compare_merge_modes
from extensions import compare_settings
from extensions.compare_settings import CLAIMS, get_outcome, get_settings, is_trained_longer

DEFAULTS = {"timesteps": [10, 30, 100], "units": [20, 5, 100], "batch_size": [1, 32]}
NOISE = np.resize([-0.001, 0.001], 10)  # of ten runs
HALF = stats.t.ppf(0.975, 9) * stats.sem(NOISE)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make_scores(setting, n_updates, means):
    """Return scores of ten runs of each model: at 0.001, `means`; at 0.01, a tenth of them."""
    return pd.DataFrame(
        {
            "setting": setting,
            "model": model,
            "run": run + 1,
            "learning_rate": rate,
            "update": n_updates,
            "loss": factor * mean + (NOISE[run] if model != "lstm_forw" else 0),
        }
        for model, mean in means.items()
        for run in range(10)
        for rate, factor in ((0.001, 1), (0.01, 0.1))
    )


def test_one_thing_differs_at_a_time():
    settings = get_settings(**DEFAULTS)
    assert [tuple(setting.values()) for setting in settings.values()] == [
        (10, 20, 1),
        (30, 20, 1),
        (100, 20, 1),
        (10, 5, 1),
        (10, 100, 1),
        (10, 20, 32),
    ]
    assert list(settings) == [
        "10 steps, 20 units, 1 per update",
        "30 steps",
        "100 steps",
        "5 units",
        "100 units",
        "32 per update",
    ]
    longer = {
        model: [name for name, of in settings.items() if is_trained_longer(model, of)]
        for model in ("lstm_forw", "bilstm_mul")
    }
    one_per_update = ["10 steps, 20 units, 1 per update", "30 steps", "100 steps", "5 units"]
    assert longer == {"lstm_forw": list(settings)[:-1], "bilstm_mul": one_per_update}
    long = {"timesteps": 101, "units": 20, "batch_size": 1}
    assert not is_trained_longer("lstm_forw", long)


def test_models_are_those_of_the_other_scripts():
    """But for TimeDistributed, which changes nothing: with the same weights, the same outputs."""
    models = compare_settings.get_models(4, 3)
    others = {
        **compare_merge_modes.get_models(4, n_units=3),
        "lstm_forw": compare_directions.get_models(4, n_units=3)["lstm_forw"],
    }
    assert {*models} == {name for pair in CLAIMS for name in pair}
    X = np.random.default_rng(0).random((2, 4, 1))
    for name, other in others.items():
        models[name].set_weights(other.get_weights())
        np.testing.assert_allclose(models[name](X), other(X), atol=1e-6)


@pytest.mark.parametrize("largest", [{}, {"units": 3}, {"units": 2}])
def test_who_is_trained_how_long(largest, monkeypatch):
    """A stand-in for the training scores after each pass; the tests that count are kept."""
    trained = []

    def train_on_sums(models, n_timesteps, n_sequences, options, **settings):
        trained.append((sorted(models), n_timesteps, n_sequences, settings))
        updates = range(6, 6 * settings["n_epochs"] + 1, 6)
        return None, pd.DataFrame(
            [(name, update) for name in models for update in updates], columns=["model", "update"]
        )

    monkeypatch.setattr(compare_settings, "train_on_sums", train_on_sums)
    forward, both = (compare_settings.LARGEST[name] for name in ("forward", "bidirectional"))
    monkeypatch.setattr(
        compare_settings, "LARGEST", {"forward": forward, "bidirectional": both | largest}
    )
    setting = {"timesteps": 4, "units": 3, "batch_size": 1}
    scores = compare_settings.train(setting, SimpleNamespace(sequences=6))
    names = {name for pair in CLAIMS for name in pair}
    longer = {name for name in names if largest != {"units": 2} or name.endswith("_forw")}
    kept = scores.groupby("model")["update"].agg(list).to_dict()
    assert kept == {name: [6, 60] if name in longer else [6] for name in names}
    assert all(settings["fresh"] and steps == 4 and n == 6 for _, steps, n, settings in trained)
    setting["batch_size"] = 33
    assert {*compare_settings.train(setting, SimpleNamespace(sequences=6))["update"]} == {6}
    assert trained[-1][2] == 6 * 33 and trained[-1][3]["batch_size"] == 33


def test_words_by_hand():
    """Rates are chosen for each setting and each number of updates by itself."""
    early = make_scores("some", 6, {"bilstm_con": 0.3, "lstm_forw": 0.5, "gru_forw": 0.5})
    late = make_scores("some", 60, {"lstm_forw": 0.5, "gru_forw": 0.2})
    late["loss"] = np.where(late.learning_rate == 0.01, 100 - late.loss, late.loss)
    verdicts = compare_settings.tabulate_verdicts(pd.concat([early, late]), seed=3)
    assert verdicts.columns.tolist() == (
        ["setting", "update", "view", "one", "other", "words", "mean", "low", "high"]
    )
    chosen = "at a rate chosen by three other runs"
    expected = [
        ("some", 6, "at 0.001", "bilstm_con", -0.2),
        ("some", 6, "at 0.001", "gru_forw", 0),
        ("some", 6, chosen, "bilstm_con", -0.02),
        ("some", 6, chosen, "gru_forw", 0),
        ("some", 60, "at 0.001", "gru_forw", -0.3),
        ("some", 60, chosen, "gru_forw", -0.3),  # a tenth is not the smaller loss any more
    ]
    names = ["setting", "update", "view", "one", "mean"]
    rows = [tuple(row) for row in verdicts[names].round(9).itertuples(index=False)]
    assert rows == expected and {*verdicts.other} == {"lstm_forw"}
    np.testing.assert_allclose(verdicts.high - verdicts["mean"], HALF)
    np.testing.assert_allclose(verdicts["mean"] - verdicts.low, HALF)
    assert verdicts.words[0] == f"lower by 0.200 ± {HALF:.3f}"
    assert verdicts.words[1] == f"alike, to within 0.01 (+0.000 ± {HALF:.3f})"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("lower by 0.200 ± 0.030", "lower"),
        ("higher by 0.200 ± 0.030", "higher"),
        ("higher by 0.005 ± 0.002 (within 0.01)", "alike"),
        ("alike, to within 0.01 (+0.001 ± 0.002)", "alike"),
        ("no clear difference (+0.020 ± 0.200)", "no clear difference"),
        ("lower by 0.200 (0.100 to 0.300) in 2 runs, too few for a verdict", "no verdict"),
        ("no mean (1 of 10 not finite)", "no verdict"),
    ],
)
def test_outcomes(words, outcome):
    assert get_outcome(words) == outcome


def test_contradictions():
    means = {
        "lstm_forw": 0.5,
        "bilstm_con": 0.2,
        "gru_forw": 0.3,
        "rnn_forw": 0.6,
        "bilstm_sum": 0.4,
        "bilstm_mul": 0.3,
        "bilstm_ave": 0.401,
    }
    worse = means | {"bilstm_con": 0.7, "gru_forw": 0.501, "rnn_forw": 0.4}
    scores = pd.concat([make_scores("few", 1000, means), make_scores("many", 1000, worse)])
    verdicts = compare_settings.tabulate_verdicts(scores)
    lines = [line for line in compare_settings.answer(verdicts).splitlines() if "0.001, " in line]
    against = {
        tuple(line.split(", ")[2].split(" minus ")): line.split(" it: ")[-1] for line in lines
    }
    (nothing,) = [line for line in lines if line.endswith("says nothing about this pair.")]
    assert against == {
        ("bilstm_con", "lstm_forw"): f"many, 1,000 updates (higher by 0.200 ± {HALF:.3f}).",
        ("gru_forw", "lstm_forw"): f"few, 1,000 updates (lower by 0.200 ± {HALF:.3f}).",
        ("rnn_forw", "lstm_forw"): f"many, 1,000 updates (lower by 0.100 ± {HALF:.3f}).",
        ("bilstm_con", "bilstm_sum"): nothing,
        ("bilstm_mul", "bilstm_sum"): (
            "few, 1,000 updates (lower by 0.100 ± 0.000);"
            " many, 1,000 updates (lower by 0.100 ± 0.000)."
        ),
        ("bilstm_ave", "bilstm_sum"): "none.",
        ("bilstm_mul", "bilstm_con"): "many, 1,000 updates (lower by 0.400 ± 0.000).",
        ("bilstm_ave", "bilstm_con"): "many, 1,000 updates (lower by 0.299 ± 0.000).",
    }
    assert lines[0].startswith(
        "Answer, C2, bilstm_con minus lstm_forw, at 0.001, 2 comparisons: lower in 1, higher in"
        " 1. The claim says lower; against it: "
    )


def test_figure_shows_the_chosen_rates():
    scores = make_scores("some", 6, dict.fromkeys({name for pair in CLAIMS for name in pair}, 0.3))
    scores.loc[scores.model == "rnn_forw", "loss"] += 0.2
    verdicts = compare_settings.tabulate_verdicts(scores)
    figure = compare_settings.draw(verdicts, 10)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == list(compare_settings.PANELS.values())
    points = [axes.containers[0].lines[0].get_xdata()[0] for axes in figure.axes]
    np.testing.assert_allclose(points, [0, 0, 0.2, 0, 0, 0], atol=1e-9)
    # 0.2 is beyond the right edge: words and an arrow say so.
    beyond = [
        [text.get_text() for text in axes.texts if "→" in text.get_text()] for axes in figure.axes
    ]
    assert beyond == [[], [], ["mean 0.20, to 0.20 →"], [], [], []]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "within 0.01 nats",
        "after 6 updates",
    ]
