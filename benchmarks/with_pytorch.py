"""The models of the tutorial in PyTorch: a plain loop, with the fused Adam.

    python -m benchmarks.with_pytorch bilstm_con

does what bilstm.py does: it trains on 1,000 sequences, one per update, prints the test loss and ten
predictions, and writes the losses and their figure. Several models and `--runs 30` make a
comparison on the same sequences as those of compare_directions.py and compare_merge_modes.py, whose
names the models have. It needs `pip install torch numpy pandas matplotlib`, and no Keras.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from data import get_sequences, score_labels


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
        for parameter, weight in self.named_parameters():  # drawn as Keras draws them
            if "weight_hh" in parameter:
                nn.init.orthogonal_(weight)
            elif "weight" in parameter:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)
            if "bias_ih" in parameter:  # the forget gate begins open
                nn.init.ones_(weight[n_units : 2 * n_units])
            if "bias_hh" in parameter:  # Keras has one bias where PyTorch has two
                weight.requires_grad_(False)

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


def main(models, units, sequences, batch_size, runs, seed, output):
    torch.set_num_threads(1)  # layers as small as these are faster on one core than on several
    torch.manual_seed(seed)
    losses, scores = {}, {}
    for run in range(1, runs + 1):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
        X, y = map(torch.tensor, get_sequences(sequences, 10, rng))
        X_test, y_test = get_sequences(1000, 10, rng.spawn(1)[0])
        for name in models:
            model = Model(name, units)
            losses[name, run] = train(model, X, y.float(), batch_size)
            with torch.no_grad():
                predicted = model(torch.tensor(X_test)).sigmoid().numpy()
            scores[name, run] = score_labels(y_test, predicted)

    print(pd.DataFrame(scores).T.groupby(level=0, sort=False).mean().to_string())
    if runs == 1:
        for expected, labels in zip(y_test[:10], (predicted[:10] > 0.5).astype(int), strict=True):
            print("Expected:", *expected.ravel(), " Predicted:", *labels.ravel())
    Path(output).mkdir(parents=True, exist_ok=True)
    losses = pd.DataFrame(losses)
    losses.to_csv(f"{output}/with_pytorch_losses.csv")
    means = losses.T.groupby(level=0, sort=False).mean().T.rolling(11, min_periods=1).mean()
    axes = means.plot(xlabel="update", ylabel="training loss, mean of 11 updates (nats)")
    axes.figure.savefig(f"{output}/with_pytorch.png", dpi=160)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    settings = {"units": 20, "sequences": 1000, "batch-size": 1, "runs": 1, "seed": 0}
    for option, default in settings.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--output", default="results")
    main(**vars(parser.parse_args()))
