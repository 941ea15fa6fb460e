"""Train a Keras model in one compiled call: once, or many times on all cores.

`model.fit` goes back to Python between updates, which takes longer than a small update itself.
Here the loop over the updates is compiled together with the update. Losses and weights are those
that `fit` gives. (Dropout masks are those of a `fit` that is compiled too: XLA draws other random
numbers from the same seed.)

This file needs no other of the project: copy it to use it elsewhere.
"""

import math
import numbers
import os
import threading
import timeit
from concurrent import futures
from itertools import product

import keras
import numpy as np
import pandas as pd
import tensorflow as tf


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
    update_all = _build_updates(model, arrays, batch_size)
    return _compile(update_all)(*arrays).numpy()


def train_runs(
    models,
    get_data,
    score,
    n_sequences=None,
    n_runs=30,
    n_test=1000,
    batch_size=1,
    learning_rates=None,
    seed=0,
    n_epochs=None,
):
    """Train each model many times, on all cores: each run with new weights and data of its own.

    A run has its training and its test data, the same for all models and learning rates. Its
    result depends neither on the number of runs, rates or cores nor on the other models. Each
    model is compiled once; the weights that it comes with are not used, and in the end it has
    those of the last of its trainings. Keras' global random seed is set.

    Args:
        models: dict of name to compiled Keras model, each with one input and one output; or to
            a list of equal models, which share its runs, so that several cores train them.
        get_data: function, called as `get_data(n_sequences, rng=seed)` with a seed for NumPy, that
            returns X, y and perhaps sample weights, as `train_model` takes them. Without
            `n_sequences` it is called once a run, as `get_data(rng=seed)`, and returns two such
            tuples: of the training, and of the test.
        score: function that is given what `get_data` returned for the test but X, and then the
            predictions, and returns a dict of named measures.
        n_sequences: training sequences of each run, or None: see `get_data`.
        n_runs: independent trainings of each model at each learning rate.
        n_test: test sequences of each run, if `n_sequences` is given.
        batch_size: sequences per update.
        learning_rates: None for that of each model's optimizer, or a dict of settings, each
            trained: a name to the rate of all models, float, or to a dict of model to float.
        seed: of all data and initial weights, an int from 0 to 2**32 - 1.
        n_epochs: None for one pass over the training sequences, in their order; or a number of
            passes, each in a new random order and followed by a test.

    Returns:
        Two DataFrames: `losses`, with the columns `run` and `update`, counted from 1, and one
        for each model, the loss of the update; and `scores`, with the columns `model`, `run` and
        those that `score` names. With `learning_rates` both begin with a column `setting`, and
        `scores` has a column `learning_rate`, too. With `n_epochs` it has a column `epoch`, and
        a row for each.

    Raises:
        TypeError or ValueError: as `train_model`.
    """
    _check_count("n_runs", n_runs)
    if n_epochs is not None:
        _check_count("n_epochs", n_epochs)
    settings = {None: None} if learning_rates is None else learning_rates
    trainings = list(product(settings, range(1, n_runs + 1)))
    results, stopped = {}, threading.Event()

    def get_run(run):
        """Return the training arrays of a run, its test inputs, and what is expected of them."""
        rng = np.random.SeedSequence(seed, spawn_key=(run,))
        if n_sequences is None:
            train, test = get_data(rng=rng)
        else:
            train = get_data(n_sequences, rng=rng)
            test = get_data(n_test, rng=np.random.SeedSequence(seed, spawn_key=(run, 0)))
        inputs, *expected = test
        return _as_tensors(*train), _as_tensors(inputs)[0], expected

    def get_epochs(run, arrays):
        """Yield the training arrays of a run for each pass over them."""
        if n_epochs is None:
            yield arrays
            return
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run, 1)))
        for _ in range(n_epochs):
            order = rng.permutation(len(arrays[0]))
            yield [tf.gather(array, order) for array in arrays]

    def get_rate(setting, name):
        rate = settings[setting]
        return rate[name] if isinstance(rate, dict) else rate

    def train_some(name, begin, train, predict, weights, trainings):
        for setting, run in trainings:
            arrays, inputs, expected = get_run(run)
            begin(_as_rate(get_rate(setting, name)), weights[run - 1])
            epochs = []
            for arrays_of_epoch in get_epochs(run, arrays):
                if stopped.is_set():
                    return
                losses = train(*arrays_of_epoch).numpy()
                epochs.append((losses, score(*expected, predict(inputs).numpy())))
            results[name, setting, run] = epochs

    arrays, inputs, _ = get_run(1)
    cores = futures.ThreadPoolExecutor(os.cpu_count())
    try:
        # To draw weights and to trace a model are Python's work, and done one after the other;
        # to compile it, at its first training, and to train it go on meanwhile.
        tasks = []
        for name, copies in models.items():
            copies = copies if isinstance(copies, list) else [copies]
            keras.utils.set_random_seed(seed)  # not once a run: TensorFlow drops its caches here
            weights = [_draw_weights(copies[0]) for _ in range(n_runs)]
            for number, model in enumerate(copies):
                begin, train = _build_training(model, arrays, batch_size)
                rate = _as_rate(get_rate(trainings[0][0], name))
                begin = begin.get_concrete_function(rate, weights[0])
                train = train.get_concrete_function(*arrays)
                predict = tf.function(model, autograph=False).get_concrete_function(inputs)
                share = trainings[number :: len(copies)]
                task = cores.submit(train_some, name, begin, train, predict, weights, share)
                tasks.append(task)
        _show_progress(results, len(models) * len(trainings), tasks)
    finally:
        stopped.set()
        cores.shutdown(wait=False, cancel_futures=True)

    index = pd.DataFrame(trainings, columns=["setting", "run"])
    if learning_rates is None:
        index = index.drop(columns="setting")
    n_updates = (n_epochs or 1) * math.ceil(len(arrays[0]) / batch_size)
    losses = _repeat(index, "update", n_updates)
    if n_epochs is not None:
        index = _repeat(index, "epoch", n_epochs)
    scores = []
    for name in models:
        epochs = [epoch for training in trainings for epoch in results[name, *training]]
        losses_of_model, scores_of_model = zip(*epochs, strict=True)
        losses[name] = np.concatenate(losses_of_model)
        scores.append(index.join(pd.DataFrame(scores_of_model)))
        if learning_rates is not None:
            rates = [get_rate(setting, name) for setting in index.setting]
            scores[-1].insert(1, "learning_rate", rates)
        scores[-1].insert(0, "model", name)
    return losses, pd.concat(scores, ignore_index=True)


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


def compile_fit(model, n_updates=10):
    """Let `model.fit` make some compiled updates before it goes back to Python.

    The training stays the same. `evaluate` and `predict` stay as they are, as to compile them
    takes longer than they do. With a GPU nothing is compiled.

    Args:
        model: compiled Keras model.
        n_updates: updates until `fit` calls its callbacks.
    """
    model.steps_per_execution = n_updates
    model.jit_compile = _can_compile()
    model.make_train_function()
    model.jit_compile = False


def time_updates(models, X, y, batch_size=1):
    """Return the seconds that an update of each model takes in `train_model`, once compiled.

    The models are compiled on all cores, then timed one after the other: the median of five
    trainings each. They are trained in place.

    Args:
        models: dict of name to compiled Keras model.
        X, y, batch_size: as for `train_model`.

    Returns:
        Dict of name to float.
    """
    arrays = _as_tensors(X, y)
    trainings = {
        name: _compile(_build_updates(model, arrays, batch_size)).get_concrete_function(*arrays)
        for name, model in models.items()
    }
    with futures.ThreadPoolExecutor(os.cpu_count()) as cores:
        list(cores.map(lambda train: train(*arrays), trainings.values()))
    seconds = {}
    for name, train in trainings.items():
        times = timeit.repeat(lambda train=train: train(*arrays).numpy(), number=1)
        seconds[name] = np.median(times) / math.ceil(len(X) / batch_size)
    return seconds


def _show_progress(results, n_results, tasks):
    """Show Keras' progress bar until all tasks have ended; raise what one of them raised."""
    progress = keras.utils.Progbar(n_results, unit_name="training")
    while tasks:
        done, tasks = futures.wait(tasks, timeout=0.1)
        for task in done:
            task.result()
        if results:
            progress.update(len(results))


def _can_compile():
    """Tell whether XLA can compile the training: not the cuDNN LSTM that Keras uses on a GPU."""
    return not tf.config.list_physical_devices("GPU")


def _compile(function):
    return tf.function(function, autograph=False, jit_compile=_can_compile())


def _build_updates(model, arrays, batch_size):
    """Return a function that makes all updates of one pass over arrays of these shapes."""
    _check_count("batch_size", batch_size)
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

    return update_all


def _build_training(model, arrays, batch_size):
    """Return two functions: one begins a training with a rate and weights, one goes on with it."""
    update_all = _build_updates(model, arrays, batch_size)
    variables = [variable for layer in model.layers for variable in layer.variables]
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    fresh = [variable.numpy() for variable in optimizer.variables]

    def begin(rate, weights):
        _assign(variables, weights)
        _assign(model.optimizer.variables, fresh)
        if rate is not None:
            model.optimizer.learning_rate.assign(rate)

    return tf.function(begin, autograph=False), _compile(update_all)


def _repeat(index, name, number):
    """Return a DataFrame with each row repeated, and a new column that numbers them from 1."""
    repeated = index.loc[index.index.repeat(number)].reset_index(drop=True)
    repeated[name] = np.tile(np.arange(1, number + 1), len(index))
    return repeated


def _draw_weights(model):
    """Return new initial weights of a model, by building its layers anew.

    A Keras initializer gives the same values each time it is called, a new layer new ones.
    """
    weights = []
    for layer in model.layers:
        if layer.variables:
            fresh = layer.from_config(layer.get_config())
            fresh.build_from_config(layer.get_build_config())
            weights += [variable.numpy() for variable in fresh.variables]
    return weights


def _as_rate(rate):
    # A tensor: a float would be compiled in.
    return None if rate is None else tf.constant(float(rate))


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _as_tensors(X, y=None, sample_weight=None):
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


def _check_count(name, value):
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}")
