"""The front's table and its sentence: intervals against SciPy, hand-made scores, odd ones."""

import numpy as np
import pandas as pd
import pytest
from conftest import around
from scipy import stats

from common.report import describe_runs, interval, report, with_interval

KNOWN = {"step number alone": {"loss": 0.25, "accuracy": 0.875, "sequence_accuracy": 0.5}}


@pytest.mark.parametrize("n_runs", [10, 11, 300])
def test_interval_is_students(n_runs):
    values = np.random.default_rng(n_runs).normal(size=(n_runs, 3))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    np.testing.assert_allclose(interval(values), expected, rtol=1e-9)


def test_values_in_print():
    assert with_interval(around(0.5, 0.0123)) == "0.500 ± 0.012"
    assert with_interval(around(0.5, 0.0123), "+") == "+0.500 ± 0.012"
    assert with_interval([0.25, 0.75, 0.5]) == "0.250 to 0.750"
    assert with_interval([0.25]) == "0.250"
    assert with_interval(around(-1e-9, 0.1)) == "0.000 ± 0.100"
    assert with_interval(around(0.98, 0.03), share=True) == "0.980 (0.950 to 1.000)"
    assert with_interval(around(0.02, 0.03), share=True) == "0.020 (0.000 to 0.050)"
    assert with_interval(around(0.5, 0.03), share=True) == "0.500 ± 0.030"
    assert with_interval([0.5, np.nan, np.inf]) == "2/3 failed"
    assert describe_runs(9) == "smallest to largest of 9 runs"


def print_report(capsys, n_runs=12, **losses):
    """Report models by their losses, the runs in any order; return the lines that are printed."""
    columns = ["model", "run", "learning_rate", "loss", "accuracy"]
    rows = [
        (model, run, 0.001, loss, 1 - loss)
        for model, of_runs in losses.items()
        for run, loss in sorted(enumerate(of_runs[:n_runs], 1), reverse=model == "a")
    ]
    report(pd.DataFrame(rows, columns=columns), KNOWN)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


FIRST = around(0.3, 0.05)
LOW = FIRST[::-1] - 0.2 + around(0, 0.02)  # the noise of the first, in other runs


def test_table_and_answer(capsys):
    """Differences are paired by run."""
    difference = with_interval(LOW - FIRST, "+")
    assert print_report(capsys, a=FIRST, b=LOW, c=FIRST + 0.1) == [
        "On 1,000 new sequences (mean of 12 runs, 95% interval):",
        "test loss accuracy loss minus a",
        "a 0.300 ± 0.050 0.700 ± 0.050",
        f"b {with_interval(LOW)} 0.900 ± 0.030 {difference}",
        "c 0.400 ± 0.050 0.600 ± 0.050 +0.100 ± 0.000",
        "step number alone 0.250 0.875",
        "Answer, at a learning rate of 0.001:",
        f"b has the lowest test loss; a has {difference[1:]} more.",
    ]


@pytest.mark.parametrize(
    ("losses", "n_runs", "answer"),
    [
        ({"b": FIRST + 0.001}, 12, "a has {lowest}; b has 0.001 ± 0.000 more (within 0.01)."),
        ({"b": FIRST[::-1] + 0.02}, 12, "a and b have {lowest}, with no clear difference."),
        # No mean, so not the lowest.
        (
            {"b": FIRST + 0.1, "c": [np.nan, *[0] * 11]},
            12,
            "a has {lowest}; b has 0.100 ± 0.000 more.",
        ),
        ({"b": np.full(12, np.inf)}, 12, "a has {lowest}; runs of all others have failed."),
        ({"b": LOW}, 9, "b has {lowest}; for a verdict, take --runs 10 or more."),
    ],
)
def test_answers(losses, n_runs, answer, capsys):
    expected = answer.format(lowest="the lowest test loss")
    assert print_report(capsys, n_runs, a=FIRST, **losses)[-1] == expected
