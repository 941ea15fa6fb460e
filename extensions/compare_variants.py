"""Which part of the LSTM matters? And how do I write my own recurrent cell?

    python -m extensions.compare_variants

trains the LSTM and seven variants of it (extensions/variant_cell.py), each 30 times on 1,000
sequences of 10 and of 40 time steps, one per update, at five learning rates. At 0.001 expect the
test loss of each variant within 0.03 of that of the standard LSTM. Where three other runs choose
the rate of each run, expect few clear differences, of 0.02 to 0.04 in both directions, and no part
that is needed at both lengths. It takes about 65 seconds on 2 CPU cores.

Greff and others (2015), arXiv 1503.04069, compared an LSTM with peepholes with eight variants on
three tasks, and tuned each variant. None was significantly better. The forget gate and the output
activation were critical. Coupled input and forget gates did no significant harm, and neither did an
LSTM without peepholes. (The variant whose gates see each other is not in this script.)
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.003, 0.01, 0.03, 0.1
    options = start_script(__file__, __doc__, timesteps=(10, 40), learning_rate=rates)


import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.choosing import get_views
from common.comparing import report, train_on_sums
from common.figures import VIEW_STYLES, add_legend, set_heading
from common.files import save
from common.floors import get_known
from common.results import FEWEST_RUNS, describe_runs, interval, mean_of_all
from extensions.variant_cell import VARIANTS, VariantCell


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
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.RNN(VariantCell(n_units, variant), return_sequences=True),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def draw(views):
    """Draw the mean test loss of each variant, with its interval: a panel for each length.

    Args:
        views: list of `common.choosing.View`, with the column `timesteps`.
    """
    lengths = views[0].scores.timesteps.unique()
    figure, panels = plt.subplots(
        1,
        len(lengths),
        figsize=(8, 4.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    heights = np.arange(len(VARIANTS))[::-1]  # the first on top
    for axes, n_timesteps in zip(panels[0], lengths, strict=True):
        for number, (view, style) in enumerate(zip(views, VIEW_STYLES[-len(views) :], strict=True)):
            rows = view.scores[view.scores.timesteps == n_timesteps]
            losses = rows.pivot(index="run", columns="model", values="loss")[list(VARIANTS)]
            means = losses.agg(mean_of_all)
            spread = np.abs(np.array(interval(losses)) - means.to_numpy())
            errors = {"xerr": spread, "linestyle": "none", "capsize": 3, "label": view.words}
            axes.errorbar(means, heights + 0.15 - 0.3 * number, **errors, **style)
            line = {"color": style["color"], "linewidth": 0.9, "linestyle": "--"}
            axes.axvline(means["standard"], **line)
        axes.set_title(f"{n_timesteps} time steps", fontsize="medium")
        axes.set_xlabel("test loss (cross-entropy, nats)")
        axes.grid(alpha=0.3)
    panels[0, 0].set_xlim(left=0)
    panels[0, 0].set_yticks(heights, [variant.replace("_", " ") for variant in VARIANTS])
    add_legend(figure)
    conditions = f"{describe_runs(views[0].scores.run.max())}; dashed: the standard LSTM"
    set_heading(figure, "Which part of the LSTM matters?", conditions)
    return figure


def main(options):
    scores = []
    pairs = [(variant, "standard") for variant in VARIANTS if variant != "standard"]
    for n_timesteps in options.timesteps:
        print(f"{n_timesteps} time steps")
        models = {
            variant: get_variant_model(n_timesteps, variant, n_units=options.units)
            for variant in VARIANTS
        }
        _, of_length = train_on_sums(models, n_timesteps, options.sequences, options)
        found = {"Greff and others": list(VARIANTS.values())}
        report(models, of_length, get_known(n_timesteps), pairs, options, **found)
        of_length.insert(0, "timesteps", n_timesteps)
        scores.append(of_length)
    if options.runs >= FEWEST_RUNS:
        print(
            "If there were no differences at all, one or more of the"
            f" {len(pairs)} intervals would still miss 0 with a probability of up to"
            f" {1 - 0.95 ** len(pairs):.0%}."
        )
    scores = pd.concat(scores, ignore_index=True)
    save(options, draw(get_views(scores, options.seed)), scores=scores)


if __name__ == "__main__":
    run(main, options)
