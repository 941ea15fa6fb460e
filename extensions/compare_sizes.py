"""Is it the second direction, or only more weights? And how does it grow with the problem?

    python -m extensions.compare_sizes

trains forward LSTMs of 10, 20 and 40 memory cells, and bidirectional ones with as many parameters,
on sequences of 10, 20 and 40 time steps: each 10 times on 1,000 sequences, one per update. Expect
the second direction to win at every size and length, and even the smallest bidirectional model to
have a lower loss than the largest forward one. It takes about half a minute on 2 CPU cores.
`--units` are those of the forward models.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=(10, 20, 40),
        units=(10, 20, 40),
        sequences=1000,
        batch_size=1,
        learning_rate=0.001,
        runs=10,
    )

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.figures import draw_over_parameters
from common.files import save
from common.results import describe_runs, in_words, summarize
from common.training import train_runs
from data import get_sequences, score_labels
from extensions.compare_cells import get_cell_model

KEYS = ["timesteps", "direction", "units", "parameters"]


def matching_units(n_units):
    """Return the units per direction that bring a bidirectional LSTM nearest to a forward one.

    Args:
        n_units: memory cells of the forward LSTM. With its output layer it has
            `4 * n_units**2 + 9 * n_units + 1` parameters; a bidirectional one with m units per
            direction has `8 * m**2 + 18 * m + 1`.
    """
    m = np.arange(1, n_units + 1)
    difference = (8 * m**2 + 18 * m) - (4 * n_units**2 + 9 * n_units)
    return int(m[np.argmin(np.abs(difference))])


def get_pairs(n_timesteps, all_units, learning_rate=0.001):
    """Build a forward and a bidirectional model of like size for each number of units.

    Args:
        n_timesteps: length of the sequences.
        all_units: memory cells of each forward model.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        Two dicts by name, of the Keras models and of what describes each: a dict of `timesteps`,
        `direction`, `units` and `parameters`.
    """
    models, descriptions = {}, {}
    for n_units in all_units:
        for direction, units in (
            ("forward", n_units),
            ("bidirectional", matching_units(n_units)),
        ):
            name = f"{direction} {units}"
            models[name] = get_cell_model(
                n_timesteps,
                units,
                bidirectional=direction == "bidirectional",
                learning_rate=learning_rate,
            )
            descriptions[name] = {
                "timesteps": n_timesteps,
                "direction": direction,
                "units": units,
                "parameters": models[name].count_params(),
            }
    return models, descriptions


def answer(scores):
    """Say in words what the scores of the models of `get_pairs` tell."""
    by_size = scores.pivot(index="run", columns=["direction", "parameters"], values="loss")
    forward, bidirectional = by_size["forward"], by_size["bidirectional"]
    second = bidirectional.mean(axis=1) - forward.mean(axis=1)
    smallest, largest = bidirectional.columns.min(), forward.columns.max()
    small = bidirectional[smallest] - forward[largest]
    return (
        f"Answer for {scores.timesteps.iloc[0]} time steps: at like size, the test loss is"
        f" {in_words(second)} with the second direction. A bidirectional model of {smallest:,}"
        f" parameters has a test loss {in_words(small)} than a forward one of {largest:,}."
    )


def draw(scores):
    """Draw test loss and whole sequences right over parameters, a column for each length."""
    lengths = scores.timesteps.unique()
    figure, panels = plt.subplots(
        2,
        len(lengths),
        figsize=(8, 6),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (top, bottom), n_timesteps in zip(panels.T, lengths, strict=True):
        of_length = scores[scores.timesteps == n_timesteps]
        draw_over_parameters(top, of_length, "loss", by="direction")
        draw_over_parameters(bottom, of_length, "sequence_accuracy", by="direction")
        top.set(title=f"{n_timesteps} time steps", xlabel=None)
    panels[0, 0].set_ylabel("test loss (cross-entropy, nats)")
    panels[1, 0].set_ylabel("whole sequences right")
    panels[0, 0].legend()
    figure.suptitle(f"The second direction at like size: {describe_runs(scores.run.max())}")
    return figure


def main(options):
    scores = []
    for n_timesteps in options.timesteps:
        print(f"{n_timesteps} time steps")
        models, descriptions = get_pairs(n_timesteps, options.units, options.learning_rate)
        _, scores_of_length = train_runs(
            models,
            partial(get_sequences, n_timesteps=n_timesteps),
            score_labels,
            n_sequences=options.sequences,
            n_runs=options.runs,
            batch_size=options.batch_size,
            seed=options.seed,
        )
        described = pd.DataFrame([descriptions[name] for name in scores_of_length.model])
        scores.append(described.join(scores_of_length.drop(columns="model")))
    answers = [answer(scores_of_length) for scores_of_length in scores]
    scores = pd.concat(scores, ignore_index=True)
    print(summarize(scores, KEYS).to_string())
    print(*answers, sep="\n")
    save(options.output, options.name, draw(scores), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
