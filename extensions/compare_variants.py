"""Which part of the LSTM matters? And how do I write my own recurrent cell?

    python -m extensions.compare_variants

trains the LSTM and seven variants of it (extensions/parts/variant_cell.py), each 30 times on 1,000
sequences of 10 and of 40 time steps, one per update, at five learning rates. At 0.001 expect the
test loss of each variant within 0.03 of that of the standard LSTM. Where three other runs choose
the rate of each run, expect few clear differences, of at most 0.04, and no part that is needed at
both lengths. (Of seven intervals, one or more would miss 0 with a probability of up to 30%, even if
no variant differed at all.) It takes about 65 seconds on 2 CPU cores.

Greff and others (2015), arXiv 1503.04069, compared an LSTM with peepholes with eight variants on
three tasks, and tuned each variant. None was significantly better. The forget gate and the output
activation were critical. Coupled input and forget gates did no significant harm, and neither did an
LSTM without peepholes. (The variant whose gates see each other is not in this script.)
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.003, 0.01, 0.03, 0.1
    options = start_script(__file__, __doc__, timesteps=(10, 40), learning_rate=rates)

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.files import save
from common.floors import get_known
from common.report import describe_runs, interval
from extensions.parts.variant_cell import VARIANTS, VariantCell
from extensions.shared.figures import LINE_STYLES, finish
from extensions.shared.models import get_label_model
from extensions.shared.report import print_block, report, report_choices
from extensions.shared.results import get_differences
from extensions.shared.training import train_on_sums

PAIRS = [(variant, "standard") for variant in VARIANTS if variant != "standard"]


def get_variant_model(n_timesteps, variant="standard", *, n_units=20):
    """Build and compile a model of one variant that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        variant: one of VARIANTS.
        n_units: memory cells.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `variant` is none of VARIANTS.
    """
    cells = layers.RNN(VariantCell(n_units, variant), return_sequences=True)
    return get_label_model(n_timesteps, [cells])


def draw(views):
    """Draw the test loss of each variant minus that of the standard LSTM: a panel for each length.

    Args:
        views: DataFrame as `extensions.shared.choosing.get_views` returns it, with `timesteps`.
    """
    lengths = views.groupby("timesteps", sort=False)
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(8, 4.5), sharex=True, sharey=True, layout="constrained"
    )
    heights = np.arange(len(PAIRS))
    for axes, (n_timesteps, of_length) in zip(np.atleast_1d(panels), lengths, strict=True):
        for number, (view, rows) in enumerate(of_length.groupby("view", sort=False)):
            differences = np.transpose([get_differences(rows, "loss", *pair) for pair in PAIRS])
            means = differences.mean(axis=0)
            spread = np.abs(interval(differences) - means)
            style = LINE_STYLES[number] | {"linestyle": "none", "capsize": 3, "label": view}
            axes.errorbar(means, heights + number / 4, xerr=spread, **style)
        axes.axvline(0, color="black", linewidth=0.9)
        axes.set(title=f"{n_timesteps} time steps", xlabel="test loss minus standard (nats)")
        axes.locator_params("x", nbins=5)
        axes.grid(alpha=0.3)
    axes.set_yticks(heights, [variant.replace("_", " ") for variant, _ in PAIRS])
    axes.invert_yaxis()  # the first on top
    finish(figure, "Which part of the LSTM matters?", describe_runs(views.run.nunique()))
    return figure


def main(options):
    tables = {}
    for n_timesteps in options.timesteps:
        models = {
            variant: get_variant_model(n_timesteps, variant, n_units=options.units)
            for variant in VARIANTS
        }
        _, tables[n_timesteps] = train_on_sums(models, n_timesteps, options.sequences, options)
    scores = pd.concat(tables, names=["timesteps"]).reset_index("timesteps")
    views = report_choices(scores, options.seed)
    for n_timesteps, rows in views.groupby("timesteps", sort=False):
        report(rows, PAIRS, get_known(n_timesteps), f"{n_timesteps} time steps")
    found = pd.Series(VARIANTS).to_frame("Greff and others")
    print_block("What others found about each variant, or about the part that it lacks:", found)
    save(options, draw(views), scores=scores)


if __name__ == "__main__":
    run(main, options)
