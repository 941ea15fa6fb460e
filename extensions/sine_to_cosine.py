"""Can it do regression? And why do I get 0 and 1?

    python -m extensions.sine_to_cosine

predicts the cosine of a random phase from its sine; ten time steps are half a period. First as a
reader of the tutorial did it, with its classifier, which can only say 0 or 1, and with the cosine
of the sine as its target, not the cosine of the phase. Then as a regression: with a linear
output and the mean squared error, forward and bidirectional, 30 times each. Expect the second
direction to help at the first time step, where the past cannot tell whether the sine rises or
falls. It takes about 17 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=3000,
        batch_size=10,
        learning_rate=0.001,
        runs=30,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from matplotlib.ticker import MaxNLocator

from common.figures import LINES, draw_means
from common.files import save
from common.results import describe_runs, summarize, with_interval
from common.training import train_model, train_runs
from lstm_forward import get_lstm_model


def get_waves(n_sequences, n_timesteps, rng=None):
    """Draw sines of random phase, and the cosines of the same phase.

    Args:
        n_sequences: number of sequences.
        n_timesteps: length of each; 20 time steps are a period.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X and y, float32 of shape `(n_sequences, n_timesteps, 1)`.
    """
    rng = np.random.default_rng(rng)
    start = rng.uniform(0, 2 * np.pi, size=(n_sequences, 1, 1))
    phase = start + 2 * np.pi / 20 * np.arange(n_timesteps)[:, None]
    return np.sin(phase).astype(np.float32), np.cos(phase).astype(np.float32)


def get_regression_model(n_timesteps, n_units, bidirectional, learning_rate=0.001):
    """Build and compile an LSTM that predicts a real number at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells in each direction.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input and output `(n, n_timesteps, 1)`.
    """
    lstm = layers.LSTM(n_units, return_sequences=True)
    if bidirectional:
        lstm = layers.Bidirectional(lstm)
    # No activation: any real number can come out. A sigmoid would keep it between 0 and 1.
    model = keras.Sequential([keras.Input((n_timesteps, 1)), lstm, layers.Dense(1)])
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(learning_rate))
    return model


def errors_by_step(y, predictions):
    """Return the mean absolute error at each time step: `error_1`, `error_2` and so on."""
    errors = np.abs(predictions - y).mean(axis=(0, 2))
    return {f"error_{step}": error for step, error in enumerate(errors, 1)}


def draw(wave, scores):
    """Draw one wave as each model sees it, and the error of the regressions over the steps."""
    figure, (curves, errors) = plt.subplots(1, 2, figsize=(8, 4.5), layout="constrained")
    curves.plot(wave.index, wave.truth, color="#b9c4cf", linewidth=7, label="true cosine")
    for model, line in zip(("forward", "bidirectional", "reader's classes"), LINES, strict=False):
        curves.plot(wave.index, wave[model], marker=".", label=model, **line)
    curves.set_title("one new wave")
    curves.set_ylabel("cosine, class")
    curves.grid(alpha=0.3)
    by_step = scores.melt(["model", "run"], var_name="step", value_name="error")
    by_step["step"] = by_step.step.str.removeprefix("error_").astype(int)
    draw_means(errors, by_step, "step", "error", by="model")
    errors.set_title(f"error: {describe_runs(scores.run.max())}")
    errors.set_ylabel("mean absolute error")
    for axes in (curves, errors):
        axes.set_xlabel("time step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return figure


def main(options):
    # As the reader did it: a classifier, and cos(sin(phase)) as its target.
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    X, _ = get_waves(options.sequences, options.timesteps, rng)
    classifier = get_lstm_model(
        options.timesteps, options.units, learning_rate=options.learning_rate
    )
    train_model(classifier, X, np.cos(X), options.batch_size)
    X_new, y_new = get_waves(1000, options.timesteps, rng)
    classes = (classifier.predict(X_new, verbose=0) > 0.5).astype(int)

    # As it should be.
    models = {
        name: get_regression_model(
            options.timesteps, options.units, name == "bidirectional", options.learning_rate
        )
        for name in ("forward", "bidirectional")
    }
    _, scores = train_runs(
        models,
        partial(get_waves, n_timesteps=options.timesteps),
        errors_by_step,
        n_sequences=options.sequences,
        n_runs=options.runs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    print("Mean absolute error of the regressions on new waves, by time step:")
    print(summarize(scores, ["model"]).T.to_string())
    by_model = scores.set_index("model").error_1
    forward, bidirectional = by_model["forward"], by_model["bidirectional"]
    print(
        f"Answer: with a linear output, the mean absolute error at the first time step is"
        f" {with_interval(forward)} forward and {with_interval(bidirectional)} bidirectional."
        f" Of the reader's classes, {classes.mean():.1%} are 1, the rest 0: a sigmoid with a"
        " threshold can say nothing else."
    )
    wave = pd.DataFrame({"truth": y_new[0, :, 0], "reader's classes": classes[0, :, 0]})
    for name, model in models.items():  # as the last run left it
        wave[name] = model.predict(X_new[:1], verbose=0)[0, :, 0]
    wave.index += 1
    save(options.output, options.name, draw(wave, scores), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
