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
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from matplotlib.ticker import LogLocator

import compare_directions
import compare_merge_modes
from common.choosing import PUBLISHED_RATE, get_views, print_choices
from common.comparing import train_on_sums
from common.figures import draw_known, draw_means, get_styles, label_lines, set_heading
from common.files import save
from common.floors import get_known, score_backward
from common.results import (
    answer,
    compare_updates,
    count,
    count_accurate,
    count_failed,
    count_updates_to_learn,
    describe_interval,
    describe_runs,
    print_comparison,
    with_median,
)
from extensions.compare_cells import get_cell_model

WINDOW = 100  # number of updates whose mean loss shows whether a model has learned


def get_two_forward_model(n_timesteps, *, n_units=20):
    """Build two forward LSTMs side by side, with as many parameters as the bidirectional LSTM."""
    inputs = keras.Input((n_timesteps, 1))
    both = [layers.LSTM(n_units, return_sequences=True)(inputs) for _ in range(2)]
    return compile_labels(inputs, layers.Concatenate()(both))


def get_step_model(n_timesteps, *, n_units=20):
    """Build a forward LSTM that also reads the number of the step, as a share of all steps."""
    inputs = keras.Input((n_timesteps, 1))
    step = np.arange(1, n_timesteps + 1, dtype="float32")[:, None] / n_timesteps
    inputs_and_step = layers.Concatenate()([inputs, 0 * inputs + step])
    return compile_labels(inputs, layers.LSTM(n_units, return_sequences=True)(inputs_and_step))


def compile_labels(inputs, hidden):
    """Compile a model that predicts a label at every time step from hidden states."""
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def get_models(n_timesteps, n_units):
    """Build all models to compare."""
    build = partial(get_cell_model, n_timesteps, n_units=n_units)
    models = {
        **compare_directions.get_models(n_timesteps, n_units=n_units),
        "lstm_forw_twice": get_two_forward_model(n_timesteps, n_units=n_units),
        "lstm_forw_step": get_step_model(n_timesteps, n_units=n_units),
        **compare_merge_modes.get_models(n_timesteps, n_units=n_units),
        "gru_forw": build(layers.GRU),
        "rnn_forw": build(layers.SimpleRNN),
        "bigru_con": build(layers.GRU, bidirectional=True),
        "birnn_con": build(layers.SimpleRNN, bidirectional=True),
    }
    del models["lstm_back"]  # trained on labels in the wrong order
    return models


PANELS = {  # of the figures; the others of each panel are compared with its first model
    "directions": ["lstm_forw", "lstm_back_aligned", "bilstm_con"],
    "merge modes": ["bilstm_sum", "bilstm_mul", "bilstm_ave", "bilstm_con"],
    "cells, forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "cells, bidirectional": ["bilstm_con", "bigru_con", "birnn_con"],
}
CONTROLS = ["lstm_forw_twice", "lstm_forw_step"]  # in the table of the directions only


def get_pairs():
    """Return the pairs of models that the answers compare: each minus the first of its panel."""
    pairs = {panel: [(name, names[0]) for name in names[1:]] for panel, names in PANELS.items()}
    pairs["directions"] += [(name, PANELS["directions"][0]) for name in CONTROLS]
    return pairs


def tabulate_updates(scores):
    """Return the median updates until learned: a row for each model, a column for each rate."""
    by_rate = scores.groupby(["model", "learning_rate"], sort=False).updates_to_learn
    return by_rate.agg(with_median).unstack().rename(columns="{:g}".format)


def report_updates(scores, level, seed):
    """Print how soon each model learns at each rate, and which model of each pair learns sooner."""
    print(f"\nUpdates until the mean loss of the last {WINDOW} is below {level:.3f}:")
    print(f"the median ({describe_interval(scores.run.max())}) at each learning rate")
    print(tabulate_updates(scores).to_string())
    print_choices(scores, seed, by="updates_to_learn")
    for view in get_views(scores, seed, by="updates_to_learn"):
        for panel, pairs in get_pairs().items():
            print(f"Answer, which learns sooner, {panel}, {view.words}:")
            for one, other in pairs:
                print(f"  {one} against {other}: {compare_updates(view.scores, one, other)}")


def draw_updates(axes, scores):
    """Draw the median updates until learned over the learning rate.

    At a rate at which fewer than half of the runs learn, there is no median and no point.
    """
    medians = scores.groupby(["learning_rate", "model"]).updates_to_learn.median().unstack()
    medians = medians.where(np.isfinite(medians))
    for name, style in get_styles(scores.model.unique()).items():
        axes.plot(medians[name], label=name, markersize=4, **style)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)


def draw_loss(axes, scores, known):
    """Draw the mean test loss over the learning rate, and the loss of the step number alone."""
    draw_means(axes, scores, "learning_rate", "loss")
    draw_known(axes, {"step number alone": known["step number alone"]})


def draw(scores, panels, draw_panel, label, question, conditions):
    """Draw a measure of each model over the learning rate.

    Args:
        scores: DataFrame as `train_runs` returns it.
        panels: names of PANELS to draw.
        draw_panel: function of the axes and of the scores of the models in a panel.
        label: of the vertical axis.
        question, conditions: the two lines of the heading.
    """
    figure, all_axes = plt.subplots(
        1, len(panels), figsize=(9, 4.2), sharey=True, layout="constrained"
    )
    for axes, panel in zip(all_axes, panels, strict=True):
        draw_panel(axes, scores.set_index("model").loc[PANELS[panel]].reset_index())
        axes.axvline(PUBLISHED_RATE, color="black", linewidth=0.9, linestyle=":")
        place = {"transform": axes.get_xaxis_transform(), "fontsize": "small"}
        axes.text(PUBLISHED_RATE, 0.02, " the tutorial's rate", **place)
        axes.set(xlabel="learning rate", xscale="log", ymargin=0.15)
        axes.set_title(panel, fontsize="medium")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    all_axes[0].set_ylabel(label)
    set_heading(figure, question, conditions)
    for axes in all_axes:
        label_lines(axes)
    return figure


def main(options):
    models = get_models(options.timesteps, options.units)
    known = get_known(options.timesteps)
    level = known["step number alone"]["loss"]
    losses, scores = train_on_sums(
        models,
        options.timesteps,
        options.sequences,
        options,
        measure_losses=lambda losses: {
            "updates_to_learn": count_updates_to_learn(losses, level, WINDOW)
        },
    )
    backward = {"best lstm_back_aligned": score_backward(options.timesteps)}
    views = get_views(scores, options.seed)
    print_choices(scores, options.seed)
    for panel, names in PANELS.items():
        is_first = panel == "directions"
        shown = {name: models[name] for name in (names + CONTROLS if is_first else names)}
        print(f"\n{panel}")
        print_comparison(shown, views, known | (backward if is_first else {}))

    rates = scores.groupby("learning_rate")
    failed = rates.apply(lambda rows: count_failed(rows, known), include_groups=False)
    print("\nRuns that end no better than the step number alone, at each learning rate:")
    print(failed.T.rename(columns="{:g}".format).to_string())
    for view in views:
        accurate = count_accurate(view.scores, "lstm_forw")
        print(f"lstm_forw, {view.words}, gets 90% to 100% of the time steps right in {accurate}.")
    for pairs in get_pairs().values():
        print(answer(views, pairs))

    report_updates(scores, level, options.seed)
    lstms, cells = list(PANELS)[:2], list(PANELS)[2:]
    loss = partial(draw_loss, known=known), "test loss (cross-entropy, nats)"
    updates = draw_updates, "updates until learned"
    runs = describe_runs(options.runs)
    figure = draw(scores, lstms, *loss, "Is it the model, or the learning rate?", runs)
    of_cells = draw(scores, cells, *loss, "LSTM, GRU or plain RNN?", runs)
    median = f"median of {count(options.runs, 'run')}, if at least half of them learn"
    sooner = draw(scores, lstms, *updates, "Which learns sooner?", median)
    others = {
        "_cells.png": partial(of_cells.savefig, dpi=160),
        "_updates.png": partial(sooner.savefig, dpi=160),
    }
    save(options, figure, others, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
