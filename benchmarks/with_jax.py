"""The experiments of the four scripts in JAX: one compiled scan over the updates, for all runs.

    python -m benchmarks.with_jax compare_directions
    python -m benchmarks.with_jax bilstm --units 50 --sequences 50000 --batch-size 10

trains the models of that script on data like its own, from initial weights drawn as Keras draws
them, and prints their test loss and accuracy. It needs JAX: `pip install jax`.
"""

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.experiments import draw_run, read_options, report


def draw_weights(key, name, n_units):
    """Draw the weights of a model as Keras does: a list, in Keras' order."""
    keys = iter(jax.random.split(key, 5))
    draw_kernel, draw_recurrent = (
        jax.nn.initializers.glorot_uniform(),
        jax.nn.initializers.orthogonal(),
    )
    weights = []
    for _ in range(2 if name.startswith("bilstm") else 1):
        weights.append(draw_kernel(next(keys), (1, 4 * n_units)))
        weights.append(draw_recurrent(next(keys), (n_units, 4 * n_units)))
        weights.append(jnp.zeros(4 * n_units).at[n_units : 2 * n_units].set(1))  # forget gate: 1
    n_outputs = 2 * n_units if name == "bilstm_con" else n_units
    return [*weights, draw_kernel(next(keys), (n_outputs, 1)), jnp.zeros(1)]


def lstm(weights, X, reverse=False):
    """Return the hidden states of an LSTM, in forward time, also if it reads from the end.

    Args:
        weights: kernel, recurrent kernel and bias, as Keras has them.
        X: shape `(batch_size, n_timesteps, n_features)`.
        reverse: read the sequences from their end.
    """
    kernel, recurrent_kernel, bias = weights

    def step(state, x):
        hidden, cell = state
        i, f, g, o = jnp.split(x + hidden @ recurrent_kernel, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    zeros = jnp.zeros((len(X), len(recurrent_kernel)))
    inputs = jnp.swapaxes(X @ kernel + bias, 0, 1)  # the scan goes over the first axis
    return jnp.swapaxes(jax.lax.scan(step, (zeros, zeros), inputs, reverse=reverse)[1], 0, 1)


def predict_logits(name, weights, X):
    """Return the logits of label 1 at every time step.

    Args:
        name: of the model, as in compare_directions.py and compare_merge_modes.py.
        weights: in Keras' order.
        X: shape `(batch_size, n_timesteps, 1)`.
    """
    *of_lstm, kernel, bias = weights
    hidden = lstm(of_lstm[:3], X, reverse=name.startswith("lstm_back"))
    if name == "lstm_back":  # as Keras leaves them: last time step first
        hidden = hidden[:, ::-1]
    if name.startswith("bilstm"):
        backward = lstm(of_lstm[3:], X, reverse=True)
        hidden = {
            "bilstm_sum": lambda: hidden + backward,
            "bilstm_mul": lambda: hidden * backward,
            "bilstm_ave": lambda: (hidden + backward) / 2,
            "bilstm_con": lambda: jnp.concatenate([hidden, backward], axis=-1),
        }[name]()
    return hidden @ kernel + bias


def train(name, weights, X, y, learning_rate):
    """Make an update for each batch, with Adam; return the new weights and the losses.

    Args:
        name, weights: as for `predict_logits`.
        X, y: inputs and labels, float32 of shape `(n_updates, batch_size, n_timesteps, 1)`.
        learning_rate: of Adam, whose other settings are Keras'.
    """

    def cross_entropy(weights, inputs, labels):
        logits = predict_logits(name, weights, inputs)
        return jnp.mean(jnp.logaddexp(0, logits) - labels * logits)

    def update(state, batch):
        weights, mean, square, n_updates = state
        loss, gradients = jax.value_and_grad(cross_entropy)(weights, *batch)
        n_updates += 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradients)
        rate = learning_rate * jnp.sqrt(1 - 0.999**n_updates) / (1 - 0.9**n_updates)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, mean, square
        )
        return (weights, mean, square, n_updates), loss

    zeros = jax.tree.map(jnp.zeros_like, weights)
    (weights, *_), losses = jax.lax.scan(update, (weights, zeros, zeros, 0.0), (X, y))
    return weights, losses


def main(options):
    runs = [draw_run(options, run) for run in range(1, options.runs + 1)]
    X, y, X_test, y_test = (np.stack(arrays) for arrays in zip(*runs, strict=True))
    keys = jax.random.split(jax.random.key(options.seed), options.runs)

    def train_and_predict(name):
        @jax.jit
        @jax.vmap  # all runs side by side
        def train_run(key, X, y, X_test):
            weights = draw_weights(key, name, options.units)
            weights, _ = train(name, weights, X, y, options.learning_rate)
            return jax.nn.sigmoid(predict_logits(name, weights, X_test))

        return zip(y_test, np.asarray(train_run(keys, X, y, X_test)), strict=True)

    report(options, train_and_predict)


if __name__ == "__main__":
    main(read_options(__doc__))
