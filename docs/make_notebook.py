"""Make docs/tutorial.ipynb: the tutorial's experiments in one notebook that needs no file of ours.

    python -m docs.make_notebook

takes the functions from the five scripts at the top level, and text and further code from this
file. It runs the notebook and saves it with what it prints and draws, in about 90 seconds on 2 CPU
cores. It needs what tests/requirements.txt adds: a kernel to run the notebook in.
"""

import argparse
import ast
import os
import re
import tempfile
from pathlib import Path
from string import Template

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Text and code by turns. A line `# NAME from FILE` stands for the code of that name.
STORY = r'''
# Bidirectional LSTMs for sequence classification

This notebook goes through the experiments of Jason Brownlee's 2017 tutorial [How to Develop a
Bidirectional LSTM For Sequence Classification in Python with
Keras](https://machinelearningmastery.com/develop-bidirectional-lstm-sequence-classification-python-keras/)
in its order, with today's Keras.

- It needs Keras 3 with any of its backends, NumPy, pandas and Matplotlib, and no other file. On 2
  CPU cores it takes about 90 seconds.
- It trains with plain `fit`. The scripts that it is made from compile the training of their
  comparisons, which is many times faster.
- It trains each model of a comparison $n_runs times, the scripts 30 times. So few runs show how the
  models learn, but cannot rank models that are close.

```python
import operator

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
```

These numbers set the length of a sequence and the amount of training.

```python
n_timesteps = $n_timesteps
n_sequences = $n_sequences  # for a model that is trained once
n_updates = $n_updates  # of each model in a comparison, one sequence each
n_runs = $n_runs  # trainings of each model in a comparison
```

## Sequence Classification Problem

A sequence holds random values from 0 to 1, and each time step has a label: 1 if the sum of the
values so far has reached a quarter of the sequence length, else 0.

```python
# get_sequence from data.py
```

A length that is not a whole number of 1 or more is refused.

```python
# check_size from data.py
```

Here is one sequence: its values, then its labels.

```python
X, y = get_sequence(n_timesteps, 0)
print(X)
print(y)
```

The label turns 1 at the first time step at which the sum of the values reaches the limit.

```python
steps = np.arange(1, n_timesteps + 1)
figure, axes = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
axes.bar(steps, X, color="#b9c4cf", label="value")
axes.plot(steps, np.cumsum(X), color="#0b2a4a", marker="o", label="sum of the values so far")
axes.axhline(n_timesteps / 4, color="#c1440e", linestyle="--", label="limit")
axes.step(steps, y, where="mid", color="#2a8c82", marker="s", label="label")
axes.set(xlabel="time step", xticks=steps, ylabel="value, sum, label")
axes.legend()
plt.show()
```

## LSTM For Sequence Classification

Keras' recurrent layers take many sequences at once, in an array of three axes: samples, time steps,
features. There is one feature here, the value.

```python
# get_sequences from data.py
```

The labels of many sequences come from one cumulative sum along the axis of the time steps.

```python
# get_labels from data.py
```

One sequence in this shape is an array with one sample.

```python
X, y = get_sequences(1, n_timesteps, 0)
print(X.shape, y.shape)
```

The first model is an LSTM that reads forward and predicts a label at every time step; with
`backwards=True` it reads from the end.

```python
# get_lstm_model from lstm_forward.py
```

While `fit` runs, Keras reports the mean loss of all updates so far; this callback works out the
loss of each update from it.

```python
class LossHistory(keras.callbacks.Callback):
    """Record the training loss of every update of one pass of `fit`."""

    def on_train_begin(self, logs=None):
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(float(logs["loss"]))

    def on_train_end(self, logs=None):
        n_made = np.arange(1, len(self.means) + 1)
        self.losses = np.diff(n_made * self.means, prepend=0)
```

One pass of `fit` over all sequences, one in a batch, makes one update for each. The tutorial calls
each update an epoch, as it calls `fit` once for each sequence.

```python
def train_model(model, X, y):
    """Train on each sequence once, one per update; return the loss of each update."""
    history = LossHistory()
    model.fit(X, y, batch_size=1, shuffle=False, verbose=0, callbacks=[history])
    return history.losses
```

Two seeds make this training repeatable: NumPy's for the sequences, Keras' for the initial weights.

```python
rng = np.random.default_rng(0)
X, y = get_sequences(n_sequences, n_timesteps, rng)
keras.utils.set_random_seed(0)
model = get_lstm_model(n_timesteps)
losses = pd.DataFrame({"lstm_forw": train_model(model, X, y)})
```

Evaluate the model on 1,000 sequences that it has not seen.

```python
X_test, y_test = get_sequences(1000, n_timesteps, rng)
loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
print(f"On 1,000 new sequences: loss {loss:.4f}, accuracy {accuracy:.4f}")
```

The baseline is a guess that knows how often the label is 1 at each time step, and never looks at a
value. With TensorFlow, this run of the forward LSTM is an unlucky one: most runs end with a lower
loss than the baseline.

```python
y_many = get_sequences(100_000, n_timesteps, 1)[1]
share = y_many.mean(axis=0)  # of label 1, at each time step
baseline = float(keras.losses.BinaryCrossentropy()(y_many, np.broadcast_to(share, y_many.shape)))
accuracy = np.maximum(share, 1 - share).mean()
print(f"By the step number alone: loss {baseline:.4f}, accuracy {accuracy:.4f}")
```

Predict one more sequence, step by step; a probability above 0.5 means label 1.

```python
X_new, y_new = get_sequences(1, n_timesteps, rng)
predicted = (model.predict(X_new, verbose=0) > 0.5).astype(int)
for expected, label in zip(y_new[0], predicted[0], strict=True):
    print("Expected:", expected, "Predicted", label)
```

Each model has a line of its own in the figures below.

```python
# LINES from compare_directions.py
```

The loss jumps from update to update, as each is made on one sequence; a moving average shows where
it goes.

```python
def draw(losses, lines, title):
    """Draw the loss of each model, a column each, along its updates."""
    _, axes = plt.subplots(figsize=(6.5, 3.75), layout="constrained")
    smooth = losses.rolling(21, center=True, min_periods=1).mean()  # of 21 updates
    for name in losses:
        axes.plot(losses.index + 1, smooth[name], label=name, linewidth=2, **lines[name])
    axes.axhline(baseline, color="black", linewidth=0.9, label="step number alone")
    axes.set(xlabel="update", ylabel="training loss (cross-entropy, nats)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    plt.show()


draw(losses, LINES, "Forward LSTM, one run")
```

## Bidirectional LSTM For Sequence Classification

`Bidirectional` adds a second LSTM that reads from the end; the output layer sees both outputs of
each time step, 20 + 20 numbers.

```python
# get_bi_lstm_model from bilstm.py
```

Train it as the forward LSTM was trained, on the same sequences.

```python
keras.utils.set_random_seed(0)
model = get_bi_lstm_model(n_timesteps)
losses["bilstm_con"] = train_model(model, X, y)
```

Evaluate it on the same new sequences.

```python
loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
print(f"On 1,000 new sequences: loss {loss:.4f}, accuracy {accuracy:.4f}")
```

Predict the same sequence, step by step.

```python
predicted = (model.predict(X_new, verbose=0) > 0.5).astype(int)
for expected, label in zip(y_new[0], predicted[0], strict=True):
    print("Expected:", expected, "Predicted", label)
```

Both losses in one figure: the bidirectional LSTM's falls sooner.

```python
draw(losses, LINES, "Forward and bidirectional LSTM, one run each")
```

## Compare LSTM to Bidirectional LSTM

The tutorial also trains a backward LSTM, but on labels in the wrong order: Keras returns the
outputs of `go_backwards=True` last time step first. This model turns them back.

```python
# get_aligned_backward_model from compare_directions.py
```

Four models are compared: the tutorial's three, under its names, and the aligned backward LSTM.

```python
# get_models from compare_directions.py
```

One run may be a lucky one, so the comparison makes $n_runs runs, each with new sequences and new
initial weights. In each run all models have the same sequences to train and to test on.

```python
def compare(get_models):
    """Train all models in each run; return mean losses by update, and test losses by run."""
    losses, test_losses = [], []
    for seed in range(n_runs):
        rng = np.random.default_rng(seed)
        X, y = get_sequences(n_updates, n_timesteps, rng)
        test_data = get_sequences(1000, n_timesteps, rng)
        keras.utils.set_random_seed(seed)
        results, tests = {}, {}
        for name, model in get_models(n_timesteps).items():
            results[name] = train_model(model, X, y)
            tests[name] = model.evaluate(*test_data, verbose=0)[0]  # without the accuracy
        losses.append(pd.DataFrame(results))
        test_losses.append(tests)
    return sum(losses) / n_runs, pd.DataFrame(test_losses)


losses, test_losses = compare(get_models)
```

After $n_updates updates only the bidirectional LSTM gets below the baseline. Most of its lead comes
from the learning rate, 0.001: with a higher one the others learn faster, too.

```python
draw(losses, LINES, f"Directions of an LSTM, mean of {n_runs} runs")
```

The loss on 1,000 new sequences, after training: the mean, the smallest and the largest of the
$n_runs runs.

```python
test_losses.agg(["mean", "min", "max"]).T.round(3)
```

## Comparing Bidirectional LSTM Merge Modes

The outputs of the two directions can be added, multiplied, averaged or put side by side.

```python
# get_models from compare_merge_modes.py
```

Each merge mode has a line of its own.

```python
# LINES from compare_merge_modes.py
```

Train as in the comparison above. With multiplied outputs the model learns far more slowly at this
learning rate; the other three are close together.

```python
losses, test_losses = compare(get_models)
draw(losses, LINES, f"Merge modes of a bidirectional LSTM, mean of {n_runs} runs")
```

The loss on 1,000 new sequences again.

```python
test_losses.agg(["mean", "min", "max"]).T.round(3)
```
'''


def make_cells(n_sequences=1000, n_updates=250, n_runs=3, n_timesteps=10):
    """Make the cells of the notebook from the story and the scripts, without running them.

    Args:
        n_sequences: for each model that is trained once.
        n_updates: of each model in a comparison.
        n_runs: trainings of each model in a comparison.
        n_timesteps: length of a sequence.

    Returns:
        List of nbformat cells.
    """
    story = Template(STORY).substitute(
        n_sequences=n_sequences, n_updates=n_updates, n_runs=n_runs, n_timesteps=n_timesteps
    )
    cells = []
    for text, code in re.findall(r"(.*?)```python\n(.*?)```", story, flags=re.DOTALL):
        code = re.sub(r"^# (\w+) from (\S+)\n", lambda line: get_code(*line.groups()), code)
        cells.append(nbformat.v4.new_markdown_cell(text.strip()))
        cells.append(nbformat.v4.new_code_cell(code.strip()))
    for number, cell in enumerate(cells, 1):
        cell.id = f"cell-{number}"  # nbformat draws one at random
    return cells


def get_code(name, file):
    """Return the code that defines a function or a constant of a file of the top level.

    Raises:
        ValueError: the file defines no such name.
    """
    code = (ROOT / file).read_text(encoding="utf-8")
    for node in ast.parse(code).body:
        is_constant = isinstance(node, ast.Assign)
        if name == (ast.unparse(node.targets[0]) if is_constant else getattr(node, "name", None)):
            return ast.get_source_segment(code, node)
    raise ValueError(f"no {name} in {file}")


def run_cells(cells):
    """Run cells in a fresh kernel, in an empty folder.

    Args:
        cells: list of nbformat cells.

    Returns:
        A notebook of the cells with their outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed.
    """
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    # Figures inline and no path to our files, whatever is set here; TensorFlow says less.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for variable in ("MPLBACKEND", "PYTHONPATH"):
        environment.pop(variable, None)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=600, record_timing=False)
        client.resources = {"metadata": {"path": folder}}
        client.execute(env=environment)
    notebook.metadata = METADATA  # the kernel has added versions
    notebook.cells[1].outputs = []  # where Keras is loaded: TensorFlow's lines on this machine
    return notebook


def main():
    argparse.ArgumentParser(prog="make_notebook.py", description=__doc__).parse_args()
    nbformat.write(run_cells(make_cells()), NOTEBOOK)
    print(f"Saved {NOTEBOOK}")


if __name__ == "__main__":
    main()
