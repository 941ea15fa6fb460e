"""What happens inside the cell?

    python -m extensions.inside_lstm

trains the forward LSTM of lstm_forward.py on 10,000 sequences, then computes every gate at every
step of new sequences in NumPy, from the trained weights. Expect the output of Keras to 1e-5, and a
memory cell whose state follows the cumulative sum. It takes about 5 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=10_000,
        batch_size=1,
        learning_rate=0.001,
    )

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit  # the sigmoid

from common.figures import LINES
from common.files import save
from common.training import train_model
from data import get_sequences, tabulate_sequence
from lstm_forward import get_lstm_model


def run_lstm(X, kernel, recurrent_kernel, bias):
    """Run a Keras LSTM layer on sequences, step by step, in NumPy.

    The equations are those of Hochreiter and Schmidhuber (1997), with the forget gate of Gers,
    Schmidhuber and Cummins (2000). The weights are those of `layer.get_weights()`.

    Args:
        X: sequences, shape `(n_sequences, n_timesteps, n_features)`.
        kernel: shape `(n_features, 4 * n_units)`: input gate, forget gate, candidate, output
            gate.
        recurrent_kernel: shape `(n_units, 4 * n_units)`.
        bias: shape `(4 * n_units,)`.

    Returns:
        Dict of arrays of shape `(n_sequences, n_timesteps, n_units)`: `input_gate`,
        `forget_gate`, `candidate`, `output_gate`, `cell_state`, `hidden_state`.
    """
    n_units = len(recurrent_kernel)
    cell_state = hidden_state = np.zeros((len(X), n_units))
    steps = []
    for x in np.swapaxes(X, 0, 1):  # one time step of all sequences
        i, f, g, o = np.split(x @ kernel + hidden_state @ recurrent_kernel + bias, 4, axis=-1)
        step = {
            "input_gate": expit(i),  # how much of the candidate to add
            "forget_gate": expit(f),  # how much of the cell state to keep
            "candidate": np.tanh(g),
            "output_gate": expit(o),  # how much of the cell state to show
        }
        cell_state = step["forget_gate"] * cell_state + step["input_gate"] * step["candidate"]
        hidden_state = step["output_gate"] * np.tanh(cell_state)
        steps.append(step | {"cell_state": cell_state, "hidden_state": hidden_state})
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}


def draw(table, cell_state, unit):
    """Draw a sequence and what one unit makes of it; return the figure."""
    figure, panels = plt.subplots(4, sharex=True, figsize=(8, 8), layout="constrained")
    panels[0].bar(table.step, table.value, color="#b9c4cf", label="input")
    panels[2].plot(table.step, cell_state, color="#b9c4cf", linewidth=0.8)
    contents = [
        ("what the model reads", ["cumulative_sum", "limit"]),
        (
            f"gates and candidate of unit {unit}",
            ["input_gate", "forget_gate", "output_gate", "candidate"],
        ),
        (f"cell state of unit {unit} (others: thin)", ["cell_state", "rescaled_sum"]),
        ("what the model says", ["prediction", "label"]),
    ]
    for axes, (title, columns) in zip(panels, contents, strict=True):
        for column, line in zip(columns, LINES, strict=False):
            axes.plot(table.step, table[column], label=column.replace("_", " "), **line)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        axes.grid(alpha=0.3)
        if table.label.any():
            axes.axvline(table.step[table.label.idxmax()], color="black", linewidth=0.8)
    panels[-1].set_xlabel("time step (vertical line: the first at which the label is 1)")
    figure.supylabel("value (no unit)")
    return figure


def main(options):
    keras.utils.set_random_seed(options.seed)  # the initial weights
    rng = np.random.default_rng(options.seed)  # the data
    X, y = get_sequences(options.sequences, options.timesteps, rng)
    model = get_lstm_model(options.timesteps, options.units, learning_rate=options.learning_rate)
    train_model(model, X, y, options.batch_size)

    lstm, output = model.layers
    X_new, y_new = get_sequences(1000, options.timesteps, rng)
    cells = run_lstm(X_new, *lstm.get_weights())
    kernel, bias = output.get_weights()
    predictions = expit(cells["hidden_state"] @ kernel + bias)
    difference = np.abs(predictions - model.predict(X_new, verbose=0)).max()
    print(f"Largest difference between NumPy and Keras on 1,000 new sequences: {difference:.1e}")

    # The unit whose state follows the sum best, and the straight line from sum to state.
    sums = np.cumsum(X_new[:, :, 0], axis=1, dtype=np.float64)
    states = cells["cell_state"].reshape(-1, options.units)
    unit = np.argmax(np.abs(np.corrcoef(sums.ravel(), states, rowvar=False)[0, 1:]))
    slope, intercept = np.polyfit(sums.ravel(), states[:, unit], 1)
    table = pd.DataFrame(tabulate_sequence(X_new[0, :, 0], y_new[0, :, 0]))
    for name, values in cells.items():
        table[name] = values[0, :, unit]
    table["rescaled_sum"] = slope * sums[0] + intercept
    table["prediction"] = predictions[0, :, 0]

    step = (options.timesteps + 1) // 2
    correlation = stats.pearsonr(sums[:, step - 1], cells["cell_state"][:, step - 1, unit])
    low, high = correlation.confidence_interval()
    print(
        f"Answer: at step {step} of 1,000 new sequences, the state of unit {unit} has a"
        f" correlation of {correlation.statistic:.3f} (95% interval {low:.3f} to {high:.3f}) with"
        " the cumulative sum; as the step is fixed, that is no mere count of steps."
    )
    save(
        options.output,
        options.name,
        draw(table, cells["cell_state"][0], unit),
        table,
        show=options.show,
    )


if __name__ == "__main__":
    run(main, options)
