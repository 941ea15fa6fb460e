"""The summaries that the pages are written from, and the verdicts of two seeds side by side."""

import numpy as np
import pandas as pd
import pytest

from docs import compare_seeds, pages, summaries


@pytest.fixture
def scores():
    """Two models, twelve runs, two rates; at 0.01 the second model's loss is 0.1 lower."""
    rows = [
        (
            model,
            run,
            rate,
            1000,
            0.5 - 0.1 * (model == "new") * (rate == 0.01),
            0.8 + 0.1 * (run < 4),
        )
        for model in ("old", "new")
        for run in range(1, 13)
        for rate in (0.001, 0.01)
    ]
    columns = ["model", "run", "learning_rate", "update", "loss", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def find(facts, **which):
    rows = facts[(facts[list(which)] == pd.Series(which)).all(axis=1)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_facts_of_both_views(scores):
    facts = summaries.summarize_scores(scores, 0, "loss", {"old": None})
    new = {"model": "new", "minus": "old", "measure": "loss"}
    assert find(facts, view="published", **new).words == "alike, to within 0.01 (+0.000 ± 0.000)"
    assert find(facts, view="chosen", **new).words == "lower by 0.100 ± 0.000"
    assert (
        find(facts, view="chosen", model="new", minus="", measure="loss").value == "0.400 ± 0.000"
    )
    accurate = find(facts, view="chosen", model="old", measure="accurate")
    assert accurate.value == "3 of 12 runs"
    assert not ((facts.model == "old") & (facts.minus == "old")).any()


def test_facts_by_length_and_of_the_last_test(scores):
    first = scores.assign(update=500, loss=9.0)
    both = pd.concat([first, scores, scores.assign(timesteps=40, loss=1.0)]).fillna(
        {"timesteps": 10}
    )
    both["timesteps"] = both.timesteps.astype(int)
    facts = summaries.summarize_scores(both, 0, "loss", {"old": None})
    of_old = {"view": "published", "model": "old", "minus": "", "measure": "loss"}
    assert find(facts, trained="10", **of_old).value == "0.500 ± 0.000"
    assert find(facts, trained="40", **of_old).value == "1.000 ± 0.000"


def test_facts_of_runs_that_never_learn(scores):
    scores["updates_to_learn"] = np.where(scores.model == "old", np.inf, 100.0)
    facts = summaries.summarize_scores(scores, 0, "loss", {"old": None})
    soonest = find(facts, view="soonest", model="new", minus="old", measure="updates_to_learn")
    assert soonest.words.startswith("sooner, 100 (100 to 100) against never (never to never)")


def test_answers_and_the_lines_that_belong_to_them():
    printed = "table\nAnswer, a:\n  one\n  two\nother\n  three\nAnswer, b: lower by 1.\nSaved x"
    assert summaries.pick_answers(printed) == [
        "Answer, a:",
        "  one",
        "  two",
        "Answer, b: lower by 1.",
    ]


def test_verdicts_side_by_side(tmp_path, monkeypatch, capsys):
    line = (
        "Answer, test loss, at 0.001: b minus a: {}; c minus a: alike, to within 0.01 (+0.001).\n"
    )
    mean = "chosen,b,,0.5,0.5 ± 0.1\n"  # is no verdict
    facts = "view,model,minus,value,words\n" + mean + "chosen,b,,0.5,\nchosen,b,a,{0},{0}\n"
    (tmp_path / "means_seed0.csv").write_text(facts.splitlines()[0] + "\n" + mean, encoding="utf-8")
    (tmp_path / "means_seed1.csv").write_text(facts.splitlines()[0] + "\n" + mean, encoding="utf-8")
    for seed, words in enumerate(["lower by 0.1 ± 0.05", "no clear difference (0.0)"]):
        (tmp_path / f"x_seed{seed}.txt").write_text(line.format(words), encoding="utf-8")
        (tmp_path / f"y_seed{seed}.csv").write_text(facts.format(words), encoding="utf-8")
        (tmp_path / f"y_seed{seed}.txt").write_text(line.format("higher by 1"), encoding="utf-8")
    monkeypatch.setattr(compare_seeds, "FOLDER", tmp_path)
    compare_seeds.main()
    words = ["    seed 0: lower by 0.1 ± 0.05", "    seed 1: no clear difference (0.0)"]
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[:6] == ["x, test loss, at 0.001: b minus a", *words, "y, chosen b minus a", *words]
    assert last == "1 verdicts of 3 are the same with both seeds."


def test_a_number_that_is_missing_or_not_unique_is_an_error(tmp_path, monkeypatch, scores):
    facts = summaries.summarize_scores(scores, 0, "loss", {"old": None})
    pd.concat([facts, facts.tail(1)]).to_csv(tmp_path / "x_seed7.csv", index=False)
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    assert pages.difference("x", "new", "old", seed=7) == "lower by 0.100 ± 0.000"
    with pytest.raises(ValueError, match="0 facts of x, seed 7"):
        pages.value("x", "newest", seed=7)
    twice = facts.iloc[-1]
    with pytest.raises(ValueError, match="2 facts of x, seed 7"):
        pages.value("x", twice.model, twice["view"], twice.measure, seed=7)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ("lower by 0.1 ± 0.05", "lower by 0.2 ± 0.1", "lower"),
        ("lower by 0.1 ± 0.05", "higher by 0.1 ± 0.05", "no clear difference"),
        ("higher by 0.1 ± 0.05", "no clear difference (+0.1 ± 0.2)", "no clear difference"),
        (
            "no clear difference (+0.0 ± 0.2)",
            "no clear difference (+0.1 ± 0.2)",
            "no clear difference",
        ),
        (
            "alike, to within 0.01 (+0.0)",
            "lower by 0.002 ± 0.001 (within 0.01)",
            "alike, to within 0.01",
        ),
        ("lower by 0.1 ± 0.05", "lower by 0.002 ± 0.001 (within 0.01)", "lower"),
        ("sooner, 3 against 4", "sooner, 3 against 5", "sooner"),
    ],
)
def test_verdict_of_two_seeds(ours, theirs, verdict):
    assert pages.agree(ours, theirs) == verdict
