"""What the extensions print: tables of hand-made scores, blocks that fit 80 columns."""

from itertools import product

import numpy as np
import pandas as pd
from conftest import around

from extensions.shared import report

KNOWN = {
    "step number alone": {"loss": 0.25, "accuracy": 0.875, "sequence_accuracy": 0.5},
    "best backward": {"loss": 0.125},
}
NOISE = around(0, 0.006)


def make_scores(**losses):
    """Return scores of models by their losses, the runs of each in a random order."""
    rng = np.random.default_rng(0)
    rows = [
        {"model": model, "run": run, "learning_rate": 0.001, "loss": loss, "accuracy": 1 - loss}
        for model, of_runs in losses.items()
        for run, loss in rng.permutation(list(enumerate(of_runs, 1)))
    ]
    return pd.DataFrame(rows)


SCORES = make_scores(b=0.3 + NOISE, a=0.1 - NOISE, c=np.append(np.nan, [0.5] * 11))


def test_tables(capsys):
    views = pd.concat([SCORES.assign(view="at 0.001"), SCORES.assign(view="at another")])
    pairs = [("b", "a"), ("a", "c"), ("a", "step number alone")]
    report.report(views, pairs, KNOWN, "some", ["loss", "accuracy"])
    blocks = capsys.readouterr().out.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks[4:]] == [
        "Scores, some, at another (mean of 12 runs, 95% interval):",
        "Runs with no lower loss than the step number alone: b (12), c (12).",
        "Differences in test loss, some, at another:",
        "Differences in accuracy, some, at another:",
    ]
    lines = [[" ".join(line.split()) for line in block.splitlines()[1:]] for block in blocks]
    assert lines[0] == [
        "test loss accuracy",
        "b 0.300 ± 0.006 0.700 ± 0.006",
        "a 0.100 ± 0.006 0.900 ± 0.006",
        "c 1/12 failed 1/12 failed",
        "step number alone 0.250 0.875",
        "best backward 0.125",
    ]
    without = "a minus c 1/12 failed no mean"
    known = "a minus step number alone -0.150 ± 0.006 lower"
    assert lines[2] == ["difference verdict", "b minus a +0.200 ± 0.012 higher", without, known]
    assert lines[3][1] == "b minus a -0.200 ± 0.012 lower"


def test_the_margin_is_that_of_the_measure():
    rows = SCORES.assign(sequence_loss=SCORES.loss / 10)
    table = report.tabulate_differences(rows, [("b", "a")], "sequence_loss")
    assert table.verdict.tolist() == ["higher (within 0.1)"]


def test_who_learns_sooner():
    """By a sign test: 10 of 12 runs are clear (p = 0.04), 9 are not; ties count for neither."""
    updates = {"a": [5.0] * 12, "b": [9.0] * 10 + [1.0] * 2, "c": [9.0] * 9 + [1.0] * 3}
    updates |= {"d": [np.inf] * 6 + [5.0] * 6, "e": [5.0] * 8 + [6.0] * 4}
    rows = make_scores(**updates).rename(columns={"loss": "updates_to_learn"})
    pairs = [("a", "b"), ("b", "a"), ("a", "c"), ("a", "d"), ("a", "e")]
    table = report.tabulate_sooner(rows, pairs)
    assert table.verdict.tolist() == [
        *("sooner", "later", "no clear difference", "sooner", "no clear difference")
    ]
    assert table["sooner in"].tolist() == [f"{n} of 12" for n in (10, 2, 9, 6, 4)]
    assert table.iloc[3, 0] == "5 / never"
    few = report.tabulate_sooner(rows[rows.run < 10], pairs)
    assert set(few.verdict) == {"too few runs"}


def test_wide_tables_are_printed_in_parts(capsys):
    table = pd.DataFrame({f"column {number}": ["x" * 30] for number in range(4)}, ["row"])
    report.print_block("word " * 30, table)
    block = capsys.readouterr().out.removesuffix("\n\n")
    assert "\n\n" not in block
    lines = block.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("row") for line in lines) == 2


def test_choices(monkeypatch, capsys):
    """A grid is too narrow if a quarter of ten runs or more choose its edge."""
    choices = pd.DataFrame(product("ba", [10], range(1, 13)), columns=["model", "steps", "run"])
    choices["learning_rate"] = [0.001] * 3 + [0.003] * 20 + [0.01]
    choices["at_edge"] = choices.learning_rate != 0.003
    monkeypatch.setattr(report, "tabulate_choices", lambda scores, *_: choices[: len(scores)])
    scores = choices.drop(columns="at_edge").assign(loss=0.5, update=9)
    report.report_choices(scores)
    assert capsys.readouterr().out.splitlines() == [
        "Learning rates chosen by test loss (in how many runs):",
        "b, 10: 0.001 (3), 0.003 (9)",
        "a, 10: 0.003 (11), 0.01 (1)",
        "The grid is too narrow (runs that choose its edge): b, 10 (25%).",
        "",
    ]
    report.report_choices(scores[:9])
    assert "narrow" not in capsys.readouterr().out
    report.report_choices(scores[:3])  # one rate
    assert capsys.readouterr().out == ""
