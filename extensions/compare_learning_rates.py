"""Is it the model, or the learning rate? And which model learns sooner?

    python -m extensions.compare_learning_rates

trains the directions, the merge modes and the cells 30 times at each of eleven learning rates, on
1,000 sequences, one per update. A model has *learned* at the first update after which the mean
loss of the last 100 is below that of the step number alone.

Expect a lower test loss from the bidirectional LSTM than from the forward one at 0.001, 0.13 to
0.19, and no clear difference where each run has a rate that other runs have chosen. At 0.001 the
bidirectional LSTM also learns sooner in every run, after about a third of the updates. It takes
about 70 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.0006, 0.001, 0.002, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1
    options = start_script(__file__, __doc__, learning_rate=rates)

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

import compare_directions
import compare_merge_modes
from common.choosing import PUBLISHED_RATE, get_views, print_choices
from common.comparing import train_on_sums
from common.figures import draw_known, draw_means, get_styles
from common.files import save
from common.floors import get_known, score_backward
from common.results import (
    answer,
    compare_updates,
    count_accurate,
    count_failed,
    count_updates_to_learn,
    describe_runs,
    print_comparison,
    with_median,
)
from extensions.compare_cells import get_cell_model

WINDOW = 100  # updates whose mean loss tells whether a model has learned


def get_two_forward_model(n_timesteps, *, n_units=20):
    """Build two forward LSTMs side by side: as many parameters as the bidirectional one has."""
    inputs = keras.Input((n_timesteps, 1))
    both = [layers.LSTM(n_units, return_sequences=True)(inputs) for _ in range(2)]
    return compile_labels(inputs, layers.Concatenate()(both))


def get_step_model(n_timesteps, *, n_units=20):
    """Build a forward LSTM that is also given the number of the step, from above 0 to 1."""
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
    """Build all models that are compared."""
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


PANELS = {  # of the figure; the first model of each is that which the others are compared with
    "directions": ["lstm_forw", "lstm_back_aligned", "bilstm_con"],
    "merge modes": ["bilstm_sum", "bilstm_mul", "bilstm_ave", "bilstm_con"],
    "cells, forward": ["lstm_forw", "gru_forw", "rnn_forw"],
    "cells, both ways": ["bilstm_con", "bigru_con", "birnn_con"],
}
CONTROLS = ["lstm_forw_twice", "lstm_forw_step"]  # are compared with the directions


def get_pairs():
    """Return the pairs of models that the answers compare: each minus the first of its panel."""
    pairs = {panel: [(name, names[0]) for name in names[1:]] for panel, names in PANELS.items()}
    pairs["directions"] += [(name, PANELS["directions"][0]) for name in CONTROLS]
    return pairs


def tabulate_updates(scores):
    """Return the median of the updates until learned, a row for each model and column each rate."""
    by_rate = scores.groupby(["model", "learning_rate"], sort=False).updates_to_learn
    return by_rate.agg(with_median).unstack().rename(columns="{:g}".format)


def report_updates(scores, level, seed):
    """Print how soon each model learns at each rate, and which of two learns sooner."""
    print(f"\nUpdates until the mean loss of the last {WINDOW} is below {level:.3f}:")
    print("median and its 95% interval at each learning rate")
    print(tabulate_updates(scores).to_string())
    for view in get_views(scores, seed, by="updates_to_learn"):
        for panel, pairs in get_pairs().items():
            print(f"Answer, which learns sooner, {panel}, {view.words}:")
            for one, other in pairs:
                print(f"  {one} against {other}: {compare_updates(view.scores, one, other)}")


def draw_updates(axes, scores):
    """Draw the median of the updates until learned over the learning rate; gaps where it is none.

    The ends of a line are where at least half of the runs learn.
    """
    medians = scores.groupby(["learning_rate", "model"]).updates_to_learn.median().unstack()
    medians = medians.where(np.isfinite(medians))
    for name, style in get_styles(scores.model.unique()).items():
        axes.plot(medians[name], label=name, markersize=4, **style)
    axes.set(yscale="log", ymargin=0.3)  # room for the legend
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)


def draw_loss(axes, scores, known):
    """Draw the test loss over the learning rate, and that of the step number alone."""
    draw_means(axes, scores, "learning_rate", "loss")
    draw_known(axes, {"step number alone": known["step number alone"]})
    axes.set_ylim(-0.02, 0.55)


def draw(scores, draw_panel, heading, label):
    """Draw something of each model over the learning rate, a panel for each question.

    Args:
        scores: DataFrame as `train_runs` returns it.
        draw_panel: function of the axes and of the scores of some models.
        heading: of the figure.
        label: of the vertical axes.
    """
    figure, all_axes = plt.subplots(
        2, 2, figsize=(8.5, 7.5), sharex=True, sharey=True, layout="constrained"
    )
    for axes, (panel, names) in zip(all_axes.flat, PANELS.items(), strict=True):
        draw_panel(axes, scores.set_index("model").loc[names].reset_index())
        axes.axvline(PUBLISHED_RATE, color="black", linewidth=6, alpha=0.12, zorder=0)
        axes.set(title=panel, xscale="log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.legend(loc="upper right", ncols=2, fontsize="small")
    for axes in all_axes[1]:
        axes.set_xlabel(f"learning rate (grey: the tutorial's, {PUBLISHED_RATE:g})")
    for axes in all_axes[:, 0]:
        axes.set_ylabel(label)
    figure.suptitle(heading)
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
        print(f"lstm_forw, {view.words}: 90% to 100% of the time steps right in {accurate}")
    for pairs in get_pairs().values():
        print(answer(views, pairs))

    report_updates(scores, level, options.seed)
    runs = describe_runs(options.runs)
    figure = draw(
        scores,
        partial(draw_loss, known=known),
        f"Is it the model, or the learning rate? {runs}",
        "test loss (cross-entropy, nats)",
    )
    sooner = draw(scores, draw_updates, "Which learns sooner?", "updates until learned (median)")
    others = {"_updates.png": partial(sooner.savefig, dpi=160)}
    save(options, figure, others, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
