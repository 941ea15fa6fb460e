"""May I stack bidirectional layers?

    python -m extensions.compare_depths

trains one, two and three bidirectional LSTM layers, 30 times each on 3,000 sequences, one per
update, at 0.001 and at the learning rate that is best for each. Yes, if every layer returns its
whole sequence. Expect a somewhat lower loss from the second layer, less so at the best rates, and
no gain from the third. It takes about 50 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=3000,
        batch_size=1,
        learning_rate=(0.001, 0.002, 0.003, 0.006, 0.01, 0.02, 0.03),
        runs=30,
    )

from functools import partial

import keras
from keras import layers

from common.figures import draw_comparison
from common.files import save
from common.floors import get_known
from common.results import describe_setting, differences, in_words, print_comparison
from common.tuning import train_at_best_rates
from data import get_sequences, score_labels

N_TUNING_RUNS = 10


def get_stacked_model(n_timesteps, n_units=20, n_layers=2, learning_rate=0.001):
    """Build and compile a stack of bidirectional LSTMs that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells in each direction of each layer.
        n_layers: number of bidirectional layers, 1 or more.
        learning_rate: step size of the optimizer, Adam.

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
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def answer(scores):
    """Say how the test losses of two and three layers compare, at each setting."""
    clauses = []
    for setting, rows in scores.groupby("setting", sort=False):
        second = differences(rows, "loss", "bilstm_x2", "bilstm_x1")
        third = differences(rows, "loss", "bilstm_x3", "bilstm_x2")
        clauses.append(
            f"{describe_setting(setting)}, the test loss of two layers is {in_words(second)} than"
            f" that of one, the loss of three {in_words(third)} than that of two"
        )
    return f"Answer: you may; {'; '.join(clauses)}."


def main(options):
    models = {
        f"bilstm_x{n_layers}": get_stacked_model(options.timesteps, options.units, n_layers)
        for n_layers in (1, 2, 3)
    }
    losses, scores = train_at_best_rates(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        learning_rates=options.learning_rate,
        n_sequences=options.sequences,
        n_runs=options.runs,
        n_tuning_runs=min(N_TUNING_RUNS, options.runs),
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = get_known(options.timesteps)
    print_comparison(models, scores, known)
    print(answer(scores))
    title = "Stacked bidirectional LSTMs"
    figure = draw_comparison(losses, title, options.batch_size, known=known)
    save(options.output, options.name, figure, losses, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
