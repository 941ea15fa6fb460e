"""What goes with Keras' own `fit`: to record the loss along it, and to make it faster."""

import keras
import numpy as np


class LossHistory(keras.callbacks.Callback):
    """Record the training loss along one pass of `fit`, as means over some updates each.

    Keras calls it once per `steps_per_execution` updates. After `fit`, `updates` holds the
    number of updates made at each record, and `losses` the mean loss of the updates since the
    record before. If a last, smaller batch is among them, every sequence counts alike.

    Args:
        n_sequences: that `fit` is given.
        batch_size: sequences per update.
    """

    def __init__(self, n_sequences, batch_size=1):
        super().__init__()
        self.n_sequences, self.batch_size = n_sequences, batch_size

    def on_train_begin(self, logs=None):
        self._means = []

    def on_train_batch_end(self, batch, logs=None):
        self._means.append(float(logs["loss"]))  # over all sequences so far

    def on_train_end(self, logs=None):
        updates = self.model.steps_per_execution * np.arange(1, len(self._means) + 1)
        self.updates = np.minimum(updates, self.params["steps"])
        n_seen = np.minimum(self.updates * self.batch_size, self.n_sequences)
        sums = np.concatenate([[0.0], self._means * n_seen])
        self.losses = np.diff(sums) / np.diff(n_seen, prepend=0)


def speed_up_fit(model, n_updates=10):
    """Let `model.fit` make some compiled updates before it goes back to Python.

    The training stays the same. `evaluate` and `predict` stay as they are, as to compile them
    takes longer than they do. On another backend than TensorFlow this does nothing.

    Args:
        model: compiled Keras model.
        n_updates: updates until `fit` calls its callbacks.
    """
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        model.steps_per_execution = n_updates
        model.jit_compile = not tf.config.list_physical_devices("GPU")  # XLA has no cuDNN LSTM
        model.make_train_function()
        model.jit_compile = False
