"""Is it the model, or the learning rate?

    python -m extensions.compare_learning_rates

trains the directions, the merge modes and the cells 30 times at each of eleven learning rates, on
1,000 sequences, one per update; then 30 times anew at 0.001, the tutorial's, and at the rate that
was best for each. Expect a lower test loss from the bidirectional LSTM than from the forward one at
0.001, 0.13 to 0.19, and at the best rates two alike, near 0.08. It takes about 70 seconds on 2
CPU cores. With `--sequences 30000 --runs 10 --learning-rate 0.001 0.003` all of them are
trained to the end, in about three minutes.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=1000,
        batch_size=1,
        learning_rate=(0.0003, 0.0006, 0.001, 0.002, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1),
        runs=30,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from common.figures import LINES, draw_known, draw_means
from common.files import save
from common.floors import get_known, score_backward
from common.results import (
    count_accurate,
    describe_runs,
    describe_setting,
    differences,
    in_words,
    print_comparison,
)
from common.training import train_runs
from common.tuning import choose_rates, get_settings
from compare_directions import MODELS as DIRECTIONS
from compare_merge_modes import MODELS as MERGE_MODES
from data import get_sequences, score_labels
from extensions.compare_cells import get_cell_model


def get_two_forward_model(n_timesteps, n_units=20):
    """Build two forward LSTMs side by side: as many parameters as the bidirectional one has."""
    inputs = keras.Input((n_timesteps, 1))
    both = [layers.LSTM(n_units, return_sequences=True)(inputs) for _ in range(2)]
    return compile_labels(inputs, layers.Concatenate()(both))


def get_step_model(n_timesteps, n_units=20):
    """Build a forward LSTM that is also given the number of the step, from above 0 to 1."""
    inputs = keras.Input((n_timesteps, 1))
    step = np.arange(1, n_timesteps + 1, dtype="float32")[:, None] / n_timesteps
    inputs_and_step = layers.Concatenate()([inputs, 0 * inputs + step])
    return compile_labels(inputs, layers.LSTM(n_units, return_sequences=True)(inputs_and_step))


def compile_labels(inputs, hidden):
    """Compile a model that predicts a label at every time step from hidden states."""
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


MODELS = {
    **{name: DIRECTIONS[name] for name in ("lstm_forw", "lstm_back_aligned", "bilstm_con")},
    "lstm_forw_twice": get_two_forward_model,
    "lstm_forw_step": get_step_model,
    **MERGE_MODES,
    "gru_forw": partial(get_cell_model, cell=layers.GRU),
    "rnn_forw": partial(get_cell_model, cell=layers.SimpleRNN),
    "bigru_con": partial(get_cell_model, cell=layers.GRU, bidirectional=True),
    "birnn_con": partial(get_cell_model, cell=layers.SimpleRNN, bidirectional=True),
}
PANELS = {
    "directions": ["lstm_forw", "lstm_back_aligned", "bilstm_con"],
    "merge modes": ["bilstm_sum", "bilstm_mul", "bilstm_ave", "bilstm_con"],
    "cells": ["lstm_forw", "gru_forw", "rnn_forw", "bilstm_con", "bigru_con", "birnn_con"],
}
# In the panel of the cells: a marker for each cell, dashed one way, solid both ways.
CELL_LINES = [
    {**line, "linestyle": linestyle, "marker": marker}
    for linestyle in ("--", "-")
    for line, marker in zip(LINES, "os^", strict=False)
]
CONTROLS = ["lstm_forw_twice", "lstm_forw_step"]


def draw(tuning, known):
    """Draw the test loss of each model over the learning rate, a panel for each question.

    Args:
        tuning: scores of `choose_rates`.
        known: dict of a panel to a dict of name to the scores of a predictor that is not trained.
    """
    figure, all_axes = plt.subplots(1, 3, figsize=(10, 5.5), sharey=True, layout="constrained")
    for axes, (panel, names) in zip(all_axes, PANELS.items(), strict=True):
        of_panel = tuning.set_index("model").loc[names].reset_index()  # in this order
        lines = CELL_LINES if panel == "cells" else LINES
        draw_means(axes, of_panel, "learning_rate", "loss", by="model", lines=lines)
        draw_known(axes, known[panel])
        axes.set(title=panel, xlabel="learning rate", xscale="log", ylim=(-0.02, 0.55))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, fontsize="small")
    all_axes[0].set_ylabel("test loss (cross-entropy, nats)")
    figure.suptitle(f"Is it the model, or the learning rate? {describe_runs(tuning.run.max())}")
    return figure


def answer(scores, names):
    """Say how the test losses of some models compare with that of the first, at each setting."""
    first, *others = names
    clauses = []
    for setting, rows in scores.groupby("setting", sort=False):
        compared = [
            f"{other} {in_words(differences(rows, 'loss', other, first))}" for other in others
        ]
        clauses.append(f"{describe_setting(setting)}, {', '.join(compared)}")
    return f"Answer, test loss against that of {first}: {'; '.join(clauses)}."


def main(options):
    get_data = partial(get_sequences, n_timesteps=options.timesteps)
    settings = {"n_sequences": options.sequences, "n_runs": options.runs}
    settings |= {"batch_size": options.batch_size, "seed": options.seed, "compiled": {}}
    models = {name: build(options.timesteps, options.units) for name, build in MODELS.items()}
    best, tuning = choose_rates(models, get_data, score_labels, options.learning_rate, **settings)
    rates = get_settings(best, options.learning_rate)
    _, scores = train_runs(models, get_data, score_labels, learning_rates=rates, **settings)

    known = {panel: get_known(options.timesteps) for panel in PANELS}
    known["directions"]["best backward"] = score_backward(options.timesteps)
    blind = known["directions"]["step number alone"]["loss"]
    for panel, names in PANELS.items():
        shown = names + CONTROLS if panel == "directions" else names
        print(f"\n{panel}")
        print_comparison({name: models[name] for name in shown}, scores, known[panel])
    failed = tuning.assign(failed=~(tuning.loss < blind)).pivot_table(
        "failed", "learning_rate", "model", aggfunc="sum", sort=False
    )
    print(f"\nOf {options.runs} runs that chose the rates, no better than the step number alone:")
    print(failed.to_string())
    for setting, rows in scores.groupby("setting", sort=False):
        accurate = count_accurate(rows, "lstm_forw")
        print(f"lstm_forw, {setting}: 90% to 100% of the time steps right in {accurate}")
    cells = PANELS["cells"]
    for names in (PANELS["directions"], PANELS["merge modes"], cells[:3], cells[3:]):
        print(answer(scores, names))
    figure = draw(tuning, known)
    tuning = tuning.drop(columns="setting")  # the rate
    save(options.output, options.name, figure, tuning, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
