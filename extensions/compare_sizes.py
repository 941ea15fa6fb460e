"""Is it the second direction, or only more weights? And how does it grow with the problem?

    python -m extensions.compare_sizes

trains forward LSTMs of 10, 20 and 40 memory cells, and bidirectional ones with as many parameters,
on sequences of 10, 20 and 40 time steps: each 30 times on 2,000 sequences, one per update, at 0.001
and at the learning rate that is best for it. Expect the second direction to win at every size and
length at 0.001, and no clear difference, between directions or sizes, at the best rates. The loss
of a step falls a little with the length, that of a sequence grows. It takes about 100 seconds on
2 CPU cores. `--units` are those of the forward models.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=(10, 20, 40),
        units=(10, 20, 40),
        sequences=2000,
        batch_size=1,
        learning_rate=(0.001, 0.003, 0.01, 0.02, 0.04),
        runs=30,
    )

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.figures import draw_known, draw_over_parameters
from common.files import save
from common.floors import get_known
from common.results import (
    describe_runs,
    describe_setting,
    in_words,
    summarize,
    tabulate_known,
    with_interval,
)
from common.tuning import train_at_best_rates
from data import get_sequences, score_labels
from extensions.compare_cells import get_cell_model

KEYS = ["timesteps", "setting", "direction", "units", "parameters", "learning_rate"]
MEASURES = {
    "loss": "test loss per step (nats)",
    "sequence_loss": "test loss per sequence (nats)",
    "sequence_accuracy": "whole sequences right",
}
N_TUNING_RUNS = 10


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

    Args:
        n_timesteps: length of the sequences.
        all_units: memory cells of each forward model.

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
            bidirectional = direction == "bidirectional"
            models[name] = get_cell_model(n_timesteps, units, bidirectional=bidirectional)
            descriptions[name] = {
                "timesteps": n_timesteps,
                "direction": direction,
                "units": units,
                "parameters": models[name].count_params(),
            }
    return models, descriptions


def answer(scores):
    """Say in words what the scores of the models of `get_pairs` tell, at each setting."""
    clauses = []
    for setting, rows in scores.groupby("setting", sort=False):
        by_size = rows.pivot(index="run", columns=["direction", "parameters"], values="loss")
        forward, bidirectional = by_size["forward"], by_size["bidirectional"]
        second = bidirectional.mean(axis=1) - forward.mean(axis=1)
        smallest, largest = bidirectional.columns.min(), forward.columns.max()
        small = bidirectional[smallest] - forward[largest]
        clauses.append(
            f"{describe_setting(setting)}, at like size, the test loss is {in_words(second)} with"
            f" the second direction, and that of the bidirectional model of {smallest:,} parameters"
            f" {in_words(small)} than that of the forward one of {largest:,}"
        )
    return f"Answer for {scores.timesteps.iloc[0]} time steps: {'; '.join(clauses)}."


def answer_growth(scores):
    """Say how the loss of each direction, per step and per sequence, grows with the length.

    Of the settings the last one counts: each model at its best rate. Sizes are averaged.
    """
    setting = scores.setting.iloc[-1]
    rows = scores[scores.setting == setting]
    by_run = rows.groupby(["direction", "timesteps", "run"])[["loss", "sequence_loss"]].mean()
    clauses = []
    for direction in ("forward", "bidirectional"):
        means = [
            f"{n_timesteps} time steps {with_interval(of_length.loss)} per step and"
            f" {with_interval(of_length.sequence_loss)} per sequence"
            for n_timesteps, of_length in by_run.loc[direction].groupby("timesteps")
        ]
        clauses.append(f"{direction}, {', '.join(means)}")
    return f"Answer, test loss {describe_setting(setting)}: {'; '.join(clauses)}."


def draw(scores, known):
    """Draw the measures over the parameters, a column for each length.

    Args:
        scores: tidy DataFrame with the columns KEYS and MEASURES.
        known: dict of length to a dict of name to the scores of a predictor that is not trained.
    """
    figure, panels = plt.subplots(
        len(MEASURES),
        len(known),
        figsize=(9, 8),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    models = scores.direction + ", " + scores.setting.map(describe_setting)
    scores = scores.assign(models=models).sort_values("setting", kind="stable")
    for column, n_timesteps in zip(panels.T, known, strict=True):
        of_length = scores[scores.timesteps == n_timesteps]
        for axes, measure in zip(column, MEASURES, strict=True):
            draw_over_parameters(axes, of_length, measure, by="models")
            draw_known(axes, known[n_timesteps], measure)
            axes.set_xlabel(None)
        column[0].set_title(f"{n_timesteps} time steps")
        column[-1].set_xlabel("parameters")
    for axes, label in zip(panels[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    figure.suptitle(f"The second direction at like size: {describe_runs(scores.run.max())}")
    return figure


def main(options):
    scores, known = [], {}
    for n_timesteps in options.timesteps:
        print(f"{n_timesteps} time steps")
        models, descriptions = get_pairs(n_timesteps, options.units)
        _, of_length = train_at_best_rates(
            models,
            partial(get_sequences, n_timesteps=n_timesteps),
            score_labels,
            learning_rates=options.learning_rate,
            n_sequences=options.sequences,
            n_runs=options.runs,
            n_tuning_runs=min(N_TUNING_RUNS, options.runs),
            batch_size=options.batch_size,
            seed=options.seed,
        )
        described = pd.DataFrame([descriptions[name] for name in of_length.model])
        scores.append(described.join(of_length.drop(columns="model")))
        known[n_timesteps] = get_known(n_timesteps)
        for of_known in known[n_timesteps].values():
            of_known["sequence_loss"] = n_timesteps * of_known["loss"]
    answers = [answer(scores_of_length) for scores_of_length in scores]
    scores = pd.concat(scores, ignore_index=True)
    scores["sequence_loss"] = scores.timesteps * scores.loss
    table = summarize(scores.sort_values(["timesteps", "setting"], kind="stable"), KEYS)
    print(f"On new sequences, {describe_runs(options.runs)}:")
    print(table.to_string())
    for n_timesteps, of_length in known.items():
        print(f"{n_timesteps} time steps:")
        print(tabulate_known(of_length).to_string())
    print(*answers, answer_growth(scores), sep="\n")
    save(options.output, options.name, draw(scores, known), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
