"""LSTM, GRU or plain RNN?

    python -m extensions.compare_cells

trains the three recurrent layers of Keras, forward and bidirectional, 30 times each on 1,000
sequences, one per update. Expect no better results from the LSTM than from the simpler two: ten
time steps are few. (The LSTM's variants with peepholes or with coupled gates have no Keras layer.)
It takes about 20 seconds on 2 CPU cores. Times per update differ each time you run it, so they are
printed but in no file.
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
        learning_rate=0.001,
        runs=30,
    )

from functools import partial

import keras
from keras import layers

from common.figures import draw_comparison
from common.files import save
from common.results import differences, in_words, print_comparison
from common.training import time_updates, train_runs
from data import get_sequences, score_labels

CELLS = {"rnn": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}
PANELS = {
    "forward": ["rnn_forw", "gru_forw", "lstm_forw"],
    "bidirectional": ["birnn_con", "bigru_con", "bilstm_con"],
}


def get_cell_model(
    n_timesteps, n_units=20, cell=layers.LSTM, bidirectional=False, learning_rate=0.001
):
    """Build and compile a recurrent model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells in each direction.
        cell: recurrent layer class of Keras: `layers.SimpleRNN`, `layers.GRU` or `layers.LSTM`.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        learning_rate: step size of the optimizer, Adam.

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
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def main(options):
    models = {
        name: get_cell_model(
            options.timesteps,
            options.units,
            cell,
            bidirectional=panel == "bidirectional",
            learning_rate=options.learning_rate,
        )
        for panel, names in PANELS.items()
        for name, cell in zip(names, CELLS.values(), strict=True)
    }
    losses, scores = train_runs(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        n_sequences=options.sequences,
        n_runs=options.runs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    X, y = get_sequences(options.sequences, options.timesteps, options.seed)
    seconds = time_updates(models, X, y, options.batch_size)
    milliseconds = [1000 * seconds[name] for name in models]
    print_comparison(models, scores, **{"ms per update": milliseconds})
    print("Answer: " + "; ".join(answer(scores, panel) for panel in PANELS) + ".")
    figure = draw_comparison(losses, "Kinds of recurrent layer", options.batch_size, PANELS)
    save(options.output, options.name, figure, losses, scores, show=options.show)


def answer(scores, panel):
    """Say how the test loss of the LSTM compares with those of the other cells of its panel."""
    rnn, gru, lstm = PANELS[panel]
    return (
        f"the {panel} LSTM's test loss is {in_words(differences(scores, 'loss', lstm, rnn))} than"
        f" the plain RNN's, {in_words(differences(scores, 'loss', lstm, gru))} than the GRU's"
    )


if __name__ == "__main__":
    run(main, options)
