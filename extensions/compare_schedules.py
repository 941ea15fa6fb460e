"""Is it the larger learning rate, or its decay?

Lesson 10's recipe trains with a constant learning rate of 0.001. Models get more whole sequences
right with a rate that starts larger and falls to 0, along half a cosine. Which of the two helps?

    python -m extensions.compare_schedules

trains the recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten per
update, and three smaller models. Each is trained 30 times (the recipe 10 times) at each of six
learning rates, once constant and once falling. Of these, four trainings are compared: a constant
and a falling rate, from 0.001 and from a rate chosen by three other runs.

Expect that it takes both: for all four models a chosen rate that falls is best. A larger constant
rate helps only the smallest model. A rate that falls from 0.001 helps little or does harm. It takes
about 6 minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0002, 0.001, 0.004, 0.02, 0.1, 0.4
    own = {"units": None, "batch_size": None, "sequences": 50_000}
    options = start_script(__file__, __doc__, learning_rate=rates, **own)

import os
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import get_views, print_choices
from common.figures import LINE_STYLES, set_heading
from common.files import save
from common.results import (
    MEASURES,
    count,
    describe_runs,
    in_words,
    interval,
    summarize,
    with_interval,
)
from common.training import Training, average_losses, make_get_data, train_runs
from data import get_sequences, score_labels
from extensions.compare_sizes import get_named_model

RECIPE = "bidirectional 50"
# The recipe, and the models that extensions/find_smaller_model.py recommends, with the sequences
# of an update.
BATCH_SIZES = {RECIPE: 10, "forward 20": 10, "forward 5": 1, "forward 1": 1}
MOST_RUNS = {RECIPE: 10}  # as a training takes seconds
N_TEST = 10_000  # sequences
FIRST, SECOND = LINE_STYLES[:2]
LOOKS = {  # in the figure, of each training: its style, its height in the row, its name
    ("constant", "0.001"): (FIRST | {"fillstyle": "none"}, -0.24, "constant rate of 0.001"),
    ("constant", "chosen"): (FIRST, -0.08, "constant rate, chosen by other runs"),
    ("falling", "0.001"): (SECOND | {"fillstyle": "none"}, 0.08, "rate that falls from 0.001"),
    ("falling", "chosen"): (SECOND, 0.24, "rate that falls from one chosen by other runs"),
}
COMPARISONS = {  # of two trainings: the first minus the second
    "the rate alone": (("constant", "chosen"), ("constant", "0.001")),
    "the decay alone": (("falling", "0.001"), ("constant", "0.001")),
    "the decay, at chosen rates": (("falling", "chosen"), ("constant", "chosen")),
    "both": (("falling", "chosen"), ("constant", "0.001")),
}


def keep_constant(learning_rate, n_updates):
    """Return the learning rate of each update, which is the same for all."""
    return np.full(n_updates, learning_rate)


def decay(initial_rate, n_updates):
    """Return the learning rate of each update: it falls from `initial_rate` to 0 (cosine decay).

    The values are those of `keras.optimizers.schedules.CosineDecay(initial_rate, n_updates)`.
    """
    return initial_rate / 2 * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates))


SCHEDULES = {"constant": keep_constant, "falling": decay}


def score(y, predictions):
    """Score predictions as `score_labels` does, and the first 100 alone, as the lesson does."""
    on_100 = score_labels(y[:100], predictions[:100])["accuracy"]
    return score_labels(y, predictions) | {"accuracy_on_100": on_100}


def get_copies(n_timesteps, name):
    """Return the `copies` of `Training` with which all cores train one model."""
    n_copies = os.cpu_count() - 1
    return {name: [get_named_model(n_timesteps, name) for _ in range(n_copies)]}


def train(models, schedule, learning_rates, n_sequences, n_runs, options, **settings):
    """Train models on the tutorial's problem with learning rates that follow a schedule.

    Args:
        models: dict of name, such as `forward 5`, to compiled Keras model.
        schedule: name of one of SCHEDULES.
        learning_rates: list of float, each the rate of the first update.
        n_sequences: training sequences of each run; N_TEST others are for the test.
        n_runs: trainings of each model at each rate.
        options: of the command line, for the number of time steps and the seed.
        **settings: of `Training`, beside the schedule.

    Returns:
        The `scores` of `train_runs`, with a column `schedule`. `training_accuracy` is what `fit`
        prints: the mean over the epoch, where each prediction is made before its update.
    """
    draw_data = partial(get_sequences, n_timesteps=options.timesteps)
    training = Training(
        schedule=SCHEDULES[schedule],
        metrics={"training_accuracy": keras.metrics.binary_accuracy},
        reduce_losses=average_losses,
        **settings,
    )
    get_data = make_get_data(draw_data, n_sequences, N_TEST)
    _, scores = train_runs(models, get_data, score, learning_rates, n_runs, options.seed, training)
    scores.insert(0, "schedule", schedule)
    return scores


def train_both(name, options):
    """Train a model at constant and at falling learning rates; return the scores of `train`."""
    models = {name: get_named_model(options.timesteps, name)}
    n_runs = min(options.runs, MOST_RUNS.get(name, options.runs))
    size = options.learning_rate, options.sequences, n_runs
    settings = {"batch_size": BATCH_SIZES[name], "copies": get_copies(options.timesteps, name)}
    tables = [train(models, schedule, *size, options, **settings) for schedule in SCHEDULES]
    return pd.concat(tables, ignore_index=True)


def describe_model(name):
    """Return the name of a model, and how many sequences it has per update, in two lines."""
    what = f"{name} (the recipe)" if name == RECIPE else name
    return f"{what}\n{count(BATCH_SIZES[name], 'sequence')} per update"


def pick_four(scores, seed):
    """Print how often each rate was chosen, and return the four trainings of one model.

    Args:
        scores: DataFrame as `train_both` returns it.
        seed: of the choice of rates.

    Returns:
        The rows of scores at 0.001, and those at a rate chosen by other runs, with a column
        `rate`: `0.001` or `chosen`. A single rate other than 0.001 counts as chosen.
    """
    print_choices(scores, seed, by="sequence_accuracy")
    tables = [
        view.scores.assign(rate="0.001" if view.words.split(" (")[0] == "at 0.001" else "chosen")
        for view in get_views(scores, seed, by="sequence_accuracy")
    ]
    return pd.concat(tables, ignore_index=True)


def summarize_trainings(scores, by):
    """Return the table of `common.results.summarize`, and how many runs get all of 100 right."""
    table = summarize(scores, by)
    is_all = (scores.accuracy_on_100 == 1).groupby([scores[key] for key in by], sort=False)
    table["runs with all of 100 right"] = is_all.sum()
    return table


def tabulate_levels(reported):
    """Tabulate the scores of each model in its four trainings.

    Args:
        reported: DataFrame as of `pick_four`, of all models.

    Returns:
        DataFrame with the columns `model`, `schedule`, `rate`, `rates` (the learning rates of the
        runs, in words), `runs` (how many), `measure`, `words` (the mean with its interval),
        `mean`, `low`, `high`, `smallest`, `largest`, and `at_1` (in how many runs it is 1).
    """
    rows = []
    for keys, rows_of in reported.groupby(["model", "schedule", "rate"], sort=False):
        rates = " or ".join(f"{rate:g}" for rate in np.unique(rows_of.learning_rate))
        for measure in [name for name in MEASURES if name in reported]:
            values, is_share = rows_of[measure].to_numpy(), MEASURES[measure].is_share
            mean = with_interval(values, share=is_share), values.mean()
            spread = *interval(values, is_share), values.min(), values.max()
            rows.append((*keys, rates, len(values), measure, *mean, *spread, (values == 1).sum()))
    columns = "model schedule rate rates runs measure words mean low high smallest largest at_1"
    return pd.DataFrame(rows, columns=columns.split())


def tabulate_verdicts(reported):
    """Tabulate what the rate alone does, what the decay alone does, and what both do.

    Args:
        reported: as for `tabulate_levels`.

    Returns:
        DataFrame with the columns `model`, `comparison` (one of COMPARISONS), `measure`, and, of
        the paired differences, `words`, `mean`, `low` and `high`.
    """
    rows = []
    for model, rows_of in reported.groupby("model", sort=False):
        for measure in ("sequence_accuracy", "loss"):
            four = rows_of.pivot(index="run", columns=["schedule", "rate"], values=measure)
            for comparison, (one, other) in COMPARISONS.items():
                if one in four and other in four:
                    paired = (four[one] - four[other]).to_numpy()
                    words = in_words(paired, MEASURES[measure].margin)
                    spread = paired.mean(), *interval(paired)
                    rows.append((model, comparison, measure, words, *spread))
    columns = "model comparison measure words mean low high"
    return pd.DataFrame(rows, columns=columns.split())


def answer(verdicts):
    """Say in words what `tabulate_verdicts` has found."""
    compared = (
        f"{comparison}: {' '.join(one)} minus {' '.join(other)}"
        for comparison, (one, other) in COMPARISONS.items()
    )
    lines = [f"Compared: {'; '.join(compared)}."]
    for (measure, model), rows in verdicts.groupby(["measure", "model"], sort=False):
        clauses = "; ".join(f"{row.comparison}: {row.words}" for row in rows.itertuples())
        lines.append(f"Answer, {MEASURES[measure].heading}, {model}: {clauses}.")
    return "\n".join(lines)


def draw(levels):
    """Draw the share of whole sequences right in the four trainings of each model.

    Args:
        levels: as `tabulate_levels` returns it.
    """
    levels = levels[levels.measure == "sequence_accuracy"]
    figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
    names = levels.model.unique()
    for (schedule, rate), rows in levels.groupby(["schedule", "rate"], sort=False):
        style, height, label = LOOKS[schedule, rate]
        heights = rows.model.map(dict(zip(names, range(len(names)), strict=True))) + height
        spread = np.abs([rows["mean"] - rows.low, rows.high - rows["mean"]])
        style = style | {"linestyle": "", "markersize": 9, "capsize": 3}
        axes.errorbar(rows["mean"], heights, xerr=spread, label=label, **style)
    axes.set_yticks(range(len(names)), [describe_model(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(f"share of whole sequences right, of {N_TEST:,} new ones")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    n_runs = levels.runs.max()
    conditions = describe_runs(n_runs)
    if levels.runs.min() < n_runs:
        conditions += f" (of {RECIPE}: {levels.runs.min()} runs)"
    set_heading(figure, "Is it the larger learning rate, or its decay to 0?", conditions)
    return figure


def main(options):
    reported, all_scores = [], []
    for name in BATCH_SIZES:
        print(f"\n{name}, {options.sequences:,} sequences")
        scores = train_both(name, options)
        print(
            f"{count(BATCH_SIZES[name], 'sequence')} per update: {describe_runs(scores.run.max())}"
        )
        reported.append(pick_four(scores, options.seed))
        all_scores.append(scores)
    reported = pd.concat(reported, ignore_index=True)
    levels, verdicts = tabulate_levels(reported), tabulate_verdicts(reported)
    print(f"\nOn {N_TEST:,} new sequences:")
    print(summarize_trainings(reported, ["model", "schedule", "rate"]).to_string())
    print(answer(verdicts))
    scores = pd.concat(all_scores, ignore_index=True)
    save(options, draw(levels), scores=scores, levels=levels, verdicts=verdicts)


if __name__ == "__main__":
    run(main, options)
