"""Which way should an LSTM read: forward, backward, or both?

Tutorial section "Compare LSTM to Bidirectional LSTM".

    python compare_directions.py

trains each model 30 times on 250 sequences, one per update. Expect the lowest loss from the
bidirectional LSTM, and no better accuracy than the forward one has. It takes about 17 seconds on
2 CPU cores. `--runs 1` shows one run, as the tutorial does.
"""

from bilstm import get_bi_lstm_model
from command_line import parse_options, run
from figures import draw_comparison
from lstm_forward import get_lstm_model
from report import comparison_losses, print_comparison, save
from training import train_runs_on_sums

import keras


def get_backward_model(n_timesteps, n_units=20):
    """Build the tutorial's backward LSTM: its outputs come last time step first.

    The labels come first time step first, so it is trained on misaligned labels.
    """
    return get_lstm_model(n_timesteps, n_units, backwards=True)


def get_aligned_backward_model(n_timesteps, n_units=20):
    """Build a backward LSTM whose outputs are turned back to forward time."""
    backward = get_lstm_model(n_timesteps, n_units, backwards=True)
    model = keras.Model(backward.inputs, keras.ops.flip(backward.outputs[0], axis=1))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


MODELS = {
    "lstm_forw": get_lstm_model,
    "lstm_back": get_backward_model,
    "lstm_back_aligned": get_aligned_backward_model,
    "bilstm_con": get_bi_lstm_model,
}


def main(arguments=None):
    options = parse_options(
        __file__, __doc__, arguments, timesteps=10, units=20, sequences=250, batch_size=1, runs=30
    )
    models = {name: build(options.timesteps, options.units) for name, build in MODELS.items()}
    losses, scores, _ = train_runs_on_sums(models, options)
    print_comparison(models, scores)
    figure = draw_comparison(losses, "Directions of an LSTM", options.batch_size)
    save(options, figure, comparison_losses(losses))


if __name__ == "__main__":
    run(main)
