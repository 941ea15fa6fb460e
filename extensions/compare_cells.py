"""LSTM, GRU or plain RNN? And does it depend on how many different sequences there are?

    python -m extensions.compare_cells

trains the three recurrent layers of Keras, forward and bidirectional, 30 times each and for 3,000
updates of one sequence: 3,000 different sequences once, 300 sequences ten times, or 30 sequences a
hundred times, at six learning rates. Where three other runs choose the rate of each run, expect a
higher loss from the plain RNN than from the other two on 30 and on 300 sequences, and a slightly
lower loss from the bidirectional GRU than from the bidirectional LSTM on 30. It takes about 120
seconds on 2 CPU cores. The script prints the time per update, but saves it in no file, because it
differs each time.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.001, 0.003, 0.01, 0.03, 0.06
    own = {"sequences": (30, 300, 3000), "learning_rate": rates}
    meanings = {"sequences": "different training sequences"}
    options = start_script(__file__, __doc__, meanings=meanings, **own)

import math
import os
import timeit
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.choosing import get_views, print_choices
from common.comparing import train_by_options
from common.figures import draw_known, draw_means, set_heading
from common.files import save
from common.floors import get_known
from common.results import answer, describe_runs, in_words, print_comparison, with_interval
from common.training import train_model
from data import get_sequences, score_labels

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}
PANELS = {
    "forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "bidirectional": ["bilstm_con", "bigru_con", "birnn_con"],
}
N_TIMES = 20  # how often the training of each model is timed


def get_cell_model(n_timesteps, cell=layers.LSTM, bidirectional=False, *, n_units=20):
    """Build and compile a recurrent model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        cell: recurrent layer class of Keras: `layers.SimpleRNN`, `layers.GRU` or `layers.LSTM`.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        n_units: memory cells in each direction.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    recurrent = cell(n_units, return_sequences=True)
    if bidirectional:
        recurrent = layers.Bidirectional(recurrent)
    # Dense treats each time step by itself. TimeDistributed(Dense) computes the same, but takes
    # longer to compile, as it makes a layer call for each step.
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 1)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def get_models(n_timesteps, n_units):
    """Build the models of all panels."""
    return {
        name: get_cell_model(n_timesteps, cell, panel == "bidirectional", n_units=n_units)
        for panel, names in PANELS.items()
        for name, cell in zip(names, CELLS.values(), strict=True)
    }


def get_repeated_data(rng, n_timesteps, n_different, n_sequences):
    """Draw `n_different` sequences to train on repeatedly, and 1,000 to test on.

    Args:
        rng: NumPy Generator.
        n_timesteps: length of the sequences.
        n_different: number of sequences drawn to train on.
        n_sequences: number of sequences to train on, counting repetitions.

    Returns:
        Two tuples, to train on and to test on: X and y as `data.get_sequences` returns them.
    """
    test_rng = rng.spawn(1)[0]
    X, y = get_sequences(n_different, n_timesteps, rng)
    order = np.arange(n_sequences) % n_different
    return (X[order], y[order]), get_sequences(1000, n_timesteps, test_rng)


def time_trainings(models, X, y, batch_size=1, n_times=5):
    """Return the seconds per update of several trainings by `train_model`, without compiling.

    The models are compiled on all cores and then timed in turns, one at a time. This trains them.

    Args:
        models: dict of name to compiled Keras model.
        X, y, batch_size: as for `train_model`.
        n_times: trainings of each model.

    Returns:
        Dict of name to float64 of shape `(n_times,)`.
    """
    train = partial(train_model, X=X, y=y, batch_size=batch_size)
    with ThreadPoolExecutor(os.cpu_count()) as cores:
        list(cores.map(train, models.values()))
    turns = [
        [timeit.timeit(partial(train, model), number=1) for model in models.values()]
        for _ in range(n_times)
    ]
    n_updates = math.ceil(len(X) / batch_size)
    return dict(zip(models, np.transpose(turns) / n_updates, strict=True))


def answer_times(seconds, names):
    """Say how many microseconds an update takes: of one model, and of others minus that.

    Args:
        seconds: as `time_trainings` returns it.
        names: the first is the model that the others are compared with.
    """
    first, *others = names
    microseconds = {name: 1e6 * seconds[name] for name in names}
    words = [
        f"{name} minus {first}: {in_words(microseconds[name] - microseconds[first])}"
        for name in others
    ]
    words = "; ".join([f"{first}: {with_interval(microseconds[first])}", *words])
    return f"Microseconds per update, {words}"


def draw(views, known):
    """Draw the test loss over the number of different training sequences: a row for each view.

    Args:
        views: list of `common.choosing.View`, with the column `sequences`.
        known: as `get_known` returns it.
    """
    figure, all_axes = plt.subplots(
        len(views),
        len(PANELS),
        figsize=(8, 1.5 + 2.5 * len(views)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, view in zip(all_axes, views, strict=True):
        for axes, (panel, names) in zip(row, PANELS.items(), strict=True):
            draw_means(axes, view.scores[view.scores.model.isin(names)], "sequences", "loss")
            draw_known(axes, {"step number alone": known["step number alone"]})
            axes.set_title(f"{panel}, {view.words}", fontsize="small")
            axes.set_xscale("log")
            numbers = view.scores.sequences.unique()
            axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
            axes.minorticks_off()
        row[0].set_ylabel("test loss (nats)")
    all_axes[0, 0].set_ylim(bottom=0)
    for axes in all_axes[-1]:
        axes.set_xlabel("different training sequences")
    handles = {}  # by name, of both directions
    for axes in all_axes[0]:
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    names = [name for names in zip(*PANELS.values(), strict=True) for name in names]
    names.append("step number alone")
    handles = [handles[name] for name in names]
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    runs = describe_runs(views[0].scores.run.max())
    set_heading(figure, "LSTM, GRU or plain RNN?", runs)
    return figure


def main(options):
    models = get_models(options.timesteps, options.units)
    tables = []
    for n_different in options.sequences:
        print(f"{n_different:,} different sequences")
        get_data = partial(
            get_repeated_data,
            n_timesteps=options.timesteps,
            n_different=n_different,
            n_sequences=max(options.sequences),
        )
        _, scores = train_by_options(models, get_data, score_labels, options)
        scores.insert(0, "sequences", n_different)
        tables.append(scores)
    scores = pd.concat(tables, ignore_index=True)

    known = get_known(options.timesteps)
    views = get_views(scores, options.seed)
    print_choices(scores, options.seed)
    for n_different in options.sequences:
        shown = [view.where("sequences", n_different) for view in views]
        for panel, names in PANELS.items():
            print(f"\n{n_different:,} different sequences, {panel}")
            print_comparison({name: models[name] for name in names}, shown, known)
            print(answer(shown, [(name, names[0]) for name in names[1:]]))

    X, y = get_sequences(max(options.sequences), options.timesteps, options.seed)
    seconds = time_trainings(models, X, y, options.batch_size, N_TIMES)
    print()
    for names in PANELS.values():
        print(answer_times(seconds, names))
    save(options, draw(views, known), scores=scores)


if __name__ == "__main__":
    run(main, options)
