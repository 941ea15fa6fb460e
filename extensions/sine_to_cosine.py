"""Can it do regression? And why do I get only 0 and 1?

    python -m extensions.sine_to_cosine

predicts the cosine of a random phase from its sine. Ten time steps are half a period. First it does
what a reader of the tutorial did: it trains the tutorial's classifier, which can only say 0 or 1,
with the cosine of the sine as the target instead of the cosine of the phase. Then it trains a
regression, with a linear output and the mean squared error, forward and bidirectional, 30 times
each at three learning rates. It takes about 80 seconds on 2 CPU cores.

Expect a mean absolute error near 0, except from the forward model at the first time step. One sine
value does not tell the sign of the cosine, so the best that a forward model can do there is to
predict 0, with an error of 2 / pi = 0.637. From the second step on, two sine values tell the sign.
The forward model has an error of 0.02 at the second step and about 0.005 later, the bidirectional
model 0.002 to 0.004 at all steps. With more sequences both are lower.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0003, 0.001, 0.003
    options = start_script(__file__, __doc__, sequences=50_000, batch_size=10, learning_rate=rates)

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.files import save
from common.report import describe_runs, with_interval
from common.training import train_model
from extensions.shared.choosing import pick
from extensions.shared.figures import draw_known, draw_means, finish, get_styles
from extensions.shared.report import print_block, report, report_choices
from extensions.shared.training import make_get_data, train_by_options
from lstm_forward import get_lstm_model

MEAN_COSINE = 2 / np.pi  # mean absolute value of a cosine: the error of predicting 0


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


def get_regression_model(n_timesteps, bidirectional=False, *, n_units=20):
    """Build and compile an LSTM that predicts a real number at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        n_units: memory cells in each direction.

    Returns:
        A compiled Keras model: input and output `(n_sequences, n_timesteps, 1)`.
    """
    lstm = layers.LSTM(n_units, return_sequences=True)
    if bidirectional:
        lstm = layers.Bidirectional(lstm)
    # Without an activation the output can be any real number. A sigmoid stays between 0 and 1.
    model = keras.Sequential([keras.Input((n_timesteps, 1)), lstm, layers.Dense(1)])
    model.compile(loss="mean_squared_error", optimizer="adam")
    return model


def score_regression(y, predictions):
    """Score predicted real numbers.

    Args:
        y: true values, shape `(n_sequences, n_timesteps, 1)`.
        predictions: predicted ones, same shape.

    Returns:
        Dict of float: `loss`, the mean squared error; and for each time step, an int from 1, the
        mean absolute error there.
    """
    errors = np.abs(predictions - y)
    by_step = {step: of_step.mean() for step, of_step in enumerate(errors[..., 0].T, 1)}
    return {"loss": np.square(errors).mean(), **by_step}


def score_waves(n_timesteps):
    """Score the best possible predictions of the cosine of a random phase.

    Two sine values one step apart give the phase and so the cosine. One value alone does not give
    the sign of the cosine. Then the best prediction is 0, the mean of the two possible values. (For
    the absolute error any value between them is as good.) A predictor that knows the step number
    alone should predict 0 at every step. The mean square of the cosine is 1/2, its mean absolute
    value 2 / pi.

    Args:
        n_timesteps: length of the sequences, a whole number of 1 or more.

    Returns:
        A dict of `step number alone`, `best possible forward` and `best possible bidirectional` to
        their scores, as `score_regression` returns them.
    """
    n_unknown = {  # at how many steps, from the first, the best prediction is 0
        "step number alone": n_timesteps,
        "best possible forward": 1,
        "best possible bidirectional": int(n_timesteps == 1),
    }
    steps = range(1, n_timesteps + 1)
    return {
        name: {"loss": n / n_timesteps / 2, **{step: MEAN_COSINE * (step <= n) for step in steps}}
        for name, n in n_unknown.items()
    }


def draw(wave, rows, known):
    """Draw one wave with its predictions, and the error of the regressions at each time step.

    Args:
        wave: DataFrame, a row for each time step: the column `truth`, and one for each model.
        rows: of a view, the errors by time step.
        known: dict of name to the scores of what is not trained, as `score_waves` returns it.
    """
    figure, (curves, errors) = plt.subplots(1, 2, figsize=(8.5, 4.5), layout="constrained")
    curves.plot(wave.truth, color="#b9c4cf", linewidth=7, label="true cosine")
    for model, style in get_styles(wave.columns.drop("truth")).items():
        curves.plot(wave[model], label=model, markersize=4, **style)
    curves.set(title="one new wave", xlabel="time step", ylabel="cosine, or class 0 or 1")
    draw_means(errors, rows, "step", "absolute_error")
    draw_known(errors, {"step number alone": known["step number alone"]}, 1)
    star = {"label": "best forward: one sine fits two cosines", "markersize": 13}
    errors.plot(1, MEAN_COSINE, "*", color="black", **star)
    errors.set(title=rows.view.iloc[0], xlabel="time step", ylabel="mean absolute error")
    errors.set_yscale("log")
    errors.yaxis.set_major_formatter("{x:g}")
    runs = describe_runs(rows.run.nunique())
    finish(figure, "Can an LSTM predict the cosine from the sine?", f"errors: {runs}")
    return figure


def main(options):
    # What the reader did: a classifier, with cos(sin(phase)) as its target.
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    X, _ = get_waves(options.sequences, options.timesteps, rng)
    classifier = get_lstm_model(options.timesteps, n_units=options.units)
    train_model(classifier, X, np.cos(X), options.batch_size)
    X_new, y_new = get_waves(1000, options.timesteps, rng)
    classes = (classifier.predict(X_new, verbose=0) > 0.5).astype(int)

    # A regression.
    build = partial(get_regression_model, options.timesteps, n_units=options.units)
    models = {"forward": build(), "bidirectional": build(bidirectional=True)}
    get_data = make_get_data(partial(get_waves, n_timesteps=options.timesteps), options.sequences)
    waves = {}  # what the models of the first run predict of the first new wave

    def predict(name, run, learning_rate, model):
        if run == 1:
            waves[name, learning_rate] = np.asarray(model(X_new[:1]))[0, :, 0]

    # Two copies of each model, so that two cores are busy until the end.
    _, table = train_by_options(
        models, get_data, score_regression, options, after=predict, n_copies=2
    )
    keys, of_all = ["model", "run", "learning_rate"], ["update", "loss"]
    scores, by_step = table[keys + of_all], table.drop(columns=of_all)
    by_step = by_step.melt(keys, var_name="step", value_name="absolute_error").astype({"step": int})

    known = score_waves(options.timesteps)
    views = report_choices(scores, options.seed)
    report(views, [("bidirectional", "forward")], known, "mean squared error")
    for view, rows in pick(views, by_step).groupby("view", sort=False):
        errors = rows.pivot(index=["step", "run"], columns="model", values="absolute_error")
        errors["difference"] = errors["bidirectional"] - errors["forward"]
        table = errors.groupby("step").agg(with_interval)
        table["best forward"] = [f"{known['best possible forward'][n]:.3f}" for n in table.index]
        print_block(f"Mean absolute error at each time step, {view}:", table)
    print("Answer: a linear output can be any number. The tutorial's classifier, trained on")
    print(f"cosines, predicts 1 at {np.mean(classes):.1%} of the time steps: a sigmoid with a")
    print("threshold can predict only 0 or 1.")

    rates = rows.query("run == 1").groupby("model", sort=False).learning_rate.first()
    wave = {name: waves[name, rate] for name, rate in rates.items()}
    wave |= {"truth": y_new[0, :, 0], "tutorial's classifier": classes[0, :, 0]}
    figure = draw(pd.DataFrame(wave, 1 + np.arange(options.timesteps)), rows, known)
    save(options, figure, scores=scores, steps=by_step)


if __name__ == "__main__":
    run(main, options)
