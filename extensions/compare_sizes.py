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

import pandas as pd

from common.files import save
from common.floors import get_known
from extensions.shared.figures import draw
from extensions.shared.models import get_named_model, matching_units
from extensions.shared.report import (
    print_block,
    report,
    report_choices,
    tabulate_differences,
    tabulate_scores,
)
from extensions.shared.training import train_on_sums


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


def average_sizes(views):
    """Return the means of each view, length and run over the sizes of a direction, the `model`.

    Args:
        views: as `get_views` returns them, with `timesteps`, `direction` and `sequence_loss`.
    """
    of_direction = views.groupby(["view", "timesteps", "direction", "run"], sort=False)
    means = of_direction[["loss", "sequence_loss"]].agg(lambda losses: losses.mean(skipna=False))
    return means.reset_index().rename(columns={"direction": "model"})


def report_sizes(views):
    """Print for each view what is left of the difference, and how the loss grows, over all sizes.

    Args:
        views: as for `average_sizes`.
    """
    pairs = [("bidirectional", "forward")]
    for view, rows in average_sizes(views).groupby("view", sort=False):
        lengths = {f"{n:,} steps": of_length for n, of_length in rows.groupby("timesteps")}
        losses = {name: tabulate_scores(of_length, {}) for name, of_length in lengths.items()}
        print_block(f"Test loss, mean of sizes, {view}:", pd.concat(losses))
        differences = {name: tabulate_differences(lengths[name], pairs) for name in lengths}
        print_block(f"Differences in test loss, mean of sizes, {view}:", pd.concat(differences))


def main(options):
    pairs = get_pairs(options.units)
    names = [name for pair in pairs for name in reversed(pair)]
    tables, sizes = {}, {}
    for n_timesteps in options.timesteps:
        print(f"\n{n_timesteps:,} time steps")
        models = {name: get_named_model(n_timesteps, name) for name in names}
        sizes = {name: model.count_params() for name, model in models.items()}
        _, tables[n_timesteps] = train_on_sums(models, n_timesteps, options.sequences, options)
    scores = pd.concat(tables, names=["timesteps"]).reset_index("timesteps")
    print_block("Sizes:", pd.DataFrame(sizes, ["parameters"]).map("{:,}".format).T)
    views = report_choices(scores, options.seed)
    for n_timesteps, rows in views.groupby("timesteps", sort=False):
        report(rows, pairs, get_known(n_timesteps), f"{n_timesteps:,} time steps")

    views["direction"] = views.model.str.split().str[0]
    views["sequence_loss"] = views.timesteps * views.loss
    report_sizes(views)
    figure = draw(
        views.assign(
            view=views.timesteps.map("{:,} time steps, ".format) + views["view"],
            model=views.direction,
            parameters=views.model.map(sizes),
        ),
        x="parameters",
        title="Is it the second direction, or only more weights?",
        xlabel="parameters",
        ylabel="test loss per step (nats)",
        n_rows=views["view"].nunique(),
        xscale="log",
        xticks=[sizes[f"forward {n_units}"] for n_units in options.units],
        ylim=(0, None),
    )
    save(options, figure, scores=scores)


if __name__ == "__main__":
    run(main, options)
