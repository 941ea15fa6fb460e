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
from matplotlib.ticker import MaxNLocator

from common.comparing import report, train_by_options
from common.figures import draw_known, draw_means, get_styles, label_lines, set_heading
from common.files import save
from common.results import compare, describe_runs, mean_of_all, summarize
from common.training import make_get_data, train_model
from lstm_forward import get_lstm_model

KEYS = ["model", "run", "learning_rate"]  # identify one training
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
        a dict of `loss`, the mean squared error; and a DataFrame with the columns `model`, `step`,
        counted from 1, and `absolute_error`, the mean at this step.
    """
    n_unknown = {  # at how many steps, from the first, the best prediction is 0
        "step number alone": n_timesteps,
        "best possible forward": 1,
        "best possible bidirectional": 1 if n_timesteps == 1 else 0,
    }
    steps = np.arange(1, n_timesteps + 1)
    is_unknown = {name: steps <= n_steps for name, n_steps in n_unknown.items()}
    by_step = pd.DataFrame({"step": steps} | is_unknown)
    by_step = by_step.melt("step", var_name="model", value_name="absolute_error")
    by_step["absolute_error"] *= MEAN_COSINE  # True becomes this error, False 0
    known = {name: {"loss": n_steps / n_timesteps / 2} for name, n_steps in n_unknown.items()}
    return known, by_step


def draw(wave, view):
    """Draw one wave with its predictions, and the error of the regressions at each time step.

    Args:
        wave: DataFrame, a row for each time step: the column `truth`, and one for each model.
        view: `common.choosing.View` with the errors by time step.
    """
    figure, (curves, errors) = plt.subplots(1, 2, figsize=(8.5, 4.5), layout="constrained")
    curves.plot(wave.index, wave.truth, color="#b9c4cf", linewidth=7, label="true cosine")
    for model, style in get_styles(wave.columns.drop("truth")).items():
        curves.plot(wave.index, wave[model], label=model, markersize=4, **style)
    curves.set_title("one new wave", fontsize="medium")
    curves.set_ylabel("cosine, or class 0 or 1")
    curves.legend(loc="lower right", fontsize="small")
    curves.grid(alpha=0.3)
    draw_means(errors, view.scores, "step", "absolute_error")
    mean = {"step number alone": {"absolute_error": MEAN_COSINE}}
    draw_known(errors, mean, "absolute_error")
    errors.plot(1, MEAN_COSINE, "*", color="black", markersize=13)
    errors.annotate(
        "best possible forward:\none sine value fits\ntwo cosines (+ or -)",
        (1, MEAN_COSINE),
        (40, -55),
        textcoords="offset points",
        fontsize="small",
        arrowprops={"arrowstyle": "->"},
    )
    errors.set_yscale("log")
    errors.yaxis.set_major_formatter("{x:g}")
    errors.set_title(view.words, fontsize="medium")
    errors.set_ylabel("mean absolute error")
    for axes in (curves, errors):
        axes.set_xlabel("time step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    runs = describe_runs(view.scores.run.max())
    set_heading(figure, "Can an LSTM predict the cosine from the sine?", f"errors: {runs}")
    label_lines(errors)
    return figure


def report_steps(view, known):
    """Print the errors at each time step, and the differences between the models.

    Args:
        view: as for `draw`.
        known: DataFrame of the errors of what is not trained, as `score_waves` returns it.
    """
    print(f"Mean absolute error at each time step, {view.words}:")
    table = summarize(pd.concat([view.scores, known]), ["step", "model"])
    names = table.index.unique("model")  # in their order: `unstack` sorts them
    print(table["mean absolute error"].unstack()[names].to_string())
    steps = np.where(view.scores.step == 1, "the first step", "the later steps")
    for when, rows in view.scores.groupby(steps):
        means = rows.groupby(["model", "run"], as_index=False).absolute_error.agg(mean_of_all)
        words = compare(means, "absolute_error", "bidirectional", "forward")
        print(f"Answer, mean absolute error at {when}, {view.words}: {words}.")


def get_models(n_timesteps, n_units):
    """Build the two regressions."""
    return {
        name: get_regression_model(n_timesteps, name == "bidirectional", n_units=n_units)
        for name in ("forward", "bidirectional")
    }


def main(options):
    # What the reader did: a classifier, with cos(sin(phase)) as its target.
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    X, _ = get_waves(options.sequences, options.timesteps, rng)
    classifier = get_lstm_model(options.timesteps, n_units=options.units)
    train_model(classifier, X, np.cos(X), options.batch_size)
    X_new, y_new = get_waves(1000, options.timesteps, rng)
    classes = (classifier.predict(X_new, verbose=0) > 0.5).astype(int)

    # A regression. There are two copies of each model, so that two cores are busy until the end.
    models, others = (get_models(options.timesteps, options.units) for _ in range(2))
    get_data = make_get_data(partial(get_waves, n_timesteps=options.timesteps), options.sequences)
    waves = {}  # what the models of the first run predict of the first new wave

    def predict(name, run, learning_rate, model):
        if run == 1:
            waves[name, learning_rate] = np.asarray(model(X_new[:1]))[0, :, 0]

    copies = {name: [other] for name, other in others.items()}
    _, scores = train_by_options(
        models, get_data, score_regression, options, copies=copies, after=predict
    )
    by_step = scores.drop(columns=["update", "loss"])
    by_step = by_step.melt(KEYS, var_name="step", value_name="absolute_error").astype({"step": int})
    scores = scores[[*KEYS, "update", "loss"]]

    known, known_by_step = score_waves(options.timesteps)
    print("Can it do regression? The test loss is the mean squared error.")
    views = report(models, scores, known, [("bidirectional", "forward")], options)
    of_views = [view.pick(by_step) for view in views]
    for view in of_views:
        report_steps(view, known_by_step)
    print(
        "Answer: a linear output can be any number. The tutorial's classifier, trained on"
        f" cosines, predicts 1 at {np.mean(classes):.1%} of the time steps: a sigmoid with a"
        " threshold can predict only 0 or 1."
    )

    rates = views[-1].scores.query("run == 1").set_index("model").learning_rate
    wave = {name: waves[name, rate] for name, rate in rates.items()}
    wave = pd.DataFrame(
        {"truth": y_new[0, :, 0], **wave, "tutorial's classifier": classes[0, :, 0]}
    )
    wave.index += 1
    save(options, draw(wave, of_views[-1]), scores=scores, steps=by_step)


if __name__ == "__main__":
    run(main, options)
