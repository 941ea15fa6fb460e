"""What happens inside the cell? Does one cell keep the running sum?

    python -m extensions.inside_lstm

trains the forward LSTM of lstm_forward.py 10 times on 10,000 sequences, then computes every gate at
every step of new sequences in NumPy, from the trained weights: Keras' output to 1e-5. In each model
it finds the cell whose state follows the cumulative sum best over all steps, and tries what the
model can do without it: with that cell held at its mean, and with each of the others.

Expect a cell whose state has a correlation of about 0.98 with the sum at every step, but others
that follow it nearly as well, so that the model does as well without that cell as without any
other. Beside it is drawn the cell of counting_lstm.py, set by hand, which does nothing but count.
It takes about 8 seconds on 2 CPU cores.
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
        runs=10,
    )

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.special import expit  # the sigmoid

from common.figures import LINES, draw_known, draw_means
from common.files import save
from common.floors import score_step_number
from common.results import count, describe_runs, in_words, interval, summarize, with_interval
from common.training import train_runs
from data import get_sequences, score_labels, tabulate_sequence
from extensions.counting_lstm import get_counting_model
from lstm_forward import get_lstm_model

N_NEW = 1000  # sequences to choose the cells on, and as many to look at them


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
        held: None, or a dict of unit to what its cell state is held at, shape `(n_timesteps,)`.

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

    As the step is fixed, a mere count of the steps does not count.

    Args:
        cell_state: shape `(n_sequences, n_timesteps, n_units)`.
        sums: shape `(n_sequences, n_timesteps)`.

    Returns:
        Absolute values of Pearson's correlation, shape `(n_timesteps, n_units)`; 0 of a state
        that is the same in all sequences.
    """
    states = cell_state - cell_state.mean(axis=0)
    sums = (sums - sums.mean(axis=0))[:, :, None]
    covariance = (states * sums).mean(axis=0)
    spread = states.std(axis=0) * sums.std(axis=0)
    return np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))


def inspect_cells(weights, chosen_by, X, y):
    """Tell of each cell of a model how its state follows the sum, and what holding it costs.

    Args:
        weights: as for `run_model`.
        chosen_by: sequences as X, other ones: they choose the cell that follows the sum best over
            all steps, and give the mean state at each step at which a cell is held.
        X, y: sequences and labels to report on.

    Returns:
        DataFrame with a row for each cell: `unit`, counted from 0; `follows_best`, True of one;
        `accuracy`, of the whole model; `accuracy_held`, with this cell held at its mean; and
        `correlation_1` and so on, at each step.
    """
    states = run_model(chosen_by, weights)["cell_state"]
    following = correlate(states, np.cumsum(chosen_by[:, :, 0], axis=1)).mean(axis=0)
    cells = run_model(X, weights)
    correlations = correlate(cells["cell_state"], np.cumsum(X[:, :, 0], axis=1))
    rows = []
    for unit, means in enumerate(states.mean(axis=0).T):
        held = run_model(X, weights, held={unit: means})
        row = {"unit": unit, "follows_best": unit == following.argmax()}
        row["accuracy"] = score_labels(y, cells["prediction"])["accuracy"]
        row["accuracy_held"] = score_labels(y, held["prediction"])["accuracy"]
        by_step = enumerate(correlations[:, unit], 1)
        rows.append(row | {f"correlation_{step}": value for step, value in by_step})
    return pd.DataFrame(rows)


def summarize_models(cells):
    """Return a row for each model: its best following cell, and the median of the others.

    Args:
        cells: the tables of `inspect_cells`, one below the other, with the column `run`.

    Returns:
        DataFrame by `run`: `accuracy`; `held` and `others_held`, the accuracies with one cell held;
        `rank`, of the best following among all, 1 if holding it costs most; and `following_1`,
        `others_1` and so on, the correlations at each step.
    """
    best = cells[cells.follows_best].set_index("run")
    others = cells[~cells.follows_best].groupby("run").median(numeric_only=True)
    ranks = cells.groupby("run").accuracy_held.rank(method="min").astype(int)
    models = pd.DataFrame({"accuracy": best.accuracy, "held": best.accuracy_held})
    models["others_held"] = others.accuracy_held
    models["rank"] = ranks[cells.follows_best].to_numpy()
    for column in cells.columns[cells.columns.str.startswith("correlation_")]:
        step = column.removeprefix("correlation_")
        models[f"following_{step}"], models[f"others_{step}"] = best[column], others[column]
    return models


def tabulate_cell(X, y, weights, unit):
    """Tabulate the first sequence and what one unit makes of it, a row for each time step."""
    cells = run_model(X, weights)
    table = pd.DataFrame(tabulate_sequence(X[0, :, 0], y[0, :, 0]))
    for name, values in cells.items():
        table[name] = values[0, :, 0 if name == "prediction" else unit]
    # The straight line from the sum to the state that comes nearest, over all sequences.
    sums = np.cumsum(X[:, :, 0], axis=1, dtype=np.float64)
    line = np.polyfit(sums.ravel(), cells["cell_state"][:, :, unit].ravel(), 1)
    table["rescaled_sum"] = np.polyval(line, sums[0])
    return table


def tabulate_by_step(models):
    """Return the correlations of `summarize_models` by `cell`, `step` and `run`, a row each."""
    by_step = models.filter(regex="following|others_[0-9]").reset_index()
    by_step = by_step.melt("run", value_name="correlation")
    by_step[["cell", "step"]] = by_step.pop("variable").str.split("_", expand=True)
    names = {"following": "best following", "others": "median of others"}
    return by_step.replace({"cell": names}).astype({"step": int})


def answer(models):
    """Say in words how far one cell keeps the sum: `models` as of `summarize_models`."""
    following = models.filter(like="following_")
    weakest = following.mean().idxmin()
    others = models[weakest.replace("following", "others")]
    step = weakest.removeprefix("following_")
    cost = models.held - models.others_held
    n_models = count(len(models), "model")
    text = (
        f"Answer: in {n_models}, the cell whose state follows the cumulative sum best has a"
        f" correlation of {with_interval(following[weakest])} with it at step {step}, where it is"
        f" weakest; the median of the other cells there has {with_interval(others)}."
        f" The accuracy is {with_interval(models.accuracy, share=True)}; with that cell held at"
        f" its mean {with_interval(models.held, share=True)}, which is {in_words(cost)} than with"
        f" another cell held (median). It is the cell that costs most to hold in"
        f" {(models['rank'] == 1).sum()} of {n_models}."
    )
    _, high = interval(cost)
    return text + (
        "" if high < 0 else " So the sum is not in that cell alone: others have it, too."
    )


def draw(tables, cells, models, known):
    """Draw one sequence through two cells, and what all models have in common.

    Args:
        tables: dict of title to a table of `tabulate_cell`, two.
        cells, models: as of `inspect_cells` and `summarize_models`.
        known: as for `common.figures.draw_known`.
    """
    figure = plt.figure(figsize=(8, 9.5), layout="constrained")
    upper, lower = figure.subfigures(2, height_ratios=(2.2, 1))
    panels = upper.subplots(4, 2, sharex=True)
    contents = {
        "value (no unit)": ["cumulative_sum", "limit"],
        "gates, candidate": ["input_gate", "forget_gate", "output_gate", "candidate"],
        "cell state": ["cell_state", "rescaled_sum"],
        "probability, label": ["prediction", "label"],
    }
    for column, (title, table) in zip(panels.T, tables.items(), strict=True):
        column[0].set_title(title, fontsize="medium")
        column[0].bar(table.step, table.value, color="#b9c4cf", label="input")
        for axes, (what, names) in zip(column, contents.items(), strict=True):
            for name, line in zip(names, LINES, strict=False):
                axes.plot(table.step, table[name], label=name.replace("_", " "), **line)
            axes.set_ylabel(what if axes in panels[:, 0] else None)
            axes.grid(alpha=0.3)
            if table.label.any():
                axes.axvline(table.step[table.label.idxmax()], color="black", linewidth=0.8)
        column[-1].set_xlabel("time step (vertical: label turns 1)")
    for axes in panels[:, 1]:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")

    following, held = lower.subplots(1, 2)
    draw_means(following, tabulate_by_step(models), "step", "correlation", by="cell")
    following.set_xlabel("time step")
    following.set_ylabel("correlation of state and sum")
    following.legend(fontsize="small")
    following.set_title(describe_runs(len(models)), fontsize="medium")

    style = {"linestyle": "none", "markersize": 5}
    others = cells[~cells.follows_best]
    held.plot(
        others.run, others.accuracy_held, ".", color="#9aa7b4", label="another cell held", **style
    )
    held.plot(
        models.index, models.held, "s", color=LINES[1]["color"], label="that cell held", **style
    )
    held.plot(
        models.index, models.accuracy, "o", color=LINES[0]["color"], label="none held", **style
    )
    draw_known(held, known)
    held.set_xlabel("model")
    held.set_ylabel("accuracy")
    held.set_title("a cell held at its mean", fontsize="medium")
    held.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0, 0.08))
    for axes in (*panels[-1], following, held):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def main(options):
    model = get_lstm_model(options.timesteps, options.units, learning_rate=options.learning_rate)
    _, runs = train_runs(
        {"lstm_forw": model},
        partial(get_sequences, n_timesteps=options.timesteps),
        lambda y, predictions: {"weights": model.get_weights()},
        n_sequences=options.sequences,
        n_runs=options.runs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    rng = np.random.default_rng(options.seed)
    chosen_by, _ = get_sequences(N_NEW, options.timesteps, rng)
    X, y = get_sequences(N_NEW, options.timesteps, rng)
    predictions = run_model(X, model.get_weights())["prediction"]  # of the last run
    difference = np.abs(predictions - model.predict(X, verbose=0)).max()
    print(f"Largest difference between NumPy and Keras on 1,000 new sequences: {difference:.1e}")

    cells = pd.concat(
        [
            inspect_cells(weights, chosen_by, X, y).assign(run=run)
            for run, weights in zip(runs.run, runs.weights, strict=True)
        ],
        ignore_index=True,
    )
    cells.insert(0, "run", cells.pop("run"))
    models = summarize_models(cells)
    print(f"Accuracy with a cell held at its mean, {describe_runs(options.runs)}:")
    print(models[["accuracy", "held", "others_held", "rank"]].round(3).to_string())
    print(f"Correlation of state and sum, {describe_runs(options.runs)}:")
    by_step = summarize(tabulate_by_step(models), ["cell", "step"]).correlation
    print(by_step.unstack("cell", sort=False).to_string())
    known = {"step number alone": score_step_number(options.timesteps)["accuracy"]}
    print(answer(models))

    unit = cells.unit[cells.follows_best].iloc[0]
    by_hand = get_counting_model(options.timesteps).get_weights()
    tables = {
        f"model 1, unit {unit}": tabulate_cell(X, y, runs.weights[0], unit),
        "set by hand": tabulate_cell(X, y, by_hand, 0),
    }
    table = pd.concat(tables, names=["model"]).reset_index("model")
    figure = draw(tables, cells, models, known)
    save(options.output, options.name, figure, table, cells, show=options.show)


if __name__ == "__main__":
    run(main, options)
