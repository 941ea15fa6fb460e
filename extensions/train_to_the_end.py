"""Does any difference between the directions stay, if they are trained to the end?

    python -m extensions.train_to_the_end

trains the forward, the backward and the bidirectional LSTM on 30,000 sequences, one per update, at
0.001, the tutorial's learning rate, and at the rate that is best for each over so long a training.
Expect no difference between the forward and the bidirectional one, and from the backward one about
the least loss that one can have that reads backward. It takes about 75 seconds on 2 CPU
cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=30_000,
        batch_size=1,
        learning_rate=(0.001, 0.002, 0.003, 0.006, 0.01),
        runs=30,
    )

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from common.figures import LINES, draw_known
from common.files import save
from common.floors import get_known, score_backward
from common.results import (
    count,
    count_accurate,
    describe_runs,
    describe_setting,
    differences,
    in_words,
    interval,
    print_comparison,
)
from common.tuning import train_at_best_rates
from compare_directions import MODELS
from data import get_sequences, score_labels

NAMES = ["lstm_forw", "lstm_back_aligned", "bilstm_con"]
N_TUNING_RUNS = 5
N_POINTS = 40  # of a curve


def average_losses(losses, n_points=N_POINTS):
    """Average losses over stretches of updates that grow evenly on a logarithmic scale.

    Args:
        losses: DataFrame with the columns `setting`, `run`, `update` and one for each model.
        n_points: stretches at most.

    Returns:
        DataFrame with the same columns, a row for each setting, run and stretch, whose last update
        is in the column `update`.
    """
    n_updates = losses["update"].max()
    ends = np.unique(np.geomspace(1, n_updates, n_points).round().astype(int))
    stretches = losses.assign(update=ends[np.searchsorted(ends, losses["update"])])
    return stretches.groupby(["setting", "run", "update"], sort=False, as_index=False).mean()


def draw(averages, batch_size, known):
    """Draw the averaged training losses over the updates, a panel for each setting."""
    settings = averages.setting.unique()
    figure, all_axes = plt.subplots(
        1, len(settings), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, setting in zip(all_axes[0], settings, strict=True):
        rows = averages[averages.setting == setting]
        for name, line in zip(NAMES, LINES, strict=False):
            by_run = rows.pivot(index="run", columns="update", values=name)
            axes.plot(by_run.columns, by_run.mean(), label=name, marker=".", **line)
            axes.fill_between(by_run.columns, *interval(by_run), color=line["color"], alpha=0.2)
        draw_known(axes, known)
        axes.set(xscale="log", yscale="log", title=describe_setting(setting))
        axes.set_xlabel(f"update ({count(batch_size, 'sequence')} each)")
        axes.grid(alpha=0.3)
    all_axes[0, 0].set_ylabel("training loss (cross-entropy, nats)")
    all_axes[0, 0].legend(loc="lower left")
    figure.suptitle(f"Trained to the end: {describe_runs(averages.run.max())}")
    return figure


def answer(scores, n_sequences, best_backward):
    """Say how the directions compare in the end, at each setting.

    Args:
        scores: DataFrame of `train_runs`, with settings.
        n_sequences: training sequences.
        best_backward: the loss of the best possible backward model.
    """
    clauses = []
    for setting, rows in scores.groupby("setting", sort=False):
        bidirectional = differences(rows, "loss", "bilstm_con", "lstm_forw")
        accuracy = differences(rows, "accuracy", "bilstm_con", "lstm_forw")
        backward = rows[rows.model == "lstm_back_aligned"].loss - best_backward
        clauses.append(
            f"{describe_setting(setting)}, the bidirectional LSTM's test loss is"
            f" {in_words(bidirectional)} than the forward one's, its accuracy"
            f" {in_words(accuracy)}; the backward one's loss is {in_words(backward)} than the least"
            f" that is possible for it, {best_backward:.3f}"
        )
    return f"Answer after {count(n_sequences, 'sequence')}: {'. And '.join(clauses)}."


def main(options):
    models = {name: MODELS[name](options.timesteps, options.units) for name in NAMES}
    losses, scores = train_at_best_rates(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        learning_rates=options.learning_rate,
        n_sequences=options.sequences,
        n_runs=options.runs,
        n_tuning_runs=min(N_TUNING_RUNS, options.runs),
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = {
        **get_known(options.timesteps),
        "best lstm_back_aligned": score_backward(options.timesteps),
    }
    print_comparison(models, scores, known)
    for setting, rows in scores.groupby("setting", sort=False):
        accurate = count_accurate(rows, "lstm_forw")
        print(f"lstm_forw, {setting}: 90% to 100% of the time steps right in {accurate}")
    print(answer(scores, options.sequences, known["best lstm_back_aligned"]["loss"]))
    del known["best possible"]  # no line at 0 on a logarithmic axis
    averages = average_losses(losses)
    figure = draw(averages, options.batch_size, known)
    save(options.output, options.name, figure, averages, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
