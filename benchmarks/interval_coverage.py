"""How often do the intervals cover what they estimate?

    python -m benchmarks.interval_coverage

takes the scores of a script, all models in many runs at all learning rates, as if they were all
the runs there are; draws some of these runs again and again, numbers them anew, and makes of each
draw what the scripts make of theirs: each run at the rate that three others of the draw have
chosen, the paired difference of two models, its 95% interval. What this estimates is the mean
difference if three fresh runs choose and a fourth is reported. Beside it stands the usual way: one
rate for each model, chosen by as many other runs as are then reported.

The table is that of `extensions.compare_learning_rates` with 120 runs, made first if it is not in
the folder of the output, in about four minutes: `--runs` says with how many runs (30 hide rare
failures). Expect 0.90 to 0.95 for most pairs of models, and less for a pair in which a model fails
once in a hundred runs or less: a draw that holds no such run knows nothing of it. It takes about
a minute on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: pandas and SciPy take a while to load
    from common.command_line import make_parser, read_options, run

    others = dict.fromkeys(("timesteps", "units", "sequences", "batch_size", "learning_rate"))
    options = read_options(make_parser(__file__, __doc__, runs=120, **others))

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import choose_rates, draw_choosers
from common.files import save
from common.results import count, interval

ROOT = Path(__file__).parents[1]
SCRIPT = "extensions.compare_learning_rates"
N_DRAWS = 2000
N_FRESH = 400_000  # draws of four runs, for what the intervals estimate
# The pairs that the answers of SCRIPT compare.
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


def read_losses(options):
    """Return the test losses of SCRIPT by model: dict of arrays of shape `(n_runs, n_rates)`."""
    file = options.output / f"{SCRIPT.split('.')[-1]}_scores.csv"
    if not file.exists():
        command = [sys.executable, "-m", SCRIPT, "--runs", str(options.runs)]
        command += ["--output", str(options.output.resolve()), "--seed", str(options.seed)]
        subprocess.run(command, cwd=ROOT, check=True)
    scores = pd.read_csv(file)
    tables = scores.pivot(index=["model", "run"], columns="learning_rate", values="loss")
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
    losses = read_losses(options)
    worst = max(np.max(table[np.isfinite(table)]) for table in losses.values())
    losses = {name: np.nan_to_num(table, nan=worst, posinf=worst) for name, table in losses.items()}
    n_all = len(next(iter(losses.values())))
    rng = np.random.default_rng(options.seed)
    pairs = [pair for pair in PAIRS if set(pair) <= set(losses)]
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
    print(
        coverage.pivot(index="pair", columns="runs")
        .round(3)
        .loc[coverage.pair.unique()]
        .to_string()
    )
    low = coverage[coverage.coverage < 0.90 - error]
    print(
        "Below 0.90: "
        + (
            ", ".join(
                f"{row.pair} ({row.runs} runs, {row.coverage:.2f})" for row in low.itertuples()
            )
            or "none"
        )
    )
    save(options, draw(coverage), coverage=coverage)


def draw(coverage):
    """Draw the coverage of each pair by either way, a panel for each number of runs."""
    figure, all_axes = plt.subplots(1, 2, figsize=(9, 4.5), sharey=True, layout="constrained")
    for axes, (n_runs, rows) in zip(all_axes, coverage.groupby("runs"), strict=True):
        axes.plot(
            rows.coverage, rows.pair, "o", color="#0b2a4a", label="chosen by three other runs"
        )
        axes.plot(
            rows.coverage_of_usual_way,
            rows.pair,
            "x",
            color="#c1440e",
            label="one rate for all runs",
        )
        axes.axvline(0.95, color="black", linewidth=0.9)
        axes.set_title(f"{n_runs} runs", fontsize="medium")
        axes.set_xlabel("share of intervals that cover")
        axes.grid(alpha=0.3)
    all_axes[0].invert_yaxis()
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle("How often nominal 95% intervals cover what they estimate")
    return figure


if __name__ == "__main__":
    run(main, options)
