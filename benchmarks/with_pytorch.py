"""The experiments of the four scripts in PyTorch: a plain loop, with the fused Adam.

    python -m benchmarks.with_pytorch compare_directions
    python -m benchmarks.with_pytorch bilstm --units 50 --sequences 50000 --batch-size 10

trains the models of that script on data like its own, from initial weights drawn as Keras draws
them, and prints their test loss and accuracy. It needs PyTorch: `pip install torch`.
"""

import torch
from torch import nn

from benchmarks.experiments import draw_run, read_options, report


class Model(nn.Module):
    """An LSTM that predicts the logit of label 1 at every time step.

    Args:
        name: of the model, as in compare_directions.py and compare_merge_modes.py.
        n_units: memory cells per direction.
    """

    def __init__(self, name, n_units):
        super().__init__()
        self.name = name
        bidirectional = name.startswith("bilstm")
        self.lstm = nn.LSTM(1, n_units, batch_first=True, bidirectional=bidirectional)
        self.output = nn.Linear(2 * n_units if name == "bilstm_con" else n_units, 1)
        self.lstm.bias_hh_l0.requires_grad_(False)  # Keras has one bias where PyTorch has two
        if bidirectional:
            self.lstm.bias_hh_l0_reverse.requires_grad_(False)
        self.draw_weights()

    def draw_weights(self):
        """Draw the weights as Keras does: the forget gate's bias 1, the other biases 0."""
        n_units = self.lstm.hidden_size
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
            if name.startswith("bias_ih"):
                nn.init.ones_(weight[n_units : 2 * n_units])
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, X):
        backward = self.name.startswith("lstm_back")
        hidden, _ = self.lstm(X.flip(1) if backward else X)
        if self.name == "lstm_back_aligned":
            hidden = hidden.flip(1)
        if self.name in ("bilstm_sum", "bilstm_mul", "bilstm_ave"):
            one, other = hidden.chunk(2, dim=-1)
            hidden = one * other if self.name == "bilstm_mul" else one + other
            hidden = hidden / 2 if self.name == "bilstm_ave" else hidden
        return self.output(hidden)


def train(model, X, y, learning_rate):
    """Make an update for each batch; return the losses, a tensor of shape `(n_updates,)`.

    Args:
        model: a `Model`; it is trained in place.
        X, y: inputs and labels, float32 arrays of shape `(n_updates, batch_size, n_timesteps, 1)`.
        learning_rate: of Adam, whose other settings are Keras'.
    """
    parameters = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, eps=1e-7, fused=True)
    loss_function = nn.BCEWithLogitsLoss()
    losses = []
    for inputs, labels in zip(torch.from_numpy(X), torch.from_numpy(y), strict=True):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def main(options):
    torch.set_num_threads(1)  # layers as small as these are faster on one core than on several
    torch.manual_seed(options.seed)

    def train_and_predict(name):
        for run in range(1, options.runs + 1):
            X, y, X_test, y_test = draw_run(options, run)
            model = Model(name, options.units)
            train(model, X, y, options.learning_rate)
            with torch.no_grad():
                yield y_test, torch.sigmoid(model(torch.from_numpy(X_test))).numpy()

    report(options, train_and_predict)


if __name__ == "__main__":
    main(read_options(__doc__))
