"""May I stack bidirectional layers?

    python -m extensions.compare_depths

trains one, two and three bidirectional LSTM layers, 30 times each on 1,000 sequences, one per
update. Yes, if every layer returns its whole sequence. Expect a better result from the second
layer, and hardly more from the third. It takes about 50 seconds on 2 CPU cores.
"""

from command_line import parse_options, run
from figures import draw_comparison
from report import comparison_losses, in_words, print_comparison, save
from training import train_runs_on_sums

import keras
import numpy as np
from keras import layers


def get_stacked_model(n_timesteps, n_units=20, n_layers=2):
    """Build and compile a stack of bidirectional LSTMs that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells in each direction of each layer.
        n_layers: number of bidirectional layers, 1 or more.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    model = keras.Sequential([keras.Input((n_timesteps, 1))])
    for _ in range(n_layers):
        # The whole sequence, for the next layer to read, not only its last output.
        model.add(layers.Bidirectional(layers.LSTM(n_units, return_sequences=True)))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(arguments=None):
    options = parse_options(
        __file__, __doc__, arguments, timesteps=10, units=20, sequences=1000, batch_size=1, runs=30
    )
    models = {
        f"bilstm_x{n_layers}": get_stacked_model(options.timesteps, options.units, n_layers)
        for n_layers in (1, 2, 3)
    }
    losses, scores, _ = train_runs_on_sums(models, options)
    print_comparison(models, scores)
    one, two, three = (np.array(scores[name])[:, 0] for name in models)
    print(
        f"Answer: you may. The test loss of two layers is {in_words(two - one)} than that of one;"
        f" the loss of three is {in_words(three - two)} than that of two."
    )
    figure = draw_comparison(losses, "Stacked bidirectional LSTMs", options.batch_size)
    save(options, figure, comparison_losses(losses))


if __name__ == "__main__":
    run(main)
