"""One label for a whole sequence? With real data? With my own data?

    python -m extensions.classify_recordings

identifies nine men by how each says /ae/. The data are the Japanese Vowels
(extensions/data/LICENCE.md): 270 recordings to train on and 370 to test on, of 7 to 29 time steps
with 12 features each. Expect an accuracy of 95% to 96% with one direction and 97% with both. A
linear discriminant of the mean of each recording, which ignores the order of the time steps, also
has 97%. It takes about 150 seconds on 2 CPU cores.

    python -m extensions.classify_recordings --data mine.csv --label kind --group person

does the same with your own data: a CSV file with a row for each time step (docs/own_data.md tells
what may be in it). All sequences of a group, such as a person, are on the same side of every split.
For a label at each time step there is extensions/label_steps.py.

`--units` is the number of memory cells with one direction. Two directions have fewer cells each, so
that the number of parameters is about the same. Each run trains on four fifths of the training
recordings of each label. The loss on the other fifth chooses the learning rate and the number of
epochs, never the test recordings. The saved model is trained on all training recordings, and
extensions/apply_model.py uses it.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from pathlib import Path

    from common.command_line import make_parser, run

    rates = 0.001, 0.003, 0.01, 0.03, 0.1
    defaults = dict(units=40, epochs=15, batch_size=27, learning_rate=rates)
    parser = make_parser(__file__, __doc__, timesteps=None, sequences=None, **defaults)

    from extensions.shared.own_sequences import start_with_sequences

    data = Path(__file__).parent / "data" / "japanese_vowels.csv.gz"
    options = start_with_sequences(parser, data, label="speaker")

import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from common.report import describe_runs, interval
from extensions.parts.sequences import get_arrays
from extensions.shared import labelling
from extensions.shared.figures import get_styles
from extensions.shared.report import report

PAIRS = [("bidirectional", other) for other in ("forward", "backward", "last output")]


def get_last_output_model(lstm, X, columns):
    """Build a model with a common mistake: it reads the output at the last time step.

    There the backward half of a bidirectional layer has read only one time step, the last.

    Args:
        lstm, X, columns: as for `extensions.shared.labelling.get_model`; `lstm` returns sequences.
    """
    model = labelling.get_model(lstm, X, columns)
    inputs, outputs = model.inputs[0], model.outputs[0]
    last = ops.cast(ops.sum(inputs[:, :, -1:], axis=1, keepdims=True), "int32") - 1
    last_output = keras.Model(inputs, ops.take_along_axis(outputs, last, axis=1)[:, 0])
    last_output.compile_from_config(model.get_compile_config())
    return last_output


def get_models(n_units, X, columns):
    """Build the models to compare, a dict of name to model; for X and columns see `get_model`."""
    lstms = labelling.get_lstms(n_units, columns, each_step=False)
    models = {name: labelling.get_model(lstm, X, columns) for name, lstm in lstms.items()}
    each_step = labelling.get_lstms(n_units, columns, each_step=True)["bidirectional"]
    return models | {"last output": get_last_output_model(each_step, X, columns)}


def score_without_lstm(X, y, is_test, n_numbers):
    """Score predictors without an LSTM on the test sequences.

    Args:
        X, y: sequences and their classes.
        is_test: whether they are for testing, bool of shape `(n_sequences,)`.
        n_numbers: how many columns of X are numbers.

    Returns:
        Dict of name to scores. The linear discriminant, which needs numbers, knows the mean of the
        time steps of each sequence, and nothing of their order and number.
    """
    y_train, y_test = y[~is_test], y[is_test]
    shares = np.bincount(y_test, minlength=y.max() + 1) / len(y_test)
    predictions = {"most frequent test label": np.tile(shares, (len(y_test), 1))}
    if n_numbers:
        means = X[:, :, :n_numbers].sum(axis=1) / X[:, :, -1].sum(axis=1)[:, None]
        with warnings.catch_warnings(action="ignore"):  # of a label with one sequence
            discriminant = LinearDiscriminantAnalysis(solver="lsqr").fit(means[~is_test], y_train)
        by_means = np.zeros((len(y_test), y.max() + 1))  # a label may be in no training sequence
        by_means[:, discriminant.classes_] = discriminant.predict_proba(means[is_test])
        predictions["discriminant of the means"] = by_means
    every = np.ones(len(y_test))
    return {name: labelling.score_classes(y_test, every, p) for name, p in predictions.items()}


def draw(rows, known):
    """Draw the accuracy of each model, and of what is no LSTM, a dot with its interval each."""
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for name, style in get_styles(rows.model.unique()).items():
        values = rows[rows.model == name].accuracy.to_numpy()
        low, high = interval(values, share=True)
        ends, look = [[values.mean() - low], [high - values.mean()]], style | {"linestyle": ""}
        axes.errorbar(values.mean(), name, xerr=ends, capsize=4, **look)
    for name in list(known)[1:]:  # what always says the same would lie far from the others
        axes.plot(known[name]["accuracy"], name, "kx")
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.set(xlabel="accuracy on the test sequences (share right)")
    title = "One label for a whole sequence: one direction or both?"
    figure.suptitle(f"{title}\n({describe_runs(rows.run.nunique())})")
    return figure


def main(options):
    columns, is_test = options.columns, options.sequences.is_test.to_numpy()
    X, y, weights = get_arrays(options.table, columns)
    y, weights = y.max(axis=1), weights.max(axis=1)  # one for each sequence
    labelling.print_sequences(options, X)
    scores, views = labelling.compare(
        get_models(options.units, X, columns), (X, y, weights), options
    )
    known = score_without_lstm(X, y, is_test, len(columns["numbers"]))
    report(views.drop(columns="held_out_loss"), PAIRS, known, measures=("loss", "accuracy"))
    figure = draw(views[views["view"] == views["view"].iloc[-1]], known)
    keras.utils.set_random_seed(options.seed)
    model = get_models(options.units, X, columns)["bidirectional"]
    labelling.fit_chosen(model, scores[scores.model == "bidirectional"], (X, y, weights), options)
    labelling.save_fitted(model, options, figure, scores=scores)


if __name__ == "__main__":
    run(main, options)
