"""LSTM, GRU or plain RNN? And does it depend on how many sequences there are to learn from?

    python -m extensions.compare_cells

trains the three recurrent layers of Keras, forward and bidirectional, 30 times each by 3,000
updates of one sequence: on 3,000 sequences, on 300 gone through ten times, on 30 gone through a
hundred times; at 0.001 and at the learning rate that is best for each. Expect the plain RNN behind
the other two, and the GRU ahead of the LSTM only where there are 30 sequences. It takes about 70
seconds on 2 CPU cores. Times per update differ each time you run it, so they are printed
but in no file.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=(30, 300, 3000),
        batch_size=1,
        learning_rate=(0.0003, 0.001, 0.003, 0.006, 0.01, 0.03),
        runs=30,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.choosing import get_views, print_choices
from common.figures import draw_known, draw_means
from common.files import save
from common.floors import get_known
from common.results import (
    count, describe_runs, differences, in_words, summarize, tabulate_known, with_interval,
)
from common.training import Training, train_model, train_runs
from data import get_sequences, score_labels

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}
PANELS = {
    "forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "bidirectional": ["bilstm_con", "bigru_con", "birnn_con"],
}
N_TUNING_RUNS = 10
N_TIMES = 20  # that the training of each model is timed


def get_cell_model(n_timesteps, cell=layers.LSTM, bidirectional=False, *, n_units=20):
    """Build and compile a recurrent model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        cell: recurrent layer class of Keras: `layers.SimpleRNN`, `layers.GRU` or `layers.LSTM`.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        n_units: memory cells in each direction.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    recurrent = cell(n_units, return_sequences=True)
    if bidirectional:
        recurrent = layers.Bidirectional(recurrent)
    # Works on every time step by itself. TimeDistributed does the same, but calls it once for
    # each step, which takes long to compile where sequences are long.
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 1)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def get_repeated_sequences(n_sequences, n_timesteps, n_different, rng=None):
    """Draw `n_different` sequences and go through them again and again, up to `n_sequences`.

    Args:
        n_sequences: number of sequences returned.
        n_timesteps, rng: as for `data.get_sequences`.
        n_different: number of sequences drawn.

    Returns:
        X and y as `data.get_sequences` returns them.
    """
    X, y = get_sequences(n_different, n_timesteps, rng)
    order = np.arange(n_sequences) % n_different
    return X[order], y[order]


def draw(scores, known):
    """Draw the test loss over the number of training sequences: a row for each setting."""
    settings = scores.setting.unique()
    figure, all_axes = plt.subplots(
        len(settings),
        len(PANELS),
        figsize=(8, 3.5 * len(settings)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, setting in zip(all_axes, settings, strict=True):
        for axes, (panel, names) in zip(row, PANELS.items(), strict=True):
            shown = scores[(scores.setting == setting) & scores.model.isin(names)]
            draw_means(axes, shown, "sequences", "loss", by="model")
            draw_known(axes, known)
            axes.set_title(f"{panel}, {describe_setting(setting)}", fontsize="medium")
            axes.set_xscale("log")
            numbers = scores.sequences.unique()
            axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
            axes.minorticks_off()
        row[0].set_ylabel("test loss (cross-entropy, nats)")
    for axes in all_axes[-1]:
        axes.set_xlabel("different training sequences")
    for axes in all_axes[0]:
        axes.legend(loc="upper right", bbox_to_anchor=(1, 0.93), fontsize="small")
    figure.suptitle(f"Kinds of recurrent layer: {describe_runs(scores.run.max())}")
    return figure


def answer(scores, panel):
    """Say how the test loss of the LSTM compares with those of the other cells of its panel.

    Of the settings the last one counts: each model at its best rate.
    """
    lstm, gru, rnn = PANELS[panel]
    setting = scores.setting.iloc[-1]
    clauses = []
    for n_sequences, rows in scores[scores.setting == setting].groupby("sequences"):
        clauses.append(
            f"of {count(n_sequences, 'sequence')}"
            f" {in_words(differences(rows, 'loss', lstm, rnn))} than the plain RNN's,"
            f" {in_words(differences(rows, 'loss', lstm, gru))} than the GRU's"
        )
    return f"Answer, {panel}, {describe_setting(setting)}: the LSTM's test loss is " + (
        f"{'; '.join(clauses)}."
    )


def answer_times(seconds, panel):
    """Say how long an update of the LSTM takes, against the other cells of its panel.

    Args:
        seconds: dict of model to the seconds of an update, shape `(n_times,)`, timed in turns.
    """
    lstm, gru, rnn = (1e6 * seconds[name] for name in PANELS[panel])
    return (
        f"An update of the {panel} LSTM takes {with_interval(lstm)} microseconds:"
        f" {in_words(lstm - gru)} than the GRU's, {in_words(lstm - rnn)} than the plain RNN's."
    )


def main(options):
    models = {
        name: get_cell_model(
            options.timesteps, options.units, cell, bidirectional=panel == "bidirectional"
        )
        for panel, names in PANELS.items()
        for name, cell in zip(names, CELLS.values(), strict=True)
    }
    scores, compiled = [], {}
    for n_different in options.sequences:
        print(count(n_different, "sequence"))
        _, scores_of_number = train_at_best_rates(
            models,
            partial(get_repeated_sequences, n_timesteps=options.timesteps, n_different=n_different),
            score_labels,
            learning_rates=options.learning_rate,
            n_sequences=max(options.sequences),
            n_runs=options.runs,
            n_tuning_runs=min(N_TUNING_RUNS, options.runs),
            batch_size=options.batch_size,
            seed=options.seed,
            get_test_data=partial(get_sequences, n_timesteps=options.timesteps),
            compiled=compiled,
        )
        scores_of_number.insert(0, "sequences", n_different)
        scores.append(scores_of_number)
    scores = pd.concat(scores).sort_values(
        ["sequences", "setting"], kind="stable", ignore_index=True
    )
    known = get_known(options.timesteps)
    table = summarize(scores, ["sequences", "setting", "model", "learning_rate"])
    print(f"On new sequences, {describe_runs(options.runs)}:")
    print(table.to_string())
    print(tabulate_known(known).to_string())
    for panel in PANELS:
        print(answer(scores, panel))

    X, y = get_sequences(1000, options.timesteps, options.seed)
    seconds = time_trainings(models, X, y, options.batch_size, N_TIMES)
    for panel in PANELS:
        print(answer_times(seconds, panel))
    save(options.output, options.name, draw(scores, known), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
