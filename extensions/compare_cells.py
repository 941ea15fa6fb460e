"""LSTM, GRU or plain RNN?

    python -m extensions.compare_cells

trains the three recurrent layers of Keras, forward and bidirectional, 30 times each on 1,000
sequences, one per update. Expect no better results from the LSTM than from the simpler two: ten
time steps are few. (The LSTM's variants with peepholes or with coupled gates have no Keras layer.)
It takes about 40 seconds on 2 CPU cores. Times per update differ each time you run it, so they are
printed but in no file.
"""

from command_line import parse_options, run
from figures import draw_comparison
from report import comparison_losses, in_words, print_comparison, save
from training import train_runs_on_sums

import keras
import numpy as np
from keras import layers

CELLS = {"rnn": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}
PANELS = {
    "forward": ["rnn_forw", "gru_forw", "lstm_forw"],
    "bidirectional": ["birnn_con", "bigru_con", "bilstm_con"],
}


def get_cell_model(n_timesteps, n_units=20, cell=layers.LSTM, bidirectional=False):
    """Build and compile a recurrent model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells in each direction.
        cell: recurrent layer class of Keras: `layers.SimpleRNN`, `layers.GRU` or `layers.LSTM`.
        bidirectional: read the sequence in both directions and concatenate the outputs.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    recurrent = cell(n_units, return_sequences=True)
    if bidirectional:
        recurrent = layers.Bidirectional(recurrent)
    output = layers.Dense(1, activation="sigmoid")  # works on every time step by itself
    model = keras.Sequential([keras.Input((n_timesteps, 1)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(arguments=None):
    options = parse_options(
        __file__, __doc__, arguments, timesteps=10, units=20, sequences=1000, batch_size=1, runs=30
    )
    models, losses, scores, milliseconds = {}, {}, {}, {}
    for panel, names in PANELS.items():
        for name, cell in zip(names, CELLS.values(), strict=True):
            model = get_cell_model(
                options.timesteps, options.units, cell, bidirectional=panel == "bidirectional"
            )
            # One model at a time: to compile the next beside it would disturb the clock.
            print(name)
            results = train_runs_on_sums({name: model}, options)
            losses[name], scores[name], seconds = (result[name] for result in results)
            milliseconds[name] = 1000 * np.median(seconds) / losses[name].shape[1]
            models[name] = model
    print_comparison(models, scores, **{"ms per update": milliseconds})
    print("Answer: " + "; ".join(answer(scores, panel) for panel in PANELS) + ".")
    figure = draw_comparison(losses, "Kinds of recurrent layer", options.batch_size, PANELS)
    save(options, figure, comparison_losses(losses))


def answer(scores, panel):
    """Say how the test loss of the LSTM compares with those of the other cells of its panel."""
    rnn, gru, lstm = (np.array(scores[name])[:, 0] for name in PANELS[panel])
    return (
        f"the {panel} LSTM's test loss is {in_words(lstm - rnn)} than the plain RNN's,"
        f" {in_words(lstm - gru)} than the GRU's"
    )


if __name__ == "__main__":
    run(main)
