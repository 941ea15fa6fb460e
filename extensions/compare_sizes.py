"""Is it the second direction, or only more weights? And how does it grow with the problem?

    python -m extensions.compare_sizes

trains forward LSTMs of 10, 20 and 40 memory cells, and bidirectional ones with as many parameters,
on sequences of 10, 20 and 40 time steps: each 30 times on 2,000 sequences, one per update, at four
learning rates. Expect a lower loss from the second direction at every size and length at 0.001, and
no clear difference, between directions or sizes, where each run has a rate that other runs have
chosen. The loss of a step falls a little with the length, that of a sequence grows. It takes about
150 seconds on 2 CPU cores. `--units` are those of the forward models.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    several = {"timesteps": (10, 20, 40), "units": (10, 20, 40)}
    rates = 0.001, 0.005, 0.02, 0.2
    options = start_script(__file__, __doc__, sequences=2000, learning_rate=rates, **several)

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import get_views
from common.comparing import report, train_on_sums
from common.figures import add_legend, draw_known, draw_means
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs, in_words, with_interval
from data import score_labels
from extensions.compare_cells import get_cell_model

SHOWN = {
    "loss": "test loss per step (nats)",
    "sequence_accuracy": "whole sequences right",
}


def matching_units(n_units, n_features=1, n_outputs=1):
    """Return the cells per direction that give two directions about the parameters of one.

    An LSTM of n cells has `4 * n * (n_features + n + 1)` parameters, as many again for a second
    direction; and each output has a weight for each cell, and a bias.

    Args:
        n_units: memory cells of the forward LSTM.
        n_features: values at each time step.
        n_outputs: units of the Dense layer that reads the LSTM.
    """
    n = np.arange(1, n_units + 1)
    one, two = (4 * d * n * (n_features + n + 1) + (d * n + 1) * n_outputs for d in (1, 2))
    return int(n[np.argmin(np.abs(two - one[-1]))])


def get_pairs(all_units):
    """Return the names of models to compare, each pair as `bidirectional 14`, `forward 20`.

    Args:
        all_units: memory cells of the forward models.

    Returns:
        List of pairs of like size; and, last, the smallest bidirectional model and the largest
        forward one.
    """
    sizes = sorted(set(all_units))
    pairs = [(f"bidirectional {matching_units(size)}", f"forward {size}") for size in sizes]
    return list(dict.fromkeys([*pairs, (pairs[0][0], pairs[-1][1])]))


def get_named_model(n_timesteps, name):
    """Build the model of a name such as `forward 20`: a direction and its memory cells."""
    direction, n_units = name.split()
    return get_cell_model(
        n_timesteps, bidirectional=direction == "bidirectional", n_units=int(n_units)
    )


def split_names(scores, models):
    """Put columns `direction`, `units` and `parameters` in the place of such names.

    Args:
        scores: DataFrame as `train_runs` returns it.
        models: dict of name to Keras model.
    """
    keys = scores.model.str.extract(r"(?P<direction>\w+) (?P<units>\d+)").astype({"units": int})
    keys["parameters"] = [models[name].count_params() for name in scores.model]
    return keys.join(scores.drop(columns="model"))


def score(y, predictions):
    """Score labels as `score_labels` does; a sequence's loss is the sum of those of its steps."""
    scores = score_labels(y, predictions)
    return scores | {"sequence_loss": y.shape[1] * scores["loss"]}


def answer(views):
    """Say in words what the second direction does at like size, the mean over sizes: a line each.

    Args:
        views: list of `common.choosing.View`, with the columns of `split_names` and `timesteps`.
    """
    lines = []
    for view in views:
        for n_timesteps, rows in view.scores.groupby("timesteps", sort=False):
            losses = rows.groupby(["run", "direction"]).loss.mean().unstack()
            lines.append(
                f"Answer, {count(n_timesteps, 'time step')}, {view.words}: the test loss at like"
                f" size, bidirectional minus forward, mean over the sizes:"
                f" {in_words(losses.bidirectional - losses.forward)}."
            )
    return "\n".join(lines)


def answer_growth(view):
    """Say how the loss of each direction, per step and per sequence, grows with the length.

    Sizes are averaged.

    Args:
        view: as one of those of `answer`.
    """
    by_run = view.scores.groupby(["direction", "timesteps", "run"], sort=False)
    means = by_run[["loss", "sequence_loss"]].mean()
    clauses = [
        f"{direction}, {count(n_timesteps, 'time step')}: {with_interval(rows.loss)} per step,"
        f" {with_interval(rows.sequence_loss)} per sequence"
        for (direction, n_timesteps), rows in means.groupby(level=[0, 1], sort=False)
    ]
    return f"Answer, test loss {view.words}: {'; '.join(clauses)}."


def draw_over_parameters(axes, scores, y, by):
    """Draw what `draw_means` draws, over the column `parameters` on a logarithmic scale."""
    draw_means(axes, scores, "parameters", y, by)
    axes.set_xscale("log")
    sizes = np.unique(scores.parameters)
    sizes = sizes[np.diff(sizes, prepend=0) > 0.5 * sizes]  # labels need room
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()


def draw(views, known):
    """Draw two measures over the parameters: a row for each view, a column for each length.

    Args:
        views: as for `answer`.
        known: dict of length to a dict of name to the scores of a predictor that is not trained.
    """
    rows = list(product(SHOWN, views))
    shape, size = (len(rows), len(known)), (9, 2.7 * len(rows))
    figure, panels = plt.subplots(
        *shape, figsize=size, sharex=True, sharey="row", squeeze=False, layout="constrained"
    )
    for row, (measure, view) in zip(panels, rows, strict=True):
        row[0].set_ylabel(f"{SHOWN[measure]},\n{view.words}", fontsize="small")
        for axes, (n_timesteps, of_length) in zip(row, known.items(), strict=True):
            scores = view.scores[view.scores.timesteps == n_timesteps]
            draw_over_parameters(axes, scores, measure, by="direction")
            draw_known(axes, of_length, measure)
    for axes, n_timesteps in zip(panels[0], known, strict=True):
        axes.set_title(count(n_timesteps, "time step"))
    for axes in panels[-1]:
        axes.set_xlabel("parameters")
    add_legend(figure)
    n_runs = views[0].scores.run.max()
    figure.suptitle(f"The second direction at like size: {describe_runs(n_runs)}")
    return figure


def main(options):
    pairs = get_pairs(options.units)
    scores, known = [], {}
    for n_timesteps in options.timesteps:
        print(f"\n{count(n_timesteps, 'time step')}")
        names = [name for pair in pairs for name in reversed(pair)]
        models = {name: get_named_model(n_timesteps, name) for name in names}
        _, of_length = train_on_sums(models, n_timesteps, options.sequences, options, score)
        known[n_timesteps] = {
            name: of_name | {"sequence_loss": n_timesteps * of_name["loss"]}
            for name, of_name in get_known(n_timesteps).items()
        }
        report(models, of_length, known[n_timesteps], pairs, options)
        of_length = split_names(of_length, models)
        of_length.insert(0, "timesteps", n_timesteps)
        scores.append(of_length)
    scores = pd.concat(scores, ignore_index=True)
    views = get_views(scores, options.seed)
    print(answer(views), answer_growth(views[-1]), sep="\n")
    save(options, draw(views, known), scores=scores)


if __name__ == "__main__":
    run(main, options)
