"""How small, how fast to train, and how right can a model be?

Exercise 2 of lesson 10: a smaller or faster trained model with 100% accuracy.

    python -m extensions.find_smaller_model

trains the lesson's recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten
per update, and smaller models, forward and bidirectional, of a tenth of its parameters at the
most: as the recipe, and one sequence per update on 50,000 and on 10,000. Each is trained 10 times
at the lesson's learning rate of 0.001 and 10 times with one that decays to zero, from the best for
it of those of `--learning-rate`, which was chosen on other runs. Beside them stands an LSTM of
one cell whose weights are set by hand.

Expect the recipe to get 92% of whole sequences right, and a forward LSTM of a single cell, 14
parameters, to get 95%; the best trained model 98%; and the one set by hand all. It takes about 2
minutes on 2 CPU cores. Training times differ each time you run it, so they are printed but in
no file.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=(1, 5, 20, 50),
        sequences=(10_000, 50_000),
        batch_size=(1, 10),
        learning_rate=(0.003, 0.01, 0.03, 0.1),
        runs=10,
    )

import math
import os
from functools import partial
from itertools import cycle, product

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.figures import LINES, draw_means, draw_over_parameters
from common.files import save
from common.floors import get_known
from common.results import (
    count,
    describe_runs,
    in_words,
    summarize,
    tabulate_known,
    with_interval,
)
from common.training import time_updates, train_runs
from common.tuning import PUBLISHED_RATE, find_best_rates, get_tuning_seed
from data import get_sequences, score_labels
from extensions.compare_cells import get_cell_model
from extensions.counting_lstm import get_counting_model

N_TUNING_RUNS = 2  # at each rate
N_TEST = 10_000  # sequences
N_BY_HAND = 100_000
LARGEST = 0.1  # of the recipe's parameters
# Of the sum so far from the limit: the first class is from 0, the last goes on from 1.
DISTANCES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
MODEL = ["direction", "units", "parameters", "sequences", "batch_size"]
KEYS = [*MODEL, "setting", "learning_rate"]


def decay(initial_rate, n_updates):
    """Return the learning rate of each update, from the initial one to 0 along half a cosine.

    It is that of an optimizer whose learning rate is
    `keras.optimizers.schedules.CosineDecay(initial_rate, n_updates)`.
    """
    return initial_rate / 2 * (1 + np.cos(np.pi * np.arange(n_updates) / n_updates))


def get_test_data(n_sequences, n_timesteps, rng=None):
    """Return what `get_sequences` does, and how far each cumulative sum is from the limit."""
    X, y = get_sequences(n_sequences, n_timesteps, rng)
    return X, y, np.abs(np.cumsum(X, axis=1, dtype=np.float64) - n_timesteps / 4)


def score(y, distances, predictions):
    """Score predictions on the first 100 sequences, as the lesson does, on all, and by distance.

    Args:
        y: labels 0 or 1, shape `(n_sequences, n_timesteps, 1)`.
        distances: of the cumulative sum from the limit, same shape.
        predictions: probabilities of label 1, same shape.

    Returns:
        A dict of three shares, `accuracy_on_100`, `accuracy` and `sequence_accuracy`; `nearest`,
        the smallest distance of all; and two arrays, `steps` and `wrong`, of the number of time
        steps, and of those predicted wrong, in each class that DISTANCES part.
    """
    of_all = score_labels(y, predictions)
    wrong = (predictions > 0.5) != (y == 1)
    classes = np.digitize(distances, DISTANCES)
    n_classes = len(DISTANCES) + 1
    return {
        "accuracy_on_100": score_labels(y[:100], predictions[:100])["accuracy"],
        "accuracy": of_all["accuracy"],
        "sequence_accuracy": of_all["sequence_accuracy"],
        "nearest": distances.min(),
        "steps": np.bincount(classes.ravel(), minlength=n_classes),
        "wrong": np.bincount(classes[wrong], minlength=n_classes),
    }


def get_models(n_timesteps, all_units, with_recipe):
    """Build the models to search among and, if asked to, the recipe's: the largest of all.

    Returns:
        Dict of name, such as "forward 5", to a list of equal Keras models.
    """

    def build(direction, n_units):
        return get_cell_model(n_timesteps, n_units, bidirectional=direction == "bidirectional")

    recipe = "bidirectional", max(all_units)
    largest = build(*recipe).count_params()
    models = {}
    if with_recipe:  # its trainings take longest: they come first, with a copy for each core
        models["{} {}".format(*recipe)] = [build(*recipe) for _ in range(os.cpu_count())]
    for kind in product(("forward", "bidirectional"), sorted(all_units, reverse=True)):
        model = build(*kind)
        if model.count_params() <= LARGEST * largest:
            models["{} {}".format(*kind)] = [model]
    return models


def train(models, n_sequences, batch_size, options):
    """Train models at 0.001, and with the decay that is the best for each; return the scores.

    Args:
        models: as `get_models` returns them.
        n_sequences, batch_size: of each training.
        options: of the command line.

    Returns:
        DataFrame with the columns KEYS, `run`, what `score` returns, and `training_accuracy`,
        which `fit` would print: the mean over the epoch, of predictions before each update.
    """
    n_updates = math.ceil(n_sequences / batch_size)
    train_some = partial(
        train_runs,
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score,
        n_sequences=n_sequences,
        n_test=N_TEST,
        batch_size=batch_size,
        get_test_data=partial(get_test_data, n_timesteps=options.timesteps),
        record=keras.metrics.binary_accuracy,
    )
    print(f"{n_sequences:,} sequences, {batch_size} per update: choosing the decays, then new runs")
    _, scores = train_some(
        n_runs=N_TUNING_RUNS,
        seed=get_tuning_seed(options.seed),
        learning_rates={rate: decay(rate, n_updates) for rate in options.learning_rate},
    )
    best = find_best_rates(scores, "sequence_accuracy")
    accuracies, scores = train_some(
        n_runs=options.runs,
        seed=options.seed,
        learning_rates={
            "constant": PUBLISHED_RATE,
            "decay": {name: decay(rate, n_updates) for name, rate in best.items()},
        },
    )
    in_training = accuracies.groupby(["setting", "run"])[list(models)].mean().reset_index()
    in_training = in_training.melt(["setting", "run"], None, "model", "training_accuracy")
    scores = scores.merge(in_training, on=["model", "setting", "run"])
    names = scores.pop("model")
    keys = names.str.extract(r"(?P<direction>\w+) (?P<units>\d+)").astype({"units": int})
    keys["parameters"] = [models[name][0].count_params() for name in names]
    return keys.assign(sequences=n_sequences, batch_size=batch_size).join(scores)


def score_by_hand(n_timesteps, seed):
    """Score the model that is set by hand: a DataFrame of one row, as `train` returns them."""
    X, *expected = get_test_data(N_BY_HAND, n_timesteps, seed)
    model = get_counting_model(n_timesteps)
    scores = score(*expected, model.predict(X, batch_size=N_TEST, verbose=0))
    keys = ("forward", 1, model.count_params(), 0, 0, "by hand", 0.0)
    return pd.DataFrame([dict(zip(KEYS, keys, strict=True)) | {"run": 1} | scores])


def tabulate_errors(scores):
    """Return a row for each trained model and each of the DISTANCES, from 0 on: `error_rate`."""
    errors = scores[[*KEYS, "run"]].assign(distance=[[0, *DISTANCES]] * len(scores))
    errors = errors.join(scores[["steps", "wrong"]]).explode(["distance", "steps", "wrong"])
    errors = errors.astype({"distance": float, "steps": int, "wrong": int})
    errors = errors[errors.steps > 0]
    return errors.assign(error_rate=errors.wrong / errors.steps).reset_index(drop=True)


def find_safe_distance(rates):
    """Return the distance from which on fewer than 1% of the steps are predicted wrong.

    Args:
        rates: Series of error rates, indexed by the DISTANCES from which each class goes on.

    Returns:
        One of the DISTANCES, or 0; infinity if 1% or more are wrong in the last class.
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
    trained = scores[scores.setting != "by hand"]
    means = trained.groupby(KEYS, sort=False)[["sequence_accuracy", "seconds"]].mean().reset_index()
    constant = means[means.setting == "constant"]
    recipe = constant.sort_values(["parameters", "sequences", "batch_size"]).iloc[-1]
    others = means.drop(recipe.name).sort_values("sequence_accuracy", ascending=False)
    others = others[others.sequence_accuracy >= recipe.sequence_accuracy]
    found = {"recipe": recipe}
    if len(others):
        found["smallest"] = others.loc[others.parameters.idxmin()]
        found["fastest"] = others.loc[others.seconds.idxmin()]
        found["most right"] = others.iloc[0]
    return {name: trained[(trained[KEYS] == row[KEYS]).all(axis=1)] for name, row in found.items()}


def describe(scores):
    """Say in words how a model is trained, and how right it is: some rows as of `recommend`."""
    first = scores.iloc[0]
    falling = "" if first.setting == "constant" else "falling from "
    return (
        f"{first.direction} with {count(first.parameters, 'parameter')}, {first.sequences:,}"
        f" sequences, {first.batch_size} per update, learning rate {falling}"
        f"{first.learning_rate:g}, {first.seconds:.2g} seconds: whole sequences right"
        f" {with_interval(scores.sequence_accuracy, share=True)}, all of 100 in"
        f" {(scores.accuracy_on_100 == 1).sum()} of {count(len(scores), 'run')}"
    )


def answer(scores, errors):
    """Say in words what the search has found, and what 100% would take.

    Args:
        scores: as of `train` and `score_by_hand`, one below the other, with the column `seconds`.
        errors: as `tabulate_errors` returns them.
    """
    found = recommend(scores)
    recipe = found.pop("recipe")
    in_training = recipe.training_accuracy
    lines = [
        f"Answer: the lesson's recipe, {describe(recipe)}. Its accuracy is"
        f" {with_interval(recipe.accuracy_on_100, share=True)} on 100 new sequences and"
        f" {with_interval(in_training, share=True)} in training, as the mean over the epoch,"
        f" {in_training.min():.4f} to {in_training.max():.4f} in single runs."
    ]
    for name, rows in found.items():
        difference = rows.sequence_accuracy.to_numpy() - recipe.sequence_accuracy.to_numpy()
        lines.append(f"The {name}, {describe(rows)}; {in_words(difference)} than the recipe.")
    if not found:
        lines.append("No other model gets as many whole sequences right.")
    best = found.get("most right", recipe)
    of_best = errors.merge(best[[*KEYS, "run"]]).groupby("distance")[["wrong", "steps"]].sum()
    rates = of_best.wrong / of_best.steps
    safe = find_safe_distance(rates)
    by_hand = scores[scores.setting == "by hand"].iloc[0]
    lines.append(
        f"What 100% on {N_TEST:,} sequences takes: in so many, a sum comes within"
        f" {best.nearest.mean():.1g} of the limit (mean of {count(len(best), 'run')}). Of the steps"
        f" within {DISTANCES[0]:g} of it, the most right trained model gets {rates.iloc[0]:.0%}"
        " wrong, fewer than 1%"
        + (f" from a distance of {safe:g} on." if safe < math.inf else " at none.")
        + f" The LSTM set by hand, of {by_hand.parameters} parameters, gets"
        f" {round(by_hand.sequence_accuracy * N_BY_HAND):,} of {N_BY_HAND:,} sequences right."
    )
    return "\n".join(lines)


def mark(axes, scores, marker, **style):
    """Mark the mean of whole sequences right of each model over its parameters."""
    means = scores.groupby(KEYS).sequence_accuracy.mean().reset_index()
    style = {"color": "black", "s": 40, "zorder": 3} | style
    axes.scatter(means.parameters, means.sequence_accuracy, marker=marker, **style)


def draw(scores, errors):
    """Draw whole sequences right over parameters, and the error rate over the distance.

    In the first panel the lines are of forward models, crosses of bidirectional ones, in the colour
    of their training, and rings of the models whose errors the second panel shows.
    """
    figure, (sizes, distances) = plt.subplots(1, 2, figsize=(8, 4.8), layout="constrained")
    shown = recommend(scores) | {"set by hand": scores[scores.setting == "by hand"]}
    shown.pop("fastest", None)  # may be another one the next time

    decayed = scores[scores.setting == "decay"]
    training = decayed.sequences.map("{:,}".format) + " by " + decayed.batch_size.map(str)
    decayed = decayed.assign(training=training)
    forward = decayed[decayed.direction == "forward"]
    draw_over_parameters(sizes, forward, "sequence_accuracy", by="training")
    ticks = scores.parameters[scores.direction == "forward"].unique().tolist()
    ticks.append(scores.parameters.max())
    sizes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    for (_, rows), line in zip(decayed.groupby("training", sort=False), cycle(LINES)):
        mark(sizes, rows[rows.direction == "bidirectional"], "x", color=line["color"])
    mark(sizes, shown["recipe"], "*", label="recipe as it is")
    mark(sizes, shown["set by hand"], "^", label="set by hand")
    for name in ("smallest", "most right"):
        if name in shown:
            mark(sizes, shown[name], "o", color=None, facecolor="none", edgecolor="black", s=200)
    sizes.set_ylabel("whole sequences right")
    sizes.legend(
        title="learning rate falling to 0,\nsequences by batch size\n(x: bidirectional)",
        fontsize="small",
    )

    drawn = [errors.merge(rows[[*KEYS, "run"]]).assign(model=name) for name, rows in shown.items()]
    draw_means(distances, pd.concat(drawn), "distance", "error_rate", by="model")
    distances.set_xscale("symlog", linthresh=DISTANCES[0])
    distances.set_xlabel("distance of the sum from the limit, at least")
    distances.set_ylabel("time steps predicted wrong")
    distances.legend()
    figure.suptitle(f"Size, and where models err: {describe_runs(scores.run.max())}")
    return figure


def main(options):
    scores = []
    for batch_size in options.batch_size:
        is_largest = batch_size == max(options.batch_size)
        models = get_models(options.timesteps, options.units, with_recipe=is_largest)
        if not models:
            continue
        # Few sequences in large batches would be few updates.
        is_smallest = batch_size == min(options.batch_size)
        numbers = options.sequences if is_smallest else [max(options.sequences)]
        trained = [train(models, n_sequences, batch_size, options) for n_sequences in numbers]
        # With nothing else at work, the time of an update, and so that of all of them.
        X, y = get_sequences(200 * batch_size, options.timesteps, options.seed)
        of_update = time_updates({name: of[0] for name, of in models.items()}, X, y, batch_size)
        for of_training in trained:
            names = of_training.direction + " " + of_training.units.map(str)
            n_updates = np.ceil(of_training.sequences / batch_size)
            scores.append(of_training.assign(seconds=names.map(of_update) * n_updates))
    scores.append(score_by_hand(options.timesteps, options.seed).assign(seconds=0.0))
    scores = pd.concat(scores, ignore_index=True)
    errors = tabulate_errors(scores)
    scores = scores.drop(columns=["steps", "wrong"])

    shown = scores.drop(columns=["nearest", "seconds"])
    seconds = scores.groupby(KEYS, sort=False).seconds.mean().map("{:.2g}".format)
    perfect = (scores.accuracy_on_100 == 1).groupby([scores[key] for key in KEYS], sort=False).sum()
    table = summarize(shown, KEYS).assign(**{"all of 100 right": perfect, "seconds": seconds})
    print(f"On {N_TEST:,} new sequences, {describe_runs(options.runs)}:")
    print(table.reset_index().to_string(index=False))
    print(tabulate_known(get_known(options.timesteps)).to_string())

    print(answer(scores, errors))
    figure = draw(scores, errors)
    scores = scores.drop(columns="seconds")
    save(options.output, options.name, figure, errors, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
