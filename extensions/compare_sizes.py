"""Is it the second direction, or only more weights? And how does it grow with the problem?

    python -m extensions.compare_sizes

trains forward LSTMs of 10, 20 and 40 memory cells, and bidirectional ones with as many parameters,
on sequences of 10, 20 and 40 time steps: each 10 times on 1,000 sequences, one per update. Expect
the second direction to win at every size and length, and even the smallest bidirectional model to
have a lower loss than the largest forward one. It takes about 2 minutes on 2 CPU cores.
`--units` are those of the forward models.
"""

from bilstm import get_bi_lstm_model
from command_line import parse_options, run
from figures import draw_over_parameters
from lstm_forward import get_lstm_model
from report import describe_runs, in_words, print_scores, save, score_table
from training import train_runs_on_sums

import matplotlib.pyplot as plt
import numpy as np

KEYS = ["timesteps", "direction", "units", "parameters"]
SCORES = ["test_loss", "accuracy", "whole_sequences_right"]


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


def get_pairs(n_timesteps, all_units):
    """Build a forward and a bidirectional model of like size for each number of units.

    Returns:
        Dict of Keras models by timesteps, direction, units and parameters: the forward ones at
        even places, each followed by its bidirectional match.
    """
    models = {}
    for n_units in all_units:
        for direction, build, units in (
            ("forward", get_lstm_model, n_units),
            ("bidirectional", get_bi_lstm_model, matching_units(n_units)),
        ):
            model = build(n_timesteps, units)
            models[n_timesteps, direction, units, model.count_params()] = model
    return models


def answer(scores):
    """Say in words what the scores of the models of `get_pairs` tell."""
    losses = [np.array(of_runs)[:, 0] for of_runs in scores.values()]
    forward, bidirectional = losses[::2], losses[1::2]
    names = list(scores)
    second = in_words(np.mean(bidirectional, axis=0) - np.mean(forward, axis=0))
    small = in_words(bidirectional[0] - forward[-1])
    return (
        f"Answer for {names[0][0]} time steps: at like size, the test loss is {second} with the"
        f" second direction. A bidirectional model of {names[1][3]:,} parameters has a test loss"
        f" {small} than a forward one of {names[-2][3]:,}."
    )


def draw(table):
    """Draw test loss and whole sequences right over parameters, a column for each length."""
    lengths = table.timesteps.unique()
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
        of_length = table[table.timesteps == n_timesteps]
        draw_over_parameters(top, of_length, "test_loss", by="direction")
        draw_over_parameters(bottom, of_length, "whole_sequences_right", by="direction")
        top.set(title=f"{n_timesteps} time steps", xlabel=None)
    panels[0, 0].set_ylabel("test loss (cross-entropy, nats)")
    panels[1, 0].set_ylabel("whole sequences right")
    panels[0, 0].legend()
    figure.suptitle(f"The second direction at like size: {describe_runs(table)}")
    return figure


def main(arguments=None):
    options = parse_options(
        __file__,
        __doc__,
        arguments,
        timesteps=(10, 20, 40),
        units=(10, 20, 40),
        sequences=1000,
        batch_size=1,
        runs=10,
    )
    scores, answers = {}, []
    for n_timesteps in options.timesteps:
        print(f"{n_timesteps} time steps")
        models = get_pairs(n_timesteps, sorted(options.units))
        _, scores_of_length, _ = train_runs_on_sums(models, options)
        answers.append(answer(scores_of_length))
        scores |= scores_of_length
    table = score_table(scores, KEYS, SCORES)
    print_scores(table, KEYS)
    print(*answers, sep="\n")
    save(options, draw(table), table)


if __name__ == "__main__":
    run(main)
