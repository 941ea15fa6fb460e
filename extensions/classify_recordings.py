"""One label for a whole sequence? With real data? With my own data?

    python -m extensions.classify_recordings

identifies nine men by how each says /ae/. The data are the Japanese Vowels
(extensions/data/LICENCE.md): 270 recordings to train on and 370 to test on, of 7 to 29 time steps
with 12 features each. Expect an accuracy of 96% to 97% with one direction and 97% with both. A
linear discriminant of the mean of each recording, which ignores the order of the time steps, also
has 97%. It takes about 120 seconds on 2 CPU cores.

    python -m extensions.classify_recordings --data mine.csv --label kind

does the same with your own data: a CSV file with a row for each time step. Commas, semicolons or
tabs separate the columns, numbers have decimal points, and it may be compressed (.csv.gz). These
are its columns:

- `recording`: the recording that the time step belongs to. Its time steps are read in the order of
  the file, together or apart. One time step is enough.
- the label, named by `--label`: the same in all rows of a recording, with two classes or more.
- `split`, if you like: `train` or `test`. Without it, a quarter of the recordings of each label is
  for testing, drawn by `--seed`.
- features: all other columns, which must be numbers.

`--units` is the number of memory cells with one direction. Two directions have fewer cells each, so
that the number of parameters is about the same. Each run trains on four fifths of the training
recordings of each class. The loss on the other fifth chooses the learning rates, never the test
recordings. The saved model is trained on all training recordings.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import make_parser, run

    defaults = dict(units=40, epochs=15, batch_size=27, learning_rate=(0.001, 0.003, 0.01, 0.03))
    parser = make_parser(__file__, __doc__, timesteps=None, sequences=None, **defaults)

    from extensions.recordings import start_with_recordings

    options = start_with_recordings(parser)

import textwrap

import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import confusion_matrix

from common.files import save
from extensions.recordings import PADDING, draw_from_each, get_classes
from extensions.shared.figures import draw
from extensions.shared.models import matching_units
from extensions.shared.report import WIDTH, print_block, report, report_choices
from extensions.shared.training import train_by_options

HELD_OUT_SHARE = 0.2  # of the training recordings of each class: their loss chooses the rate
PAIRS = [("bidirectional", other) for other in ("forward", "backward", "last output")]


def get_model(lstm, steps, n_classes):
    """Build and compile a model that predicts the class of a sequence of any length.

    Args:
        lstm: Keras layer that reads the sequence, `LSTM` or `Bidirectional`. Without
            `return_sequences` it returns one vector, after the last time step.
        steps: all time steps of the training recordings, shape `(n_steps, n_features)`.
        n_classes: number of classes.

    Returns:
        A compiled Keras model: input `(n_recordings, n_timesteps, n_features)`, where shorter
        recordings end in PADDING; output `(n_recordings, n_classes)`, the probabilities of the
        classes.
    """
    model = keras.Sequential(
        [
            keras.Input((None, steps.shape[1])),  # None: any length
            # The LSTM skips the padding: it ends, or backwards begins, at the last real time step.
            layers.Masking(PADDING),
            # A part of the model, so that the saved model takes features as they are in the file.
            layers.Normalization(mean=steps.mean(axis=0), variance=steps.var(axis=0)),
            lstm,
            layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def get_last_output_model(lstm, steps, n_classes):
    """Build a model with a common mistake: it reads the output at the last time step.

    There the backward half of a bidirectional layer has read only one time step, the last.
    """
    model = get_model(lstm, steps, n_classes)
    inputs, outputs = model.inputs[0], model.outputs[0]
    is_real = ops.any(inputs != PADDING, axis=-1, keepdims=True)
    last = ops.sum(ops.cast(is_real, "int32"), axis=1, keepdims=True) - 1
    last_output = keras.Model(inputs, ops.take_along_axis(outputs, last, axis=1)[:, 0])
    last_output.compile_from_config(model.get_compile_config())
    return last_output


def get_models(n_units, steps, n_classes):
    """Build the models to compare: see `get_model` for `steps` and `n_classes`.

    Returns:
        Dict of name to model. With two directions each has fewer cells than `n_units`, so that the
        number of parameters is about the same.
    """
    n_each = matching_units(n_units, steps.shape[1], n_classes)
    each_step = layers.Bidirectional(layers.LSTM(n_each, return_sequences=True))
    lstms = {
        "forward": layers.LSTM(n_units),
        "backward": layers.LSTM(n_units, go_backwards=True),
        "bidirectional": layers.Bidirectional(layers.LSTM(n_each)),
    }
    models = {name: get_model(lstm, steps, n_classes) for name, lstm in lstms.items()}
    return models | {"last output": get_last_output_model(each_step, steps, n_classes)}


def score_classes(y, probabilities):
    """Score probabilities of classes.

    Args:
        y: the true classes, whole numbers from 0, shape `(n,)`.
        probabilities: shape `(n, n_classes)`.

    Returns:
        A dict of two floats: `loss`, the cross-entropy in nats, and `accuracy`.
    """
    # Not scikit-learn's log_loss, which refuses the NaN of a training that failed.
    p = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1)  # as Keras clips
    return {"loss": -np.log(p).mean(), "accuracy": (probabilities.argmax(axis=1) == y).mean()}


def score_both(y_held_out, y_test, probabilities):
    """Score probabilities of classes, those of the held-out recordings first.

    Args:
        y_held_out, y_test: the true classes, whole numbers from 0.
        probabilities: shape `(n_held_out + n_test, n_classes)`.

    Returns:
        A dict of float: `loss` and `accuracy` on the test recordings, and `held_out_loss`.
    """
    held_out, test = np.split(probabilities, [len(y_held_out)])
    held_out_loss = score_classes(y_held_out, held_out)["loss"]
    return {**score_classes(y_test, test), "held_out_loss": held_out_loss}


def score_without_lstm(values, y, is_train):
    """Score two predictors without an LSTM on the test recordings.

    Args:
        values: sequence of the recordings, each of shape `(n_timesteps, n_features)`.
        y: their classes, shape `(n,)`.
        is_train: whether they are for training, shape `(n,)`.

    Returns:
        Dict of name to scores. The linear discriminant knows the mean of the time steps of each
        recording, and nothing of their order and number.
    """
    means, y_test = np.array([steps.mean(axis=0) for steps in values]), y[~is_train]
    shares = np.bincount(y_test, minlength=y.max() + 1) / len(y_test)
    discriminant = LinearDiscriminantAnalysis(solver="lsqr").fit(means[is_train], y[is_train])
    by_means = discriminant.predict_proba(means[~is_train])
    return {
        "most frequent test label": score_classes(y_test, np.tile(shares, (len(y_test), 1))),
        "discriminant of the means": score_classes(y_test, by_means),
    }


def get_best_rate(scores):
    """Return the learning rate with the lowest mean loss on held-out recordings, over all runs."""
    losses = scores.held_out_loss.fillna(np.inf)  # of runs that failed
    return losses.groupby(scores.learning_rate).mean().idxmin()


def print_recordings(recordings, classes):
    """Print what is in the file."""
    lengths, features = recordings["values"].map(len), recordings.attrs["features"]
    print(f"{len(recordings):,} recordings of {lengths.min()} to {lengths.max()} time steps")
    print(textwrap.fill(f"{len(features)} features: {', '.join(features)}", WIDTH), end="\n\n")
    counts = pd.crosstab(recordings.label, recordings.split).loc[classes, ["train", "test"]]
    print_block("Recordings of each label, in the order of the model's outputs:", counts)


def main(options):
    recordings = options.recordings
    values, is_train = recordings["values"], (recordings.split == "train").to_numpy()
    classes = get_classes(recordings.label)
    X = keras.utils.pad_sequences(values, dtype="float32", padding="post", value=PADDING)
    y = recordings.label.map(classes.index).to_numpy()
    X_train, y_train, X_test, y_test = X[is_train], y[is_train], X[~is_train], y[~is_train]
    steps = np.concatenate(list(values[is_train]))

    def get_data(rng):
        """Hold out some training recordings of each class, for choosing the learning rate."""
        is_out = draw_from_each(y_train, HELD_OUT_SHARE, rng)
        X_scored = np.concatenate([X_train[is_out], X_test])
        return (X_train[~is_out], y_train[~is_out]), (X_scored, y_train[is_out], y_test)

    print_recordings(recordings, classes)
    models = get_models(options.units, steps, len(classes))
    one, both = (models[name].count_params() for name in ("forward", "bidirectional"))
    print(f"Parameters: {one:,} with one direction, {both:,} with both", end="\n\n")
    _, scores = train_by_options(
        models, get_data, score_both, options, n_epochs=options.epochs, shuffle=True
    )
    last = scores[scores["update"] == scores["update"].max()]
    views = report_choices(last, options.seed, "held_out_loss")
    known = score_without_lstm(values, y, is_train)
    report(views, PAIRS, known, measures=("loss", "accuracy"))

    rate = get_best_rate(last[last.model == "bidirectional"])
    keras.utils.set_random_seed(options.seed)
    model = get_models(options.units, steps, len(classes))["bidirectional"]
    model.optimizer.learning_rate = rate
    # Shuffles the recordings before each epoch.
    model.fit(X_train, y_train, options.batch_size, options.epochs, verbose=0)
    predicted = model.predict(X_test, verbose=0).argmax(axis=1)
    confusion = confusion_matrix(y_test, predicted, labels=range(len(classes)))
    table = pd.DataFrame(confusion, pd.Index(classes, name="label"), classes)
    print_block("The saved model: label (row) and prediction (column) of test recordings:", table)
    n_right, n_test = int(np.trace(confusion)), len(y_test)
    low, high = stats.binomtest(n_right, n_test).proportion_ci()
    answer = (
        f"Answer: the saved model, bidirectional at {rate:g}, gets {n_right / n_test:.3f} of"
        f" {n_test:,} test recordings right. The 95% interval for other recordings of this kind is"
        f" {low:.3f} to {high:.3f}."
    )
    print(textwrap.fill(answer, WIDTH))

    last_view = views[views.view == views.view.iloc[-1]]
    figure = draw(
        last_view.assign(reads=last_view.model),
        x="reads",
        y="accuracy",
        title="One label for a whole recording: one direction or both?",
        xlabel="",
        ylabel="accuracy on the test recordings",
        known={"means of the time steps, no LSTM": known["discriminant of the means"]},
    )
    table = table.add_prefix("predicted ").reset_index()
    save(options, figure, {".keras": model.save}, confusion=table, scores=scores)


if __name__ == "__main__":
    run(main, options)
