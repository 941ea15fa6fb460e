"""LSTM, GRU or plain RNN? And does it depend on how many different sequences there are?

    python -m extensions.compare_cells

trains the three recurrent layers of Keras, forward and bidirectional, 30 times each and for 3,000
updates of one sequence: 3,000 different sequences once, 300 sequences ten times, or 30 sequences a
hundred times, at six learning rates. Where three other runs choose the rate of each run, expect a
higher loss from the plain RNN than from the other two on 30 and on 300 sequences, and at most a
small difference between GRU and LSTM. It takes about 120 seconds on 2 CPU cores. The script prints
the time per update, but saves it in no file, because it differs each time.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.001, 0.003, 0.01, 0.03, 0.06
    own = {"sequences": (30, 300, 3000), "learning_rate": rates}
    meanings = {"sequences": "different training sequences"}
    options = start_script(__file__, __doc__, meanings=meanings, **own)

from functools import partial

import numpy as np
import pandas as pd
from keras import layers

from common.files import save
from common.floors import get_known
from data import get_sequences, score_labels
from extensions.shared.figures import draw
from extensions.shared.models import get_cell_model
from extensions.shared.report import report, report_choices
from extensions.shared.training import time_trainings, train_by_options

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}
PANELS = {
    "forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "bidirectional": ["bilstm_con", "bigru_con", "birnn_con"],
}
PAIRS = [(name, names[0]) for names in PANELS.values() for name in names[1:]]
N_TIMES = 20  # how often the training of each model is timed


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


def report_times(models, X, y, batch_size):
    """Print how long an update of each model takes. This trains the models."""
    seconds = pd.DataFrame(time_trainings(models, X, y, batch_size, N_TIMES))
    times = (1e6 * seconds).melt(var_name="model", value_name="microseconds", ignore_index=False)
    times = times.rename_axis("run").reset_index().assign(view="time of training")
    report(times, PAIRS, {}, measures=("microseconds",))


def main(options):
    models, most = get_models(options.timesteps, options.units), max(options.sequences)
    settings = {"n_timesteps": options.timesteps, "n_sequences": most}
    tables = {}
    for n_different in options.sequences:
        get_data = partial(get_repeated_data, n_different=n_different, **settings)
        _, tables[n_different] = train_by_options(models, get_data, score_labels, options)
    scores = pd.concat(tables, names=["sequences"]).reset_index("sequences")

    known = get_known(options.timesteps)
    views = report_choices(scores, options.seed)
    for n_different, rows in views.groupby("sequences", sort=False):
        report(rows, PAIRS, known, f"{n_different:,} sequences")
    report_times(models, *get_sequences(most, options.timesteps, options.seed), options.batch_size)

    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    figure = draw(
        views.assign(view=views.model.map(panel_of) + ", " + views["view"]),
        x="sequences",
        title="LSTM, GRU or plain RNN?",
        xlabel="different training sequences",
        ylabel="test loss (nats)",
        known={"step number alone": known["step number alone"]},
        n_rows=views["view"].nunique(),
        xscale="log",
        xticks=options.sequences,
        ylim=(0, None),
    )
    save(options, figure, scores=scores)


if __name__ == "__main__":
    run(main, options)
