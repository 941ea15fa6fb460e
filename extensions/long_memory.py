"""Who remembers longest?

    python -m extensions.long_memory

DRAFT
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=(10, 20, 50, 100, 200),
        units=20,
        sequences=3000,
        batch_size=1,
        learning_rate=(0.001, 0.003, 0.01),
        runs=10,
    )

from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from common.training import train_runs


def get_marked_sequences(n_sequences, n_timesteps, bit_step=0, rng=None):
    rng = np.random.default_rng(rng)
    bits = rng.integers(2, size=(n_sequences, 1))
    X = np.zeros((n_sequences, n_timesteps, 2), np.float32)
    X[:, :, 0] = rng.uniform(-1, 1, (n_sequences, n_timesteps))
    X[:, bit_step, :1] = 2 * bits - 1
    X[:, bit_step, 1] = 1
    return X, bits


@keras.saving.register_keras_serializable(package="long_memory")
class ChronoBias(keras.initializers.Initializer):
    def __init__(self, longest):
        self.longest = longest

    def __call__(self, shape, dtype=None):
        n_units = shape[-1] // (4 if len(shape) == 1 else 3)
        times = keras.initializers.RandomUniform(1, self.longest - 1)((n_units,), dtype)
        keep, zeros = ops.log(times), ops.zeros_like(times)
        if len(shape) == 1:
            return ops.concatenate([-keep, keep, zeros, zeros])
        update = ops.concatenate([keep, zeros, zeros])
        return ops.stack([update, ops.zeros_like(update)])

    def get_config(self):
        return {"longest": self.longest}


def get_layers(n_timesteps, n_units):
    chrono = ChronoBias(n_timesteps)
    return {
        "rnn": layers.SimpleRNN(n_units),
        "rnn_small": layers.SimpleRNN(n_units, recurrent_initializer="random_normal"),
        "gru": layers.GRU(n_units),
        "gru_chrono": layers.GRU(n_units, bias_initializer=chrono),
        "lstm_forget_0": layers.LSTM(n_units, unit_forget_bias=False),
        "lstm": layers.LSTM(n_units),
        "lstm_chrono": layers.LSTM(n_units, bias_initializer=chrono, unit_forget_bias=False),
        "bilstm": layers.Bidirectional(layers.LSTM(n_units)),
    }


def get_memory_model(n_timesteps, recurrent):
    model = keras.Sequential(
        [keras.Input((n_timesteps, 2)), recurrent, layers.Dense(1, activation="sigmoid")]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def score(y, p):
    return {"accuracy": ((p > 0.5) == (y == 1)).mean()}
