"""What happens inside the cell? Does one cell keep the running sum?

    python -m extensions.inside_lstm

trains the forward LSTM of lstm_forward.py 30 times on 10,000 sequences. Then it computes every gate
at every step of new sequences in NumPy, from the trained weights; the predictions differ from
Keras' own by less than 1e-5. In each model it finds the cell whose state follows the cumulative sum
best, and measures how right the model is without it: with the state of this cell held at its mean
over the sequences, and then, to compare, with the state of each other cell held.

Expect a cell whose state has a correlation of about 0.97 or more with the sum at every step. But
other cells follow the sum nearly as well, so that the model is hardly less right without that cell
than without another. One figure shows a trained cell beside the cell of counting_lstm.py, which is
set by hand and does nothing but add; the other shows what all models have in common. It takes about
18 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, sequences=10_000)

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.special import expit  # the sigmoid

from common.figures import LINE_STYLES, draw_known, draw_means, set_heading
from common.files import save
from common.floors import score_step_number
from common.results import count, describe_runs, in_words, interval, with_interval
from common.training import Training, average_losses, make_get_data, train_runs
from data import get_sequences, score_labels, tabulate_sequence
from extensions.counting_lstm import get_counting_model
from lstm_forward import get_lstm_model

N_NEW = 1000  # sequences to choose the cells on, and as many to look at them
BEST, OTHERS = "the cell that follows best", "the other cells (median)"


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


def correlate(cell_state, sums):
    """Correlate each cell's state with the cumulative sum, over the sequences, at each step.

    A cell that only counts the steps has no correlation, as each step is taken alone.

    Args:
        cell_state: shape `(n_sequences, n_timesteps, n_units)`.
        sums: shape `(n_sequences, n_timesteps)`.

    Returns:
        Absolute values of Pearson's correlation, shape `(n_timesteps, n_units)`; 0 for a state
        that is the same in all sequences.
    """
    states = cell_state - cell_state.mean(axis=0)
    sums = (sums - sums.mean(axis=0))[:, :, None]
    covariance = (states * sums).mean(axis=0)
    spread = states.std(axis=0) * sums.std(axis=0)
    return np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))


def inspect_cells(weights, chosen_by, X, y):
    """Find the cell that follows the sum best, and measure the accuracy with each cell held.

    Args:
        weights: as for `run_model`.
        chosen_by: other sequences than X. With them the cell is found whose correlation with the
            sum is the highest, averaged over the steps; a held cell has its mean state over them.
        X, y: sequences and labels on which the accuracy is measured.

    Returns:
        DataFrame with a row for each cell: `unit`, counted from 0; `follows_best`, True for one;
        `accuracy`, of the whole model; and `accuracy_held`, with this cell held at its mean.
    """
    states = run_model(chosen_by, weights)["cell_state"]
    following = correlate(states, np.cumsum(chosen_by[:, :, 0], axis=1)).mean(axis=0)
    accuracy = score_labels(y, run_model(X, weights)["prediction"])["accuracy"]
    rows = []
    for unit, means in enumerate(states.mean(axis=0).T):
        held = score_labels(y, run_model(X, weights, held={unit: means})["prediction"])
        row = {"unit": unit, "follows_best": unit == following.argmax(), "accuracy": accuracy}
        rows.append(row | {"accuracy_held": held["accuracy"]})
    return pd.DataFrame(rows)


def tabulate_correlations(weights, X):
    """Return the correlation of each cell's state with the sum: `unit`, `step`, `correlation`."""
    cell_state = run_model(X, weights)["cell_state"]
    correlations = correlate(cell_state, np.cumsum(X[:, :, 0], axis=1))
    steps, units = np.indices(correlations.shape)
    columns = {"unit": units, "step": 1 + steps, "correlation": correlations}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def summarize_models(cells):
    """Return a row for each model: the cell that follows best, and the median of the others.

    Args:
        cells: the tables of `inspect_cells`, one below the other, with the column `run`.

    Returns:
        DataFrame by `run`: `accuracy`; `held` and `others_held`, the accuracy with that cell held
        and with another held (median); and `rank`, 1 if holding that cell costs most of all.
    """
    best = cells[cells.follows_best].set_index("run")
    others = cells[~cells.follows_best].groupby("run").accuracy_held.median()
    ranks = cells.groupby("run").accuracy_held.rank(method="min").astype(int)
    models = pd.DataFrame({"accuracy": best.accuracy, "held": best.accuracy_held})
    return models.assign(others_held=others, rank=ranks[cells.follows_best].to_numpy())


def summarize_correlations(correlations, cells):
    """Return the correlation for each model and step, of two values of `cell`: BEST and OTHERS.

    Args:
        correlations: the tables of `tabulate_correlations`, with the column `run`.
        cells: as for `summarize_models`.
    """
    table = correlations.merge(cells[["run", "unit", "follows_best"]])
    table["cell"] = np.where(table.follows_best, BEST, OTHERS)
    return table.groupby(["cell", "step", "run"]).correlation.median().reset_index()


def tabulate_cell(X, y, weights, unit):
    """Tabulate the first sequence and the gates and states of one unit, a row for each step."""
    cells = run_model(X, weights)
    table = pd.DataFrame(tabulate_sequence(X[0, :, 0], y[0, :, 0]))
    for name, values in cells.items():
        table[name] = values[0, :, 0 if name == "prediction" else unit]
    # The state that a straight line (least squares, over all sequences) predicts from the sum.
    sums = np.cumsum(X[:, :, 0], axis=1, dtype=np.float64)
    line = np.polyfit(sums.ravel(), cells["cell_state"][:, :, unit].ravel(), 1)
    table["rescaled_sum"] = np.polyval(line, sums[0])
    return table


def answer(models, by_step):
    """Say how far one cell keeps the sum.

    Args:
        models: as `summarize_models` returns it.
        by_step: as `summarize_correlations` returns it.
    """
    means = by_step[by_step.cell == BEST].groupby("step").correlation.mean()
    weakest = by_step[by_step.step == means.idxmin()].groupby("cell").correlation
    at_weakest = weakest.apply(with_interval).get
    difference = models.held - models.others_held
    n_models = count(len(models), "model")
    text = (
        f"Answer: in {n_models}, the cell whose state follows the cumulative sum best has a"
        f" correlation of {at_weakest(BEST)} with it at step {means.idxmin()}, where it is weakest;"
        f" the median of the other cells there has {at_weakest(OTHERS, 'none')}."
        f" The accuracy is {with_interval(models.accuracy, share=True)}, and"
        f" {with_interval(models.held, share=True)} if this cell is held at its mean. The second"
        f" accuracy minus that with another cell held (median): {in_words(difference)}."
        f" In {(models['rank'] == 1).sum()} of {n_models}, holding this cell lowers the accuracy"
        " more than holding any other."
    )
    _, high = interval(difference)
    return text + (" So this cell is not the only one that keeps the sum." if high >= 0 else "")


def draw_steps(tables):
    """Draw what two cells make of one sequence, a column of panels for each.

    Args:
        tables: dict of the name of a trained cell and `set by hand` to a table of `tabulate_cell`.
    """
    figure, panels = plt.subplots(3, 2, figsize=(8.5, 6.5), sharex=True, layout="constrained")
    contents = {
        "gates, candidate": ["input_gate", "forget_gate", "output_gate", "candidate"],
        "cell state": ["cell_state", "rescaled_sum"],
        "probability of label 1": ["prediction", "label"],
    }
    for column, (name, table) in zip(panels.T, tables.items(), strict=True):
        column[0].set_title(name if name == "set by hand" else f"trained ({name})")
        for axes, names in zip(column, contents.values(), strict=True):
            for values, line in zip(names, LINE_STYLES, strict=False):
                label = values.replace("_", " ")
                axes.plot(table.step, table[values], label=label, markersize=4, **line)
            axes.grid(alpha=0.3)
            if table.label.any():
                axes.axvline(table.step[table.label.idxmax()], color="black", linewidth=0.8)
        column[-1].set_xlabel("time step")
        column[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    for (axes, beside), what in zip(panels, contents, strict=True):
        axes.set_ylabel(what)
        beside.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")
    question = "Does the state of a cell follow the running sum?"
    set_heading(figure, question, "one new sequence; the vertical line: its label turns 1")
    return figure


def draw_models(models, by_step, known):
    """Draw what all models have in common: how cells follow the sum, and the accuracy without one.

    Args:
        models, by_step: as for `answer`.
        known: as for `common.figures.draw_known`.
    """
    figure, (following, held) = plt.subplots(1, 2, figsize=(8.5, 4.2), layout="constrained")
    draw_means(following, by_step, "step", "correlation", by="cell")
    following.set(xlabel="time step", ylabel="correlation of cell state and sum")
    following.xaxis.set_major_locator(MaxNLocator(integer=True))
    following.legend(loc="lower left")

    labels = ["no cell", "the cell that\nfollows best", "another cell\n(median)"]
    for number, values in enumerate([models.accuracy, models.held, models.others_held]):
        held.plot([number] * len(values), values, ".", color="0.6")
        low, high = interval(values, share=True)
        spread = np.abs([[values.mean() - low], [high - values.mean()]])
        held.errorbar(number, values.mean(), spread, color="black", marker="o", capsize=6)
    draw_known(held, known, "accuracy")
    held.set(xlim=(-0.5, 2.5), xlabel="held at its mean", ylabel="accuracy (dots: the models)")
    held.set_xticks(range(3), labels)
    held.legend(loc="lower left", bbox_to_anchor=(0, 0.1))
    question = "Is the sum kept by one cell, which the model cannot do without?"
    set_heading(figure, question, describe_runs(len(models)))
    return figure


def train(options):
    """Train the model of lstm_forward.py; return it, and a dict of run to the weights it had."""
    model = get_lstm_model(options.timesteps, n_units=options.units)
    weights = {}

    def keep(name, run, learning_rate, model):
        weights[run] = model.get_weights()

    draw = partial(get_sequences, n_timesteps=options.timesteps)
    get_data = make_get_data(draw, options.sequences)
    training = Training(batch_size=options.batch_size, reduce_losses=average_losses, after=keep)
    rates = [options.learning_rate]
    models = {"lstm_forw": model}
    train_runs(models, get_data, score_labels, rates, options.runs, options.seed, training)
    return model, weights


def main(options):
    model, weights = train(options)
    rng = np.random.default_rng(options.seed)
    chosen_by, _ = get_sequences(N_NEW, options.timesteps, rng)
    X, y = get_sequences(N_NEW, options.timesteps, rng)
    predictions = run_model(X, model.get_weights())["prediction"]  # of the last run
    difference = np.abs(predictions - model.predict(X, verbose=0)).max()
    print(f"Largest difference between NumPy and Keras on 1,000 new sequences: {difference:.1e}")

    cells = {run: inspect_cells(of_run, chosen_by, X, y) for run, of_run in weights.items()}
    correlations = {run: tabulate_correlations(of_run, X) for run, of_run in weights.items()}
    cells, correlations = (
        pd.concat(tables, names=["run"]).reset_index("run").reset_index(drop=True)
        for tables in (cells, correlations)
    )
    models = summarize_models(cells)
    by_step = summarize_correlations(correlations, cells)
    print(f"Correlation of state and sum, {describe_runs(options.runs)}:")
    by_cell = by_step.groupby(["step", "cell"]).correlation.apply(with_interval)
    print(by_cell.unstack("cell").to_string())
    print(answer(models, by_step))

    unit = cells.unit[cells.follows_best].iloc[0]
    by_hand = get_counting_model(options.timesteps).get_weights()
    tables = {
        f"model 1, unit {unit}": tabulate_cell(X, y, weights[1], unit),
        "set by hand": tabulate_cell(X, y, by_hand, 0),
    }
    known = {"step number alone": score_step_number(options.timesteps)}
    of_models = draw_models(models, by_step, known)
    others = {"_sum.png": partial(of_models.savefig, dpi=160)}
    steps = pd.concat(tables, names=["model"]).reset_index("model")
    save(options, draw_steps(tables), others, steps=steps, cells=cells, correlations=correlations)


if __name__ == "__main__":
    run(main, options)
