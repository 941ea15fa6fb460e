"""Is it the model, or the learning rate?

    python -m extensions.compare_learning_rates

trains the directions, the merge modes and the cells 30 times at each of eleven learning rates, on
1,000 sequences, one per update. Expect a lower test loss from the bidirectional LSTM than from the
forward one at 0.001, 0.13 to 0.19, and no clear difference where each run has a rate that other
runs have chosen. It takes about 60 seconds on 2 CPU cores. With `--sequences 30000 --runs 10
--learning-rate 0.001 0.003` all of them are trained to the end, in about three minutes.
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
from common.choosing import get_views, print_choices
from common.comparing import train_on_sums
from common.figures import draw_known, draw_means
from common.files import save
from common.floors import get_known, score_backward
from common.results import answer, count_accurate, count_failed, describe_runs, print_comparison
from extensions.compare_cells import get_cell_model


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


def draw(scores, known):
    """Draw the test loss of each model over the learning rate, a panel for each question."""
    figure, all_axes = plt.subplots(2, 2, figsize=(9, 8), sharex=True, sharey=True)
    for axes, (panel, names) in zip(all_axes.flat, PANELS.items(), strict=True):
        draw_means(
            axes, scores.set_index("model").loc[names].reset_index(), "learning_rate", "loss"
        )
        draw_known(axes, {"step number alone": known["step number alone"]})
        axes.set(title=panel, xscale="log", ylim=(-0.02, 0.55))
        axes.legend(loc="upper center", ncols=2, fontsize="small")
    for axes in all_axes[1]:
        axes.set_xlabel("learning rate")
    for axes in all_axes[:, 0]:
        axes.set_ylabel("test loss (cross-entropy, nats)")
    runs = describe_runs(scores.run.max())
    figure.suptitle(f"Is it the model, or the learning rate? {runs}")
    figure.set_layout_engine("constrained")
    return figure


def main(options):
    models = get_models(options.timesteps, options.units)
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    known = get_known(options.timesteps)
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
    save(options, draw(scores, known), losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
