"""How small, how fast to train, and how right can a model be?

Exercise 2 of lesson 10: find a smaller model, or one that trains faster, with 100% accuracy.

    python -m extensions.find_smaller_model

trains the lesson's recipe, a bidirectional LSTM of 50 cells per direction on 50,000 sequences, ten
per update. It also trains smaller models, forward and bidirectional, with at most a tenth of the
recipe's parameters: on 50,000 sequences, ten or one per update, and on 10,000, one per update. Each
is trained 10 times at the lesson's learning rate of 0.001, and 10 times at each rate of
`--learning-rate`, which then falls to 0; each run reports the rate that three other runs have
chosen. An LSTM of one cell whose weights are set by hand is compared with them.

Expect that the recipe gets 92% of whole sequences right, a forward LSTM of a single cell, with 14
parameters, 95%, the best trained model 98%, and the one set by hand all. Does the larger rate help,
or its decay? See extensions/compare_schedules.py. It takes about 140 seconds on 2 CPU cores. The
training times differ each time, so they are printed but not saved.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    # (If 0.003 and 0.1 are tried as well, nearly all models choose one of these two.)
    several = {"units": (1, 5, 20, 50), "sequences": (10_000, 50_000), "batch_size": (1, 10)}
    options = start_script(__file__, __doc__, learning_rate=(0.01, 0.03), runs=10, **several)

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import PUBLISHED_RATE, choose, print_choices
from common.figures import draw_means, label_lines, set_heading
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs, in_words, tabulate_known, with_interval
from data import get_sequences
from extensions.compare_cells import time_trainings
from extensions.compare_schedules import N_TEST, get_copies, score, summarize_trainings, train
from extensions.compare_sizes import get_named_model
from extensions.counting_lstm import get_counting_model

N_BY_HAND = 100_000  # sequences
LARGEST = 0.1  # of the recipe's parameters
# Classes of the distance of the sum so far from the limit; the last class is 1 and more.
DISTANCES = [0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
KEYS = ["model", "parameters", "sequences", "batch_size", "schedule"]


def get_distances(X):
    """Return how far the cumulative sum is from the limit, at each step of sequences."""
    return np.abs(np.cumsum(X, axis=1, dtype=np.float64) - X.shape[1] / 4)


def get_models(n_timesteps, all_units):
    """Build the recipe's model, which is the largest, and those small enough to be searched.

    Returns:
        Dict of name, such as `forward 5`, to Keras model. The recipe's is the first, because its
        trainings take longest.
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
        The scores, a DataFrame with the columns KEYS and those of `train`; and the trained weights,
        a dict. Its keys are tuples: the name, sequences, batch size, schedule, run and rate.
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
    """Put the weights of a model in the dict `kept`, under its name, training, run and rate."""
    kept[name, *training, run, learning_rate] = model.get_weights()


def add_seconds(scores, models, options):
    """Add to scores the column `seconds`: how long one training takes when it runs alone.

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
    """Count a model's errors on N_TEST sequences, by the distance of the sum from the limit.

    Args:
        model: Keras model.
        rng: whatever `numpy.random.default_rng` takes.

    Returns:
        DataFrame with a row for each class of distances: `distance`, the smallest of the class;
        `steps`, the number of time steps in it; `wrong`, the number of wrong predictions; and
        `error_rate`, their share.
    """
    X, y = get_sequences(N_TEST, model.input_shape[1], rng)
    wrong = (model.predict(X, batch_size=N_TEST, verbose=0) > 0.5) != (y == 1)
    classes = np.digitize(get_distances(X).ravel(), DISTANCES) - 1
    by_class = pd.Series(wrong.ravel()).groupby(np.array(DISTANCES)[classes])
    table = by_class.agg(steps="size", wrong="sum", error_rate="mean").rename_axis("distance")
    return table.reset_index()


def tabulate_errors(found, models, weights, seed):
    """Return `find_errors` of each run of some models and of the one set by hand, in one table.

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
    n_timesteps = next(iter(models.values())).input_shape[1]
    tables["set by hand", 1] = find_errors(get_counting_model(n_timesteps), [seed, 1])
    return pd.concat(tables, names=["model", "run"]).reset_index(["model", "run"])


def recommend(scores):
    """Return the recipe, and the best of the models that get as many whole sequences right.

    Args:
        scores: DataFrame with the columns KEYS, `run`, `sequence_accuracy` and `seconds`.

    Returns:
        Dict of DataFrames with some rows of scores: `recipe`, the largest model at the constant
        rate; and, of the other models whose mean over the runs is at least the recipe's, the
        `smallest`, the `fastest` to train and the `most accurate`. These three are absent if there
        is no such model.
    """
    means = scores.groupby(KEYS, sort=False)[["sequence_accuracy", "seconds"]].mean().reset_index()
    recipe = means[means.schedule == "constant"].sort_values(KEYS[1:4]).iloc[-1]
    others = means.drop(recipe.name).sort_values("sequence_accuracy", ascending=False)
    others = others[others.sequence_accuracy >= recipe.sequence_accuracy]
    found = {"recipe": recipe}
    if len(others):
        found["smallest"] = others.loc[others.parameters.idxmin()]
        found["fastest"] = others.loc[others.seconds.idxmin()]
        found["most accurate"] = others.iloc[0]
    return {name: scores[(scores[KEYS] == row[KEYS]).all(axis=1)] for name, row in found.items()}


def describe(rows):
    """Say how a model is trained and how right it is; `rows` are as `recommend` returns them."""
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
    """Say what the search has found; `found` is what `recommend` returns."""
    recipe = found["recipe"]
    lines = [f"Answer: the lesson's recipe, {describe(recipe)}."]
    for name, rows in list(found.items())[1:]:
        difference = rows.sequence_accuracy.to_numpy() - recipe.sequence_accuracy.to_numpy()
        lines.append(
            f"The {name}, {describe(rows)}; compared with the recipe: {in_words(difference)}."
        )
    if len(found) == 1:
        lines.append("No other model gets as many whole sequences right.")
    else:
        lines.append(
            "These were selected by the same runs that are reported, which flatters them a little."
        )
    return "\n".join(lines)


def answer_perfect(errors, by_hand, nearest):
    """Say what a model needs for 100%.

    Args:
        errors: as `tabulate_errors` returns them.
        by_hand: dict of the scores of the model set by hand.
        nearest: the smallest distance of a sum from the limit in N_TEST sequences, on average.
    """
    best = "most accurate" if "most accurate" in set(errors.model) else "recipe"
    of_best = errors[errors.model == best].groupby("distance")[["wrong", "steps"]].sum()
    rates = of_best.wrong / of_best.steps
    safe = [start for start in rates.index if (rates.loc[start:] < 0.01).all()]
    where = f"where the distance is {safe[0]:g} or more, it" if safe else "it never"
    return (
        f"What 100% on {N_TEST:,} sequences takes: some sum comes within {nearest:.1g} of the"
        f" limit. Of the time steps whose sum is within {DISTANCES[1]:g} of the limit, the most"
        f" accurate trained model gets {rates.iloc[0]:.0%} wrong; {where} gets fewer than 1% wrong."
        " The LSTM set by hand gets"
        f" {round(by_hand['sequence_accuracy'] * N_BY_HAND):,} of {N_BY_HAND:,} sequences right."
    )


def draw(scores, found, by_hand):
    """Draw the share of whole sequences right over the number of parameters.

    Lines are the forward models with falling rates, one for each way to train them. Points are the
    recipe and the model set by hand.

    Args:
        scores, found: as for `recommend`, and as it returns them.
        by_hand: as for `answer_perfect`.
    """
    figure, axes = plt.subplots(figsize=(8.5, 4.5), layout="constrained")
    forward = scores[scores.model.str.startswith("forward") & (scores.schedule == "falling")]
    trained = forward.sequences.map("{:,} sequences, ".format)
    trained += forward.batch_size.map("{} per update".format)
    recipe = found["recipe"].assign(trained="the lesson's recipe")
    shown = pd.concat([forward.assign(trained=trained), recipe])
    draw_means(axes, shown, "parameters", "sequence_accuracy", by="trained")
    point = 14, by_hand["sequence_accuracy"]
    axes.plot(*point, "*", color="black", markersize=11)
    axes.annotate("set by hand", point, (10, 0), textcoords="offset points", va="center")
    sizes = np.unique(shown.parameters)
    axes.set(xscale="log", xlabel="parameters", ylabel="share of whole sequences right")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    label_lines(axes)
    conditions = f"{describe_runs(scores.run.max())}; lines: forward, learning rate that falls to 0"
    question = "How small can a model be that gets more right than the recipe?"
    set_heading(figure, question, conditions)
    return figure


def report(scores, models, by_hand, options):
    """Print how often each rate was chosen, and a table of all trainings.

    Args:
        scores, models, options: as of and for `train_all`.
        by_hand: as for `answer_perfect`.

    Returns:
        The rows of scores at 0.001, and those at the falling rates that three other runs have
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
    save(options, draw(reported, found, by_hand), scores=scores, errors=errors)


if __name__ == "__main__":
    run(main, options)
