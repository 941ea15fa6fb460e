"""A forward LSTM tells, at each time step, whether the cumulative sum has reached the limit.

Tutorial section "LSTM For Sequence Classification".

    python lstm_forward.py

trains on 1,000 new sequences, one per update. Expect a test loss of about 0.19 and 93% to 94% of
the time steps right, but less from an unlucky run: seed 0, the default, ends at 90%. It takes
about 5 seconds on 2 CPU cores, half of them to load TensorFlow.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, n_threads=1, any_backend=True, runs=None)

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
        n_timesteps: length of the sequences, a whole number.
        backwards: read the sequence from its end. The outputs then come last time step first,
            as Keras leaves them.
        n_units: memory cells.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        TypeError: `backwards` is not True or False, or `n_units` is.
        ValueError: `n_units` is not positive.
    """
    if not isinstance(backwards, bool):
        raise TypeError(f"backwards must be True or False, not {backwards!r}; cells are n_units=20")
    if isinstance(n_units, bool):
        raise TypeError(f"n_units must be a number, not {n_units!r}; a direction is backwards=True")
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),  # 1 value at each time step
            # One output vector for each time step, not only for the last.
            layers.LSTM(n_units, return_sequences=True, go_backwards=backwards),
            # The same output layer at every time step. Dense alone would do the same.
            layers.TimeDistributed(layers.Dense(1, activation="sigmoid")),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def main(options):
    # Each sequence is new, and serves one update: one pass of `fit` over 1,000 sequences is what
    # the tutorial calls 1,000 epochs.
    rng = np.random.default_rng(options.seed)
    X, y = get_sequences(options.sequences, options.timesteps, rng)

    keras.utils.set_random_seed(options.seed)  # the initial weights
    model = get_lstm_model(
        options.timesteps, n_units=options.units, learning_rate=options.learning_rate
    )
    model.summary()

    speed_up_fit(model)  # for speed alone: without this line the training is the same
    # The loss every few updates: what `fit` returns has one value for the whole pass.
    history = LossHistory(len(X), options.batch_size)
    model.fit(X, y, batch_size=options.batch_size, shuffle=False, callbacks=[history])

    # New sequences, which the model has not seen. For comparison, a baseline: it knows how often
    # the label is 1 at each time step, and never looks at the values.
    X_test, y_test = get_sequences(1000, options.timesteps, rng)
    loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
    baseline = score_step_number(options.timesteps)
    print(f"On 1,000 new sequences: loss {loss:.4f}, accuracy {accuracy:.4f}")
    print("By the step number alone: loss {loss:.4f}, accuracy {accuracy:.4f}".format(**baseline))

    # One more sequence, step by step; then ten whole ones.
    X_new, y_new = get_sequences(11, options.timesteps, rng)
    predicted = (model.predict(X_new, verbose=0) > 0.5).astype(int)
    for expected, label in zip(y_new[0], predicted[0], strict=True):
        print("Expected:", expected, "Predicted", label)
    for expected, labels in zip(y_new[1:], predicted[1:], strict=True):
        verdict = "right" if np.array_equal(expected, labels) else "wrong"
        print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel(), f" {verdict}")

    losses = pd.DataFrame({"update": history.updates, "loss": history.losses})
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(losses["update"], losses["loss"], color="#0b2a4a", linestyle="-", marker=".")
    axes.axhline(baseline["loss"], color="black", linewidth=0.9, label="step number alone")
    axes.set_title("Forward LSTM")
    axes.set_xlabel(f"update (sequences each: {options.batch_size})")
    axes.set_ylabel("training loss (cross-entropy, nats)")
    axes.legend()
    axes.grid(alpha=0.3)
    save(options, figure, losses=losses)


if __name__ == "__main__":
    run(main, options)
