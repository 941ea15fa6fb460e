"""A bidirectional LSTM on the same problem as the forward one of lstm_forward.py.

Tutorial section "Bidirectional LSTM For Sequence Classification".

    python bilstm.py

trains on 1,000 sequences, one per update. Expect a test loss of about 0.13 and 95% of the
time steps right. It takes about 7 seconds on 2 CPU cores, 2 to 3 of them to load TensorFlow.

    python bilstm.py --units 50 --sequences 50000 --batch-size 10

is the larger recipe of lesson 10 of the LSTM course by the tutorial's author: a model of 20,901
parameters. Expect 99% of the time steps right. It takes about 12 seconds.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, any_backend=True, runs=None)

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.files import save
from common.fitting import LossHistory, speed_up_fit
from common.floors import score_step_number
from data import get_sequences


def get_bi_lstm_model(n_timesteps, mode="concat", *, n_units=20, learning_rate=0.001):
    """Build and compile a bidirectional LSTM that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences.
        mode: how to merge the outputs of the two directions: "sum", "mul" (multiply), "ave"
            (average) or "concat" (side by side, `2 * n_units` outputs).
        n_units: number of memory cells in each direction.
        learning_rate: learning rate of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape,
        the probabilities of label 1.

    Raises:
        ValueError: `mode` is none of the four, or `n_units` is not positive.
    """
    if mode not in ("sum", "mul", "ave", "concat"):
        raise ValueError(
            f"mode must be 'sum', 'mul', 'ave' or 'concat', not {mode!r};"
            " set the number of cells with n_units=20"
        )
    # Returns its output at every time step, not only at the last.
    lstm = layers.LSTM(n_units, return_sequences=True)
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),  # one value at each time step
            # Adds a second LSTM, which reads from the end, and puts its outputs in forward order.
            layers.Bidirectional(lstm, merge_mode=mode),
            # The same Dense layer at every time step. Dense alone would do the same.
            layers.TimeDistributed(layers.Dense(1, activation="sigmoid")),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def main(options):
    # The tutorial calls `fit` 1,000 times, each time with one new sequence. One call with 1,000 new
    # sequences makes the same updates.
    rng = np.random.default_rng(options.seed)
    X, y = get_sequences(options.sequences, options.timesteps, rng)

    keras.utils.set_random_seed(options.seed)  # the initial weights
    model = get_bi_lstm_model(
        options.timesteps, n_units=options.units, learning_rate=options.learning_rate
    )
    model.summary()

    # Optional: without this line the training is slower, but the same.
    speed_up_fit(model, n_updates=max(1, len(X) // options.batch_size // 100))
    # Record the loss every few updates. What `fit` returns has one value for each epoch.
    history = LossHistory(len(X), options.batch_size)
    model.fit(X, y, batch_size=options.batch_size, shuffle=False, callbacks=[history])

    # Evaluate on new sequences. The baseline knows how often the label is 1 at each time step, and
    # never looks at the values.
    X_test, y_test = get_sequences(1000, options.timesteps, rng)
    loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
    baseline = score_step_number(options.timesteps)
    print(f"On 1,000 new sequences: loss {loss:.4f}, accuracy {accuracy:.4f}")
    print(
        "Baseline, step number alone: loss {loss:.4f}, accuracy {accuracy:.4f}".format(**baseline)
    )

    # Predict one more sequence, step by step, and then ten whole sequences.
    X_new, y_new = get_sequences(11, options.timesteps, rng)
    predicted = (model.predict(X_new, verbose=0) > 0.5).astype(int)
    for expected, label in zip(y_new[0], predicted[0], strict=True):
        print("Expected:", expected, "Predicted", label)
    for expected, labels in zip(y_new[1:], predicted[1:], strict=True):
        verdict = "right" if np.array_equal(expected, labels) else "wrong"
        print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel(), f" {verdict}")

    losses = pd.DataFrame({"update": history.updates, "loss": history.losses})
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    dots = {"color": "#b07d00", "marker": ".", "label": "each dot: mean since the one before"}
    axes.plot(losses["update"], losses["loss"], **dots)
    axes.axhline(baseline["loss"], color="black", linewidth=0.9, label="step number alone")
    axes.set_title(f"Bidirectional LSTM: one training on {len(X):,} sequences")
    axes.set_xlabel(f"update (batch size {options.batch_size})")
    axes.set_ylabel("training loss (cross-entropy, nats)")
    axes.set_ylim(0, max(0.75, losses["loss"].max()))  # the same scale as in lstm_forward.py
    axes.legend()
    axes.grid(alpha=0.3)
    save(options, figure, losses=losses)


if __name__ == "__main__":
    run(main, options)
