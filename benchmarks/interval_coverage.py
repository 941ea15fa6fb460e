"""How often does a 95% interval contain the value that it estimates?

    python -m benchmarks.interval_coverage

trains the models of extensions/compare_learning_rates.py 120 times at each learning rate, as if
these were all runs there are (30 would hide rare failures). Again and again it draws 10 or 30 of
them, and does what the scripts do: each run has the rate that three other runs of the draw have
chosen, and the paired difference of two models has a 95% interval. What this interval estimates is
the mean difference over all draws. The *usual way* has one rate for each model, chosen by as many
other runs as are then reported. Expect 0.90 to 0.96 for each pair of models. It takes about five
minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.0006, 0.001, 0.002, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1
    options = start_script(__file__, __doc__, learning_rate=rates, runs=120)

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.files import save
from common.report import interval
from extensions.compare_learning_rates import PAIRS, get_models
from extensions.shared.choosing import choose_rates, draw_choosers
from extensions.shared.report import print_block
from extensions.shared.training import train_on_sums

N_DRAWS = 2000


def get_losses(scores):
    """Return the test losses of each model, a dict of arrays of shape `(n_runs, n_rates)`."""
    table = scores.pivot(index=["model", "run"], columns="learning_rate", values="loss")
    # As for `choose_rates`: what is not finite is the worst.
    table = table.where(np.isfinite(table), table[np.isfinite(table)].max(axis=None))
    return {name: rows.to_numpy() for name, rows in table.groupby("model")}


def simulate(losses, n_runs, rng):
    """Draw runs again and again, and report their losses by either way.

    Args:
        losses: as `get_losses` returns them.
        n_runs: drawn each time, with replacement.
        rng: NumPy Generator.

    Returns:
        Two dicts of arrays of shape `(n_runs, N_DRAWS)`: each run at the rate chosen by three
        others of its draw, and all runs at the one rate chosen by a second draw as large.
    """
    by_three, by_one = ({name: np.empty((n_runs, N_DRAWS)) for name in losses} for _ in range(2))
    for number in range(N_DRAWS):
        drawn, others = rng.integers(len(next(iter(losses.values()))), size=(2, n_runs))
        choosers = draw_choosers(n_runs, number)
        for name, table in losses.items():
            chosen, *_ = choose_rates(table[drawn, :, None], table[drawn, :, None], choosers)
            by_three[name][:, number] = table[drawn, chosen]
            by_one[name][:, number] = table[drawn, table[others].mean(axis=0).argmin()]
    return by_three, by_one


def cover(differences):
    """Return the share of intervals, one for each column, that hold the mean of all columns."""
    low, high = interval(differences)
    return np.mean((low <= differences.mean()) & (differences.mean() <= high))


def main(options):
    models = get_models(options.timesteps, options.units)
    _, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    losses, rng, rows = get_losses(scores), np.random.default_rng(options.seed), []
    for n_runs in (10, 30):
        ways = simulate(losses, n_runs, rng)
        for one, other in PAIRS:
            new, usual = (way[one] - way[other] for way in ways)
            rows.append((f"{one} minus {other}", n_runs, cover(new), cover(usual), new.mean()))
    names = ["pair", "runs", "coverage", "usual way", "mean difference"]
    table = pd.DataFrame(rows, columns=names)
    heading = f"Share of 95% intervals that contain what they estimate ({N_DRAWS:,} draws):"
    print_block(heading, table.round(3).set_index("pair").rename_axis(None))
    for way, heading in {"coverage": "chosen by three others", "usual way": "one for all"}.items():
        shares = table[way]
        print(f"Answer, rates {heading}: {shares.min():.0%} to {shares.max():.0%}; nominal: 95%.")

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for (n_runs, rows), marker in zip(table.groupby("runs"), "os", strict=True):
        axes.plot(rows["coverage"], rows["pair"], marker, label=f"{n_runs} runs")
    axes.axvline(0.95, color="black", linewidth=0.9)
    axes.set_title("How often does a 95% interval contain what it estimates?")
    axes.set_xlabel(f"share of {N_DRAWS:,} draws (line: 95%)")
    axes.invert_yaxis()
    axes.legend()
    save(options, figure, coverage=table, scores=scores)


if __name__ == "__main__":
    run(main, options)
