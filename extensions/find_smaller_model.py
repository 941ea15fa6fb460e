"""How small can a model be, and how accurate? Is it the larger learning rate, or its decay?

Exercise 2 of lesson 10: find a smaller model, or one that trains faster, with 100% accuracy.

    python -m extensions.find_smaller_model

trains the lesson's recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten
per update, and smaller models, forward and bidirectional, with at most a tenth of the recipe's
parameters: on 50,000 sequences, ten or one per update, and on 10,000, one per update. Each is
trained 10 times at the lesson's learning rate of 0.001, and 10 times at each of two rates, which
then fall to 0 along half a cosine. An LSTM of one cell whose weights are set by hand
(extensions/parts/counting_lstm.py) is compared with them. "Near the limit" is the accuracy on the
time steps whose sum so far is less than 0.001 from the limit, "far from it" on those with 0.03 or
more.

Which of the two helps, the larger rate or its decay? The recipe and three of the small models are
also trained at six learning rates, once constant and once falling, 30 times each (the recipe 10
times). Of these, four trainings are compared: a constant and a falling rate, from 0.001 and from a
rate chosen by three other runs.

Expect that the recipe gets 92% of whole sequences right, a forward LSTM of a single cell, with 14
parameters, 95%, the best trained model 98%, and the one set by hand all. And it takes both: for all
four models a chosen rate that falls is best. A larger constant rate helps only the smallest model.
A rate that falls from 0.001 helps little or does harm.

It takes about 8 minutes on 2 CPU cores. With `--learning-rate 0.001 --runs 10` it answers mainly
the first question, in about 3 minutes. The training times differ each time, so they are printed but
not saved.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0002, 0.001, 0.004, 0.02, 0.1, 0.4
    several = {"units": (1, 5, 20, 50), "sequences": (10_000, 50_000), "batch_size": (1, 10)}
    meanings = {
        "learning_rate": "rates at which constant and falling ones are compared",
        "runs": "trainings of each small model in that comparison; of all others at most 10",
    }
    options = start_script(__file__, __doc__, meanings=meanings, learning_rate=rates, **several)

import os
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from common.files import save
from common.floors import get_known
from common.report import describe_runs
from common.training import train_runs
from data import get_sequences, score_labels
from extensions.parts.counting_lstm import get_counting_model
from extensions.shared.choosing import PUBLISHED_RATE
from extensions.shared.figures import draw
from extensions.shared.models import get_named_model
from extensions.shared.report import print_block, report, report_choices
from extensions.shared.results import describe
from extensions.shared.training import time_trainings

N_TEST = 10_000  # sequences
NEAR, FAR = 0.001, 0.03  # of the limit: less than NEAR, and FAR or more
MOST_RUNS = 10  # of the search and of the recipe, as a training takes seconds
LARGEST = 0.1  # of the recipe's parameters
# (If 0.003 and 0.1 are tried as well, nearly all models choose one of these two.)
FALLING_RATES = [0.01, 0.03]
RECIPE = "bidirectional 50"
# The recipe, and models that the search recommends, with the sequences of an update.
COMPARED = {RECIPE: 10, "forward 20": 10, "forward 5": 1, "forward 1": 1}
PAIRS = [
    ("constant chosen", "constant 0.001"),  # the rate alone
    ("falling 0.001", "constant 0.001"),  # the decay alone
    ("falling chosen", "constant chosen"),  # the decay, at chosen rates
    ("falling chosen", "constant 0.001"),  # both
]
KEYS = ["model", "sequences", "batch_size", "schedule"]
BY = "sequence_accuracy"  # what chooses rates


def decay(initial_rate, n_updates):
    """Return the learning rate of each update: it falls from `initial_rate` to 0 (cosine decay).

    The values are those of `keras.optimizers.schedules.CosineDecay(initial_rate, n_updates)`.
    """
    return initial_rate / 2 * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates))


SCHEDULES = {"constant": None, "falling": decay}


def draw_data(rng, n_sequences, n_timesteps):
    """Draw sequences to train on, as `data.get_sequences` does, and N_TEST for `score`."""
    train = get_sequences(n_sequences, n_timesteps, rng)
    X, y = get_sequences(N_TEST, n_timesteps, rng.spawn(1)[0])
    return train, (X, y, X)


def score(y, X, predictions):
    """Score predictions as `score_labels` does, and some of them alone.

    Args:
        y, predictions: as for `score_labels`.
        X: the sequences, of the same shape.

    Returns:
        Dict of float: what `score_labels` returns; `accuracy_on_100`, of the first 100 sequences,
        as the lesson measures it; and `accuracy_near` and `accuracy_far`, of the time steps whose
        sum so far is less than NEAR, or at least FAR, from the limit.
    """
    right = (predictions > 0.5) == (y == 1)
    distances = np.abs(np.cumsum(X, axis=1, dtype=np.float64) - X.shape[1] / 4)
    return {
        **score_labels(y, predictions),
        "accuracy_on_100": right[:100].mean(),
        "accuracy_near": right[distances < NEAR].mean(),
        "accuracy_far": right[distances >= FAR].mean(),
    }


def get_names(n_timesteps, all_units):
    """Return the names, such as `forward 5`, of the recipe's model and of those that are searched.

    The recipe's is the largest, and comes first. The others have at most LARGEST of its parameters.
    """
    sizes = sorted(all_units, reverse=True)
    names = [f"{way} {size}" for way, size in product(("bidirectional", "forward"), sizes)]
    parameters = {name: get_named_model(n_timesteps, name).count_params() for name in names}
    largest = LARGEST * parameters[names[0]]
    return [names[0], *(name for name in names[1:] if parameters[name] <= largest)]


def make_plans(options):
    """Tabulate the trainings of both questions. Some are the same.

    Args:
        options: of the command line.

    Returns:
        Two DataFrames, of the search, with the recipe first, and of the comparison of rates. The
        columns are KEYS, `learning_rate` and `runs`.
    """
    recipe, *small = get_names(options.timesteps, options.units)
    most, (fewest, *others) = max(options.sequences), sorted(options.batch_size)
    few_runs = min(options.runs, MOST_RUNS)
    searched = [
        (recipe, most, max(options.batch_size)),
        *product(small, sorted(options.sequences), [fewest]),
        *product(small, [most], others),  # few sequences in large batches would be few updates
    ]
    rates = [("constant", PUBLISHED_RATE), *product(["falling"], FALLING_RATES)]
    search = [(*training, *rate, few_runs) for rate, training in product(rates, searched)]
    comparison = [
        (name, most, batch_size, schedule, rate, few_runs if name == RECIPE else options.runs)
        for name, batch_size in COMPARED.items()
        for schedule, rate in product(SCHEDULES, options.learning_rate)
    ]
    columns = [*KEYS, "learning_rate", "runs"]
    return [pd.DataFrame(rows, columns=columns) for rows in (search, comparison)]


def train(models, plan, options):
    """Make the trainings of a plan, those of the same kind side by side.

    Args:
        models: dict of name to compiled Keras model.
        plan: DataFrame as `make_plans` returns two. What is in it twice is made once.
        options: of the command line.

    Returns:
        The scores, a DataFrame with the columns KEYS and those of `train_runs`.
    """
    runs = plan.groupby([*KEYS, "learning_rate"], sort=False).runs.max().reset_index()
    kinds = runs.groupby([*KEYS, "runs"], sort=False).learning_rate.agg(tuple).reset_index()
    kinds = kinds.groupby([*KEYS[1:], "runs", "learning_rate"], sort=False).model.agg(list)
    tables = []
    for (n_sequences, batch_size, schedule, n_runs, rates), names in kinds.items():
        print(f"{n_sequences:,} sequences, {batch_size} per update, {schedule} rate")
        _, scores = train_runs(
            {name: models[name] for name in names},
            partial(draw_data, n_sequences=n_sequences, n_timesteps=options.timesteps),
            score,
            rates,
            n_runs,
            options.seed,
            batch_size,
            schedule=SCHEDULES[schedule],
            n_copies=os.cpu_count() if len(names) == 1 else 1,
        )
        scores[KEYS[1:]] = n_sequences, batch_size, schedule
        tables.append(scores)
    scores = pd.concat(tables, ignore_index=True)
    return scores[[*KEYS, *scores.columns.drop(KEYS)]]


def pick(scores, plan):
    """Return the scores of the trainings of a plan."""
    return scores.merge(plan).query("run <= runs").drop(columns="runs")


def measure_seconds(scores, models, options):
    """Return how long one training takes when it runs alone, a Series with the index of scores."""
    of_update = {}
    for batch_size, rows in scores.groupby("batch_size"):
        X, y = get_sequences(200 * batch_size, options.timesteps, options.seed)
        times = time_trainings({name: models[name] for name in rows.model}, X, y, batch_size)
        of_update |= {(name, batch_size): np.median(of_name) for name, of_name in times.items()}
    trainings = zip(scores.model, scores.batch_size, strict=True)
    return scores["update"] * [of_update[training] for training in trainings]


def recommend(scores):
    """Return the recipe, and the best of the models that get as many whole sequences right.

    Args:
        scores: DataFrame with the columns KEYS, `run`, `parameters`, `sequence_accuracy` and
            `seconds`. The recipe is the first.

    Returns:
        DataFrame with the columns KEYS, `parameters` and the means of the others. Its index is
        `recipe`; and, of the other models whose mean over the runs is at least the recipe's, the
        `smallest`, the `most accurate` and the `fastest` to train, if there are any.
    """
    means = scores.groupby([*KEYS, "parameters"], sort=False)[[BY, "seconds"]].mean().reset_index()
    others = means[1:].sort_values(BY, ascending=False)
    others = others[others[BY] >= means[BY][0]]
    found = {"recipe": 0}
    if len(others):
        found["smallest"], found["fastest"] = others.parameters.idxmin(), others.seconds.idxmin()
        found["most accurate"] = others.index[0]
    return means.loc[[*found.values()]].set_axis([*found])


def report_search(reported, found, known):
    """Print how right each model is, how long its training takes, and what `recommend` has found.

    Args:
        reported: scores, as for `recommend`.
        found: as `recommend` returns it.
        known: as for `extensions.shared.report.report`.
    """
    form = {"index": ["model", "parameters"], "columns": ["sequences", "batch_size"]}
    runs = describe_runs(reported.run.nunique())
    for schedule, rows in reported.groupby("schedule", sort=False):
        table = rows.pivot_table(BY, aggfunc=describe, sort=False, **form)
        print_block(f"Whole sequences right, {schedule} rate ({runs}):", table.sort_index(axis=1))
    table = reported.pivot_table("seconds", sort=False, **form).sort_index(axis=1)
    heading = "Seconds of one training (they differ each time, and so may the fastest model):"
    print_block(heading, table.map("{:.2g}".format, na_action="ignore"))
    if len(found) == 1:
        print("No small model gets as many whole sequences right as the recipe.\n")
        return
    print_block("The recipe, and small models that are as right:", found[[*KEYS, "parameters"]])
    print("They were selected by the runs that are reported, which flatters them a little.\n")
    rows = found[KEYS].rename_axis("found").reset_index().merge(reported).drop(columns="model")
    rows = rows.rename(columns={"found": "model"}).assign(view="the recipe and small models")
    report(rows, [(name, "recipe") for name in found.index[1:]], known, measures=[BY])


def report_rates(compared, options):
    """Print how often each rate was chosen, and what the rate and its decay do for each model.

    Args:
        compared: scores of constant and falling rates.
        options: of the command line.

    Returns:
        DataFrame of some rows of scores, four trainings of each model. `view` is the model,
        `rate` is `0.001` or `chosen` (as is a single rate other than 0.001), and
        `model` is the schedule and that.
    """
    tables = []
    for name in COMPARED:
        rows = compared[compared.model == name].drop(columns=["accuracy_near", "accuracy_far"])
        tables.append(report_choices(rows, options.seed, BY))
    four = pd.concat(tables, ignore_index=True)
    four["rate"] = np.where(four["view"] == f"at {PUBLISHED_RATE:g}", "0.001", "chosen")
    four["view"] = four.model
    four["model"] = four.schedule + " " + four.rate
    pairs = [pair for pair in PAIRS if set(pair) <= set(four.model)]
    report(four, pairs, {}, measures=(BY, "loss"))
    shares = four.pivot_table(BY, "model", "view", describe, sort=False)
    runs = f"{describe_runs(options.runs)}; recipe: at most {MOST_RUNS}"
    print_block(f"Whole sequences right, of {N_TEST:,} ({runs}):", shares)
    perfect = (four.accuracy_on_100 == 1).groupby([four["view"], four.model], sort=False).sum()
    print_block("Runs that get all of 100 sequences right:", perfect.unstack("view", sort=False))
    return four


def draw_search(reported, found, known):
    """Draw the share of whole sequences right over the number of parameters.

    Args:
        reported, found, known: as for `report_search`. Of the models with falling rates the forward
            ones are drawn, a line for each way to train them.
    """
    shown = reported[reported.model.str.startswith("forward") & (reported.schedule == "falling")]
    ways = [f"{row.sequences:,}, {row.batch_size} per update" for row in shown.itertuples()]
    recipe = found.loc[["recipe"], KEYS].merge(reported).assign(model="the recipe")
    shown = pd.concat([shown.assign(model=ways), recipe])
    return draw(
        shown.assign(view="forward models, falling rate (sequences in all, per update)"),
        x="parameters",
        y=BY,
        title="How small can a model be that gets more right than the recipe?",
        xlabel="parameters",
        ylabel="share of whole sequences right",
        known={"set by hand (14)": known["set by hand"]},
        xscale="log",
        xticks=np.unique(shown.parameters),
    )


def draw_four(four):
    """Draw the share of whole sequences right; `four` is as `report_rates` returns it."""
    runs = four.groupby("view", sort=False).run.max()
    return draw(
        four.assign(model=four.schedule + " rate"),
        x="rate",
        y=BY,
        title="Is it the larger learning rate, or its decay to 0?",
        xlabel="learning rate",
        ylabel=f"share of whole sequences right, of {N_TEST:,}",
        conditions=f"{describe_runs(runs.max())}; of {RECIPE}: {runs.iloc[0]} runs",
        xlim=(-0.3, 1.3),
    )


def main(options):
    search, comparison = make_plans(options)
    plan = pd.concat([search, comparison])
    models = {name: get_named_model(options.timesteps, name) for name in plan.model.unique()}
    scores = train(models, plan, options)
    scores["parameters"] = scores.model.map(lambda name: models[name].count_params())
    X, y = get_sequences(100_000, options.timesteps, options.seed)
    predictions = get_counting_model(options.timesteps).predict(X, batch_size=N_TEST, verbose=0)
    known = get_known(options.timesteps) | {"set by hand": score(y, X, predictions)}

    searched = pick(scores, search)
    is_falling = searched.schedule == "falling"
    views = report_choices(searched[is_falling], options.seed, BY)
    reported = pd.concat([searched[~is_falling], views], ignore_index=True)
    reported["seconds"] = measure_seconds(reported, models, options)
    found = recommend(reported)
    report_search(reported, found, known)
    four = report_rates(pick(scores, comparison), options)
    of_rates = draw_four(four)
    others = {"_schedules.png": partial(of_rates.savefig, dpi=160)}
    save(options, draw_search(reported, found, known), others, scores=scores)


if __name__ == "__main__":
    run(main, options)
