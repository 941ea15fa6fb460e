"""How often does a 95% interval contain the value that it estimates?

    python -m benchmarks.interval_coverage

takes a table of scores with many runs of each model at all learning rates, as if these were all
runs there are. Again and again it draws some of them, and does what the scripts do: each run has
the rate that three other runs of the draw have chosen, and the paired difference of two models has
a 95% interval. The value to be estimated is the mean difference if three new runs choose the rate
and a fourth is reported. For comparison it also tries the usual way: one rate for each model,
chosen by as many other runs as are then reported.

The table is that of `extensions.compare_learning_rates` with 120 runs, since 30 runs would hide
rare failures. It is made first, in about five minutes, unless it is there; `--scores FILE` names
the table of another script instead. Expect 0.90 to 0.96 for each pair of models. The draws take
about 5 seconds on 2 CPU cores.
"""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import choose_rates, draw_choosers, get_keys
from common.command_line import make_parser, read_options, run
from common.figures import LINE_STYLES, set_heading
from common.files import save
from common.results import count, interval

ROOT = Path(__file__).parents[1]
N_DRAWS = 2000
N_FRESH = 400_000  # draws of four runs, for what the intervals estimate
FIRST, SECOND = (style | {"linestyle": ""} for style in LINE_STYLES[:2])  # points alone
# The pairs that the answers of extensions.compare_learning_rates compare.
PAIRS = [
    ("lstm_back_aligned", "lstm_forw"),
    ("bilstm_con", "lstm_forw"),
    ("lstm_forw_twice", "lstm_forw"),
    ("lstm_forw_step", "lstm_forw"),
    ("bilstm_mul", "bilstm_sum"),
    ("bilstm_ave", "bilstm_sum"),
    ("bilstm_con", "bilstm_sum"),
    ("gru_forw", "lstm_forw"),
    ("rnn_forw", "lstm_forw"),
    ("bigru_con", "bilstm_con"),
    ("birnn_con", "bilstm_con"),
]


def make_scores(options):
    """Return the file of the scores of compare_learning_rates, made if it has not as many runs."""
    folder = options.output / f"{options.name}_seed{options.seed}"
    file = folder / "compare_learning_rates_scores.csv"
    if not file.exists() or pd.read_csv(file).run.max() < options.runs:
        command = [sys.executable, "-m", "extensions.compare_learning_rates"]
        command += ["--runs", str(options.runs), "--seed", str(options.seed)]
        command += ["--output", str(folder.resolve())]
        subprocess.run(command, cwd=ROOT, check=True)
    return file


def read_losses(file):
    """Return the test losses of a table by what was trained: dict of `(n_runs, n_rates)`."""
    scores = pd.read_csv(file)
    names = scores[get_keys(scores)].astype(str).agg(" ".join, axis=1)
    scores = scores.assign(model=names)[scores["update"] == scores["update"].max()]
    tables = scores.pivot(index=["model", "run"], columns="learning_rate", values="loss")
    # As `choose_rates` takes them: what is not finite is the worst.
    tables = tables.where(np.isfinite(tables), np.nanmax(tables[np.isfinite(tables)]))
    return {name: tables.loc[name].to_numpy() for name in scores.model.unique()}


def report_runs(losses, choosers):
    """Return the loss of each run at the rate that its choosers choose, shape `(n_runs,)`."""
    chosen, _ = choose_rates(losses, losses, choosers)
    return losses[np.arange(len(losses)), chosen]


def report_usual_way(losses, others):
    """Return the loss of each run at the one rate that is best in the mean over other runs."""
    return losses[:, others.mean(axis=0).argmin()]


def estimate_targets(losses, pairs, rng):
    """Return the mean difference of each pair if three fresh runs choose and a fourth is reported.

    And the same of the usual way is the mean over its draws: see `simulate`.
    """
    n_runs = len(next(iter(losses.values())))
    runs = rng.integers(n_runs, size=(N_FRESH, 4))
    means = {}
    for name, table in losses.items():
        rates = table[runs[:, :3]].mean(axis=1).argmin(axis=1)
        means[name] = table[runs[:, 3], rates].mean()
    return np.array([means[one] - means[other] for one, other in pairs])


def simulate(losses, pairs, n_runs, rng):
    """Draw runs again and again; return the differences of each pair by either way.

    Returns:
        Two arrays of shape `(N_DRAWS, n_pairs, n_runs)`: each run at the rate chosen by three
        others of its draw, and all runs at the one rate chosen by a second draw as large.
    """
    n_all = len(next(iter(losses.values())))
    new, usual = [], []
    for number in range(N_DRAWS):
        drawn, others = rng.integers(n_all, size=(2, n_runs))
        choosers = draw_choosers(n_runs, number)
        by_three = {name: report_runs(table[drawn], choosers) for name, table in losses.items()}
        by_one = {
            name: report_usual_way(table[drawn], table[others]) for name, table in losses.items()
        }
        new.append([by_three[one] - by_three[other] for one, other in pairs])
        usual.append([by_one[one] - by_one[other] for one, other in pairs])
    return np.array(new), np.array(usual)


def cover(differences, targets):
    """Return the share of intervals that hold the target: `(n_draws, n_pairs, n_runs)` in."""
    low, high = interval(np.moveaxis(differences, -1, 0))
    return ((low <= targets) & (targets <= high)).mean(axis=0)


def main(options):
    losses = read_losses(options.scores or make_scores(options))
    n_all = len(next(iter(losses.values())))
    rng = np.random.default_rng(options.seed)
    pairs = [pair for pair in PAIRS if set(pair) <= set(losses)] or [*combinations(losses, 2)]
    targets = estimate_targets(losses, pairs, rng)
    rows = []
    for n_runs in (10, 30):
        new, usual = simulate(losses, pairs, n_runs, rng)
        usual_targets = usual.mean(axis=(0, 2))  # of what this way makes, draw after draw
        columns = cover(new, targets), cover(usual, usual_targets), targets
        for (one, other), *values in zip(pairs, *columns, strict=True):
            rows.append((f"{one} minus {other}", n_runs, *values))
    names = ["pair", "runs", "coverage", "coverage_of_usual_way", "mean_difference"]
    coverage = pd.DataFrame(rows, columns=names)
    error = 2 * np.sqrt(0.95 * 0.05 / N_DRAWS)
    print(
        f"Share of nominal 95% intervals that cover what they estimate, drawn from"
        f" {count(n_all, 'run')} {N_DRAWS:,} times (each share is right to about {error:.2f}):"
    )
    print(coverage.round(3).to_string(index=False))
    low = coverage[coverage.coverage < 0.90 - error]
    names = [f"{row.pair} ({row.runs} runs, {row.coverage:.2f})" for row in low.itertuples()]
    print(
        f"Answer: pairs of models whose share is clearly below 0.90: {', '.join(names) or 'none'}."
    )
    save(options, draw(coverage), coverage=coverage)


def draw(coverage):
    """Draw the coverage of each pair by either way, a panel for each number of runs."""
    figure, all_axes = plt.subplots(
        1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained"
    )
    for axes, (n_runs, rows) in zip(all_axes, coverage.groupby("runs"), strict=True):
        heights = np.arange(len(rows))
        three = "a rate chosen by three other runs"
        axes.plot(rows.coverage, heights - 0.15, **FIRST, label=three)
        one = "one rate for all runs"
        axes.plot(rows.coverage_of_usual_way, heights + 0.15, **SECOND, label=one)
        axes.set_yticks(heights, rows.pair)
        axes.axvline(0.95, color="black", linewidth=0.9)
        axes.set_title(f"{n_runs} runs", fontsize="medium")
        axes.set_xlabel("share of intervals")
        axes.grid(alpha=0.3)
    all_axes[0].invert_yaxis()
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    question = "How often does a 95% interval contain what it estimates?"
    set_heading(figure, question, f"share of {N_DRAWS:,} draws; line: 95%")
    return figure


if __name__ == "__main__":
    others = dict.fromkeys(("timesteps", "units", "sequences", "batch_size", "learning_rate"))
    parser = make_parser(__file__, __doc__, runs=120, **others)
    parser.add_argument("--scores", metavar="FILE", help="table of another script: its scores")
    file = parser.parse_args().scores
    if file:
        try:
            read_losses(file)
        except Exception as error:  # whatever pandas finds wrong with it
            parser.error(f"argument --scores: {file!r} is no table of scores: {error}")
    run(main, read_options(parser))
