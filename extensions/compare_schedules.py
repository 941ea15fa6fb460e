"""Is it the larger learning rate, or that it falls?

Lesson 10's recipe trains with a constant learning rate of 0.001. With one that is larger and falls
to 0, along half a cosine, models get more whole sequences right. Which of the two does it?

    python -m extensions.compare_schedules

trains the recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten per
update, and three smaller models. Each is trained 30 times, the recipe 10 times, at six learning
rates, constant and falling. Two of these rates make a table of four: 0.001, and the rate that three
other runs have chosen.

Expect that it takes both: a chosen rate that falls is best for all four models. The larger rate
alone helps the smallest model, and a fall from 0.001 alone helps at most a little. It takes about
8 minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
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
from common.figures import get_styles
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
COMPARISONS = {  # the first of two trainings minus the second
    "the rate alone": (("constant", "chosen"), ("constant", "0.001")),
    "the fall alone": (("falling", "0.001"), ("constant", "0.001")),
    "the fall, at chosen rates": (("falling", "chosen"), ("constant", "chosen")),
    "both": (("falling", "chosen"), ("constant", "0.001")),
}


def keep_constant(learning_rate, n_updates):
    """Return the learning rate of each update: always the same."""
    return np.full(n_updates, learning_rate)


def decay(initial_rate, n_updates):
    """Return the learning rate of each update, from the initial one to 0 along half a cosine.

    It is that of an optimizer whose learning rate is
    `keras.optimizers.schedules.CosineDecay(initial_rate, n_updates)`.
    """
    return initial_rate / 2 * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates))


SCHEDULES = {"constant": keep_constant, "falling": decay}


def score(y, predictions):
    """Score predictions as `score_labels` does; and those of 100 sequences, as the lesson does."""
    on_100 = score_labels(y[:100], predictions[:100])["accuracy"]
    return score_labels(y, predictions) | {"accuracy_on_100": on_100}


def get_copies(n_timesteps, name):
    """Return the `copies` of `Training`, so that all cores train the model of a name."""
    n_copies = os.cpu_count() - 1
    return {name: [get_named_model(n_timesteps, name) for _ in range(n_copies)]}


def train(models, schedule, learning_rates, n_sequences, n_runs, options, **settings):
    """Train models on the tutorial's problem with learning rates that follow a schedule.

    Args:
        models: dict of name, such as `forward 5`, to compiled Keras model.
        schedule: name of one of SCHEDULES.
        learning_rates: the rate of the first update, sequence of float.
        n_sequences: of each training; N_TEST more are to test on.
        n_runs: trainings of each model at each rate.
        options: of the command line, for the number of time steps and the seed.
        **settings: of `Training`, beside the schedule.

    Returns:
        The `scores` of `train_runs`, with a column `schedule`. `training_accuracy` is what `fit`
        would print: the mean over the epoch, of predictions before each update.
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


def describe_model(name, n_runs):
    """Say what a model is, how it is trained, and what its means are."""
    what = f"{name} (the recipe)" if name == RECIPE else name
    per_update = count(BATCH_SIZES[name], "sequence")
    return f"{what}, {per_update} per update: {describe_runs(n_runs)}"


def report(scores, seed):
    """Print the table of four of one model.

    Args:
        scores: DataFrame as `train_both` returns it.
        seed: of the choice of rates.

    Returns:
        The rows of scores at 0.001, and those at a rate chosen by other runs, with a column
        `rate`: `0.001` or `chosen`. A single other rate counts as chosen.
    """
    print_choices(scores, seed, by="sequence_accuracy")
    views = get_views(scores, seed, by="sequence_accuracy")
    four = pd.DataFrame(
        {
            view.words: view.scores.groupby("schedule", sort=False).sequence_accuracy.agg(
                lambda values: with_interval(values, share=True)
            )
            for view in views
        }
    )
    print(f"Whole sequences right, of {N_TEST:,} new ones:")
    print(four.rename_axis(None).to_string())
    tables = [
        view.scores.assign(rate="0.001" if view.words.startswith("at 0.001") else "chosen")
        for view in views
    ]
    return pd.concat(tables, ignore_index=True)


def summarize_trainings(scores, by):
    """Return the table of `common.results.summarize`, and how many runs got all of 100 right."""
    table = summarize(scores, by)
    is_all = (scores.accuracy_on_100 == 1).groupby([scores[key] for key in by], sort=False)
    table["runs with all of 100 right"] = is_all.sum()
    return table


def tabulate_levels(reported):
    """Tabulate what each model has reached in its four trainings.

    Args:
        reported: DataFrame as of `report`, of all models.

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
    """Tabulate what the rate alone does, what the fall alone does, and what both do.

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


def draw(reported):
    """Draw whole sequences right in the four trainings, a panel for each model.

    Args:
        reported: as for `tabulate_levels`.
    """
    models = reported.groupby("model", sort=False)
    figure, panels = plt.subplots(
        len(models), 1, figsize=(8, 5.2), sharex=True, squeeze=False, layout="constrained"
    )
    styles = get_styles(SCHEDULES)
    for axes, (name, of_model) in zip(panels[:, 0], models, strict=True):
        for (schedule, rate), rows in of_model.groupby(["schedule", "rate"], sort=False):
            values, style = rows.sequence_accuracy, styles[schedule] | {"linestyle": "-"}
            spread = np.abs(np.subtract(interval(values, share=True), values.mean()))
            fill = "white" if rate == "0.001" else style["color"]
            style |= {"markersize": 9, "markerfacecolor": fill, "capsize": 3}
            axes.errorbar(values.mean(), [schedule], xerr=spread[:, None], **style)
        axes.set_title(describe_model(name, of_model.run.max()), loc="left", fontsize="medium")
        axes.set_ylim(1.5, -0.5)
        axes.grid(alpha=0.3)
    axes.set_xlabel(f"share of whole sequences right, of {N_TEST:,} new ones")
    figure.suptitle("Learning rate of 0.001 (white) or chosen by other runs (filled)")
    return figure


def main(options):
    reported, all_scores = [], []
    for name in BATCH_SIZES:
        print(f"\n{name}, {options.sequences:,} sequences")
        scores = train_both(name, options)
        print(describe_model(name, scores.run.max()))
        reported.append(report(scores, options.seed))
        all_scores.append(scores)
    reported = pd.concat(reported, ignore_index=True)
    levels, verdicts = tabulate_levels(reported), tabulate_verdicts(reported)
    print(f"\nOn {N_TEST:,} new sequences:")
    print(summarize_trainings(reported, ["model", "schedule", "rate"]).to_string())
    print(answer(verdicts))
    scores = pd.concat(all_scores, ignore_index=True)
    save(options, draw(reported), scores=scores, levels=levels, verdicts=verdicts)


if __name__ == "__main__":
    run(main, options)
