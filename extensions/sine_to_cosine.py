"""Can it do regression? And why do I get 0 and 1?

    python -m extensions.sine_to_cosine

predicts the cosine of a random phase from its sine; ten time steps are half a period. First as a
reader of the tutorial did it, with its classifier, which can only say 0 or 1, and with the cosine
of the sine as its target, not the cosine of the phase. Then as a regression: with a linear
output and the mean squared error, forward and bidirectional, 30 times each at a learning rate of
0.001 and at the model's own best. Expect a mean absolute error near 0 from both, but for the first
time step: one sine cannot tell whether it rises or falls, so the best that a forward model can do
is to say 0, an error of 2 / pi = 0.637. From the second step on two sines tell: it has 0.02 there
and 0.005 later, bidirectional 0.002, and with more sequences less. The best rate is 0.001 itself.
It takes about 110 seconds on 2 CPU cores. With a single `--learning-rate`, both
regressions train at that one.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=50_000,
        batch_size=10,
        learning_rate=(0.0003, 0.001, 0.003, 0.01),
        runs=30,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers
from matplotlib.ticker import MaxNLocator

from common.figures import LINES, draw_known, draw_means
from common.files import save
from common.floors import score_waves
from common.results import (
    describe_runs,
    describe_setting,
    summarize,
    tabulate_known,
    with_interval,
)
from common.training import train_model
from common.tuning import train_at_best_rates
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


def score_regression(y, predictions):
    """Score predicted real numbers.

    Args:
        y: true values, shape `(n_sequences, n_timesteps, 1)`.
        predictions: predicted ones, same shape.

    Returns:
        Dict of float: `loss`, the mean squared error; and `error_1`, `error_2` and so on, the mean
        absolute error at each time step.
    """
    errors = np.abs(predictions - y)
    by_step = {f"error_{step}": of_step.mean() for step, of_step in enumerate(errors[..., 0].T, 1)}
    return {"loss": np.square(errors).mean(), **by_step}


def answer(scores, known, classes):
    """Say how near the regressions come to what can be known, and what the classes were."""
    best = scores[scores.setting == scores.setting.iloc[-1]]
    parts = []
    for model in ("forward", "bidirectional"):
        errors = best[best.model == model].filter(like="error_")
        floor = known[f"best possible {model}"]["error_1"]
        part = f"{with_interval(errors.error_1)} {model} (best possible: {floor:.3f})"
        later = errors.drop(columns="error_1")
        if len(later.columns):
            part += f", and from the second on {with_interval(later.mean(axis=1))}"
        parts.append(part)
    return (
        "Answer: it can, with a linear output. Each at its best learning rate, the mean absolute"
        f" error at the first time step is {'; '.join(parts)}. Of the reader's classes,"
        f" {np.mean(classes):.1%} are 1, the rest 0: a sigmoid with a threshold can say nothing"
        " else."
    )


def draw(wave, scores, known):
    """Draw one wave as each model sees it, and the error of the regressions over the steps."""
    figure, (curves, errors) = plt.subplots(1, 2, figsize=(8, 4.5), layout="constrained")
    curves.plot(wave.index, wave.truth, color="#b9c4cf", linewidth=7, label="true cosine")
    for model, line in zip(("forward", "bidirectional", "reader's classes"), LINES, strict=False):
        curves.plot(wave.index, wave[model], marker=".", label=model, **line)
    curves.set_title("one new wave", fontsize="medium")
    curves.set_ylabel("cosine, class")
    curves.grid(alpha=0.3)
    by_step = scores[scores.setting == scores.setting.iloc[-1]].filter(regex="model|run|error_")
    by_step = by_step.melt(["model", "run"], var_name="step", value_name="error")
    by_step["step"] = by_step.step.str.removeprefix("error_").astype(int)
    draw_means(errors, by_step, "step", "error", by="model")
    lines = {
        name: list(known[name].values())[1:]
        for name in ("step number alone", "best possible forward")
    }
    draw_known(errors, lines, x=wave.index)
    errors.set_yscale("log")
    title = f"{describe_setting('best')}\n{describe_runs(scores.run.max())}"
    errors.set_title(title, fontsize="medium")
    errors.set_ylabel("mean absolute error")
    for axes in (curves, errors):
        axes.set_xlabel("time step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    curves.legend()
    errors.legend(loc="center right")
    return figure


def main(options):
    # As the reader did it: a classifier, and cos(sin(phase)) as its target.
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    X, _ = get_waves(options.sequences, options.timesteps, rng)
    classifier = get_lstm_model(options.timesteps, options.units)
    train_model(classifier, X, np.cos(X), options.batch_size)
    X_new, y_new = get_waves(1000, options.timesteps, rng)
    classes = (classifier.predict(X_new, verbose=0) > 0.5).astype(int)

    # As it should be.
    models = {
        name: get_regression_model(options.timesteps, options.units, name == "bidirectional")
        for name in ("forward", "bidirectional")
    }
    _, scores = train_at_best_rates(
        models,
        partial(get_waves, n_timesteps=options.timesteps),
        score_regression,
        options.learning_rate,
        n_runs=options.runs,
        n_tuning_runs=6,
        n_sequences=options.sequences,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = score_waves(options.timesteps)
    for setting, rows in scores.groupby("setting", sort=False):
        print(f"On new waves, {describe_setting(setting)}, {describe_runs(options.runs)}:")
        print("mean squared error (loss), and mean absolute error at each time step")
        rows = rows.drop(columns=["setting", "learning_rate"])
        print(pd.concat([summarize(rows, ["model"]), tabulate_known(known)]).T.to_string())
    print(answer(scores, known, classes))
    wave = pd.DataFrame({"truth": y_new[0, :, 0], "reader's classes": classes[0, :, 0]})
    for name, model in models.items():  # as the last run left it
        wave[name] = model.predict(X_new[:1], verbose=0)[0, :, 0]
    wave.index += 1
    save(options.output, options.name, draw(wave, scores, known), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
