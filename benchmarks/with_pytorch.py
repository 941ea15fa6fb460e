"""The models of the tutorial in PyTorch: a plain loop, with the fused Adam.

    python -m benchmarks.with_pytorch bilstm_con

does what bilstm.py does: it trains on 1,000 sequences, one per update, prints the test loss and ten
predictions, and writes the losses and their figure. Several models and `--runs 30` make a
comparison on the same sequences as those of compare_directions.py and compare_merge_modes.py, whose
names the models have. It needs `pip install torch numpy pandas matplotlib`, and no Keras.
"""

import torch
from torch import nn

from benchmarks.peers import compare


class Model(nn.Module):
    """An LSTM that predicts the logit of label 1 at every time step.

    Args:
        name: of the model, as in compare_directions.py and compare_merge_modes.py.
        n_units: memory cells per direction.
    """

    def __init__(self, name, n_units):
        super().__init__()
        self.name = name
        self.lstm = nn.LSTM(1, n_units, batch_first=True, bidirectional=name.startswith("bilstm"))
        self.output = nn.Linear(2 * n_units if name == "bilstm_con" else n_units, 1)

    def forward(self, X):
        hidden, _ = self.lstm(X.flip(1) if self.name.startswith("lstm_back") else X)
        if self.name == "lstm_back_aligned":
            hidden = hidden.flip(1)
        elif self.name in ("bilstm_sum", "bilstm_mul", "bilstm_ave"):
            one, other = hidden.chunk(2, dim=-1)
            hidden = one * other if self.name == "bilstm_mul" else one + other
        return self.output(hidden / 2 if self.name == "bilstm_ave" else hidden)


def train(model, X, y, batch_size=1, learning_rate=0.001, epsilon=1e-7):
    """Make an update for each batch of the tensors X and y; return the losses, a list of float."""
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, eps=epsilon, fused=True)
    losses = []
    for inputs, labels in zip(X.split(batch_size), y.split(batch_size), strict=True):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_and_predict(name, n_units, batch_size, seed, X, y, X_test):
    """Train a new model; return the losses, and the probabilities of label 1 on the test data."""
    torch.set_num_threads(1)  # layers as small as these are faster on one core than on several
    torch.manual_seed(seed)
    model = Model(name, n_units)
    losses = train(model, torch.tensor(X), torch.tensor(y).float(), batch_size)
    with torch.no_grad():
        return losses, model(torch.tensor(X_test)).sigmoid()


if __name__ == "__main__":
    compare(train_and_predict)
