"""A forward LSTM predicts, at each time step, whether the cumulative sum has reached the limit.

Tutorial section "LSTM For Sequence Classification".

    python lstm_forward.py

trains on 1,000 sequences, one per update. Most runs end with a test loss of about 0.19 and with 93%
to 94% of the time steps right. Seed 0, the default, gives an unlucky run, which ends at 90%. It
takes about 5 seconds on 2 CPU cores, half of them to load TensorFlow.
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


def get_lstm_model(n_timesteps, backwards=False, *, n_units=20, learning_rate=0.001):
    """Build and compile an LSTM that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences.
        backwards: whether to read the sequence from its end. Keras then returns the outputs last
            time step first.
        n_units: number of memory cells.
        learning_rate: learning rate of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape,
        the probabilities of label 1.

    Raises:
        TypeError: `backwards` is not True or False.
        ValueError: `n_units` is not positive.
    """
    # Without this check, 20 would be taken for True.
    if not isinstance(backwards, bool):
        raise TypeError(
            f"backwards must be True or False, not {backwards!r};"
            " set the number of cells with n_units=20"
        )
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),  # one value at each time step
            # Returns its output at every time step, not only at the last.
            layers.LSTM(n_units, return_sequences=True, go_backwards=backwards),
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
    model = get_lstm_model(
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
    dots = {"color": "#0b2a4a", "marker": ".", "label": "each dot: mean since the one before"}
    axes.plot(losses["update"], losses["loss"], **dots)
    axes.axhline(baseline["loss"], color="black", linewidth=0.9, label="step number alone")
    axes.set_title(f"Forward LSTM: one training on {len(X):,} sequences")
    axes.set_xlabel(f"update (batch size {options.batch_size})")
    axes.set_ylabel("training loss (cross-entropy, nats)")
    axes.set_ylim(0, max(0.75, losses["loss"].max()))  # the same scale as in bilstm.py
    axes.legend()
    axes.grid(alpha=0.3)
    save(options, figure, losses=losses)


if __name__ == "__main__":
    run(main, options)
