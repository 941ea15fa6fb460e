"""Do I need TimeDistributed? And what if the output layer reads the last state alone?

    python -m extensions.compare_outputs

gives a forward LSTM three output layers: `TimeDistributed(Dense(1))` on every time step, as in the
tutorial; `Dense(1)` on every time step; and on the last hidden state alone one `Dense` with a unit
for each time step. In the third model the last state must hold all labels at once. Each model is
trained 30 times on 1,000 and on 30,000 sequences, one per update, at five learning rates.

Expect no difference between the first two, as `Dense` treats every time step by itself. The last
state alone is a harder problem, but it can be learned. At 0.001 it has the same test loss after
1,000 sequences and twice the loss after 30,000. Where three other runs choose the rate of each run,
it has more than twice the loss after 1,000, and a slightly higher one after 30,000. It takes about
140 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0005, 0.001, 0.003, 0.03, 0.1
    options = start_script(__file__, __doc__, sequences=(1000, 30_000), learning_rate=rates)


import keras
import pandas as pd
from keras import layers
from matplotlib.ticker import LogLocator, NullLocator

from common.choosing import View, get_views
from common.comparing import report, train_on_sums
from common.figures import add_legend, draw_known, draw_views, set_heading
from common.files import save
from common.floors import get_known
from common.results import count, describe_runs
from extensions.compare_cells import get_cell_model
from lstm_forward import get_lstm_model


def get_last_state_model(n_timesteps, *, n_units=20):
    """Build and compile a forward LSTM whose last hidden state alone predicts all labels.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.
    """
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.LSTM(n_units),  # one output vector, after the last time step
            # Each label has its own weights.
            layers.Dense(n_timesteps, activation="sigmoid"),
            layers.Reshape((n_timesteps, 1)),  # the shape of the labels
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


MODELS = {
    "time_distributed": get_lstm_model,
    "dense": get_cell_model,
    "last_state": get_last_state_model,
}
NAMES = {  # in the figure
    "time_distributed": "TimeDistributed(Dense)",
    "dense": "Dense",
    "last_state": "Dense on the last state",
}
PAIRS = [("dense", "time_distributed"), ("last_state", "time_distributed")]


def draw(views, known):
    """Draw the test loss of each model over the number of training sequences.

    Args:
        views: list of `common.choosing.View`, with the column `sequences`.
        known: as `get_known` returns it.
    """
    views = [View(view.words, view.scores.replace({"model": NAMES})) for view in views]
    figure, panels = draw_views(views, "sequences", "loss")
    sizes = views[0].scores.sequences.unique()
    for axes in panels:
        # Dense lies on this line: both are seen if this one is broad and pale.
        axes.containers[0][0].set(linewidth=9, alpha=0.3, markersize=0)
        draw_known(axes, {"step number alone": known["step number alone"]})
        axes.set(xscale="log", yscale="log", xlabel="training sequences")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("test loss (cross-entropy, nats)")
    add_legend(figure)
    set_heading(figure, "Do I need TimeDistributed?", describe_runs(views[0].scores.run.max()))
    return figure


def main(options):
    models = {name: get(options.timesteps, n_units=options.units) for name, get in MODELS.items()}
    known = get_known(options.timesteps)
    scores = []
    for n_sequences in options.sequences:
        print(f"\n{count(n_sequences, 'training sequence')}")
        _, of_size = train_on_sums(models, options.timesteps, n_sequences, options)
        report(models, of_size, known, PAIRS, options)
        of_size.insert(0, "sequences", n_sequences)
        scores.append(of_size)
    scores = pd.concat(scores, ignore_index=True)
    save(options, draw(get_views(scores, options.seed), known), scores=scores)


if __name__ == "__main__":
    run(main, options)
