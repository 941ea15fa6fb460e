"""Intervals against SciPy; words and tables against hand-made numbers; figures and files."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from common import figures, results
from common.choosing import View
from common.comparing import report
from common.files import save
from common.results import in_words, interval, with_interval


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("n_runs", [10, 11, 300])
def test_interval_is_students(n_runs):
    values = np.random.default_rng(n_runs).normal(size=(n_runs, 3))
    expected = stats.t.interval(
        0.95, n_runs - 1, loc=values.mean(axis=0), scale=stats.sem(values, axis=0)
    )
    np.testing.assert_allclose(interval(values), expected, rtol=1e-9)


def test_other_intervals():
    """Of fewer than ten runs the range; of shares within 0 to 1."""
    assert np.transpose(interval([[3, 0], [1, 5], [2, 1]])).tolist() == [[1, 3], [0, 5]]
    shares = [1.0] * 11 + [0.9]
    assert interval(shares)[1] > 1 and interval(shares, share=True)[1] == 1
    assert interval(np.subtract(1, shares), share=True)[0] == 0


def around(mean, half, n_runs=12):
    """Return values whose 95% interval reaches so far to both sides of their mean."""
    values = np.resize([-1.0, 1.0], n_runs)
    low, high = stats.t.interval(0.95, n_runs - 1, loc=0, scale=stats.sem(values))
    return mean + values * half * 2 / (high - low)


def test_values_in_print():
    assert with_interval(around(0.5, 0.0123)) == "0.500 ± 0.012"
    assert with_interval(around(0.5, 0.0123), sign="+") == "+0.500 ± 0.012"
    assert with_interval([0.25, 0.5, 0.75]) == "0.500 (0.250 to 0.750)"
    assert with_interval([0.25]) == "0.250"
    assert with_interval(around(-1e-9, 0.1)) == "0.000 ± 0.100"
    assert with_interval(around(0.98, 0.03), share=True) == "0.980 (0.950 to 1.000)"
    assert with_interval(around(0.02, 0.03), share=True) == "0.020 (0.000 to 0.050)"
    assert with_interval(around(0.5, 0.03), share=True) == "0.500 ± 0.030"
    assert with_interval([0.5, np.nan, np.inf]) == "2 of 3 not finite"
    assert results.describe_runs(1) == "one run"
    assert results.describe_runs(9) == "mean of 9 runs, smallest to largest"
    assert results.describe_runs(10) == "mean of 10 runs, 95% interval"
    assert (results.count(1, "run"), results.count(2000, "run")) == ("1 run", "2,000 runs")


NEVER = np.inf


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1200.0], "1,200 (1,200 to 1,200)"),
        ([3, 1, 2], "2 (1 to 3)"),
        ([NEVER, 7, 8], "8 (7 to never)"),
        ([4, NEVER], "never (4 to never)"),  # half of them never
        ([*range(10, 110, 10)], "55 (20 to 90)"),  # the second and the ninth of ten
        ([*range(10, 60, 10), *[NEVER] * 5], "never (20 to never)"),
        ([*range(10, 70, 10), *[NEVER] * 4], "55 (20 to never)"),
        ([NEVER] * 12, "never (never to never)"),
    ],
)
def test_medians_in_print(values, words):
    assert results.with_median(np.random.default_rng(0).permutation(values)) == words


@pytest.mark.parametrize("n_runs", [10, 13, 30, 101])
def test_interval_of_a_median_is_scipys(n_runs):
    values = np.random.default_rng(n_runs).permutation(n_runs) * 10.0
    low, high = stats.quantile_test(values, p=0.5).confidence_interval()
    assert results.with_median(values).endswith(f"({low:.0f} to {high:.0f})")


@pytest.mark.parametrize("window", [1, 3, 8])
def test_updates_until_learned_against_plain_python(window):
    rng = np.random.default_rng(window)
    for _ in range(50):
        losses = rng.choice([0, 1, 2, 3], 12).astype(np.float32)
        means = {end: losses[end - window : end].mean() for end in range(window, 13)}
        for level in (0.5, 1.25, 2.5):
            expected = min((end for end, mean in means.items() if mean < level), default=NEVER)
            assert results.count_updates_to_learn(losses, level, window) == expected
    for few in ([], [0.0] * (window - 1)):  # fewer losses than the window: not yet
        assert results.count_updates_to_learn(np.array(few), 1, window) == NEVER


@pytest.mark.parametrize(
    ("values", "margin", "words"),
    [
        (around(-0.2, 0.03), 0.01, "lower by 0.200 ± 0.030"),
        (around(0.2, 0.199), 0.01, "higher by 0.200 ± 0.199"),
        (around(0.2, 0.201), 0.01, "no clear difference (+0.200 ± 0.201)"),
        (around(-0.006, 0.0039), 0.01, "lower by 0.006 ± 0.004 (within 0.01)"),
        (around(-0.006, 0.0041), 0.01, "lower by 0.006 ± 0.004"),
        (around(0.004, 0.0059), 0.01, "alike, to within 0.01 (+0.004 ± 0.006)"),
        (around(0.004, 0.0061), 0.01, "no clear difference (+0.004 ± 0.006)"),
        (around(-0.004, 0.0061), 0.01, "no clear difference (-0.004 ± 0.006)"),
        (around(0.004, 0.0961), 0.1, "no clear difference (+0.004 ± 0.096)"),
        (around(0.004, 0.0959), 0.1, "alike, to within 0.1 (+0.004 ± 0.096)"),
        (np.zeros(12), 0.01, "alike, to within 0.01 (+0.000 ± 0.000)"),
        (around(0.2, 0.1, n_runs=10), 0.01, "higher by 0.200 ± 0.100"),
        ([-0.2] * 9, 0.01, "lower by 0.200 (0.200 to 0.200) in 9 runs, too few for a verdict"),
        ([-0.1, 0.2], 0.01, "higher by 0.050 (-0.100 to 0.200) in 2 runs, too few for a verdict"),
        ([0.25], 0.01, "higher by 0.250 in 1 run, too few for a verdict"),
        ([-0.1, 0.1], 0.01, "mean of 0 in 2 runs, too few for a verdict"),
        ([np.nan] + [0.1] * 11, 0.01, "no mean (1 of 12 not finite)"),
    ],
)
def test_the_outcomes_of_a_comparison(values, margin, words):
    assert in_words(values, margin) == words


KNOWN = {
    "step number alone": {"loss": 0.25, "accuracy": 0.875, "sequence_accuracy": 0.5},
    "best backward": {"loss": 0.125},
}


def make_scores(**losses):
    """Return scores of models by their losses, in a random order."""
    rows = [
        {"model": model, "run": run, "learning_rate": 0.001, "loss": loss, "accuracy": 1 - loss}
        for model, of_runs in losses.items()
        for run, loss in enumerate(of_runs, 1)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


PAIRED = {"a": around(0.1, 0.05), "b": around(0.3, 0.05) + around(0, 0.02)[::-1]}


def test_differences_are_paired_by_run():
    scores = make_scores(**PAIRED)
    expected = np.subtract(PAIRED["b"], PAIRED["a"])
    found = results.differences(scores, "loss", "b", "a")
    np.testing.assert_array_equal(found, expected)
    views = [View("at 0.001", scores), View("at another", scores.assign(loss=0.5))]
    alike = "alike, to within 0.01 (+0.000 ± 0.000)"
    assert results.answer(views, [("a", "b"), ("b", "a")]).splitlines() == [
        "Answer, test loss, at 0.001: a minus b: lower by 0.200 ± 0.020;"
        " b minus a: higher by 0.200 ± 0.020.",
        f"Answer, test loss, at another: a minus b: {alike}; b minus a: {alike}.",
    ]
    text = "Answer, accuracy, at 0.001: a minus b: higher by 0.200 ± 0.020."
    assert results.answer(views[:1], [("a", "b")], "accuracy") == text
    small = scores.assign(sequence_loss=scores.loss / 3)  # has a margin of its own
    text = "b minus a: higher by 0.067 ± 0.007 (within 0.1)"
    assert results.compare(small, "sequence_loss", "b", "a") == text


class Sized:
    def __init__(self, size):
        self.count_params = lambda: size


def test_table_of_a_comparison():
    scores = make_scores(**PAIRED)
    models = {"b": Sized(1781), "a": Sized(20_901)}  # in this order
    table = results.tabulate_comparison(models, scores, KNOWN, note=["x", "y"])
    assert table.index.tolist() == ["b", "a", *KNOWN]
    assert table.to_dict("list") == {
        "parameters": ["1,781", "20,901", "", ""],
        "test loss": ["0.300 ± 0.030", "0.100 ± 0.050", "0.250", "0.125"],
        "accuracy": ["0.700 ± 0.030", "0.900 ± 0.050", "0.875", ""],
        "note": ["x", "y", "", ""],
        "test loss minus b": ["", "-0.200 ± 0.020", "", ""],
        "accuracy minus b": ["", "+0.200 ± 0.020", "", ""],
        "runs with no lower loss than step number": ["12 of 12", "0 of 12", "", ""],
        "whole sequences right": ["", "", "0.500", ""],
    }


def test_report_has_choices_tables_and_answers(capsys):
    """Tables of the models that are given, in their order."""
    scores = make_scores(**PAIRED, c=[0.5] * 12)
    scores = pd.concat([scores, scores.assign(learning_rate=0.01, accuracy=1.0)])
    models, pairs, options = {"b": Sized(1), "a": Sized(2)}, [("b", "a")], SimpleNamespace(seed=3)
    published, chosen = report(models, scores, KNOWN, pairs, options, by="accuracy")
    assert set(published.scores.learning_rate) == {0.001}
    assert set(chosen.scores.learning_rate) == {0.01}
    choices, *tables = capsys.readouterr().out.split("On new sequences, ")
    assert re.search("^c +0 +12$", choices, flags=re.MULTILINE)
    for words, table in zip((published.words, chosen.words), tables, strict=True):
        heading, *lines = table.splitlines()
        assert heading == f"{words}, mean of 12 runs, 95% interval:"
        assert [line.split()[0] for line in lines[2:6]] == ["b", "a", "step", "best"]
        answer = f"Answer, test loss, {words}: b minus a: higher by 0.200 ± 0.020."
        assert answer in tables[-1].splitlines()


def test_counts_of_runs():
    scores = make_scores(a=[0.1, 0.25, np.nan, 0.3], b=[0.1] * 4)
    assert results.count_failed(scores, KNOWN).to_dict() == {"a": "3 of 4", "b": "0 of 4"}
    scores = pd.DataFrame({"model": ["a"] * 4 + ["b"], "accuracy": [0.9, 0.899, 1.0, 0.95, 0.1]})
    assert results.count_accurate(scores, "a") == "3 of 4 runs"
    assert results.count_accurate(scores, "b") == "0 of 1 run"


def test_summary_of_all_measures():
    scores = make_scores(a=around(0.02, 0.03), b=[0.1] * 11 + [np.nan]).assign(timesteps=7, other=1)
    table = results.summarize(scores, ["timesteps", "model"]).sort_index()
    assert table.to_dict("index") == {
        (7, "a"): {"test loss": "0.020 ± 0.030", "accuracy": "0.980 (0.950 to 1.000)"},
        (7, "b"): {"test loss": "1 of 12 not finite", "accuracy": "1 of 12 not finite"},
    }


# Figures.


def test_each_name_has_a_style_of_its_own_on_all_figures():
    names = ["new", *list(figures.STYLES)[:5], "other", "third"]
    colors = {style["color"] for style in figures.get_styles(names).values()}
    assert len(colors) == len(names)
    assert all(figures.get_styles([name])[name] == figures.STYLES[name] for name in figures.STYLES)
    assert len({str(style) for style in figures.STYLES.values()}) == len(figures.STYLES) - 4
    assert len(figures.get_styles([f"model_{number}" for number in range(12)])) == 12


@pytest.mark.parametrize("n_runs", [3, 12])
def test_means_are_drawn_with_their_intervals(n_runs):
    rng = np.random.default_rng(0)
    scores = make_scores(**{f"m{number}": 0.1 * rng.random(n_runs) ** 9 for number in range(12)})
    scores = pd.concat([scores, scores.assign(learning_rate=0.1, loss=0.5, accuracy=1.0)])
    views = [View("one", scores), View("other", scores.assign(accuracy=0.5))]
    figure, (axes, other) = figures.draw_views(views, "learning_rate", "accuracy")
    assert (axes.get_title(), other.get_title()) == ("one", "other")
    drawn = zip(axes.containers, scores.groupby("model", sort=False), strict=True)
    for (line, _, (bars,)), (_, rows) in drawn:
        accuracies = rows[rows.learning_rate == 0.001].accuracy
        np.testing.assert_allclose(line.get_xydata(), [[0.001, accuracies.mean()], [0.1, 1.0]])
        expected = np.clip(interval(accuracies), 0, 1)
        np.testing.assert_allclose(bars.get_segments()[0][:, 1], expected)
    figures.draw_known(other, KNOWN, "accuracy")  # the second has none
    assert [line.get_ydata() for line in other.lines[-1:]] == [[0.875, 0.875]]
    figures.add_legend(figure)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    names = [container.get_label() for container in other.containers]
    assert sorted(legend) == sorted([*names, "step number alone"])


# Files.


class FailingTable:
    def to_csv(self, path, index):
        path.write_text("half")
        raise OSError("disk full")


def test_files_are_written_whole_or_not_at_all(tmp_path, capsys):
    options = SimpleNamespace(name="x", output=tmp_path, show=False)
    table = pd.DataFrame({"a": [1]})
    others = {".keras": lambda path: path.write_text("model")}
    save(options, plt.figure(), others, losses=table, scores=table)
    names = ["x.keras", "x.png", "x_losses.csv", "x_scores.csv"]
    assert capsys.readouterr().out.split() == ["Saved", *(str(tmp_path / name) for name in names)]
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(files) == names
    assert (files["x_losses.csv"], files["x.keras"]) == (b"a\n1\n", b"model")
    with pytest.raises(OSError, match="disk full"):
        save(options, plt.figure(), losses=table.assign(a=2), scores=FailingTable())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
