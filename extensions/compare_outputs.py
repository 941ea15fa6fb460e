"""Do I need TimeDistributed? And what if only the last state is used?

    python -m extensions.compare_outputs

gives a forward LSTM three output layers: `TimeDistributed(Dense(1))` on every time step, as the
tutorial does; `Dense(1)` on every time step; and one `Dense` with a unit for each time step on the
last hidden state alone, which must then hold all labels at once. Each is trained 30 times on 1,000
sequences and on 30,000, one per update, at a learning rate of 0.001 and at the model's own best.
Expect no difference between the first two, as `Dense` treats every time step by itself. The last
state alone is a harder problem, but one that can be learned: at 0.001 its test loss is as low after
1,000 sequences, and twice as high after 30,000; at the best rates it is more than twice as high
after 1,000, and hardly higher after 30,000. It takes about a minute on 2 CPU cores. With
a single `--learning-rate`, all models train at that one.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=(1000, 30_000),
        batch_size=1,
        learning_rate=(0.001, 0.003, 0.01, 0.03, 0.1),
        runs=30,
    )

from functools import partial

import keras
import pandas as pd
from keras import layers
from matplotlib.ticker import LogLocator, NullLocator

from common.figures import draw_settings
from common.files import save
from common.floors import get_known
from common.results import (
    count,
    describe_runs,
    describe_setting,
    differences,
    in_words,
    print_comparison,
)
from common.tuning import train_at_best_rates
from data import get_sequences, score_labels
from lstm_forward import get_lstm_model


def get_dense_model(n_timesteps, n_units=20, learning_rate=0.001):
    """Build and compile the tutorial's forward LSTM without TimeDistributed.

    Args:
        n_timesteps: length of the sequences, a whole number, or None for any length.
        n_units: memory cells.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.
    """
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.LSTM(n_units, return_sequences=True),
            # Works on the last axis: the same weights at every time step.
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def get_last_state_model(n_timesteps, n_units=20, learning_rate=0.001):
    """Build and compile a forward LSTM whose last hidden state alone predicts all labels.

    Args and returns as for `get_dense_model`; the length must be a number.
    """
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.LSTM(n_units),  # one output vector, after the last time step
            # Weights of its own for each label.
            layers.Dense(n_timesteps, activation="sigmoid"),
            layers.Reshape((n_timesteps, 1)),  # in the form of the labels
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


MODELS = {
    "time_distributed": get_lstm_model,
    "dense": get_dense_model,
    "last_state": get_last_state_model,
}


def answer(scores):
    """Say how the test losses of the models compare, a line for each training.

    Args:
        scores: of the three models, with the columns `sequences` and `setting`.
    """
    lines = []
    for (n_sequences, setting), rows in scores.groupby(["sequences", "setting"], sort=False):
        dense, last = (
            differences(rows, "loss", name, "time_distributed") for name in ("dense", "last_state")
        )
        right = rows.groupby("model").sequence_accuracy.mean()
        largest = abs(dense).max()
        compared = "the same as" if largest < 0.0005 else f"{in_words(dense)} than"
        lines.append(
            f"Answer after {count(n_sequences, 'sequence')}, {describe_setting(setting)}: the test"
            f" loss with Dense on every time step is {compared} with TimeDistributed (at most"
            f" {largest:.1g} apart in a run); with Dense on the last state alone it is"
            f" {in_words(last)}, and {right['last_state']:.1%} of whole sequences are right instead"
            f" of {right['time_distributed']:.1%}."
        )
    return "\n".join(lines)


def draw(scores, known):
    """Draw the test loss of each model over the number of training sequences."""
    losses = {name: of_name["loss"] for name, of_name in known.items() if of_name["loss"] > 0}
    figure, panels = draw_settings(scores, "sequences", "loss", losses)
    sizes = scores.sequences.unique()
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlabel="training sequences")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("test loss (cross-entropy, nats)")
    figure.suptitle(f"Three output layers: {describe_runs(scores.run.max())}")
    return figure


def main(options):
    models = {name: build(options.timesteps, options.units) for name, build in MODELS.items()}
    known = get_known(options.timesteps)
    scores = []
    for n_sequences in options.sequences:
        print(count(n_sequences, "training sequence"))
        _, of_size = train_at_best_rates(
            models,
            partial(get_sequences, n_timesteps=options.timesteps),
            score_labels,
            options.learning_rate,
            n_runs=options.runs,
            n_tuning_runs=8,
            n_sequences=n_sequences,
            batch_size=options.batch_size,
            seed=options.seed,
        )
        print_comparison(models, of_size, known)
        of_size.insert(0, "sequences", n_sequences)
        scores.append(of_size)
    scores = pd.concat(scores, ignore_index=True)
    print(answer(scores))
    save(options.output, options.name, draw(scores, known), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
