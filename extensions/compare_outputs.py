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

from common.files import save
from common.floors import get_known
from extensions.shared.figures import draw
from extensions.shared.models import get_cell_model
from extensions.shared.report import report, report_choices
from extensions.shared.training import train_on_sums
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
PAIRS = [("dense", "time_distributed"), ("last_state", "time_distributed")]


def main(options):
    models = {name: get(options.timesteps, n_units=options.units) for name, get in MODELS.items()}
    known = get_known(options.timesteps)
    tables = {}
    for n_sequences in options.sequences:
        print(f"\n{n_sequences:,} training sequences")
        _, tables[n_sequences] = train_on_sums(models, options.timesteps, n_sequences, options)
    scores = pd.concat(tables, names=["sequences"]).reset_index("sequences")
    views = report_choices(scores, options.seed)
    for n_sequences, rows in views.groupby("sequences", sort=False):
        report(rows, PAIRS, known, f"{n_sequences:,} training sequences")
    figure = draw(
        views,
        x="sequences",
        title="Do I need TimeDistributed?",
        xlabel="training sequences",
        ylabel="test loss (cross-entropy, nats)",
        known={"step number alone": known["step number alone"]},
        xscale="log",
        xticks=options.sequences,
        yscale="log",
        yticks=[0.02, 0.05, 0.1, 0.2],
    )
    figure.axes[0].yaxis.set_major_formatter("{x:g}")  # of all panels
    save(options, figure, scores=scores)


if __name__ == "__main__":
    run(main, options)
