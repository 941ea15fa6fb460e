"""Train a Keras model in one compiled call: once, or for many independent runs.

`model.fit` goes back to Python between updates, which takes longer than a small update itself.
Here the loop over the updates is compiled together with the update, so that thousands of
updates are one call. Losses and weights are those that `fit` gives. (Dropout masks are those of
a `fit` that is compiled too: XLA draws other random numbers from the same seed.)

Import this module before Keras: it sets TensorFlow up for small models, and quiets its start.
"""

import contextlib
import math
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from data import check_size, get_sequences, score_labels

import numpy as np


@contextlib.contextmanager
def _silent_stderr():
    """Drop what C++ libraries write to standard error; Python's exceptions still show."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


# TensorFlow reads these when it is loaded. One thread per operation is faster for layers this
# small: to share the work out takes longer than to do it.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
with _silent_stderr():  # some start-up messages heed no log level
    import keras
    import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # no warning that each of many models is traced


def updates_per_record(n_sequences, batch_size):
    """Return how many updates to put into one record, for 50 to 100 records in a training."""
    n_updates = math.ceil(n_sequences / batch_size)
    return math.ceil(n_updates / 100)


class LossHistory(keras.callbacks.Callback):
    """Record the training loss along one epoch of `fit`, as means over some updates each.

    Keras calls it once per `steps_per_execution` updates. After `fit`, `updates` holds the
    number of updates made at each record, and `losses` the mean loss of the updates since the
    record before. If a last, smaller batch is among them, every sequence counts alike. Keras'
    progress bar then shows means since the last record too, not since the first update.
    """

    def on_train_begin(self, logs=None):
        self.updates = []
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()  # else each loss is the mean from the first update on

    def on_train_batch_end(self, batch, logs=None):
        self.updates.append(min(batch + 1, self.params["steps"]))
        self.losses.append(logs["loss"])


def train_model(model, X, y, batch_size=1, sample_weight=None):
    """Train as `model.fit(X, y, batch_size=batch_size, shuffle=False)` does, in one call.

    Args:
        model: compiled Keras model with one input and one output; it is trained in place.
        X: inputs, array of shape `(n_sequences, ...)`.
        y: targets, array of shape `(n_sequences, ...)`.
        batch_size: sequences per update; a last, smaller batch is trained on too.
        sample_weight: None, or an array as `fit` takes it: of shape `(n_sequences,)`, or
            `(n_sequences, n_timesteps)` if the model predicts every time step.

    Returns:
        The loss of every update, float32 of shape `(n_updates,)`.

    Raises:
        TypeError or ValueError: `batch_size` is not a whole number of 1 or more, the arrays
            are empty or differ in length, or the model is not compiled.
    """
    arrays = _as_tensors(X, y, sample_weight)
    return _trace_updates(model, arrays, batch_size)(*arrays).numpy()


def train_runs(models, X, y, X_test, score, seed, batch_size=1, sample_weight=None):
    """Train each model many times, with fresh weights and its own data each run; compile it once.

    Run k of every model trains on `X[k]`, `y[k]`. Its result depends neither on the number of
    runs nor on the other models. The weights that the models come with are not used.

    Args:
        models: dict of name to compiled Keras model, each with one input and one output.
        X: inputs, array of shape `(n_runs, n_sequences, ...)`.
        y: targets, array of shape `(n_runs, n_sequences, ...)`.
        X_test: inputs of shape `(n_test, ...)` that each trained model is scored on.
        score: function that is given the predictions on X_test, an array of `n_test` rows.
        seed: of all initial weights, an int from 0 to 2**32 - 1.
        batch_size: sequences per update.
        sample_weight: None, or an array of shape `(n_runs, n_sequences, ...)`.

    Returns:
        Three dicts by model name: the loss of every update, float32 of shape
        `(n_runs, n_updates)`; the list of what `score` returned, one a run; and the seconds that
        each training took, float64 of shape `(n_runs,)`. While the next models are compiled, on
        another core, a training may take up to twice as long.

    Raises:
        TypeError or ValueError: as `train_model`.
    """
    runs = zip(*(array for array in (X, y, sample_weight) if array is not None), strict=True)
    data = [_as_tensors(*run) for run in runs]
    compiler = ThreadPoolExecutor(max_workers=1)
    try:
        # The first call of an update function compiles it: let that happen in the background,
        # while other models are traced and trained. What it trains is reset below.
        updates, compilations = {}, {}
        for name, model in models.items():
            updates[name] = _trace_updates(model, data[0], batch_size)
            compilations[name] = compiler.submit(updates[name], *data[0])
        losses, scores, seconds = {}, {}, {}
        progress = keras.utils.Progbar(len(models) * len(data), unit_name="run")
        for name, model in models.items():
            compilations[name].result()
            keras.utils.set_random_seed(seed)  # not once a run: TensorFlow drops its caches here
            optimizer = _fresh_optimizer(model)
            losses[name], scores[name], seconds[name] = [], [], []
            for arrays in data:
                _draw_weights(model)
                _assign(model.optimizer.variables, optimizer.variables)
                start = time.perf_counter()
                losses[name].append(updates[name](*arrays).numpy())
                seconds[name].append(time.perf_counter() - start)
                scores[name].append(score(model.predict_on_batch(X_test)))
                progress.add(1)
    finally:
        compiler.shutdown(wait=False, cancel_futures=True)
    losses, seconds = ({name: np.stack(of[name]) for name in models} for of in (losses, seconds))
    return losses, scores, seconds


def train_runs_on(models, get_data, options, n_test, score):
    """Train models on new data each run, the same for every model, and score them on new data.

    Args:
        models: dict of name to compiled Keras model.
        get_data: function of a number of sequences and a seed that returns X, y and perhaps
            sample weights, as `train_model` takes them.
        options: namespace with the ints `runs`, `sequences`, `batch_size`, `seed`.
        n_test: number of test sequences, which are the same for all models and runs.
        score: function that is given what `get_data` returned for the test but X, and then the
            predictions.

    Returns:
        The three dicts of `train_runs`.
    """
    test_seed, *run_seeds = np.random.SeedSequence(options.seed).spawn(1 + options.runs)
    runs = [get_data(options.sequences, seed) for seed in run_seeds]
    X, y, *sample_weight = zip(*runs, strict=True)
    X_test, *expected = get_data(n_test, test_seed)
    score = partial(score, *expected)
    return train_runs(models, X, y, X_test, score, options.seed, options.batch_size, *sample_weight)


def train_runs_on_sums(models, options, n_test=1000, score=score_labels):
    """Train models on the tutorial's problem, as `train_runs_on` does.

    Args:
        models: dict of name to compiled Keras model. All take sequences of the same length,
            which is that of the data.
        options: as for `train_runs_on`.
        n_test: number of test sequences.
        score: function of labels and predictions, like `data.score_labels`.

    Returns:
        The three dicts of `train_runs`.
    """
    n_timesteps = next(iter(models.values())).input_shape[1]

    def get_data(n_sequences, seed):
        return get_sequences(n_sequences, n_timesteps, seed)

    return train_runs_on(models, get_data, options, n_test, score)


def _trace_updates(model, arrays, batch_size):
    """Return a function that makes all updates of one pass over arrays of these shapes."""
    check_size("batch_size", batch_size)
    if not model.compiled:
        raise ValueError(f"model must be compiled: {model.name!r} is not")
    if not model.built:
        model(arrays[0][:1])
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    n_sequences = len(arrays[0])
    n_batches = n_sequences // batch_size
    n_batched = n_batches * batch_size

    def update(batch):
        X, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            predictions = model(X, training=True)
            loss = model.compute_loss(X, y, predictions, sample_weight, training=True)
            scaled_loss = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return tf.cast(loss, tf.float32)

    def update_all(*arrays):
        losses = []
        if n_batches:
            batches = tuple(
                tf.reshape(array[:n_batched], (n_batches, batch_size, *array.shape[1:]))
                for array in arrays
            )
            losses.append(
                tf.map_fn(update, batches, fn_output_signature=tf.float32, parallel_iterations=1)
            )
        if n_batched < n_sequences:
            losses.append([update(tuple(array[n_batched:] for array in arrays))])
        return tf.concat(losses, axis=0)

    # XLA makes the loop fast, but cannot compile the cuDNN LSTM that Keras uses on a GPU.
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    compiled = tf.function(update_all, autograph=False, jit_compile=not has_gpu)
    return compiled.get_concrete_function(*arrays)


def _as_tensors(X, y, sample_weight=None):
    """Convert as `fit` does: floats to Keras' float type, the rest as it is."""
    arrays = [np.asarray(array) for array in (X, y, sample_weight) if array is not None]
    lengths = [len(array) for array in arrays]
    if min(lengths) == 0 or len(set(lengths)) > 1:
        raise ValueError(f"X, y and sample_weight must be of one length, 1 or more, not {lengths}")
    return [
        tf.convert_to_tensor(
            array, keras.config.floatx() if np.issubdtype(array.dtype, np.floating) else None
        )
        for array in arrays
    ]


def _draw_weights(model):
    """Give a model new initial weights, by building its layers anew.

    A Keras initializer gives the same values each time it is called, a new layer new ones.
    """
    for layer in model.layers:
        if layer.variables:
            fresh = layer.from_config(layer.get_config())
            fresh.build_from_config(layer.get_build_config())
            _assign(layer.variables, fresh.variables)


def _fresh_optimizer(model):
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    return optimizer


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
