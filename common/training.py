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
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
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
    losses, _ = _compile_training(model, arrays[0], batch_size, {}).train(None, *arrays)
    return losses.numpy()


class _CompiledTraining:
    """The updates and the predictions of one model, compiled."""

    def __init__(self, model, batch_size, metrics):
        self.model, self.batch_size, self.metrics = model, batch_size, metrics
        # `serves` compares these: a model that is compiled anew has others.
        self.optimizer, self.loss = model.optimizer, model._compile_loss
        jit_compile = not tf.config.list_physical_devices("GPU")  # XLA has no cuDNN LSTM
        self.train = tf.function(self._train, autograph=False, jit_compile=jit_compile)
        self.predict = tf.function(model, autograph=False)

    def serves(self, model, batch_size, metrics):
        """Tell whether this training is the one that is needed."""
        mine = self.optimizer, self.loss, self.batch_size, self.metrics
        return mine == (model.optimizer, model._compile_loss, batch_size, metrics)

    def _train(self, rates, *arrays):
        """Make all updates of one pass; return the losses, `(n_updates,)`, and the metrics' means.

        `rates` holds the learning rate of each update, or is None: the optimizer's own.
        """
        n_sequences = arrays[0].shape[0]
        n_batches = n_sequences // self.batch_size
        n_batched = n_batches * self.batch_size
        parts = []
        if n_batches:
            batches = [
                tf.reshape(array[:n_batched], (n_batches, self.batch_size, *array.shape[1:]))
                for array in arrays
            ]
            elements = batches if rates is None else [rates[:n_batches], *batches]
            parts.append(
                tf.map_fn(
                    functools.partial(self._update, rates is not None),
                    tuple(elements),
                    fn_output_signature=[tf.float32] * (1 + len(self.metrics)),
                    parallel_iterations=1,
                )
            )
        if n_batched < n_sequences:
            rest = [array[n_batched:] for array in arrays]
            rest = rest if rates is None else [rates[-1], *rest]
            last = self._update(rates is not None, tuple(rest))
            parts.append([value[None] for value in last])
        losses, *metrics = (
            tf.concat(of_updates, axis=0) for of_updates in zip(*parts, strict=True)
        )
        return losses, [tf.reduce_mean(values) for values in metrics]

    def _update(self, has_rate, elements):
        """Make one update; return a list of its loss and its metrics, both from before it."""
        model, optimizer = self.model, self.optimizer
        if has_rate:
            rate, *elements = elements
            optimizer.learning_rate.assign(rate)
        X, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(elements))
        with tf.GradientTape() as tape:
            predictions = model(X, training=True)
            loss = model.compute_loss(X, y, predictions, sample_weight, training=True)
            scaled_loss = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        metrics = [tf.reduce_mean(metric(y, predictions)) for metric in self.metrics.values()]
        return [tf.cast(value, tf.float32) for value in (loss, *metrics)]


def _compile_training(model, inputs, batch_size, metrics):
    """Return the compiled training of a model, and keep it with the model for the next call."""
    _check_count("batch_size", batch_size)
    if not model.compiled:
        raise ValueError(f"model must be compiled: {model.name!r} is not")
    if not model.built:
        model(inputs[:1])
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    kept = getattr(model, "_compiled_training", None)
    if kept is None or not kept.serves(model, batch_size, metrics):
        kept = model._compiled_training = _CompiledTraining(model, batch_size, metrics)
    return kept


# Many trainings -------------------------------------------------------------------------------


def keep_losses(losses):
    """Return all losses of a training: a pandas Series indexed by update, counted from 1."""
    return pd.Series(losses, index=np.arange(1, len(losses) + 1))


def average_losses(losses, n_stretches=60):
    """Average the losses of a training over stretches of updates of equal length on a log scale.

    Args:
        losses: shape `(n_updates,)`.
        n_stretches: how many stretches there are at most.

    Returns:
        pandas Series of the means, indexed by the last update of each stretch.
    """
    n_updates = len(losses)
    ends = np.unique(np.geomspace(1, n_updates, n_stretches).round().astype(int))
    starts = np.concatenate([[0], ends[:-1]])
    return pd.Series(np.add.reduceat(losses, starts) / (ends - starts), index=ends)


@dataclass(frozen=True)
class Training:
    """How `train_runs` trains. The default is one pass over the training sequences.

    Attributes:
        batch_size: sequences per update. A last, smaller batch is used, too.
        n_epochs: passes over the training sequences. The model is tested after each pass.
        fresh: whether each pass has new sequences.
        shuffle: whether each pass has a new random order, drawn with the seed.
        schedule: function of a learning rate and the number of all updates that returns the rate
            of each update, an array. By default it is constant.
        metrics: dict of name to function of y and the predictions of an update, both tensors. The
            mean over the updates of a pass is a column of the scores.
        reduce_losses: function of all losses of a training, float32 of shape `(n_updates,)`, that
            returns which to keep, a pandas Series indexed by update: `average_losses`, for example.
        measure_losses: function of all losses of a training so far that returns a dict of named
            measures. They are columns of the scores.
        stop: function of the scores of a test, a dict, that says whether this training ends there.
        copies: dict of a model's name to a list of models that are equal to it. They share its
            runs, so that several cores train them.
        after: function that is called after each training with the model's name, the run, the
            learning rate, and the model, which has the weights of that training. It may be called
            from several threads.
    """

    batch_size: int = 1
    n_epochs: int = 1
    fresh: bool = False
    shuffle: bool = False
    schedule: Callable = lambda learning_rate, n_updates: np.full(n_updates, learning_rate)
    metrics: dict = field(default_factory=dict)
    reduce_losses: Callable = keep_losses
    measure_losses: Callable = lambda losses: {}
    stop: Callable = lambda scores: False
    copies: dict = field(default_factory=dict)
    after: Callable = lambda name, run, learning_rate, model: None


ONE_PASS = Training()


def train_runs(models, get_data, score, learning_rates, n_runs=30, seed=0, training=ONE_PASS):
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
            called in several threads, each time with a new Generator. `make_get_data` makes one.
        score: function of what the second tuple holds after X, and of the predictions. It returns a
            dict of named measures. It is called in several threads.
        learning_rates: sequence of float. Each model is trained at each of them.
        n_runs: independent trainings of each model at each learning rate.
        seed: of all data and initial weights, an int from 0 to 2**32 - 1.
        training: a `Training`, which says how each model is trained.

    Returns:
        Two DataFrames. `losses` has the columns `run`, `learning_rate`, `update`, counted from 1,
        and one for each model: the loss of that update. `scores` has the columns `model`, `run`,
        `learning_rate`, `update`, the number of updates before the test, and one for each metric
        and each measure. If a training was stopped and another model of the same run and rate went
        on, its losses from then on are NaN.

    Raises:
        TypeError or ValueError: as `train_model`; or the weights or the learning rate of a model
            cannot be set anew for each training, or its name is the name of another column.
    """
    for name, count in (("n_runs", n_runs), ("n_epochs", training.n_epochs)):
        _check_count(name, count)
    rates = list(dict.fromkeys(map(float, learning_rates)))
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise ValueError(f"learning_rates must be one or more, all above 0, not {learning_rates!r}")
    if clash := {"run", "learning_rate", "update"} & set(models):
        raise ValueError(f"a model cannot be named {clash.pop()!r}, as a column of the tables is")
    copies = [copy for of_model in training.copies.values() for copy in of_model]
    owned = [id(variable) for model in (*models.values(), *copies) for variable in model.variables]
    if len(set(owned)) < len(owned):
        raise ValueError("models and copies must not share layers: they are trained side by side")
    work = _Work(get_data, score, rates, seed, training)
    example = work.draw_run(1)
    n_results = len(models) * n_runs * len(rates)
    cores = futures.ThreadPoolExecutor(os.cpu_count())
    try:
        # Python draws the weights and traces the models, one after the other. Meanwhile other
        # threads compile those that are traced, at their first training, and train them.
        tasks = [
            cores.submit(work.train_share, share)
            for name, model in models.items()
            for share in _prepare(name, model, example, n_runs, work)
        ]
        _show_progress(work.results, n_results, tasks)
    finally:
        work.stopped.set()
        cores.shutdown(wait=False, cancel_futures=True)
    trainings = list(product(range(1, n_runs + 1), rates))
    losses = _tabulate_losses(models, trainings, work.results)
    return losses, _tabulate_scores(models, trainings, work.results)


def make_get_data(draw, n_train, n_test=1000):
    """Make a `get_data` for `train_runs` from a function that draws sequences.

    Args:
        draw: function, called as `draw(n_sequences, rng=generator)`, that returns X, y and perhaps
            sample weights.
        n_train, n_test: number of training and of test sequences of each run. The test sequences
            do not depend on `n_train`.
    """

    def get_data(rng):
        return draw(n_train, rng=rng), draw(n_test, rng=rng.spawn(1)[0])

    return get_data


@dataclass(frozen=True)
class _Run:
    """The data of one run, as tensors, and what `score` needs."""

    train: list
    inputs: tf.Tensor
    expected: list


@dataclass(frozen=True)
class _Share:
    """Some runs of one model, for one core: compiled functions and initial weights."""

    name: str
    model: keras.Model
    begin: Callable  # with initial weights
    train: Callable  # one pass, with the learning rate of each update and the arrays
    predict: Callable
    weights: dict  # by run


@dataclass
class _Work:
    """What all trainings have in common, and their results by name, run and rate."""

    get_data: Callable
    score: Callable
    learning_rates: list
    seed: int
    training: Training
    results: dict = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def make_rng(self, *key):
        """Return the random generator of a run, or of a part of it."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def draw_run(self, run):
        """Return the data of a run. Runs differ by their data and initial weights only."""
        train, (inputs, *expected) = self.get_data(self.make_rng(run))
        return _Run(_as_tensors(*train), _as_tensors(inputs)[0], expected)

    def get_rates(self, learning_rate, n_sequences):
        """Return the learning rate of each update of each pass, a tensor for each pass."""
        n_updates = self.training.n_epochs * math.ceil(n_sequences / self.training.batch_size)
        rates = self.training.schedule(learning_rate, n_updates)
        return tf.split(tf.constant(rates, tf.float32, n_updates), self.training.n_epochs)

    def get_passes(self, run, arrays):
        """Yield the training arrays of a run for each pass."""
        rng = self.make_rng(run, 1)  # `make_get_data` draws the test data from that of (run, 0)
        for n_pass in range(self.training.n_epochs):
            if self.training.fresh and n_pass > 0:
                arrays = _as_tensors(*self.get_data(self.make_rng(run, 1, n_pass))[0])
            order = rng.permutation(len(arrays[0])) if self.training.shuffle else None
            yield arrays if order is None else [tf.gather(array, order) for array in arrays]

    def train_share(self, share):
        """Train a share at all rates, one training after the other, unless all work is stopped."""
        for run in share.weights:
            data = self.draw_run(run)
            for learning_rate in self.learning_rates:
                if self.stopped.is_set():
                    return
                result = self.train_once(share, run, data, learning_rate)
                self.training.after(share.name, run, learning_rate, share.model)
                self.results[share.name, run, learning_rate] = result

    def train_once(self, share, run, data, learning_rate):
        """Make one training; return its losses, a Series, and its scores, a list of dicts."""
        share.begin(share.weights[run])
        losses, scores, n_updates = [], [], 0
        rates = self.get_rates(learning_rate, len(data.train[0]))
        for of_pass, arrays in zip(rates, self.get_passes(run, data.train), strict=True):
            of_updates, metrics = share.train(of_pass, *arrays)
            losses.append(of_updates.numpy())
            n_updates += len(of_pass)
            means = dict(zip(self.training.metrics, map(float, metrics), strict=True))
            means |= self.training.measure_losses(np.concatenate(losses))
            scored = self.score(*data.expected, share.predict(data.inputs).numpy())
            if clash := {"model", "run", "learning_rate", "update", *means} & set(scored):
                raise ValueError(f"a measure cannot be named {clash.pop()!r}, as a column is")
            scores.append({"update": n_updates, **means, **scored})
            if self.training.stop(scores[-1]):
                break
        return self.training.reduce_losses(np.concatenate(losses)), scores


def _prepare(name, model, example, n_runs, work):
    """Yield the shares of one model and its copies, traced for the data of an example run."""
    copies = [model, *work.training.copies.get(name, [])]
    settings = work.training.batch_size, work.training.metrics
    all_compiled = [_compile_training(copy, example.train[0], *settings) for copy in copies]
    keras.utils.set_random_seed(work.seed)  # not in each run: it empties TensorFlow's caches
    weights = {run: _draw_weights(model) for run in range(1, n_runs + 1)}
    for number, (copy, compiled) in enumerate(zip(copies, all_compiled, strict=True)):
        if not isinstance(copy.optimizer.learning_rate, keras.Variable):
            raise ValueError(
                f"the optimizer of {name!r} has a schedule of its own: compile it with a number,"
                " and hand train_runs Training(schedule=...)"
            )
        begin = _build_begin(copy)
        rates = work.get_rates(work.learning_rates[0], len(example.train[0]))[0]
        runs = range(1 + number, n_runs + 1, len(copies))
        yield _Share(
            name,
            copy,
            begin.get_concrete_function(weights[1]),
            compiled.train.get_concrete_function(rates, *example.train),
            compiled.predict.get_concrete_function(example.inputs),
            {run: weights[run] for run in runs},
        )


def _build_begin(model):
    """Return a function that begins a training: it sets the weights and resets the optimizer."""
    optimizer = model.optimizer.from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    fresh = [variable.numpy() for variable in optimizer.variables]
    variables = [variable for layer in _get_layers(model) for variable in layer.variables]

    def begin(weights):
        pairs = zip([*variables, *model.optimizer.variables], [*weights, *fresh], strict=True)
        for variable, value in pairs:
            variable.assign(value)

    return tf.function(begin, autograph=False)


def _draw_weights(model):
    """Return new initial weights of a model, by building its layers anew.

    A Keras initializer returns the same values at each call, but a new layer draws new ones.
    """
    weights, known = [], set()
    for layer in _get_layers(model):
        # What is frozen, a layer or one that it wraps, keeps what it has learned.
        parts = [part for part in layer._flatten_layers() if not part.trainable]
        frozen = {id(variable) for part in parts for variable in part.variables}
        fresh = layer
        if any(id(variable) not in frozen for variable in layer.variables):
            fresh = layer.from_config(layer.get_config())
            fresh.build_from_config(layer.get_build_config())
        for variable, new in zip(layer.variables, fresh.variables, strict=True):
            weights.append((variable if id(variable) in frozen else new).numpy())
            known.add(id(variable))
    if others := [variable.path for variable in model.variables if id(variable) not in known]:
        raise ValueError(
            f"weights that {model.name!r} owns itself, outside its layers, cannot be drawn anew for"
            f" each run: {', '.join(others)}"
        )
    return weights


def _get_layers(model):
    """Return the layers of a model, and those of models within it, each once."""
    layers = []
    for layer in model.layers:
        layers += _get_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return list(dict.fromkeys(layers))


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
    updates = [  # of the model that was trained longest
        functools.reduce(pd.Index.union, [results[name, *training][0].index for name in models])
        for training in trainings
    ]
    index = pd.DataFrame(trainings, columns=["run", "learning_rate"])
    losses = index.loc[index.index.repeat([len(of) for of in updates])].reset_index(drop=True)
    losses["update"] = np.concatenate(updates)
    for name in models:
        kept = [
            results[name, *training][0].reindex(of).to_numpy()
            for training, of in zip(trainings, updates, strict=True)
        ]
        losses[name] = np.concatenate(kept)
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
