"""One label for a whole sequence? With real data? With my own data?

    python -m extensions.classify_recordings

identifies nine men by how each says /ae/. The data are the Japanese Vowels
(extensions/data/LICENCE.md): 270 recordings to train on and 370 to test on, of 7 to 29 time steps
with 12 features each. Expect an accuracy of 96% to 97% with one direction and 97% with both. A
linear discriminant of the mean of each recording, which ignores the order of the time steps, also
has 97%. It takes about 120 seconds on 2 CPU cores.

    python -m extensions.classify_recordings --data mine.csv --label kind

does the same with your own data: a CSV file, or .csv.gz, with a row for each time step. These are
its columns:

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
    from common.command_line import run
    from extensions.recordings import start_with_recordings

    defaults = dict(units=40, epochs=15, batch_size=27, learning_rate=(0.001, 0.003, 0.01, 0.03))
    options = start_with_recordings(__file__, __doc__, **defaults)

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers, ops
from matplotlib.ticker import MaxNLocator
from scipy import stats

from common.comparing import report, train_by_options
from common.figures import draw_known, draw_means, label_lines, set_heading
from common.files import save
from common.results import answer, count, describe_runs
from extensions.compare_sizes import matching_units
from extensions.recordings import (
    PADDING,
    discriminate_means,
    get_classes,
    hold_out,
    save_model,
    score_classes,
)


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


def fit(model, train, test, options):
    """Train and test one model, in plain Keras.

    Args:
        model: compiled Keras model.
        train, test: tuples X, y of the recordings.
        options: `batch_size`, recordings per update, and `epochs`, passes over the training
            recordings.

    Returns:
        The confusion matrix of the test: row y, column the predicted class.
    """
    model.summary()
    # Shuffles the recordings before each epoch.
    model.fit(*train, batch_size=options.batch_size, epochs=options.epochs, verbose=2)
    X_test, y_test = test
    loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
    print(f"On the test recordings: loss {loss:.4f}, accuracy {accuracy:.4f}")
    probabilities = model.predict(X_test, verbose=0)
    confusion = np.zeros((probabilities.shape[1],) * 2, int)
    np.add.at(confusion, (y_test, probabilities.argmax(axis=1)), 1)
    return confusion


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


def get_best_rate(scores):
    """Return the learning rate with the lowest mean loss on held-out recordings, over all runs."""
    losses = scores.held_out_loss.fillna(np.inf)  # of runs that failed
    return losses.groupby(scores.learning_rate).mean().idxmin()


def answer_saved(confusion):
    """Give the accuracy of the saved model, with its interval over test recordings."""
    n_right, n_test = int(np.trace(confusion)), int(confusion.sum())
    low, high = stats.binomtest(n_right, n_test).proportion_ci()
    return (
        f"Answer: all scores above are for these {count(n_test, 'test recording')}. The accuracy of"
        f" the saved model is {n_right / n_test:.3f} on them; the 95% interval for other recordings"
        f" of this kind is {low:.3f} to {high:.3f}."
    )


def draw(view, known):
    """Draw the accuracy on the test recordings after each epoch.

    Args:
        view: `common.choosing.View` of the scores after each epoch.
        known: dict of name to the scores of what is no LSTM.
    """
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    epochs = view.scores["update"].rank(method="dense").astype(int)  # 8, 16, ...: 1, 2, ...
    draw_means(axes, view.scores.assign(epoch=epochs), "epoch", "accuracy")
    draw_known(axes, {"means, no LSTM": known["discriminant of the means"]}, "accuracy")
    axes.set_xlabel("epoch (pass over the training recordings)")
    axes.set_ylabel("accuracy on the test recordings")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    conditions = f"{view.words}, {describe_runs(view.scores.run.max())}"
    set_heading(figure, "One label for a whole recording: one direction or both?", conditions)
    label_lines(axes)
    return figure


def print_recordings(recordings, classes):
    """Print what is in the file."""
    lengths, n_train = recordings["values"].map(len), (recordings.split == "train").sum()
    features, counts = recordings.attrs["features"], recordings.label.value_counts()
    print(
        f"{len(recordings):,} recordings of {lengths.min()} to {lengths.max()} time steps, with"
        f" {len(features)} features; {n_train:,} to train on, {len(recordings) - n_train:,} to test"
        " on."
    )
    print("Features:", ", ".join(features))
    shown = ", ".join(f"{label} ({counts[label]})" for label in classes)
    print(f"Classes, in the order of the model's outputs, with their recordings: {shown}")


def score_without_lstm(values, y, is_train):
    """Score two predictors without an LSTM on the test recordings.

    Args:
        values: Series of the recordings, each of shape `(n_timesteps, n_features)`.
        y: their classes, shape `(n,)`.
        is_train: whether they are for training, shape `(n,)`.
    """
    test = y[~is_train]
    by_means = discriminate_means(values[is_train], y[is_train], values[~is_train])
    shares = np.bincount(test, minlength=y.max() + 1) / len(test)
    return {
        "most frequent test label": score_classes(test, np.tile(shares, (len(test), 1))),
        "discriminant of the means": score_classes(test, by_means),
    }


def main(options):
    keras.utils.clear_session()  # restarts the numbers of layers: same seed, same saved file
    recordings = options.recordings
    values, is_train = recordings["values"], (recordings.split == "train").to_numpy()
    classes = get_classes(recordings.label)
    print_recordings(recordings, classes)
    X = keras.utils.pad_sequences(values, dtype="float32", padding="post", value=PADDING)
    y = recordings.label.map(classes.index).to_numpy()
    train, test = (X[is_train], y[is_train]), (X[~is_train], y[~is_train])
    steps = np.concatenate(list(values[is_train]))

    def get_data(rng):
        used, (X_held_out, y_held_out) = hold_out(*train, rng)
        return used, (np.concatenate([X_held_out, test[0]]), y_held_out, test[1])

    models = get_models(options.units, steps, len(classes))
    _, scores = train_by_options(
        models, get_data, score_both, options, n_epochs=options.epochs, shuffle=True
    )
    last = scores[scores["update"] == scores["update"].max()]

    rate = get_best_rate(last[last.model == "bidirectional"])
    why = ", the lowest mean loss on held-out ones" if scores.learning_rate.nunique() > 1 else ""
    print(f"The saved model: bidirectional, on all training recordings, at {rate:g}{why}")
    keras.utils.set_random_seed(options.seed)
    model = get_models(options.units, steps, len(classes))["bidirectional"]
    model.optimizer.learning_rate = rate
    confusion = fit(model, train, test, options)

    known = score_without_lstm(values, y, is_train)
    pairs = [("bidirectional", "forward"), ("bidirectional", "backward")]
    pairs.append(("last output", "bidirectional"))
    views = report(models, last, known, pairs, options, by="held_out_loss")
    print(answer(views, pairs, "accuracy"))
    table = pd.DataFrame(confusion, columns=[f"predicted {label}" for label in classes])
    table.insert(0, "label", classes)
    print("The saved model: how many test recordings of each label have which prediction")
    print(table.to_string(index=False))
    print(answer_saved(confusion))
    save(
        options,
        draw(views[-1].pick(scores), known),
        others={".keras": lambda file: save_model(model, file)},
        confusion=table,
        scores=scores,
    )


if __name__ == "__main__":
    run(main, options)
