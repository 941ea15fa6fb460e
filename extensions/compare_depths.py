"""Can I stack bidirectional layers?

    python -m extensions.compare_depths

trains one, two and three bidirectional LSTM layers, 30 times each on 3,000 sequences, one per
update, at six learning rates. You can, if every layer returns its output at every time step. Expect
a lower loss with a second layer and no gain from a third. The gain is smaller if three other runs
choose the rate of each run. It takes about 105 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.002, 0.006, 0.01, 0.03, 0.06
    options = start_script(__file__, __doc__, sequences=3000, learning_rate=rates)

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from common.comparing import report, train_on_sums
from common.figures import VIEW_STYLES, set_heading
from common.files import save
from common.floors import get_known
from common.results import describe_runs, interval, mean_of_all

N_LAYERS = {"bilstm_x1": 1, "bilstm_x2": 2, "bilstm_x3": 3}  # of each model


def get_stacked_model(n_timesteps, n_layers=2, *, n_units=20):
    """Build and compile a stack of bidirectional LSTMs that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_layers: number of bidirectional layers, 1 or more.
        n_units: memory cells in each direction of each layer.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape,
        the probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    model = keras.Sequential([keras.Input((n_timesteps, 1))])
    for _ in range(n_layers):
        # The next layer needs the output at every time step, not only the last one.
        model.add(layers.Bidirectional(layers.LSTM(n_units, return_sequences=True)))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def draw(views):
    """Draw the test loss over the number of layers: a line for each of the views."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for view, style in zip(views, VIEW_STYLES[-len(views) :], strict=True):
        losses = view.scores.pivot(index="run", columns="model", values="loss")[list(N_LAYERS)]
        means = losses.agg(mean_of_all)
        spread = np.abs(np.array(interval(losses)) - means.to_numpy())
        axes.errorbar(N_LAYERS.values(), means, spread, label=view.words, capsize=3, **style)
    axes.set(xlabel="bidirectional LSTM layers", ylabel="test loss (cross-entropy, nats)")
    axes.set(xticks=[*N_LAYERS.values()], ylim=(0, None))
    axes.grid(alpha=0.3)
    runs = describe_runs(views[0].scores.run.max())
    set_heading(figure, "Does a second bidirectional layer lower the loss? And a third?", runs)
    axes.legend(loc="lower left")
    return figure


def main(options):
    models = {
        name: get_stacked_model(options.timesteps, n_layers, n_units=options.units)
        for name, n_layers in N_LAYERS.items()
    }
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    pairs = [("bilstm_x2", "bilstm_x1"), ("bilstm_x3", "bilstm_x2")]
    views = report(models, scores, get_known(options.timesteps), pairs, options)
    save(options, draw(views), losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
