"""Two helpers for Keras' `fit`: one records the loss, the other makes the training faster."""

import functools
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
    """Make `model.fit` faster: XLA compiles a loop that makes several updates between callbacks.

    The results stay the same (but with dropout, XLA draws other random numbers from the same seed).
    `evaluate` and `predict` are not compiled: that would take longer than it saves. With a backend
    other than TensorFlow, this function does nothing.

    Args:
        model: compiled Keras model.
        n_updates: number of updates between two calls of the callbacks. The batches of all of them
            are in memory together.
    """
    if keras.config.backend() != "tensorflow":
        return
    import tensorflow as tf

    model.steps_per_execution = n_updates
    model.jit_compile = not tf.config.list_physical_devices("GPU")  # XLA has no cuDNN LSTM
    # Those of an earlier call of `fit`, `evaluate` or `predict` take one batch at a time.
    model.train_function = model.test_function = model.predict_function = None
    model.make_train_function()  # compiles each update, whatever `jit_compile` is later
    has_own_step = type(model).train_step is not keras.Model.train_step
    if not (has_own_step or model.run_eagerly or tf.distribute.has_strategy()):
        train = functools.partial(_train_on, model)
        train = tf.function(train, autograph=False, jit_compile=model.jit_compile)
        train = functools.partial(_read_and_train, model, train)
        train = tf.function(train, autograph=False)
        model.train_function = functools.partial(_train, train, model.train_function, n_updates)
    model.jit_compile = False  # for `evaluate` and `predict`


def _train(read_and_train, train_function, n_updates, iterator):
    """Make the next updates of `fit`, which calls this with its iterator; return the logs.

    The compiled loop takes datasets whose shapes are known, but for the number of sequences in a
    batch. `train_function`, which Keras has made, takes all others.
    """
    import tensorflow as tf

    parts = getattr(iterator, "element_spec", None)  # not that of `train_on_batch`
    if parts is None or not all(
        isinstance(part, tf.TensorSpec) and part.shape[1:].is_fully_defined()
        for part in tf.nest.flatten(parts)
    ):
        return train_function(iterator)
    n_left = n_updates
    while n_left > 0:
        logs, n_made = read_and_train(iterator, n_updates, tf.constant(n_left))
        if n_made == 0:
            break
        n_left -= int(n_made)
    if n_left == n_updates:
        raise StopIteration
    return logs


def _read_and_train(model, train, iterator, n_updates, n_most):
    """Make at most `n_most` updates, up to a batch of another size; return logs and their number.

    A last, smaller batch is of another size.
    """
    import tensorflow as tf

    spec = iterator.element_spec
    none = tf.experimental.Optional.empty(spec)

    def get_next(number):
        return tf.cond(number < n_most, iterator.get_next_as_optional, lambda: none)

    def get_size(batch):  # the number of its sequences
        return tf.cond(
            batch.has_value(),
            lambda: tf.shape(tf.nest.flatten(batch.get_value())[0])[0],
            lambda: 0,
        )

    def append(number, batch, arrays):
        parts = zip(arrays, tf.nest.flatten(batch.get_value()), strict=True)
        arrays = [array.write(number, part) for array, part in parts]
        return number + 1, get_next(number + 1), arrays

    def train_on_alike():
        # The last one stands in for those that are missing, so that all loops have one shape.
        filled = tf.minimum(tf.range(n_updates), n_alike - 1)
        parts = [array.gather(filled) for array in arrays]
        return train(tf.nest.pack_sequence_as(spec, parts), n_alike)

    def train_on_other():
        return train(tf.nest.map_structure(lambda part: part[None], other.get_value()), 1)

    first = get_next(0)
    size = get_size(first)
    arrays = [
        tf.TensorArray(part.dtype, n_updates, element_shape=part.shape)
        for part in tf.nest.flatten(spec)
    ]
    n_alike, other, arrays = tf.while_loop(
        lambda number, batch, arrays: batch.has_value() & (get_size(batch) == size),
        append,
        [0, first, arrays],
    )
    logs = tf.cond(n_alike > 0, train_on_alike, model.get_metrics_result)
    logs = tf.cond(other.has_value(), train_on_other, lambda: logs)
    return logs, n_alike + tf.cast(other.has_value(), tf.int32)


def _train_on(model, batches, n_batches):
    """Make an update with each of the first batches along the first axis; return the logs."""
    import tensorflow as tf

    def update(number):
        model.train_step(tf.nest.map_structure(lambda array: array[number], batches))
        return number + 1

    tf.while_loop(lambda number: number < n_batches, update, [0], parallel_iterations=1)
    return model.get_metrics_result()
