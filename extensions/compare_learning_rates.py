"""Is it the model, or the learning rate? And which model learns sooner?

    python -m extensions.compare_learning_rates

trains the directions, the merge modes and the cells 30 times at each of eleven learning rates, on
1,000 sequences, one per update. A model has *learned* at the first update at which the mean loss of
the last 100 updates is below the loss of the step number alone.

At 0.001, the tutorial's rate, expect a lower test loss from the bidirectional LSTM than from the
forward one: 0.13 against 0.19. The bidirectional LSTM also learns sooner, in about a quarter of the
updates. At a rate chosen by other runs, expect no clear difference in the test loss. It takes about
80 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.0006, 0.001, 0.002, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1
    options = start_script(__file__, __doc__, learning_rate=rates)

from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers

import compare_directions
import compare_merge_modes
from common.files import save
from common.floors import get_known
from extensions.shared.choosing import PUBLISHED_RATE
from extensions.shared.figures import draw, set_ticks
from extensions.shared.models import get_cell_model, get_label_model
from extensions.shared.report import print_block, report, report_choices, tabulate_sooner
from extensions.shared.results import count_updates_to_learn, with_median
from extensions.shared.training import average_losses, train_on_sums

WINDOW = 100  # number of updates whose mean loss shows whether a model has learned
PANELS = {  # of the figures; the others of each are compared with its first model
    "directions": ["lstm_forw", "lstm_back_aligned", "bilstm_con"],
    "merge modes": ["bilstm_sum", "bilstm_mul", "bilstm_ave", "bilstm_con"],
    "cells, forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "cells, bidirectional": ["bilstm_con", "bigru_con", "birnn_con"],
}
PAIRS = [(name, names[0]) for names in PANELS.values() for name in names[1:]]
PAIRS += [("lstm_forw_twice", "lstm_forw"), ("lstm_forw_step", "lstm_forw")]


def get_two_forward_model(n_timesteps, *, n_units=20):
    """Build two forward LSTMs side by side, with as many parameters as the bidirectional LSTM."""
    inputs = keras.Input((n_timesteps, 1))
    both = [layers.LSTM(n_units, return_sequences=True)(inputs) for _ in range(2)]
    return get_label_model(n_timesteps, [keras.Model(inputs, layers.Concatenate()(both))])


def get_step_model(n_timesteps, *, n_units=20):
    """Build a forward LSTM that also reads the number of the step, as a share of all steps."""
    inputs = keras.Input((n_timesteps, 1))
    step = np.arange(1, n_timesteps + 1, dtype="float32")[:, None] / n_timesteps
    with_step = keras.Model(inputs, layers.Concatenate()([inputs, 0 * inputs + step]))
    return get_label_model(n_timesteps, [with_step, layers.LSTM(n_units, return_sequences=True)])


def get_models(n_timesteps, n_units):
    """Build all models to compare."""
    models = {
        **compare_directions.get_models(n_timesteps, n_units=n_units),
        "lstm_forw_twice": get_two_forward_model(n_timesteps, n_units=n_units),
        "lstm_forw_step": get_step_model(n_timesteps, n_units=n_units),
        **compare_merge_modes.get_models(n_timesteps, n_units=n_units),
    }
    del models["lstm_back"]  # trained on labels in the wrong order
    for name, cell in {"gru": layers.GRU, "rnn": layers.SimpleRNN}.items():
        models[f"{name}_forw"] = get_cell_model(n_timesteps, cell, n_units=n_units)
        models[f"bi{name}_con"] = get_cell_model(n_timesteps, cell, True, n_units=n_units)
    return models


def tabulate_by_rate(scores, values, summary):
    """Tabulate a summary over runs: a row for each model, a narrow column for each rate."""
    table = scores.pivot_table(values, "model", "learning_rate", summary, sort=False)
    table.columns = [f"{rate:g}".removeprefix("0") for rate in table.columns]
    return table.map("{:.0f}".format).replace("inf", "-").rename_axis(None)


def report_updates(scores, level, seed):
    """Print how soon each model learns, and which model of each pair learns sooner."""
    views = report_choices(scores, seed, by="updates_to_learn")
    heading = f"Updates until the mean loss of the last {WINDOW} is below {level:.3f} (median):"
    table = views.pivot_table("updates_to_learn", "model", "view", with_median, sort=False)
    print_block(heading, table.rename_axis(index=None, columns=None))
    medians = tabulate_by_rate(scores, "updates_to_learn", "median")
    print_block("Median of the updates until learned, at each rate (-: never):", medians)
    for view, rows in views.groupby("view", sort=False):
        print_block(f"Which learns sooner, {view}:", tabulate_sooner(rows, PAIRS))


def draw_panels(scores, panels, y="loss", ylabel="test loss (nats)", **settings):
    """Draw a measure of each model over the learning rate, as `extensions.shared.figures.draw`."""
    by_model = scores.set_index("model")
    rows = pd.concat([by_model.loc[PANELS[panel]].assign(view=panel) for panel in panels])
    settings |= {"xlabel": "learning rate (dotted: the tutorial's)", "xscale": "log"}
    figure = draw(rows.reset_index(), "learning_rate", y, ylabel=ylabel, **settings)
    for axes in figure.axes:
        axes.axvline(PUBLISHED_RATE, color="black", linewidth=0.9, linestyle=":")
        set_ticks(axes, [0.001, 0.01, 0.1])
    return figure


def main(options):
    models = get_models(options.timesteps, options.units)
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    known = get_known(options.timesteps, "lstm_back_aligned")
    level = known["step number alone"]["loss"]

    views = report_choices(scores, options.seed)
    report(views, PAIRS, known)
    print("Runs in which lstm_forw gets 90% to 100% of the time steps right:")
    for view, rows in views[views.model == "lstm_forw"].groupby("view", sort=False):
        print(f"{view}: {(rows.accuracy >= 0.9).sum()} of {len(rows)}")
    print()
    failed = tabulate_by_rate(scores.assign(failed=~(scores.loss < level)), "failed", "sum")
    print_block("Runs with no lower loss than the step number alone, at each rate:", failed)

    by_training = losses.drop(columns="update").groupby(["run", "learning_rate"])
    updates = by_training.agg(count_updates_to_learn, level=level, window=WINDOW)
    updates = updates.melt(var_name="model", value_name="updates_to_learn", ignore_index=False)
    scores = scores.merge(updates.reset_index())
    report_updates(scores, level, options.seed)

    lstms, cells = list(PANELS)[:2], list(PANELS)[2:]
    known = {"step number alone": known["step number alone"]}
    figure = draw_panels(scores, lstms, title="Is it the model, or the learning rate?", known=known)
    of_cells = draw_panels(scores, cells, title="LSTM, GRU or plain RNN?", known=known)
    medians = scores.groupby(["model", "learning_rate"], as_index=False).updates_to_learn.median()
    sooner = draw_panels(
        medians.assign(run=1),
        lstms,
        "updates_to_learn",
        "updates until learned",
        title="Which learns sooner?",
        conditions=f"median of {options.runs} runs, where more than half of them learn",
        ylim=(0, None),
    )
    others = {
        "_cells.png": partial(of_cells.savefig, dpi=160),
        "_updates.png": partial(sooner.savefig, dpi=160),
    }
    save(options, figure, others, losses=average_losses(losses), scores=scores)


if __name__ == "__main__":
    run(main, options)
