"""The models of the tutorial in JAX: one compiled scan over the updates.

    python -m benchmarks.with_jax bilstm_con

does what bilstm.py does: it trains on 1,000 sequences, one per update, prints the test loss and ten
predictions, and writes the losses and their figure. Several models and `--runs 30` make a
comparison on the same sequences as those of compare_directions.py and compare_merge_modes.py, whose
names the models have. It needs `pip install jax numpy pandas matplotlib`, and no Keras.
"""

from functools import partial

import jax
from jax import numpy as jnp
from jax.example_libraries import optimizers
from jax.nn import initializers, sigmoid

from benchmarks.peers import compare


def draw_weights(key, name, n_units):
    """Draw the weights of a model as Keras does: those of each LSTM, then those of the output."""
    keys = iter(jax.random.split(key, 5))
    draw_kernel, draw_recurrent = initializers.glorot_uniform(), initializers.orthogonal()
    weights = []
    for _ in range(2 if name.startswith("bilstm") else 1):
        weights.append(draw_kernel(next(keys), (1, 4 * n_units)))
        weights.append(draw_recurrent(next(keys), (n_units, 4 * n_units)))
        weights.append(jnp.zeros(4 * n_units).at[n_units : 2 * n_units].set(1))  # forget gate: open
    n_outputs = 2 * n_units if name == "bilstm_con" else n_units
    return [*weights, draw_kernel(next(keys), (n_outputs, 1)), jnp.zeros(1)]


def lstm(weights, X, reverse=False):
    """Return the hidden states of an LSTM in forward time, `(batch_size, n_timesteps, n_units)`."""
    kernel, recurrent_kernel, bias = weights

    def step(state, x):
        hidden, cell = state
        i, f, g, o = jnp.split(x + hidden @ recurrent_kernel, 4, axis=-1)
        cell = sigmoid(f) * cell + sigmoid(i) * jnp.tanh(g)
        hidden = sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    zeros = jnp.zeros((len(X), len(recurrent_kernel)))
    inputs = jnp.swapaxes(X @ kernel + bias, 0, 1)  # the scan goes over the first axis
    return jnp.swapaxes(jax.lax.scan(step, (zeros, zeros), inputs, reverse=reverse)[1], 0, 1)


def predict_logits(name, weights, X):
    """Return the logits of label 1 at every time step, in the shape of X.

    Args:
        name: of the model, as in compare_directions.py and compare_merge_modes.py.
        weights: as `draw_weights` returns them.
        X: shape `(batch_size, n_timesteps, 1)`.
    """
    *of_lstms, kernel, bias = weights
    hidden = lstm(of_lstms[:3], X, reverse=name.startswith("lstm_back"))
    if name == "lstm_back":  # as Keras leaves them: last time step first
        hidden = hidden[:, ::-1]
    elif name.startswith("bilstm"):
        other = lstm(of_lstms[3:], X, reverse=True)
        if name == "bilstm_con":
            hidden = jnp.concatenate([hidden, other], axis=-1)
        else:
            hidden = hidden * other if name == "bilstm_mul" else hidden + other
    return (hidden / 2 if name == "bilstm_ave" else hidden) @ kernel + bias


def train(name, weights, X, y, learning_rate=0.001, epsilon=1e-7):
    """Make an update for each batch, with Adam; return the new weights and the losses.

    Args:
        name, weights: as for `predict_logits`.
        X, y: inputs and labels, shape `(n_updates, batch_size, n_timesteps, 1)`.
        learning_rate, epsilon: of Adam, whose other settings are Keras'.
    """
    begin, update, get_weights = optimizers.adam(learning_rate, eps=epsilon)

    def cross_entropy(weights, inputs, labels):
        logits = predict_logits(name, weights, inputs)
        return jnp.mean(jnp.logaddexp(0, logits) - labels * logits)

    def make_update(state, batch):
        number, inputs, labels = batch
        loss, gradients = jax.value_and_grad(cross_entropy)(get_weights(state), inputs, labels)
        return update(number, gradients, state), loss

    state, losses = jax.lax.scan(make_update, begin(weights), (jnp.arange(len(X)), X, y))
    return get_weights(state), losses


@partial(jax.jit, static_argnames=("name", "n_units", "batch_size"))
def train_and_predict(name, n_units, batch_size, seed, X, y, X_test):
    """Train a new model; return the losses, and the probabilities of label 1 on the test data."""
    weights = draw_weights(jax.random.key(seed), name, n_units)
    X, y = (array.reshape(-1, batch_size, *array.shape[1:]) for array in (X, y))
    weights, losses = train(name, weights, X, y)
    return losses, sigmoid(predict_logits(name, weights, X_test))


if __name__ == "__main__":
    compare(train_and_predict)
