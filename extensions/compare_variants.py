"""Peepholes? Coupled gates? Which part of the LSTM matters? And how do I make a cell of my own?

    python -m extensions.compare_variants

trains the LSTM and seven variants of it, each 30 times on 1,000 sequences of 10 and of 40 time
steps, one per update, at five learning rates. At 0.001 expect all of them within 0.03 of the
standard LSTM's test loss; where each run has a rate of its own, few clear differences from it, of
0.02 to 0.04 either way, and no part that is needed at both lengths. It takes about 70 seconds on
2 CPU cores. The cell is in extensions/variant_cell.py.

Greff and others (2015), arXiv 1503.04069, compared an LSTM with peepholes with eight variants of it
on three tasks, each tuned on its own. None was significantly better. Forget gate and output
activation were critical; to couple the input and the forget gate, or to leave out the peepholes,
did no significant harm. (One of their variants, whose gates see each other, is not here.)
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
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
from common.figures import LINES, add_legend
from common.files import save
from common.floors import get_known
from common.results import FEWEST_RUNS, describe_runs, interval
from extensions.variant_cell import VARIANTS, VariantCell


def get_variant_model(n_timesteps, variant="standard", *, n_units=20):
    """Build and compile a model of one variant that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        variant: one of VARIANTS.
        n_units: memory cells.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
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
    """Draw the mean test loss of each variant, with its interval, a panel for each length."""
    lengths = views[0].scores.timesteps.unique()
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    heights = np.arange(len(VARIANTS))[::-1]  # the first on top
    for axes, n_timesteps in zip(panels[0], lengths, strict=True):
        for number, (view, line) in enumerate(zip(views, LINES, strict=False)):
            rows = view.scores[view.scores.timesteps == n_timesteps]
            losses = rows.pivot(index="run", columns="model", values="loss")[list(VARIANTS)]
            means = losses.mean()
            spread = np.abs(np.array(interval(losses)) - means.to_numpy())
            style = line | {"linestyle": "none", "capsize": 3, "label": view.words}
            axes.errorbar(means, heights + 0.15 - 0.3 * number, xerr=spread, **style)
            axes.axvline(means["standard"], **line | {"marker": None}, linewidth=0.9)
        axes.set_title(f"{n_timesteps} time steps", fontsize="medium")
        axes.set_xlim(left=0)
        axes.set_xlabel("test loss (cross-entropy, nats)")
        axes.grid(alpha=0.3)
    panels[0, 0].set_yticks(heights, [variant.replace("_", " ") for variant in VARIANTS])
    add_legend(figure)
    runs = describe_runs(views[0].scores.run.max())
    figure.suptitle(f"Variants of the LSTM: {runs}; lines: the standard one", fontsize="large")
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
            f"Were all equal, one or more of {len(pairs)} such intervals would miss 0 with a"
            f" probability of up to {1 - 0.95 ** len(pairs):.0%}."
        )
    scores = pd.concat(scores, ignore_index=True)
    save(options, draw(get_views(scores, options.seed)), scores=scores)


if __name__ == "__main__":
    run(main, options)
