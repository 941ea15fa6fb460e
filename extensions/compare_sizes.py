"""Is it the second direction, or only more weights? And how does the loss change with the length?

    python -m extensions.compare_sizes

trains forward LSTMs of 10, 20 and 40 memory cells, and bidirectional LSTMs with about as many
parameters, on sequences of 10, 20 and 40 time steps: each 30 times on 2,000 sequences, one per
update, at four learning rates. At 0.001 expect a lower loss from the bidirectional LSTM at every
size and length. Where three other runs choose the rate of each run, expect no clear difference
between directions or sizes. With longer sequences the loss per step falls, and the loss per
sequence rises. It takes about 150 seconds on 2 CPU cores. `--units` is for the forward models.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    several = {"timesteps": (10, 20, 40), "units": (10, 20, 40)}
    rates = 0.001, 0.005, 0.02, 0.2
    options = start_script(__file__, __doc__, sequences=2000, learning_rate=rates, **several)

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.choosing import get_views
from common.comparing import report, train_on_sums
from common.figures import add_legend, draw_known, draw_means, set_heading
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs, in_words, mean_of_all, with_interval
from data import score_labels
from extensions.compare_cells import get_cell_model


def matching_units(n_units, n_features=1, n_outputs=1):
    """Return how many cells per direction give two directions about as many parameters as one.

    An LSTM of n cells has `4 * n * (n_features + n + 1)` parameters, and two directions have twice
    as many. Each output has a weight for each cell, and a bias.

    Args:
        n_units: memory cells of the forward LSTM.
        n_features: values at each time step.
        n_outputs: units of the Dense layer that reads the LSTM.
    """
    n = np.arange(1, n_units + 1)
    one, two = (4 * d * n * (n_features + n + 1) + (d * n + 1) * n_outputs for d in (1, 2))
    return int(n[np.argmin(np.abs(two - one[-1]))])


def get_pairs(all_units):
    """Return the names of the models to compare, in pairs such as `bidirectional 14`, `forward 20`.

    Args:
        all_units: memory cells of the forward models.

    Returns:
        List of pairs with about as many parameters, and last the smallest bidirectional model with
        the largest forward one.
    """
    sizes = sorted(set(all_units))
    pairs = [(f"bidirectional {matching_units(size)}", f"forward {size}") for size in sizes]
    return list(dict.fromkeys([*pairs, (pairs[0][0], pairs[-1][1])]))


def get_named_model(n_timesteps, name):
    """Build the model of a name such as `forward 20`: a direction, and memory cells in each."""
    direction, n_units = name.split()
    return get_cell_model(
        n_timesteps, bidirectional=direction == "bidirectional", n_units=int(n_units)
    )


def split_names(scores, models):
    """Replace the names of models by the columns `direction`, `units` and `parameters`.

    Args:
        scores: DataFrame as `train_runs` returns it.
        models: dict of name to Keras model.
    """
    keys = scores.model.str.extract(r"(?P<direction>\w+) (?P<units>\d+)").astype({"units": int})
    keys["parameters"] = [models[name].count_params() for name in scores.model]
    return keys.join(scores.drop(columns="model"))


def score(y, predictions):
    """Score labels as `score_labels` does, and add the loss per sequence, the sum of its steps."""
    scores = score_labels(y, predictions)
    return scores | {"sequence_loss": y.shape[1] * scores["loss"]}


def answer(views):
    """Say what the second direction changes with about as many parameters, the mean over sizes.

    There is a line for each view and length.

    Args:
        views: list of `common.choosing.View`, with the columns of `split_names` and `timesteps`.
    """
    lines = []
    for view in views:
        for n_timesteps, rows in view.scores.groupby("timesteps", sort=False):
            losses = rows.groupby(["run", "direction"]).loss.agg(mean_of_all).unstack()
            lines.append(
                f"Answer, {count(n_timesteps, 'time step')}, {view.words}: test loss of"
                " bidirectional minus forward with about as many parameters, mean over the sizes:"
                f" {in_words(losses.bidirectional - losses.forward)}."
            )
    return "\n".join(lines)


def answer_growth(view):
    """Give the loss of each direction and length, per step and per sequence, the mean over sizes.

    Args:
        view: one of those of `answer`.
    """
    by_run = view.scores.groupby(["direction", "timesteps", "run"], sort=False)
    means = by_run[["loss", "sequence_loss"]].agg(mean_of_all)
    clauses = [
        f"{direction}, {count(n_timesteps, 'time step')}: {with_interval(rows.loss)} per step,"
        f" {with_interval(rows.sequence_loss)} per sequence"
        for (direction, n_timesteps), rows in means.groupby(level=[0, 1], sort=False)
    ]
    return f"Answer, test loss {view.words}: {'; '.join(clauses)}."


def draw(views, known):
    """Draw the test loss over the parameters: a row for each view, a column for each length.

    Args:
        views: as for `answer`.
        known: dict of length to a dict of name to the scores of a predictor that is not trained.
    """
    figure, panels = plt.subplots(
        len(views),
        len(known),
        figsize=(8, 1.5 + 2.3 * len(views)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    sizes = views[0].scores.query("direction == 'forward'").parameters.unique()
    for row, view in zip(panels, views, strict=True):
        for axes, (n_timesteps, of_length) in zip(row, known.items(), strict=True):
            scores = view.scores[view.scores.timesteps == n_timesteps]
            draw_means(axes, scores, "parameters", "loss", by="direction")
            draw_known(axes, {"step number alone": of_length["step number alone"]})
            axes.set_xscale("log")
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.minorticks_off()
        row[0].set_ylabel(f"test loss per step (nats)\n{view.words}", fontsize="small")
    panels[0, 0].set_ylim(bottom=0)
    for axes, n_timesteps in zip(panels[0], known, strict=True):
        axes.set_title(count(n_timesteps, "time step"), fontsize="medium")
    for axes in panels[-1]:
        axes.set_xlabel("parameters")
    add_legend(figure)
    runs = describe_runs(views[0].scores.run.max())
    set_heading(figure, "Is it the second direction, or only more weights?", runs)
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
