"""A forward LSTM tells, at each time step, whether the cumulative sum has reached the limit.

Tutorial section "LSTM For Sequence Classification".

    python lstm_forward.py

trains on 1,000 new sequences, one per update. Expect a test loss of about 0.19 and 93% to 94% of
the time steps right, but less from an unlucky run: seed 0, the default, ends at 90%. It takes
about 5 seconds on 2 CPU cores, half of them to load TensorFlow.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__, __doc__, timesteps=10, units=20, sequences=1000, batch_size=1, learning_rate=0.001
    )

import keras
import numpy as np
import pandas as pd
from keras import layers

from common.figures import draw_loss
from common.files import save
from common.floors import score_step_number
from common.results import print_sequences
from common.training import LossHistory, compile_fit
from data import get_sequences


def get_lstm_model(n_timesteps, n_units=20, backwards=False, learning_rate=0.001):
    """Build and compile an LSTM that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number. (None, for any length, takes a
            plain Dense: TimeDistributed of Keras 3.15 then cuts sequences to a wrong length.)
        n_units: memory cells.
        backwards: read the sequence from its end. The outputs then come last time step first,
            as Keras leaves them.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            # One output vector for each time step, not only for the last.
            layers.LSTM(n_units, return_sequences=True, go_backwards=backwards),
            # The same output layer at every time step.
            layers.TimeDistributed(layers.Dense(1, activation="sigmoid")),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def main(options):
    keras.utils.set_random_seed(options.seed)  # the initial weights
    rng = np.random.default_rng(options.seed)  # the data
    X, y = get_sequences(options.sequences, options.timesteps, rng)

    model = get_lstm_model(options.timesteps, options.units, learning_rate=options.learning_rate)
    model.summary()

    compile_fit(model)  # for speed alone: without this line the training is the same
    history = LossHistory()
    model.fit(X, y, batch_size=options.batch_size, shuffle=False, callbacks=[history])

    X_test, y_test = get_sequences(1000, options.timesteps, rng)
    loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
    print(f"On 1,000 new sequences: loss {loss:.4f}, accuracy {accuracy:.4f}")
    blind = score_step_number(options.timesteps)  # a guess that never sees a value
    print("By the step number alone: loss {loss:.4f}, accuracy {accuracy:.4f}".format(**blind))

    X_new, y_new = get_sequences(11, options.timesteps, rng)
    predicted = (model.predict(X_new, verbose=0) > 0.5).astype(int)
    for expected, label in zip(y_new[0], predicted[0], strict=True):
        print("Expected:", expected, "Predicted", label)
    print_sequences(y_new[1:], predicted[1:])

    table = pd.DataFrame({"update": history.updates, "loss": history.losses})
    save(
        options.output,
        options.name,
        draw_loss(table, "Forward LSTM", options.batch_size, {"step number alone": blind}),
        table,
        show=options.show,
    )


if __name__ == "__main__":
    run(main, options)
