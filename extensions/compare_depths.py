"""May I stack bidirectional layers?

    python -m extensions.compare_depths

trains one, two and three bidirectional LSTM layers, 30 times each on 3,000 sequences, one per
update, at six learning rates. Yes, if every layer returns its whole sequence. Expect a somewhat
lower loss from the second layer, less so where each run has a rate of its own, and no gain from the
third. It takes about 80 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.002, 0.006, 0.01, 0.03, 0.06
    options = start_script(__file__, __doc__, sequences=3000, learning_rate=rates)


import keras
from keras import layers

from common.comparing import report, train_on_sums
from common.figures import draw_averages
from common.files import save
from common.floors import get_known
from common.results import describe_runs


def get_stacked_model(n_timesteps, n_layers=2, *, n_units=20):
    """Build and compile a stack of bidirectional LSTMs that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_layers: number of bidirectional layers, 1 or more.
        n_units: memory cells in each direction of each layer.

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


def main(options):
    models = {
        f"bilstm_x{n_layers}": get_stacked_model(options.timesteps, n_layers, n_units=options.units)
        for n_layers in (1, 2, 3)
    }
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    known = get_known(options.timesteps)
    pairs = [("bilstm_x2", "bilstm_x1"), ("bilstm_x3", "bilstm_x2")]
    views = report(models, scores, known, pairs, options)
    figure = draw_averages(losses, views, options.batch_size, known)
    figure.suptitle(f"Stacked bidirectional LSTMs: {describe_runs(options.runs)}")
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
