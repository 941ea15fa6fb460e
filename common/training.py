"""Train a Keras model in one compiled call: once, or many times on all cores.

`model.fit` returns to Python between updates, which takes longer than a small update itself. Here
the loop over the updates is compiled together with the update. Losses and weights are the same as
those of `fit`. (With dropout, the same as those of a `fit` with `jit_compile=True`, since XLA draws
other random numbers from the same seed.)

    train_model(model, X, y)                                      one training
    train_runs({"lstm": model}, get_data, score, [0.001, 0.01])   many: two tables

This file needs no other file of the project: copy it to use it elsewhere.
"""

import functools
import math
import numbers
import os
import threading
from concurrent import futures
from itertools import product

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

# One training ---------------------------------------------------------------------------------


def train_model(model, X, y=None, batch_size=1, sample_weight=None):
    """Train as `model.fit(X, y, batch_size=batch_size, shuffle=False)` does, in one call.

    The tutorial's function of this name takes the number of time steps and draws sequences; this
    one takes sequences and labels. The compiled training stays with the model, so that a second
    call with arrays of the same shapes starts at once.

    Args:
        model: compiled Keras model with one input and one output; it is trained in place.
        X: inputs, array of shape `(n_sequences, ...)`.
        y: targets, array of shape `(n_sequences, ...)`.
        batch_size: sequences per update. A last, smaller batch is used, too.
        sample_weight: None, or an array as `fit` takes it: of shape `(n_sequences,)`, or
            `(n_sequences, n_timesteps)` if the model predicts every time step.

    Returns:
        The loss of every update, float32 of shape `(n_updates,)`.

    Raises:
        TypeError or ValueError: `batch_size` is not a whole number of 1 or more, the arrays
            are empty or differ in length, or the model is not compiled.
    """
    if y is None:
        raise TypeError(
            f"train_model takes sequences X and labels y, not {X!r} alone:"
            " train_model(model, *get_sequences(250, n_timesteps))"
        )
    arrays = _as_tensors(X, y, sample_weight)
    train, _ = _compile_training(model, arrays[0], batch_size)
    losses = train(None, *arrays).numpy()
    model.optimizer.finalize_variable_values(model.trainable_variables)  # averages, as `fit` does
    return losses


def _compile_training(model, inputs, batch_size):
    """Return the compiled functions of a model: a pass of training, and its predictions.

    They are kept with the model for the next call, until it is compiled anew.
    """
    _check_count("batch_size", batch_size)
    if not model.compiled:
        raise ValueError(f"model must be compiled: {model.name!r} is not")
    if not model.built:
        model(inputs[:1])
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    made_for = model.optimizer, model._compile_loss, batch_size
    if getattr(model, "_compiled_for", None) != made_for:
        jit_compile = not tf.config.list_physical_devices("GPU")  # XLA has no cuDNN LSTM
        train = functools.partial(_train_pass, model, batch_size)
        model._compiled_for = made_for
        model._compiled_functions = (
            tf.function(train, autograph=False, jit_compile=jit_compile),
            tf.function(model, autograph=False),
        )
    return model._compiled_functions


def _train_pass(model, batch_size, rates, *arrays):
    """Make all updates of one pass; return the losses, of shape `(n_updates,)`.

    `rates` holds the learning rate of each update, or is None: the optimizer's own.
    """
    arrays = dict(zip(("X", "y", "sample_weight"), arrays, strict=False))
    n_sequences = arrays["X"].shape[0]
    n_batches = n_sequences // batch_size
    n_batched = n_batches * batch_size
    batches = {
        name: tf.reshape(array[:n_batched], (n_batches, batch_size, *array.shape[1:]))
        for name, array in arrays.items()
    }
    rest = {name: array[n_batched:] for name, array in arrays.items()}
    if rates is not None:
        batches["rate"], rest["rate"] = rates[:n_batches], rates[-1]
    losses = []
    if n_batches:
        losses = [
            tf.map_fn(
                lambda batch: _update(model, **batch),
                batches,
                fn_output_signature=tf.float32,
                parallel_iterations=1,
            )
        ]
    if n_batched < n_sequences:
        losses.append(_update(model, **rest)[None])
    return tf.concat(losses, axis=0)


def _update(model, X, y, sample_weight=None, rate=None):
    """Make one update; return the loss from before it."""
    optimizer = model.optimizer
    if rate is not None:
        optimizer.learning_rate.assign(rate)
    with tf.GradientTape() as tape:
        predictions = model(X, training=True)
        loss = model.compute_loss(X, y, predictions, sample_weight, training=True)
        scaled_loss = optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled_loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return tf.cast(loss, tf.float32)


# Many trainings -------------------------------------------------------------------------------


def train_runs(
    models,
    get_data,
    score,
    learning_rates,
    n_runs=30,
    seed=0,
    batch_size=1,
    n_epochs=1,
    *,
    fresh=False,
    shuffle=False,
    schedule=None,
    stop=None,
    after=None,
    n_copies=1,
):
    """Train each model many times, on all cores: each run with new weights and data of its own.

    All models and learning rates of a run share its data, and all rates start from the same
    weights. The result of a training does not depend on the number of runs, rates or cores, nor on
    the other models. Each model is compiled once, and remains compiled for the next call. In the
    end it has the weights of one of its trainings. A frozen layer keeps its weights (freeze a layer
    that was adapted to data); those of all other layers are drawn anew. Keras' global random seed
    is set.

    Args:
        models: dict of name to compiled Keras model with one input and one output.
        get_data: function of a NumPy Generator that returns two tuples. The first is for training:
            X, y and perhaps sample weights, as `train_model` takes them. The second is for the
            test: X, and whatever `score` needs. All runs must have data of the same shapes. It is
            called in several threads, each time with a new Generator.
        score: function of what the second tuple holds after X, and of the predictions. It returns a
            dict of named measures. It is called in several threads, after each pass.
        learning_rates: sequence of float. Each model is trained at each of them.
        n_runs: independent trainings of each model at each learning rate.
        seed: of all data and initial weights, an int from 0 to 2**32 - 1.
        batch_size: sequences per update. A last, smaller batch is used, too.
        n_epochs: passes over the training sequences.
        fresh: whether each pass has new sequences.
        shuffle: whether each pass has a new random order.
        schedule: None, or a function of a learning rate and the number of all updates that returns
            the rate of each update, an array.
        stop: None, or a function of all losses of a training so far, shape `(n_updates,)`, that
            says after each pass whether this training ends there.
        after: None, or a function that is called after each training with the model's name, the
            run, the learning rate, and the model, which has the weights of that training. It is
            called in several threads.
        n_copies: how many copies of each model share its runs, each on a core of its own.

    Returns:
        Two DataFrames. `losses` has the columns `run`, `learning_rate`, `update`, counted from 1,
        and one for each model: the loss of that update. `scores` has the columns `model`, `run`,
        `learning_rate`, `update`, the number of updates before the test, and one for each measure.
        If a training was stopped and another model of the same run and rate went on, its losses
        from then on are NaN.

    Raises:
        TypeError or ValueError: as `train_model`; or a number or rate is not above 0, models share
            layers, or an optimizer has a schedule of its own.
    """
    _check_count("n_runs", n_runs)
    _check_count("n_epochs", n_epochs)
    rates = list(dict.fromkeys(map(float, learning_rates)))
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise ValueError(f"learning_rates must be one or more, all above 0, not {learning_rates!r}")
    owned = [id(variable) for model in models.values() for variable in model.variables]
    if len(set(owned)) < len(owned):
        raise ValueError("models must not share layers: they are trained side by side")
    results, stopped = {}, threading.Event()

    def make_rng(*key):
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))

    def draw_run(run):
        """Return the arrays to train on, the inputs of the test, and what `score` needs."""
        train, (inputs, *expected) = get_data(make_rng(run))
        return _as_tensors(*train), _as_tensors(inputs)[0], expected

    def train_once(model, train, predict, run, learning_rate, data):
        """Make one training; return its losses, and its scores, a list of dicts."""
        arrays, inputs, expected = data
        rng = make_rng(run, 1)  # `get_data` may spawn (run, 0)
        losses, scores = np.empty(0, np.float32), []
        n_updates = math.ceil(len(arrays[0]) / batch_size) * n_epochs
        rates = schedule(learning_rate, n_updates) if schedule else [learning_rate] * n_updates
        for n_pass, of_pass in enumerate(np.split(np.float32(rates), n_epochs)):
            if fresh and n_pass > 0:
                arrays = _as_tensors(*get_data(make_rng(run, 1, n_pass))[0])
            if shuffle:
                order = rng.permutation(len(arrays[0]))
            of_run = [tf.gather(array, order) for array in arrays] if shuffle else arrays
            losses = np.append(losses, train(tf.constant(of_pass), *of_run).numpy())
            if n_pass == n_epochs - 1:
                model.optimizer.finalize_variable_values(model.trainable_variables)
            scores.append({"update": len(losses), **score(*expected, predict(inputs).numpy())})
            if stop and stop(losses):
                break
        return losses, scores

    def train_share(name, model, weights, begin, train, predict):
        """Train one model in some runs at all rates, unless all work is stopped."""
        for run, of_run in weights.items():
            data = draw_run(run)
            for learning_rate in rates:
                if stopped.is_set():
                    return
                begin(of_run)
                result = train_once(model, train, predict, run, learning_rate, data)
                if after:
                    after(name, run, learning_rate, model)
                results[name, run, learning_rate] = result

    def get_shares(name, model):
        """Yield what `train_share` takes for a model and its copies, traced for a first run."""
        arrays, inputs, _ = example
        copies = [model, *(_copy(model) for _ in range(n_copies - 1))]
        compiled = [_compile_training(copy, arrays[0], batch_size) for copy in copies]
        keras.utils.set_random_seed(seed)  # not in each run: it empties TensorFlow's caches
        weights = {run: _draw_weights(model) for run in range(1, n_runs + 1)}
        of_pass = tf.zeros(math.ceil(len(arrays[0]) / batch_size))
        for number, (copy, (train, predict)) in enumerate(zip(copies, compiled, strict=True), 1):
            of_runs = {run: weights[run] for run in range(number, n_runs + 1, n_copies)}
            begin = _build_begin(name, copy).get_concrete_function(weights[1])
            train = train.get_concrete_function(of_pass, *arrays)
            yield name, copy, of_runs, begin, train, predict.get_concrete_function(inputs)

    example = draw_run(1)
    cores = futures.ThreadPoolExecutor(os.cpu_count())
    try:
        # Python draws the weights and traces the models, one after the other. Meanwhile other
        # threads compile those that are traced, at their first training, and train them.
        tasks = [
            cores.submit(train_share, *share)
            for name, model in models.items()
            for share in get_shares(name, model)
        ]
        _show_progress(results, len(models) * n_runs * len(rates), tasks)
    finally:
        stopped.set()
        cores.shutdown(wait=False, cancel_futures=True)
    trainings = list(product(range(1, n_runs + 1), rates))
    losses = _tabulate_losses(models, trainings, results)
    return losses, _tabulate_scores(models, trainings, results)


def _copy(model):
    """Return a model that is built and compiled like another one."""
    copy = keras.models.clone_model(model)
    copy.compile_from_config(model.get_compile_config())
    return copy


def _draw_weights(model):
    """Return new initial weights of a model, by building its layers anew.

    A Keras initializer returns the same values at each call, but a new layer draws new ones.
    """
    weights = {}
    for layer in model.layers:
        fresh = layer.from_config(layer.get_config())
        fresh.build_from_config(layer.get_build_config())
        weights |= {id(old): new for old, new in zip(layer.variables, fresh.variables, strict=True)}
    for layer in model._flatten_layers():  # what is frozen keeps what it has learned
        if not layer.trainable:
            weights |= {id(variable): variable for variable in layer.variables}
    return [weights[id(variable)].numpy() for variable in model.variables]


def _build_begin(name, model):
    """Return a function that begins a training: it sets the weights and resets the optimizer."""
    if not isinstance(model.optimizer.learning_rate, keras.Variable):
        raise ValueError(
            f"the optimizer of {name!r} has a schedule of its own: compile it with a number, and"
            " hand train_runs a schedule"
        )
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    fresh = [variable.numpy() for variable in optimizer.variables]

    def begin(weights):
        pairs = zip([*model.variables, *model.optimizer.variables], [*weights, *fresh], strict=True)
        for variable, value in pairs:
            variable.assign(value)

    return tf.function(begin, autograph=False)


def _show_progress(results, n_results, tasks):
    """Show Keras' progress bar until all tasks have ended; raise what one of them raised."""
    progress = keras.utils.Progbar(n_results, unit_name="training")
    while tasks:
        done, tasks = futures.wait(tasks, timeout=0.1)
        for task in done:
            task.result()
        if results:
            progress.update(len(results))


# The two tables -------------------------------------------------------------------------------


def _tabulate_losses(models, trainings, results):
    """Return a row for each of the trainings (run, rate) and update, a column for each model."""
    tables = {
        training: pd.DataFrame({name: pd.Series(results[name, *training][0]) for name in models})
        for training in trainings
    }
    losses = pd.concat(tables, names=["run", "learning_rate", "update"]).reset_index()
    losses["update"] += 1
    return losses


def _tabulate_scores(models, trainings, results):
    """Return a row for each test of each training (model, run, rate), a column for each measure."""
    return pd.DataFrame(
        {"model": name, "run": run, "learning_rate": learning_rate, **scores}
        for name in models
        for run, learning_rate in trainings
        for scores in results[name, run, learning_rate][1]
    )


def _as_tensors(X, y=None, sample_weight=None):
    """Convert arrays as `fit` does: floats to Keras' float type, others as they are."""
    given = {"X": X, "y": y, "sample_weight": sample_weight}
    arrays = {name: _as_array(name, of) for name, of in given.items() if of is not None}
    lengths = [len(array) for array in arrays.values()]
    if min(lengths) == 0 or len(set(lengths)) > 1:
        several = "; for a model with several inputs use `fit`" if isinstance(X, list) else ""
        names = ", ".join(arrays)
        raise ValueError(f"{names} must be of one length, 1 or more, not {lengths}{several}")
    floats = keras.config.floatx()
    return [
        tf.convert_to_tensor(array, floats if np.issubdtype(array.dtype, np.floating) else None)
        for array in arrays.values()
    ]


def _as_array(name, values):
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{name} has sequences of different length: pad them to one length, for example with"
            " keras.utils.pad_sequences, and mask the padding"
        ) from None
    if array.dtype.kind in "OSU":
        raise ValueError(f"{name} must hold numbers, not {array.dtype}: give each class a number")
    return array


def _check_count(name, value):
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}")
