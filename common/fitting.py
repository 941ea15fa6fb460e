"""What goes with Keras' own `fit`: to record the loss along it, and to make it faster."""

import keras
import numpy as np


class LossHistory(keras.callbacks.Callback):
    """Record the training loss along one epoch of `fit`, as means over some updates each.

    Keras calls it once per `steps_per_execution` updates. After `fit`, `updates` holds the
    number of updates made at each record, and `losses` the mean loss of the updates since the
    record before. If a last, smaller batch is among them, every sequence counts alike.
    """

    def on_train_begin(self, logs=None):
        self._first = int(self.model.optimizer.iterations)
        self._totals = [(0, 0.0, 0.0)]

    def on_train_batch_end(self, batch, logs=None):
        # Keras reports the mean loss from the first update on; here are the sums behind it.
        loss = self.model.metrics[0]
        updates = int(self.model.optimizer.iterations) - self._first
        self._totals.append((updates, float(loss.total), float(loss.count)))

    def on_train_end(self, logs=None):
        updates, losses, sequences = np.array(self._totals).T
        self.updates = updates[1:].astype(int)
        self.losses = np.diff(losses) / np.diff(sequences)


def speed_up_fit(model, n_updates=10):
    """Let `model.fit` make some compiled updates before it goes back to Python.

    The training stays the same. `evaluate` and `predict` stay as they are, as to compile them
    takes longer than they do. With a GPU, or on another backend than TensorFlow, this does nothing
    but to let `fit` make some updates at a time.

    Args:
        model: compiled Keras model.
        n_updates: updates until `fit` calls its callbacks.
    """
    model.steps_per_execution = n_updates
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):  # XLA has no cuDNN LSTM
            model.jit_compile = True
            model.make_train_function()
            model.jit_compile = False
