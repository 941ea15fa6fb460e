"""How small, how fast to train, and how right can a model be?

Exercise 2 of lesson 10: a smaller or faster trained model with 100% accuracy.

    python -m extensions.find_smaller_model

trains the lesson's recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten
per update, and smaller models, forward and bidirectional, of a tenth of its parameters at the
most: as the recipe, and one sequence per update on 50,000 and on 10,000. Each is trained 10 times
at the lesson's learning rate of 0.001, and 10 times with one that falls to zero from each of
`--learning-rate`; of these, each run has the one that three other runs have chosen. Beside them
stands an LSTM of one cell whose weights are set by hand.

Expect the recipe to get 92% of whole sequences right, and a forward LSTM of a single cell, 14
parameters, to get 95%; the best trained model 98%; and the one set by hand all. It takes about
130 seconds on 2 CPU cores. Training times differ each time you run it, so they are printed but in
no file.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    # (With 0.003 and 0.1 as well, nearly all models choose these two.)
    several = {"units": (1, 5, 20, 50), "sequences": (10_000, 50_000), "batch_size": (1, 10)}
    options = start_script(__file__, __doc__, learning_rate=(0.01, 0.03), runs=10, **several)

import math
import os
from functools import partial
from itertools import product

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import PUBLISHED_RATE, choose, print_choices
from common.figures import draw_means, get_styles
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs, in_words, summarize, tabulate_known, with_interval
from common.training import Training, average_losses, make_get_data, train_runs
from data import get_sequences, score_labels
from extensions.compare_cells import time_trainings
from extensions.compare_sizes import draw_over_parameters, get_named_model, split_names
from extensions.counting_lstm import get_counting_model

N_TEST = 10_000  # sequences
N_BY_HAND = 100_000
LARGEST = 0.1  # of the recipe's parameters
# Of the sum so far from the limit: the first class is from 0, the last goes on from 1.
DISTANCES = [0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
KEYS = ["direction", "units", "parameters", "sequences", "batch_size", "schedule"]


def keep_constant(learning_rate, n_updates):
    """Return the learning rate of each update: always the same."""
    return np.full(n_updates, learning_rate)


def decay(initial_rate, n_updates):
    """Return the learning rate of each update, from the initial one to 0 along half a cosine.

    It is that of an optimizer whose learning rate is
    `keras.optimizers.schedules.CosineDecay(initial_rate, n_updates)`.
    """
    return initial_rate / 2 * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates))


SCHEDULES = {"constant": keep_constant, "decay": decay}


def score(y, predictions):
    """Score predictions as `score_labels` does; and those of 100 sequences, as the lesson does."""
    on_100 = score_labels(y[:100], predictions[:100])["accuracy"]
    return score_labels(y, predictions) | {"accuracy_on_100": on_100}


def get_distances(X):
    """Return how far the cumulative sum is from the limit, at each step of sequences."""
    return np.abs(np.cumsum(X, axis=1, dtype=np.float64) - X.shape[1] / 4)


def get_models(n_timesteps, all_units):
    """Build the models: the recipe's, which is the largest of all, and those to search among.

    Returns:
        Dict of name, such as `forward 5`, to Keras model, the recipe's first: its trainings take
        longest.
    """
    names = [f"bidirectional {max(all_units)}"]
    sizes = sorted(set(all_units), reverse=True)
    names += [f"{way} {size}" for way, size in product(("forward", "bidirectional"), sizes)]
    models = {name: get_named_model(n_timesteps, name) for name in names}
    largest = models[names[0]].count_params()
    return {
        name: model
        for name, model in models.items()
        if name == names[0] or model.count_params() <= LARGEST * largest
    }


def keep_weights(kept, training, name, run, learning_rate, model):
    """Put the weights of a model in the dict `kept`, by its training, name, run and rate."""
    kept[*training, name, run, learning_rate] = model.get_weights()


def train(models, n_sequences, batch_size, options, weights):
    """Train models at 0.001, and with a decay from each of the rates.

    Args:
        models: dict of name to Keras model.
        n_sequences, batch_size: of each training.
        options: of the command line.
        weights: dict that is given those of each training, by number of sequences, batch size,
            schedule, name, run and learning rate.

    Returns:
        DataFrame with the columns KEYS, and then what `train_runs` returns. `training_accuracy` is
        what `fit` would print: the mean over the epoch, of predictions before each update.
    """
    draw_data = partial(get_sequences, n_timesteps=options.timesteps)
    get_data = make_get_data(draw_data, n_sequences, N_TEST)
    recipe = f"bidirectional {max(options.units)}"
    n_copies = os.cpu_count() - 1 if recipe in models else 0  # all cores train it
    copies = {recipe: [get_named_model(options.timesteps, recipe) for _ in range(n_copies)]}
    metrics = {"training_accuracy": keras.metrics.binary_accuracy}
    tables = []
    for schedule, get_rates in SCHEDULES.items():
        print(f"{n_sequences:,} sequences, {batch_size} per update, learning rate: {schedule}")
        training = Training(
            batch_size,
            schedule=get_rates,
            metrics=metrics,
            reduce_losses=average_losses,
            copies=copies,
            after=partial(keep_weights, weights, (n_sequences, batch_size, schedule)),
        )
        rates = [PUBLISHED_RATE] if schedule == "constant" else options.learning_rate
        runs = options.runs, options.seed
        _, scores = train_runs(models, get_data, score, rates, *runs, training)
        tables.append(scores.assign(schedule=schedule))
    scores = split_names(pd.concat(tables, ignore_index=True), models)
    scores = scores.assign(sequences=n_sequences, batch_size=batch_size)
    return scores[[*KEYS, *scores.columns.drop(KEYS)]]


def train_all(options):
    """Make all trainings.

    Returns:
        The scores: the tables of `train`, one below the other, with the column `seconds`, how long
        such a training takes; and the weights, a dict as `train` fills it.
    """
    recipe, *others = get_models(options.timesteps, options.units).items()
    scores, weights = [], {}
    for batch_size in dict.fromkeys(options.batch_size):
        models = dict([recipe, *others] if batch_size == max(options.batch_size) else others)
        if not models:
            continue
        # Few sequences in large batches would be few updates.
        is_smallest = batch_size == min(options.batch_size)
        numbers = dict.fromkeys(options.sequences) if is_smallest else [max(options.sequences)]
        tables = [train(models, number, batch_size, options, weights) for number in numbers]
        # With nothing else at work, the time of an update, and so that of all of them.
        X, y = get_sequences(200 * batch_size, options.timesteps, options.seed)
        times = time_trainings(models, X, y, batch_size)
        seconds = {name: np.median(of_updates) for name, of_updates in times.items()}
        for table in tables:
            names = table.direction + " " + table.units.map(str)
            n_updates = np.ceil(table.sequences / batch_size)
            scores.append(table.assign(seconds=names.map(seconds) * n_updates))
    return pd.concat(scores, ignore_index=True), weights


def find_errors(model, rng):
    """Tell how often a model errs on N_TEST sequences, by the distance of the sum from the limit.

    Args:
        model: Keras model.
        rng: whatever `numpy.random.default_rng` takes.

    Returns:
        DataFrame with a row for each class of distances: `distance`, from which the class goes on;
        `steps`, how many are in it; `wrong`, how many of these are predicted wrong; and
        `error_rate`, their share.
    """
    X, y = get_sequences(N_TEST, model.input_shape[1], rng)
    wrong = (model.predict(X, batch_size=N_TEST, verbose=0) > 0.5) != (y == 1)
    classes = np.digitize(get_distances(X).ravel(), DISTANCES) - 1
    by_class = pd.Series(wrong.ravel()).groupby(np.array(DISTANCES)[classes])
    table = by_class.agg(steps="size", wrong="sum", error_rate="mean")
    return table.rename_axis("distance").reset_index()


def tabulate_errors(found, weights, options):
    """Return `find_errors` of each run of some models, and of that set by hand, as one table.

    Args:
        found: dict of name to rows of scores.
        weights: as `train` fills it.
        options: of the command line.

    Returns:
        DataFrame with the columns `model`, the name in `found`, `run`, and those of `find_errors`.
    """
    tables = {}
    for name, rows in found.items():
        kind = f"{rows.direction.iloc[0]} {rows.units.iloc[0]}"
        model = get_named_model(options.timesteps, kind)
        for row in rows.itertuples():
            training = row.sequences, row.batch_size, row.schedule
            model.set_weights(weights[*training, kind, row.run, row.learning_rate])
            tables[name, row.run] = find_errors(model, [options.seed, row.run])
    by_hand = get_counting_model(options.timesteps)
    tables["set by hand", 1] = find_errors(by_hand, [options.seed, 1])
    return pd.concat(tables, names=["model", "run"]).reset_index(["model", "run"])


def find_safe_distance(rates):
    """Return the distance from which on fewer than 1% of the steps are predicted wrong.

    Args:
        rates: Series of error rates, indexed by the DISTANCES from which each class goes on.

    Returns:
        One of the DISTANCES; infinity if 1% or more are wrong in the last class.
    """
    unsafe = rates.index[rates >= 0.01]
    safe = rates.index[rates.index > unsafe.max()] if len(unsafe) else rates.index
    return min(safe, default=math.inf)


def recommend(scores):
    """Return the recipe, and the models that are no less right: the smallest, and so on.

    Args:
        scores: DataFrame with the columns KEYS, `run`, `sequence_accuracy` and `seconds`.

    Returns:
        Dict of DataFrames with some rows of scores: `recipe`, the largest model at the constant
        rate; and, of all others whose mean over the runs is at least the recipe's, `smallest`,
        `fastest` to train and `most right`. These three are absent if there is no such model.
    """
    means = scores.groupby(KEYS, sort=False)[["sequence_accuracy", "seconds"]].mean().reset_index()
    constant = means[means.schedule == "constant"]
    recipe = constant.sort_values(["parameters", "sequences", "batch_size"]).iloc[-1]
    others = means.drop(recipe.name).sort_values("sequence_accuracy", ascending=False)
    others = others[others.sequence_accuracy >= recipe.sequence_accuracy]
    found = {"recipe": recipe}
    if len(others):
        found["smallest"] = others.loc[others.parameters.idxmin()]
        found["fastest"] = others.loc[others.seconds.idxmin()]
        found["most right"] = others.iloc[0]
    return {name: scores[(scores[KEYS] == row[KEYS]).all(axis=1)] for name, row in found.items()}


def describe(rows):
    """Say in words how a model is trained, and how right it is: some rows as of `recommend`."""
    first = rows.iloc[0]
    rates = " or ".join(f"{rate:g}" for rate in np.unique(rows.learning_rate))
    falling = "falling to 0 from " if first.schedule == "decay" else ""
    return (
        f"{first.direction} with {count(first.parameters, 'parameter')}, {first.sequences:,}"
        f" sequences, {first.batch_size} per update, learning rate {falling}{rates},"
        f" {first.seconds:.2g} seconds: whole sequences right"
        f" {with_interval(rows.sequence_accuracy, share=True)}, all of 100 in"
        f" {(rows.accuracy_on_100 == 1).sum()} of {count(len(rows), 'run')}"
    )


def answer(found):
    """Say in words what the search has found: `found` as of `recommend`."""
    recipe = found["recipe"]
    in_training = recipe.training_accuracy
    lines = [
        f"Answer: the lesson's recipe, {describe(recipe)}. Its accuracy is"
        f" {with_interval(recipe.accuracy_on_100, share=True)} on 100 new sequences and"
        f" {with_interval(in_training, share=True)} in training, as the mean over the epoch,"
        f" {in_training.min():.4f} to {in_training.max():.4f} in single runs."
    ]
    for name, rows in list(found.items())[1:]:
        difference = rows.sequence_accuracy.to_numpy() - recipe.sequence_accuracy.to_numpy()
        lines.append(
            f"The {name}, {describe(rows)}; that minus the recipe's: {in_words(difference)}."
        )
    if len(found) == 1:
        lines.append("No other model gets as many whole sequences right.")
    return "\n".join(lines)


def answer_perfect(errors, by_hand, nearest):
    """Say in words what 100% would take.

    Args:
        errors: as `tabulate_errors` returns them.
        by_hand: dict of the scores of the model set by hand.
        nearest: the smallest distance of a sum from the limit in N_TEST sequences.
    """
    best = "most right" if "most right" in set(errors.model) else "recipe"
    of_best = errors[errors.model == best].groupby("distance")[["wrong", "steps"]].sum()
    rates = of_best.wrong / of_best.steps
    safe = find_safe_distance(rates)
    return (
        f"What 100% on {N_TEST:,} sequences takes: in so many, a sum comes within {nearest:.1g} of"
        f" the limit. Of the steps within {DISTANCES[1]:g} of it, the most right trained model"
        f" gets {rates.iloc[0]:.0%} wrong, fewer than 1%"
        + (f" from a distance of {safe:g} on." if safe < math.inf else " at none.")
        + f" The LSTM set by hand gets {round(by_hand['sequence_accuracy'] * N_BY_HAND):,} of"
        f" {N_BY_HAND:,} sequences right."
    )


def mark(axes, scores, marker, **style):
    """Mark the mean of whole sequences right over the parameters."""
    means = scores.groupby("parameters").sequence_accuracy.mean()
    style = {"color": "black", "s": 40, "zorder": 3} | style
    axes.scatter(means.index, means, marker=marker, **style)


def draw(scores, found, errors, by_hand):
    """Draw whole sequences right over parameters, and the error rate over the distance.

    In the first panel the lines are of forward models, crosses of bidirectional ones, in the colour
    of their training, and rings of the models whose errors the second panel shows.

    Args:
        scores, found: as for `recommend`, and as it returns them.
        errors, by_hand: as for `answer_perfect`.
    """
    figure, (sizes, distances) = plt.subplots(1, 2, figsize=(8, 4.8), layout="constrained")
    decayed = scores[scores.schedule == "decay"]
    trained = decayed.sequences.map("{:,}".format) + " by " + decayed.batch_size.map(str)
    decayed = decayed.assign(trained=trained)
    is_forward = decayed.direction == "forward"
    draw_over_parameters(sizes, decayed[is_forward], "sequence_accuracy", by="trained")
    for name, style in get_styles(trained[is_forward].unique()).items():
        both_ways = decayed[~is_forward & (trained == name)]
        mark(sizes, both_ways, "x", color=style["color"])
    ticks = np.unique([*scores.parameters[scores.direction == "forward"], scores.parameters.max()])
    sizes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    sizes.set_xlabel("parameters")
    sizes.set_ylabel("whole sequences right")
    mark(sizes, found["recipe"], "*", label="recipe as it is")
    mark(sizes, pd.DataFrame([{"parameters": 14, **by_hand}]), "^", label="set by hand")
    for name in ("smallest", "most right"):
        if name in found:
            mark(sizes, found[name], "o", color=None, facecolor="none", edgecolor="black", s=200)
    figure.legend(
        *sizes.get_legend_handles_labels(),
        title="Left: learning rate falling to 0, sequences by batch size; x: bidirectional",
        loc="outside lower center",
        ncols=5,
        fontsize="small",
    )
    draw_means(distances, errors, "distance", "error_rate")
    distances.set_xscale("symlog", linthresh=DISTANCES[1])
    distances.set_xlabel("distance of the sum from the limit, at least")
    distances.set_ylabel("time steps predicted wrong")
    distances.legend()
    figure.suptitle(f"Size, and where models err: {describe_runs(scores.run.max())}")
    return figure


def report(scores, known, options):
    """Print how often each rate was chosen, and a table of all trainings; return its scores.

    Args:
        scores: as `train_all` returns them.
        known: as for `common.results.tabulate_known`.
        options: of the command line.

    Returns:
        The rows of scores at 0.001, and of the decays those that three other runs have chosen.
    """
    decayed = scores[scores.schedule == "decay"]
    print_choices(decayed.drop(columns="seconds"), options.seed, by="sequence_accuracy")
    view = choose(decayed, options.seed, by="sequence_accuracy")
    scores = pd.concat([scores[scores.schedule == "constant"], view.scores])
    scores = scores.sort_values(["batch_size", "sequences"], kind="stable", ignore_index=True)
    by_training = scores.groupby(KEYS, sort=False)
    table = summarize(scores, KEYS)
    table["all of 100 right"] = by_training.accuracy_on_100.agg(
        lambda of_runs: (of_runs == 1).sum()
    )
    table["seconds"] = by_training.seconds.mean().map("{:.2g}".format)
    print(f"On {N_TEST:,} new sequences, decays {view.words}, {describe_runs(options.runs)}:")
    print(table.reset_index().to_string(index=False))
    print(tabulate_known(known).fillna("").to_string())
    return scores


def main(options):
    scores, weights = train_all(options)
    X, y = get_sequences(N_BY_HAND, options.timesteps, options.seed)
    predictions = get_counting_model(options.timesteps).predict(X, batch_size=N_TEST, verbose=0)
    by_hand = score(y, predictions)
    nearest = get_distances(X).reshape(N_BY_HAND // N_TEST, -1).min(axis=1).mean()

    reported = report(scores, get_known(options.timesteps) | {"set by hand": by_hand}, options)
    found = recommend(reported)
    print(answer(found))
    found.pop("fastest", None)  # may be another one the next time
    errors = tabulate_errors(found, weights, options)
    print(answer_perfect(errors, by_hand, nearest))
    figure = draw(reported, found, errors, by_hand)
    save(options, figure, scores=scores.drop(columns="seconds"), errors=errors)


if __name__ == "__main__":
    run(main, options)
