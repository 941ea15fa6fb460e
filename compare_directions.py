"""Which way should an LSTM read: forward, backward, or both?

Tutorial section "Compare LSTM to Bidirectional LSTM".

    python compare_directions.py

trains each model 30 times on 250 sequences, one per update. Expect the lowest loss from the
bidirectional LSTM, no better accuracy than the forward one has, and from all others a loss that is
higher than that of a guess by the number of the step. It takes about 8 seconds on 2 CPU cores.
`--runs 1` shows one run, as the tutorial does. Whether it is the model or the learning rate:
extensions/compare_learning_rates.py.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=250,
        batch_size=1,
        learning_rate=0.001,
        runs=30,
    )

from functools import partial

import keras

from bilstm import get_bi_lstm_model
from common.figures import draw_comparison
from common.files import save
from common.floors import get_known, score_backward, score_misaligned_backward
from common.results import count_accurate, print_comparison
from common.training import train_runs
from data import get_sequences, score_labels
from lstm_forward import get_lstm_model


def get_backward_model(n_timesteps, n_units=20, learning_rate=0.001):
    """Build the tutorial's backward LSTM: its outputs come last time step first.

    The labels come first time step first, so it is trained on misaligned labels.
    """
    return get_lstm_model(n_timesteps, n_units, backwards=True, learning_rate=learning_rate)


def get_aligned_backward_model(n_timesteps, n_units=20, learning_rate=0.001):
    """Build a backward LSTM whose outputs are turned back to forward time."""
    backward = get_backward_model(n_timesteps, n_units, learning_rate)
    model = keras.Model(backward.inputs, keras.ops.flip(backward.outputs[0], axis=1))
    model.compile_from_config(backward.get_compile_config())
    return model


MODELS = {
    "lstm_forw": get_lstm_model,
    "lstm_back": get_backward_model,
    "lstm_back_aligned": get_aligned_backward_model,
    "bilstm_con": get_bi_lstm_model,
}


def main(options):
    models = {
        name: build(options.timesteps, options.units, learning_rate=options.learning_rate)
        for name, build in MODELS.items()
    }
    losses, scores = train_runs(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        n_sequences=options.sequences,
        n_runs=options.runs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = {
        **get_known(options.timesteps),
        "best lstm_back": score_misaligned_backward(options.timesteps),
        "best lstm_back_aligned": score_backward(options.timesteps),
    }
    print_comparison(models, scores, known)
    print(
        f"90% to 100% of the time steps right: lstm_forw in {count_accurate(scores, 'lstm_forw')}."
    )
    figure = draw_comparison(losses, "Directions of an LSTM", options.batch_size, known=known)
    save(options.output, options.name, figure, losses, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
