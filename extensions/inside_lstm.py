"""What happens inside the cell? Does one cell keep the running sum?

    python -m extensions.inside_lstm

trains the forward LSTM of lstm_forward.py 30 times on 10,000 sequences. Then it computes every gate
at every step of new sequences in NumPy, from the trained weights; the predictions differ from
Keras' own by less than 1e-5. In each model it finds the cell whose state follows the cumulative sum
best, and measures how right the model is without it: with the state of this cell held at its mean
over the sequences, and then, to compare, with the state of each other cell held.

Expect a cell whose state has a correlation of about 0.97 or more with the sum at every step. But
other cells follow the sum nearly as well, so that the model is hardly less right without that cell
than without another. (In tables and figures, "other cell" is the median of all but the best.) One
figure shows a trained cell beside the cell of extensions/parts/counting_lstm.py, which is set by
hand and does nothing but add; the other shows what all models have in common. It takes about 18
seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, sequences=10_000)

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit  # the sigmoid

from common.files import save
from common.floors import score_step_number
from common.report import describe_runs, with_interval
from data import get_sequences, score_labels, tabulate_sequence
from extensions.parts.counting_lstm import get_counting_model
from extensions.shared.figures import draw_known, draw_means, finish, get_styles
from extensions.shared.report import print_block, tabulate_differences, tabulate_scores
from extensions.shared.training import train_on_sums
from lstm_forward import get_lstm_model

N_NEW = 1000  # sequences to choose the cells on, and as many to look at them
# The cell whose state follows the sum best; the others, of which the median is taken; and none.
BEST, OTHERS, NONE = "best cell", "other cell", "no cell"


def run_lstm(X, kernel, recurrent_kernel, bias, held=None):
    """Run a Keras LSTM layer on sequences, step by step, in NumPy.

    The equations are those of Hochreiter and Schmidhuber (1997), with the forget gate of Gers,
    Schmidhuber and Cummins (2000). The weights are those of `layer.get_weights()`.

    Args:
        X: sequences, shape `(n_sequences, n_timesteps, n_features)`.
        kernel: shape `(n_features, 4 * n_units)`: input gate, forget gate, candidate, output
            gate.
        recurrent_kernel: shape `(n_units, 4 * n_units)`.
        bias: shape `(4 * n_units,)`.
        held: None, or a dict of unit to the cell state that it gets, shape `(n_timesteps,)`.

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
        for unit, states in (held or {}).items():
            cell_state[:, unit] = states[len(steps)]
        hidden_state = step["output_gate"] * np.tanh(cell_state)
        steps.append(step | {"cell_state": cell_state, "hidden_state": hidden_state})
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}


def run_model(X, weights, held=None):
    """Run the model of lstm_forward.py in NumPy.

    Args:
        X: sequences, shape `(n_sequences, n_timesteps, 1)`.
        weights: as `model.get_weights()` returns them.
        held: as for `run_lstm`.

    Returns:
        What `run_lstm` returns, and `prediction`, the probabilities of label 1, shape of X.
    """
    *lstm, kernel, bias = weights
    cells = run_lstm(X, *lstm, held)
    return cells | {"prediction": expit(cells["hidden_state"] @ kernel + bias)}


def correlate(cell_state, X):
    """Correlate each cell's state with the cumulative sum, over the sequences, at each step.

    A cell that only counts the steps has no correlation, as each step is taken alone.

    Args:
        cell_state: shape `(n_sequences, n_timesteps, n_units)`.
        X: sequences, shape `(n_sequences, n_timesteps, 1)`.

    Returns:
        Absolute values of Pearson's correlation, shape `(n_timesteps, n_units)`; 0 for a state
        that is the same in all sequences.
    """
    sums = np.cumsum(X, axis=1)
    states, sums = cell_state - cell_state.mean(axis=0), sums - sums.mean(axis=0)
    spread = states.std(axis=0) * sums.std(axis=0)
    covariance = (states * sums).mean(axis=0)
    return np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))


def inspect_cells(weights, chosen_by, X, y):
    """Find the cell that follows the sum best, and measure the accuracy with each cell held.

    Args:
        weights: as for `run_model`.
        chosen_by: other sequences than X. With them the cell is found whose correlation with the
            sum is the highest, averaged over the steps; a held cell has its mean state over them.
        X, y: sequences and labels, for all that is measured.

    Returns:
        DataFrame with a row for each cell and step: `step`, counted from 1; `unit`, counted from 0;
        `correlation` of the cell's state with the sum; `cell`, BEST or OTHERS; `accuracy`, of the
        whole model; and `accuracy_held`, with this cell held at its mean.
    """
    states = run_model(chosen_by, weights)["cell_state"]
    best = correlate(states, chosen_by).mean(axis=0).argmax()
    held = [run_model(X, weights, {unit: at}) for unit, at in enumerate(states.mean(axis=0).T)]
    whole = run_model(X, weights)
    accuracy, *of_held = (
        score_labels(y, cells["prediction"])["accuracy"] for cells in [whole, *held]
    )
    table = pd.DataFrame(correlate(whole["cell_state"], X)).rename_axis("step")
    table = table.melt(var_name="unit", value_name="correlation", ignore_index=False).reset_index()
    table["step"] += 1
    table["cell"] = np.where(table.unit == best, BEST, OTHERS)
    return table.assign(accuracy=accuracy, accuracy_held=table.unit.map(dict(enumerate(of_held))))


def summarize_models(cells):
    """Tabulate the accuracy of each model without one cell.

    Args:
        cells: the tables of `inspect_cells`, with the column `run`.

    Returns:
        DataFrame with the columns `cell`, the one that is held at its mean (BEST, OTHERS or NONE),
        `run` and `accuracy`.
    """
    whole = cells.groupby("run").accuracy.first().reset_index()
    held = cells.groupby(["cell", "run"]).accuracy_held.median().rename("accuracy").reset_index()
    return pd.concat([held, whole.assign(cell=NONE)], ignore_index=True)


def tabulate_cell(X, y, weights, unit):
    """Tabulate the first sequence and the gates and states of one unit, a row for each step."""
    cells = run_model(X, weights)
    table = pd.DataFrame(tabulate_sequence(X[0, :, 0], y[0, :, 0]))
    for name, values in cells.items():
        table[name] = values[0, :, 0 if name == "prediction" else unit]
    # The state that a straight line (least squares, over all sequences) predicts from the sum.
    sums = np.cumsum(X[:, :, 0], axis=1, dtype=np.float64)
    line = np.polyfit(sums.ravel(), cells["cell_state"][:, :, unit].ravel(), 1)
    return table.assign(rescaled_sum=np.polyval(line, sums[0]))


def draw_steps(tables):
    """Draw what two cells make of one sequence, a column of panels for each.

    Args:
        tables: dict of the name of a cell to a table of `tabulate_cell`.
    """
    figure, panels = plt.subplots(3, 2, figsize=(8, 7), sharex=True, layout="constrained")
    contents = {
        "gates, candidate": ["input_gate", "forget_gate", "output_gate", "candidate"],
        "cell state": ["cell_state", "rescaled_sum"],
        "probability of label 1": ["prediction", "label"],
    }
    styles = get_styles([name for names in contents.values() for name in names])
    for column, (title, table) in zip(panels.T, tables.items(), strict=True):
        for axes, (ylabel, names) in zip(column, contents.items(), strict=True):
            for name in names:
                label = name.replace("_", " ")
                axes.plot(table.step, table[name], label=label, markersize=4, **styles[name])
            if table.label.any():
                axes.axvline(table.step[table.label.idxmax()], color="black", linewidth=0.8)
            axes.set_ylabel(ylabel)
            axes.grid(alpha=0.3)
        column[0].set_title(title)
        column[-1].set_xlabel("time step")
    conditions = "one new sequence; the vertical line: its label turns 1"
    finish(figure, "Does the state of a cell follow the running sum?", conditions)
    return figure


def draw_models(by_step, by_held, n_timesteps):
    """Draw how the cells of all models follow the sum, and the accuracy without one of them.

    Args:
        by_step: DataFrame with the columns `cell`, `run`, `step` and `correlation`.
        by_held: as `summarize_models` returns it.
        n_timesteps: length of the sequences.
    """
    figure, (following, held) = plt.subplots(1, 2, figsize=(8, 4.5), layout="constrained")
    draw_means(following, by_step, "step", "correlation", by="cell")
    following.set(xlabel="time step", ylabel="correlation of cell state and sum")
    draw_means(held, by_held.assign(x=by_held.cell), "x", "accuracy", by="cell")
    draw_known(held, {"step number alone": score_step_number(n_timesteps)}, "accuracy")
    held.set(xlim=(-0.5, 2.5), xlabel="held at its mean", ylabel="accuracy")
    title = "Is the sum kept by one cell, which the model cannot do without?"
    finish(figure, title, describe_runs(by_held.run.max()))
    return figure


def main(options):
    model = get_lstm_model(options.timesteps, n_units=options.units)
    weights = {}  # of each run

    def keep_weights(name, run, learning_rate, model):
        weights[run] = model.get_weights()

    settings = {"learning_rates": [options.learning_rate], "after": keep_weights}
    train_on_sums({"lstm_forw": model}, options.timesteps, options.sequences, options, **settings)
    rng = np.random.default_rng(options.seed)
    chosen_by, _ = get_sequences(N_NEW, options.timesteps, rng)
    X, y = get_sequences(N_NEW, options.timesteps, rng)
    predictions = run_model(X, model.get_weights())["prediction"]  # of the last run
    difference = np.abs(predictions - model.predict(X, verbose=0)).max()
    print(f"Largest difference between NumPy and Keras on {N_NEW:,} sequences: {difference:.1e}\n")

    cells = {run: inspect_cells(of_run, chosen_by, X, y) for run, of_run in weights.items()}
    cells = pd.concat(cells, names=["run"]).reset_index("run").sort_values(["run", "unit", "step"])
    by_step = cells.groupby(["cell", "step", "run"]).correlation.median().reset_index()
    table = by_step.pivot_table("correlation", "step", "cell", aggfunc=with_interval)
    runs = describe_runs(options.runs)
    print_block(f"Correlation of a cell's state with the sum ({runs}):", table)
    by_held = summarize_models(cells)
    rows = by_held.rename(columns={"cell": "model"})
    pairs = [(BEST, name) for name in (OTHERS, NONE) if name in set(rows.model)]
    print_block(f"Accuracy where a cell is held at its mean ({runs}):", tabulate_scores(rows, {}))
    print_block("Differences in accuracy:", tabulate_differences(rows, pairs, "accuracy"))

    unit = cells.unit[cells.cell == BEST].iloc[0]
    tables = {
        f"model 1, unit {unit}": tabulate_cell(X, y, weights[1], unit),
        "set by hand": tabulate_cell(X, y, get_counting_model(options.timesteps).get_weights(), 0),
    }
    of_models = draw_models(by_step, by_held, options.timesteps)
    others = {"_sum.png": partial(of_models.savefig, dpi=160)}
    steps = pd.concat(tables, names=["model"]).reset_index("model")
    save(options, draw_steps(tables), others, cells=cells, steps=steps)


if __name__ == "__main__":
    run(main, options)
