"""Two helpers for Keras' `fit`: one records the loss, the other makes the training faster."""

import keras
import numpy as np


class LossHistory(keras.callbacks.Callback):
    """Record the training loss during one epoch of `fit`.

    Keras calls it after every `steps_per_execution` updates. After `fit`, `updates` has the number
    of updates at each call, and `losses` the mean loss since the call before. In this mean all
    sequences have the same weight, also those of a smaller last batch.

    Args:
        n_sequences: number of sequences that `fit` trains on.
        batch_size: sequences per update.
    """

    def __init__(self, n_sequences, batch_size=1):
        super().__init__()
        self.n_sequences, self.batch_size = n_sequences, batch_size

    def on_train_begin(self, logs=None):
        self._means = []

    def on_train_batch_end(self, batch, logs=None):
        self._means.append(float(logs["loss"]))  # the mean over all sequences so far

    def on_train_end(self, logs=None):
        updates = self.model.steps_per_execution * np.arange(1, len(self._means) + 1)
        self.updates = np.minimum(updates, self.params["steps"])
        n_seen = np.minimum(self.updates * self.batch_size, self.n_sequences)
        # The total loss at each call. It grows by the losses since the call before.
        sums = np.concatenate([[0.0], n_seen * self._means])
        self.losses = np.diff(sums) / np.diff(n_seen, prepend=0)


def speed_up_fit(model, n_updates=10):
    """Make `model.fit` faster: XLA compiles it, and it makes several updates between callbacks.

    The results stay the same (but with dropout, XLA draws other random numbers from the same seed).
    `evaluate` and `predict` are not compiled: that would take longer than it saves. With a backend
    other than TensorFlow, this function does nothing.

    Args:
        model: compiled Keras model.
        n_updates: number of updates between two calls of the callbacks.
    """
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        model.steps_per_execution = n_updates
        model.jit_compile = not tf.config.list_physical_devices("GPU")  # XLA has no cuDNN LSTM
        # Those of an earlier call of `fit`, `evaluate` or `predict` take one batch at a time.
        model.train_function = model.test_function = model.predict_function = None
        model.make_train_function()  # which `fit` will use, whatever `jit_compile` is then
        model.jit_compile = False  # for `evaluate` and `predict`
