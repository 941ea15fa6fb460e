"""Two helpers for Keras' `fit`: one records the loss, the other makes the training faster."""

import math

import keras
import numpy as np


class LossHistory(keras.callbacks.Callback):
    """Record the training loss during `fit`.

    Keras calls it after every `steps_per_execution` updates. After `fit`, `updates` has the number
    of updates at each call, over all epochs, and `losses` the mean loss since the call before. In
    this mean all sequences have the same weight, also those of a smaller last batch.

    Args:
        n_sequences: number of sequences that `fit` trains on in an epoch.
        batch_size: sequences per update.
    """

    def __init__(self, n_sequences, batch_size=1):
        super().__init__()
        self.n_sequences, self.batch_size = n_sequences, batch_size

    def on_train_begin(self, logs=None):
        self.n_steps = math.ceil(self.n_sequences / self.batch_size)  # updates of an epoch
        if self.params["steps"] not in (None, self.n_steps):
            raise ValueError(
                f"LossHistory expects {self.n_steps} updates per epoch, as n_sequences is"
                f" {self.n_sequences} and batch_size {self.batch_size}; fit makes"
                f" {self.params['steps']}"
            )
        self.updates, self.losses = np.empty(0, int), np.empty(0)

    def on_epoch_begin(self, epoch, logs=None):
        self._means = []

    def on_train_batch_end(self, batch, logs=None):
        self._means.append(float(logs["loss"]))  # the mean over all sequences of the epoch so far

    def on_epoch_end(self, epoch, logs=None):
        ends = self.model.steps_per_execution * np.arange(1, len(self._means) + 1)
        ends = np.minimum(ends, self.n_steps)
        n_seen = np.minimum(ends * self.batch_size, self.n_sequences)
        # The total loss at each call. It grows by the losses since the call before.
        sums = np.concatenate([[0.0], n_seen * self._means])
        self.updates = np.append(self.updates, epoch * self.n_steps + ends)
        self.losses = np.append(self.losses, np.diff(sums) / np.diff(n_seen, prepend=0))


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
