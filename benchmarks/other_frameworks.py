"""The forward LSTM trained by PyTorch and by JAX, to compare their speed with Keras'.

Both packages are optional. Each function starts from the weights of a Keras model of
`lstm_forward.get_lstm_model`, makes one Adam update per sequence, and returns the mean loss, so
that one sees that all train the same.
"""

import numpy as np


def train_with_pytorch(model, X, y):
    """Train in PyTorch's plain loop, with the fused Adam."""
    import torch

    learning_rate = float(model.optimizer.learning_rate)
    torch.set_num_threads(1)  # as common/startup.py does for TensorFlow: the layers are small
    weights = [torch.from_numpy(weight.T.copy()) for weight in model.get_weights()]
    kernel, recurrent_kernel, bias, output_kernel, output_bias = weights
    n_units = recurrent_kernel.shape[1]
    lstm = torch.nn.LSTM(1, n_units, batch_first=True)
    output = torch.nn.Linear(n_units, 1)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(kernel)
        lstm.weight_hh_l0.copy_(recurrent_kernel)
        lstm.bias_ih_l0.copy_(bias)
        lstm.bias_hh_l0.zero_()
        output.weight.copy_(output_kernel)
        output.bias.copy_(output_bias)
    lstm.bias_hh_l0.requires_grad_(False)  # Keras has one bias where PyTorch has two
    parameters = [p for p in (*lstm.parameters(), *output.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, eps=1e-7, fused=True)
    loss_function = torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y).float()
    losses = []
    for i in range(len(inputs)):
        optimizer.zero_grad()
        hidden_state, _ = lstm(inputs[i : i + 1])
        loss = loss_function(output(hidden_state), targets[i : i + 1])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def train_with_jax(model, X, y):
    """Train in one compiled JAX function: a scan over the updates."""
    import jax
    from jax import numpy as jnp

    learning_rate = float(model.optimizer.learning_rate)

    def predict_logits(weights, x):
        kernel, recurrent_kernel, bias, output_kernel, output_bias = weights

        def step(state, x_t):
            hidden_state, cell_state = state
            i, f, g, o = jnp.split(x_t @ kernel + hidden_state @ recurrent_kernel + bias, 4)
            cell_state = jax.nn.sigmoid(f) * cell_state + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden_state = jax.nn.sigmoid(o) * jnp.tanh(cell_state)
            return (hidden_state, cell_state), hidden_state @ output_kernel + output_bias

        zeros = jnp.zeros(len(recurrent_kernel))
        return jax.lax.scan(step, (zeros, zeros), x)[1]

    def cross_entropy(weights, x, labels):
        logits = predict_logits(weights, x)
        return jnp.mean(jnp.logaddexp(0, logits) - labels * logits)

    def update(state, sequence):
        weights, mean, square, n_updates = state
        loss, gradients = jax.value_and_grad(cross_entropy)(weights, *sequence)
        n_updates += 1  # Adam, with Keras' settings
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradients)
        rate = learning_rate * jnp.sqrt(1 - 0.999**n_updates) / (1 - 0.9**n_updates)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, mean, square
        )
        return (weights, mean, square, n_updates), loss

    @jax.jit
    def update_all(weights, X, y):
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(update, (weights, zeros, zeros, 0.0), (X, y))[1]

    return float(np.mean(update_all(model.get_weights(), X, y.astype(np.float32))))
