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
parameters, to get 95%; the best trained model 98%; and the one set by hand all. Whether it is the
larger rate or its fall that does it, extensions/compare_schedules.py tells. It takes about 130
seconds on 2 CPU cores. Training times differ each time you run it, so they are printed but in no
file.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    # (With 0.003 and 0.1 as well, nearly all models choose these two.)
    several = {"units": (1, 5, 20, 50), "sequences": (10_000, 50_000), "batch_size": (1, 10)}
    options = start_script(__file__, __doc__, learning_rate=(0.01, 0.03), runs=10, **several)

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import PUBLISHED_RATE, choose, print_choices
from common.figures import draw_means
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs, in_words, tabulate_known, with_interval
from data import get_sequences
from extensions.compare_cells import time_trainings
from extensions.compare_schedules import N_TEST, get_copies, score, summarize_trainings, train
from extensions.compare_sizes import draw_over_parameters, get_named_model
from extensions.counting_lstm import get_counting_model

N_BY_HAND = 100_000  # sequences
LARGEST = 0.1  # of the recipe's parameters
# Of the sum so far from the limit: the first class is from 0, the last goes on from 1.
DISTANCES = [0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
KEYS = ["model", "parameters", "sequences", "batch_size", "schedule"]


def get_distances(X):
    """Return how far the cumulative sum is from the limit, at each step of sequences."""
    return np.abs(np.cumsum(X, axis=1, dtype=np.float64) - X.shape[1] / 4)


def get_models(n_timesteps, all_units):
    """Build the models: the recipe's, which is the largest of all, and those to search among.

    Returns:
        Dict of name, such as `forward 5`, to Keras model, the recipe's first: its trainings take
        longest.
    """
    sizes = sorted(set(all_units), reverse=True)
    names = [f"{way} {size}" for way, size in product(("bidirectional", "forward"), sizes)]
    models = {name: get_named_model(n_timesteps, name) for name in names}
    largest = LARGEST * models[names[0]].count_params()
    small = [name for name in names[1:] if models[name].count_params() <= largest]
    return {name: models[name] for name in [names[0], *small]}


def train_all(models, options):
    """Train models at 0.001, and with rates that fall to 0 from each of the options' rates.

    Returns:
        The scores, a DataFrame with the columns KEYS, and then those of `train`; and the weights
        that were trained, a dict by the values of KEYS but the parameters, run and learning rate.
    """
    recipe, *others = models
    settings = {"copies": get_copies(options.timesteps, recipe)}
    schedules = {"constant": [PUBLISHED_RATE], "falling": options.learning_rate}
    tables, weights = [], {}
    for batch_size in sorted(set(options.batch_size)):
        names = models if batch_size == max(options.batch_size) else others
        # Few sequences in large batches would be few updates.
        is_smallest = batch_size == min(options.batch_size)
        numbers = sorted(set(options.sequences)) if is_smallest else [max(options.sequences)]
        for number, (schedule, rates) in product(numbers if names else [], schedules.items()):
            print(f"{number:,} sequences, {batch_size} per update, learning rate: {schedule}")
            after = partial(keep_weights, weights, (number, batch_size, schedule))
            settings |= {"batch_size": batch_size, "after": after}
            trained = {name: models[name] for name in names}
            scores = train(trained, schedule, rates, number, options.runs, options, **settings)
            tables.append(scores.assign(sequences=number, batch_size=batch_size))
    scores = pd.concat(tables, ignore_index=True)
    scores["parameters"] = [models[name].count_params() for name in scores.model]
    return scores[[*KEYS, *scores.columns.drop(KEYS)]], weights


def keep_weights(kept, training, name, run, learning_rate, model):
    """Put the weights of a model in the dict `kept`, by its name, training, run and rate."""
    kept[name, *training, run, learning_rate] = model.get_weights()


def add_seconds(scores, models, options):
    """Add to scores the column `seconds`: how long a training takes, with nothing else at work.

    Args:
        scores, models, options: as of and for `train_all`.
    """
    for batch_size, rows in scores.groupby("batch_size"):
        X, y = get_sequences(200 * batch_size, options.timesteps, options.seed)
        trained = {name: models[name] for name in rows.model}
        times = time_trainings(trained, X, y, batch_size)
        of_update = rows.model.map({name: np.median(of_name) for name, of_name in times.items()})
        scores.loc[rows.index, "seconds"] = of_update * rows["update"]


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
    table = by_class.agg(steps="size", wrong="sum", error_rate="mean").rename_axis("distance")
    return table.reset_index()


def tabulate_errors(found, models, weights, seed):
    """Return `find_errors` of each run of some models, and of that set by hand, as one table.

    Args:
        found: dict of name to rows of scores.
        models, weights: as for `train_all`, and as it returns them.
        seed: of the sequences.

    Returns:
        DataFrame with the columns `model`, the name in `found`, `run`, and those of `find_errors`.
    """
    tables = {}
    for name, rows in found.items():
        model = models[rows.model.iloc[0]]
        by = ["model", "sequences", "batch_size", "schedule", "run", "learning_rate"]
        for training in rows[by].itertuples(index=False):
            model.set_weights(weights[training])
            tables[name, training.run] = find_errors(model, [seed, training.run])
    tables["set by hand", 1] = find_errors(get_counting_model(model.input_shape[1]), [seed, 1])
    return pd.concat(tables, names=["model", "run"]).reset_index(["model", "run"])


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
    recipe = means[means.schedule == "constant"].sort_values(KEYS[1:4]).iloc[-1]
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
    return (
        f"{first.model} with {count(first.parameters, 'parameter')}, {first.sequences:,}"
        f" sequences, {first.batch_size} per update, {first.schedule} learning rate of {rates},"
        f" {first.seconds:.2g} seconds: whole sequences right"
        f" {with_interval(rows.sequence_accuracy, share=True)}, all of 100 in"
        f" {(rows.accuracy_on_100 == 1).sum()} of {count(len(rows), 'run')}"
    )


def answer(found):
    """Say in words what the search has found: `found` as of `recommend`."""
    recipe = found["recipe"]
    lines = [f"Answer: the lesson's recipe, {describe(recipe)}."]
    for name, rows in list(found.items())[1:]:
        difference = rows.sequence_accuracy.to_numpy() - recipe.sequence_accuracy.to_numpy()
        lines.append(f"The {name}, {describe(rows)}; minus the recipe's: {in_words(difference)}.")
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
    safe = [f"from {start:g} on" for start in rates.index if (rates.loc[start:] < 0.01).all()]
    return (
        f"100% on {N_TEST:,} sequences: in so many, a sum comes within {nearest:.1g} of the limit."
        f" Of the steps within {DISTANCES[1]:g} of it, the most right trained model gets"
        f" {rates.iloc[0]:.0%} wrong, and fewer than 1% {safe[0] if safe else 'at no distance'}."
        f" The LSTM set by hand gets {round(by_hand['sequence_accuracy'] * N_BY_HAND):,} of"
        f" {N_BY_HAND:,} sequences right."
    )


def draw(scores, found, errors, by_hand):
    """Draw whole sequences right over parameters, and the error rate over the distance.

    The first panel has lines for the forward models with falling rates, and marks the models whose
    errors the second panel shows.

    Args:
        scores, found: as for `recommend`, and as it returns them.
        errors, by_hand: as for `answer_perfect`.
    """
    figure, (sizes, distances) = plt.subplots(1, 2, figsize=(8, 4.8), layout="constrained")
    falling = scores[scores.model.str.startswith("forward") & (scores.schedule == "falling")]
    trained = falling.sequences.map("{:,} sequences, ".format)
    trained += falling.batch_size.map("{} per update".format)
    shown = pd.concat([found["recipe"].assign(trained="recipe"), falling.assign(trained=trained)])
    draw_over_parameters(sizes, shown, "sequence_accuracy", by="trained")
    marked = found | {"set by hand": pd.DataFrame([by_hand | {"parameters": 14}])}
    for name, rows in marked.items():
        point = rows.parameters.iloc[0], rows.sequence_accuracy.mean()
        sizes.plot(*point, "o", color="black", fillstyle="none", markersize=14)
        sizes.annotate(name, point, (0, 10), textcoords="offset points", ha="center")
    sizes.margins(0.2)
    sizes.set(xlabel="parameters (lines: forward, falling rate)", ylabel="whole sequences right")
    figure.legend(*sizes.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    draw_means(distances, errors, "distance", "error_rate")
    distances.set_xscale("symlog", linthresh=DISTANCES[1])
    distances.set(xlabel="distance of the sum from the limit", ylabel="share of steps wrong")
    distances.legend(title="circled left")
    figure.suptitle(f"How small, and where it errs: {describe_runs(scores.run.max())}")
    return figure


def report(scores, models, by_hand, options):
    """Print how often each rate was chosen, and a table of all trainings.

    Args:
        scores, models, options: as of and for `train_all`.
        by_hand: as for `answer_perfect`.

    Returns:
        The rows of scores at 0.001, and of the falling rates those that three other runs have
        chosen, with the column `seconds`.
    """
    falling = scores[scores.schedule == "falling"]
    print_choices(falling, options.seed, by="sequence_accuracy")
    view = choose(falling, options.seed, by="sequence_accuracy")
    reported = pd.concat([scores[scores.schedule == "constant"], view.scores], ignore_index=True)
    add_seconds(reported, models, options)
    table = summarize_trainings(reported, KEYS)
    table["seconds"] = reported.groupby(KEYS, sort=False).seconds.mean().map("{:.2g}".format)
    runs = describe_runs(options.runs)
    print(f"On {N_TEST:,} new sequences, falling rates {view.words}, {runs}:")
    print(table.reset_index().to_string(index=False))
    known = get_known(options.timesteps) | {"set by hand": by_hand}
    print(tabulate_known(known).fillna("").to_string())
    return reported


def main(options):
    models = get_models(options.timesteps, options.units)
    scores, weights = train_all(models, options)
    X, y = get_sequences(N_BY_HAND, options.timesteps, options.seed)
    predictions = get_counting_model(options.timesteps).predict(X, batch_size=N_TEST, verbose=0)
    by_hand = score(y, predictions)
    nearest = get_distances(X).reshape(N_BY_HAND // N_TEST, -1).min(axis=1).mean()

    reported = report(scores, models, by_hand, options)
    found = recommend(reported)
    print(answer(found))
    found.pop("fastest", None)  # may be another one the next time
    errors = tabulate_errors(found, models, weights, options.seed)
    print(answer_perfect(errors, by_hand, nearest))
    save(options, draw(reported, found, errors, by_hand), scores=scores, errors=errors)


if __name__ == "__main__":
    run(main, options)
