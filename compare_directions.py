"""Which way should an LSTM read: forward, backward or both ways?

Tutorial section "Compare LSTM to Bidirectional LSTM".

    python compare_directions.py

trains each model 30 times on 250 sequences, one per update. Expect the lowest loss from the
bidirectional LSTM. All other models have a higher loss than the baseline, which knows only the
number of the step; a backward model cannot know the sum so far. The accuracy of the bidirectional
LSTM is no higher than that of the forward one. It takes about 9 seconds on 2 CPU cores. `--runs 1`
shows one run, as the tutorial does. In the table, the rows "best ..." are the lowest loss that a
model of that kind can have, however long it trains.

`python -m extensions.compare_learning_rates` shows what other learning rates change.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, sequences=250)

import keras
import matplotlib.pyplot as plt
from keras import layers

from bilstm import get_bi_lstm_model
from common.files import save
from common.floors import get_known
from common.report import report
from common.training import train_runs
from data import get_sequences, score_labels
from lstm_forward import get_lstm_model

LINES = {  # the line of each model in the figure
    "lstm_forw": {"color": "#0b2a4a", "linestyle": "-"},
    "lstm_back": {"color": "#c1440e", "linestyle": "--"},
    "lstm_back_aligned": {"color": "#2a8c82", "linestyle": "-."},
    "bilstm_con": {"color": "#b07d00", "linestyle": ":"},
}


def get_aligned_backward_model(n_timesteps, *, n_units=20, learning_rate=0.001):
    """Build and compile a backward LSTM whose outputs are put in forward order.

    Args:
        n_timesteps: length of the sequences.
        n_units: number of memory cells.
        learning_rate: learning rate of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape,
        the probabilities of label 1.
    """
    inputs = keras.Input((n_timesteps, 1))
    backward = layers.LSTM(n_units, return_sequences=True, go_backwards=True)(inputs)
    # Keras returns the last time step first. The labels start with the first.
    aligned = keras.ops.flip(backward, axis=1)
    outputs = layers.TimeDistributed(layers.Dense(1, activation="sigmoid"))(aligned)
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def get_models(n_timesteps, **settings):
    """Build the models to compare; `settings` are `n_units` and `learning_rate`."""
    return {
        "lstm_forw": get_lstm_model(n_timesteps, False, **settings),
        # As in the tutorial: its outputs start with the last time step, the labels with the first.
        "lstm_back": get_lstm_model(n_timesteps, True, **settings),
        "lstm_back_aligned": get_aligned_backward_model(n_timesteps, **settings),
        "bilstm_con": get_bi_lstm_model(n_timesteps, "concat", **settings),
    }


def main(options):
    def get_data(rng):
        """Draw the sequences of one run, to train on and to test on."""
        # The test sequences do not depend on the number of training sequences.
        test_rng = rng.spawn(1)[0]
        return (
            get_sequences(options.sequences, options.timesteps, rng),
            get_sequences(1000, options.timesteps, test_rng),
        )

    # Each run draws new sequences, which all models share, and new initial weights for each model.
    # Each model is trained in one pass over the sequences.
    losses, scores = train_runs(
        get_models(options.timesteps, n_units=options.units),
        get_data,
        score_labels,
        learning_rates=[options.learning_rate],  # instead of the models' own
        n_runs=options.runs,
        seed=options.seed,
        batch_size=options.batch_size,
    )

    known = get_known(options.timesteps, "lstm_back", "lstm_back_aligned")
    report(scores, known)
    forward = scores[scores["model"] == "lstm_forw"]["accuracy"]
    n_right = (forward >= 0.9).sum()
    print(f"lstm_forw gets 90% or more of the steps right in {n_right} of {len(forward)} runs.")

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, line in LINES.items():
        by_run = losses.pivot(index="update", columns="run", values=name)
        smooth = by_run.rolling(11, center=True, min_periods=min(11, len(by_run))).mean()
        mean, errors = smooth.mean(axis=1, skipna=False), 2 * smooth.sem(axis=1)
        axes.plot(mean, label=name, linewidth=2, **line)
        axes.fill_between(mean.index, mean - errors, mean + errors, color=line["color"], alpha=0.2)
    baseline = "step number alone"
    axes.axhline(known[baseline]["loss"], color="black", linewidth=0.9, label=baseline)
    conditions = (
        f"learning rate {options.learning_rate:g}, runs: {options.runs}, ± 2 standard errors"
    )
    axes.set_title(f"Which way should an LSTM read?\n{conditions}")
    axes.set_xlabel(f"update (batch size {options.batch_size})")
    axes.set_ylabel("training loss, mean of 11 updates (nats)")
    axes.set_ylim(0, max(0.75, axes.get_ylim()[1]))
    axes.grid(alpha=0.3)
    axes.legend()
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
