"""One label for a whole sequence? With real data? With mine?

    python -m extensions.classify_recordings

tells nine men apart by how each says /ae/: the Japanese Vowels (extensions/data/LICENCE.md), 270
recordings to train on and 370 to test on, of 7 to 29 time steps with 12 features each. Expect 97%
of them right with one direction and 98% with both; but 97% also by a linear discriminant of each
recording's mean, which is blind to order. It takes about 90 seconds on 2 CPU cores.

    python -m extensions.classify_recordings --data mine.csv --label activity

does the same with your own: a CSV file, or .csv.gz, with a row for each time step. Its columns are
`recording`, the sequence that the step is of; the label, the same throughout a recording, of two
classes or more; if you like `split`, which is `train` or `test` (without it a quarter of each
label's recordings, drawn by `--seed`, is to test on); and features, all of them numbers. A
recording has one time step or more, in the order of the file, together or apart.

`--units` are those of one direction; with two, there are fewer, for as many parameters in all. Each
model has its own best learning rate, chosen on recordings held out of the training set.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from pathlib import Path

    from common.command_line import run, start_script
    from common.recordings import read_recordings

    options = start_script(
        __file__,
        __doc__,
        read_data=lambda options: read_recordings(options.data, options.label, options.seed),
        data=str(Path(__file__).parent / "data" / "japanese_vowels.csv.gz"),
        label="speaker",
        units=40,
        epochs=15,
        batch_size=27,
        learning_rate=(0.001, 0.003, 0.01, 0.03),
        runs=30,
    )

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers, ops
from matplotlib.ticker import MaxNLocator
from scipy import stats

from common.figures import draw_confusion, draw_known, draw_means
from common.files import save
from common.recordings import PADDING, discriminate_means, get_classes, hold_out, score_classes
from common.results import describe_runs, differences, in_words, print_comparison, with_interval
from common.training import train_runs
from common.tuning import choose_rates, get_settings

N_TUNING_RUNS = 20


def get_model(lstm, steps, n_classes, learning_rate=0.001):
    """Build and compile a model that tells the class of a sequence of any length.

    Args:
        lstm: Keras layer that reads the sequence, `LSTM` or `Bidirectional`. Without
            `return_sequences` it returns one vector, when it has read all.
        steps: all time steps of the training recordings, shape `(n_steps, n_features)`.
        n_classes: number of classes.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, n_features)`, with PADDING in place of what
        a shorter recording lacks; output `(n, n_classes)`, the probabilities of the classes.
    """
    model = keras.Sequential(
        [
            keras.Input((None, steps.shape[1])),  # None: any length
            # Layers that read a sequence skip the padding: they end, or backwards begin, at the
            # last real time step.
            layers.Masking(PADDING),
            # Part of the model, so that who loads it need not know these numbers.
            layers.Normalization(mean=steps.mean(axis=0), variance=steps.var(axis=0)),
            lstm,
            layers.Dense(n_classes, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def get_last_output_model(lstm, steps, n_classes):
    """Build the trap: the last output of a layer with `return_sequences=True`, not its only one.

    Of a bidirectional layer, the backward half of that has read one time step, the last.
    """
    model = get_model(lstm, steps, n_classes)
    inputs, outputs = model.inputs[0], model.outputs[0]
    is_real = ops.any(inputs != PADDING, axis=-1, keepdims=True)
    last = ops.sum(ops.cast(is_real, "int32"), axis=1, keepdims=True) - 1
    last_output = keras.Model(inputs, ops.take_along_axis(outputs, last, axis=1)[:, 0])
    last_output.compile_from_config(model.get_compile_config())
    return last_output


def matching_units(n_units, n_features, n_classes):
    """Return the cells per direction that give two directions about the parameters of one."""
    n = np.arange(1, n_units + 1)
    one, two = (4 * d * n * (n_features + n + 1) + (d * n + 1) * n_classes for d in (1, 2))
    return int(n[np.argmin(np.abs(two - one[-1]))])


def fit(model, train, test, batch_size, n_epochs):
    """Train and test one model, in plain Keras.

    Args:
        model: compiled Keras model.
        train, test: tuples X, y of the recordings.
        batch_size: recordings per update.
        n_epochs: passes over the training recordings.

    Returns:
        The confusion matrix of the test: row y, column the predicted class.
    """
    model.summary()
    model.fit(*train, batch_size=batch_size, epochs=n_epochs, verbose=2)  # shuffles each epoch
    X_test, y_test = test
    loss, accuracy = model.evaluate(X_test, y_test, verbose=0)
    print(f"On the test recordings: loss {loss:.4f}, accuracy {accuracy:.4f}")
    probabilities = model.predict(X_test, verbose=0)
    confusion = np.zeros((probabilities.shape[1],) * 2, int)
    np.add.at(confusion, (y_test, probabilities.argmax(axis=1)), 1)
    return confusion


def answer(scores, known, confusion):
    """Say in words how the models compare, and how sure that is.

    Args:
        scores: DataFrame of the models after the last epoch, a row for each model and run.
        known: dict of the scores of what is no LSTM.
        confusion: confusion matrix of the saved model.
    """
    accuracy = {name: rows.accuracy for name, rows in scores.groupby("model")}
    forward, backward, last = (
        in_words(differences(scores, "accuracy", *names))
        for names in (
            ("bidirectional", "forward"),
            ("bidirectional", "backward"),
            ("last output", "bidirectional"),
        )
    )
    n_right, n_test = int(np.trace(confusion)), int(confusion.sum())
    low, high = stats.binomtest(n_right, n_test).proportion_ci()
    without = ", ".join(f"{name} {of_name['accuracy']:.3f}" for name, of_name in known.items())
    return (
        f"Answer: on {n_test} test recordings the bidirectional LSTM has an accuracy of"
        f" {with_interval(accuracy['bidirectional'], share=True)}, {forward} than the forward one"
        f" and {backward} than the backward one. The trap, its last output with"
        f" return_sequences=True, has {with_interval(accuracy['last output'], share=True)}, which"
        f" is {last} than that. Without an LSTM: {without}. All that is for these test recordings;"
        f" the saved model's {n_right / n_test:.3f} means {low:.3f} to {high:.3f} for others like"
        " them (95% interval)."
    )


def draw(scores, known, confusion, classes):
    """Draw the accuracy over the epochs, and the confusion matrix of the saved model."""
    figure, (curves, matrix) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
    draw_means(curves, scores, "epoch", "accuracy", by="model")
    draw_known(curves, {"means, no LSTM": known["discriminant of the means"]["accuracy"]})
    curves.set_title(f"accuracy: {describe_runs(scores.run.max())}", fontsize="medium")
    curves.set_xlabel("epoch (pass over the training recordings)")
    curves.set_ylabel("accuracy on the test recordings")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    curves.legend()
    draw_confusion(matrix, confusion, classes)
    matrix.set_title("test recordings, the saved model", fontsize="medium")
    return figure


def main(options):
    keras.utils.clear_session()  # numbers the layers anew: the same seed saves the same file
    recordings = options.data  # read with pandas, and checked, before Keras was loaded
    values, is_train = recordings["values"], (recordings.split == "train").to_numpy()
    classes = get_classes(recordings.label)
    lengths, n_features, n_classes = values.map(len), values[0].shape[1], len(classes)
    print(
        f"{len(values):,} recordings of {lengths.min()} to {lengths.max()} time steps, with"
        f" {n_features} features; {is_train.sum():,} to train on, {(~is_train).sum():,} to test on."
    )
    print("Features:", ", ".join(recordings.attrs["features"]))
    counts = recordings.label.value_counts()
    shown = ", ".join(f"{label} ({counts[label]})" for label in classes)
    print(f"Classes, in the order of the model's outputs, with their recordings: {shown}")

    X = keras.utils.pad_sequences(values, dtype="float32", padding="post", value=PADDING)
    y = recordings.label.map(classes.index).to_numpy()
    train, test = (X[is_train], y[is_train]), (X[~is_train], y[~is_train])
    steps = np.concatenate(list(values[is_train]))

    n_units, n_each = options.units, matching_units(options.units, n_features, n_classes)
    each_step = layers.Bidirectional(layers.LSTM(n_each, return_sequences=True))
    models = {
        "forward": get_model(layers.LSTM(n_units), steps, n_classes),
        "backward": get_model(layers.LSTM(n_units, go_backwards=True), steps, n_classes),
        "bidirectional": get_model(layers.Bidirectional(layers.LSTM(n_each)), steps, n_classes),
        "last output": get_last_output_model(each_step, steps, n_classes),
    }
    settings = {"batch_size": options.batch_size, "n_epochs": options.epochs, "seed": options.seed}
    best = dict.fromkeys(models, options.learning_rate[0])
    if len(set(options.learning_rate)) > 1:
        best, _ = choose_rates(
            models,
            lambda rng: hold_out(*train, rng),
            score_classes,
            options.learning_rate,
            n_runs=N_TUNING_RUNS,
            **settings,
        )
    rates = get_settings(best, options.learning_rate)
    _, scores = train_runs(
        models,
        lambda rng: (train, test),
        score_classes,
        n_runs=options.runs,
        learning_rates=rates,
        **settings,
    )

    keras.utils.set_random_seed(options.seed)
    lstm = layers.Bidirectional(layers.LSTM(n_each))
    model = get_model(lstm, steps, n_classes, learning_rate=best["bidirectional"])
    confusion = fit(model, train, test, options.batch_size, options.epochs)

    shares = np.tile(confusion.sum(axis=1) / len(test[1]), (len(test[1]), 1))
    by_means = discriminate_means(values[is_train], train[1], values[~is_train])
    known = {
        "most frequent test label": score_classes(test[1], shares),
        "discriminant of the means": score_classes(test[1], by_means),
    }
    last = scores[scores.epoch == options.epochs].drop(columns="epoch")
    print_comparison(models, last, known)
    setting = last.setting.iloc[-1]  # each at its best rate
    print(answer(last[last.setting == setting], known, confusion))
    table = pd.DataFrame(confusion, columns=[f"predicted {label}" for label in classes])
    table.insert(0, "label", classes)
    figure = draw(scores[scores.setting == setting], known, confusion, classes)
    save(options.output, options.name, figure, table, scores, options.show, model)


if __name__ == "__main__":
    run(main, options)
