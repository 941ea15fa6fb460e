"""One label for a whole sequence? With real data? With mine?

    python -m extensions.classify_recordings

tells nine men apart by how each says /ae/: the Japanese Vowels (see extensions/data/LICENCE.md), 270
recordings to train on and 370 to test on, of 7 to 29 time steps with 12 features. Each of four models
is trained 30 times at its own best learning rate, chosen on held-out training recordings, and at
0.001. It takes about two minutes on 2 CPU cores.

    python -m extensions.classify_recordings --data mine.csv --label activity

does the same with your own: a CSV file, or .csv.gz, with a row for each time step. Its columns:
`recording`, which sequence the step is of; the label, two classes or more, the same throughout a
recording; if you like `split`, which is `train` or `test` (without it a quarter of each label's
recordings, drawn by `--seed`, is for testing); and features, numbers. A recording may have any number of
steps; they are in the order of the file, whether or not they stand together.

`--units` are those of a model of one direction; a bidirectional one has about as many parameters.
"""

from pathlib import Path

DATA = Path(__file__).parent / "data" / "japanese_vowels.csv.gz"

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script
    from common.recordings import read_recordings

    options = start_script(
        __file__,
        __doc__,
        read_data=lambda options: read_recordings(options.data, options.label, options.seed),
        data=str(DATA),
        label="speaker",
        units=40,
        epochs=20,
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

from common.figures import draw_known, draw_means
from common.files import save
from common.recordings import PADDING, discriminate_means, draw_from_each, get_classes
from common.results import (
    count,
    describe_runs,
    differences,
    in_words,
    print_comparison,
    with_interval,
)
from common.training import train_runs
from common.tuning import PUBLISHED_RATE, choose_rates

N_TUNING_RUNS = 10
HELD_OUT_SHARE = 0.2  # of each label's training recordings, to choose the learning rate by
TRAP = "last output"


def get_recurrent_layers(n_units, n_features, n_classes):
    """Return the recurrent layer of each model, by name: all of about as many parameters."""
    # With its output layer, an LSTM of n cells in each of d directions has so many:
    n, d = np.arange(1, n_units + 1), np.array([[1], [2]])
    n_parameters = 4 * d * n * (n_features + n + 1) + (d * n + 1) * n_classes
    n_each = int(n[np.argmin(np.abs(n_parameters[1] - n_parameters[0, -1]))])
    return {
        "forward": layers.LSTM(n_units),
        "backward": layers.LSTM(n_units, go_backwards=True),
        "bidirectional": layers.Bidirectional(layers.LSTM(n_each)),
        TRAP: layers.Bidirectional(layers.LSTM(n_each, return_sequences=True)),
    }


def get_model(recurrent, steps, n_classes, learning_rate=0.001):
    """Build and compile a model that tells the class of a whole sequence.

    Args:
        recurrent: layer that reads the sequence. If it returns an output for each time step, the
            last one is taken: of a bidirectional layer, a trap, as its backward half is what the
            backward LSTM says after its first step.
        steps: all time steps of the training recordings, shape `(n_steps, n_features)`.
        n_classes: number of classes.
        learning_rate: step size of the optimizer, Adam.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, n_features)`, of any length, with PADDING in
        all features of a time step that is none; output `(n, n_classes)`, probabilities.
    """
    inputs = keras.Input((None, steps.shape[1]))
    masked = layers.Masking(PADDING)(inputs)  # recurrent layers skip steps that are padding
    normalize = layers.Normalization(mean=steps.mean(axis=0), variance=steps.var(axis=0))
    hidden = recurrent(normalize(masked))
    if hidden.ndim == 3:
        n_timesteps = ops.sum(
            ops.any(inputs != PADDING, axis=-1, keepdims=True), axis=1, keepdims=True
        )
        hidden = ops.take_along_axis(hidden, n_timesteps - 1, axis=1)[:, 0]
    outputs = layers.Dense(n_classes, activation="softmax")(hidden)
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def score(y, predictions):
    """Score probabilities of shape `(n, n_classes)` against classes: loss (nats) and accuracy."""
    p = np.clip(predictions[np.arange(len(y)), y], 1e-7, 1)  # as Keras clips
    return {"loss": -np.log(p).mean(), "accuracy": (predictions.argmax(axis=1) == y).mean()}


def hold_out(X, y, rng):
    """Split training recordings in two: a part to train on, and one to choose the rate by."""
    held_out = draw_from_each(y, HELD_OUT_SHARE, np.random.default_rng(rng))
    if not held_out.any():  # a single recording of each label: there is no other to choose by
        return (X, y), (X, y)
    return (X[~held_out], y[~held_out]), (X[held_out], y[held_out])


def answer(scores, known, n_right, n_test):
    """Say in words how the models compare, and how sure that is.

    Args:
        scores: of the models after the last epoch, each at its best rate.
        known: dict of the scores of predictors that are not trained.
        n_right: how many test recordings the saved model got right.
        n_test: number of test recordings.
    """

    def than(one, other):
        return in_words(differences(scores, "accuracy", one, other))

    accuracy = scores.set_index("model").accuracy
    low, high = stats.binomtest(n_right, n_test).proportion_ci()
    return (
        f"Answer: the bidirectional LSTM gets {with_interval(accuracy[['bidirectional']], share=True)}"
        f" of the {n_test} test recordings right: {than('bidirectional', 'forward')} than the forward"
        f" one, {than('bidirectional', 'backward')} than the backward one. The last output of"
        f" return_sequences=True gets {with_interval(accuracy[[TRAP]], share=True)}, "
        f"{than(TRAP, 'bidirectional')}. Those are intervals over trainings; for new recordings of"
        f" the kind, the saved model's {n_right / n_test:.3f} mean {low:.3f} to {high:.3f} (95%)."
        " Without training: "
        + ", ".join(f"{name} {of_name['accuracy']:.3f}" for name, of_name in known.items())
        + "."
    )


def draw(scores, known, confusion, classes):
    """Draw the accuracy over the epochs, and the confusion matrix of the saved model."""
    figure, (curves, matrix) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
    draw_means(curves, scores, "epoch", "accuracy", by="model")
    draw_known(curves, {name: of_name["accuracy"] for name, of_name in known.items()})
    curves.set_title(f"each at its best rate\n{describe_runs(scores.run.max())}", fontsize="medium")
    curves.set_xlabel("epoch (pass over the training recordings)")
    curves.set_ylabel("accuracy on the test recordings")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    curves.legend()
    matrix.imshow(confusion, cmap="Blues")
    for (row, column), number in np.ndenumerate(confusion):
        if number and len(classes) <= 15:
            color = "white" if number > confusion.max() / 2 else "black"
            matrix.text(column, row, number, color=color, ha="center", va="center")
    matrix.set_xticks(
        range(len(classes)), classes, rotation=90 if max(map(len, classes)) > 3 else 0
    )
    matrix.set_yticks(range(len(classes)), classes)
    matrix.set_title("test recordings, one bidirectional LSTM", fontsize="medium")
    matrix.set_xlabel("predicted")
    matrix.set_ylabel("true")
    return figure


def main(options):
    keras.utils.clear_session()  # numbers layers anew: the same seed saves the same file
    recordings = options.data  # a row for each, already read with pandas and checked
    values, is_train = recordings["values"], (recordings.split == "train").to_numpy()
    classes = get_classes(recordings.label)
    lengths, n_features = values.map(len), values[0].shape[1]
    print(
        f"{count(len(values), 'recording')} of {lengths.min()} to {lengths.max()} time steps,"
        f" {count(n_features, 'feature')}; {is_train.sum()} to train on, {(~is_train).sum()} to test"
        f" on. The model's outputs are the probabilities of: {', '.join(classes)}"
    )
    X = keras.utils.pad_sequences(values, dtype="float32", padding="post", value=PADDING)
    y = recordings.label.map(classes.index).to_numpy()
    train, test = (X[is_train], y[is_train]), (X[~is_train], y[~is_train])
    steps = np.concatenate(list(values[is_train])).astype("float32").astype("float64")

    recurrent = get_recurrent_layers(options.units, n_features, len(classes))
    models = {name: get_model(layer, steps, len(classes)) for name, layer in recurrent.items()}
    settings = {"batch_size": options.batch_size, "seed": options.seed, "n_epochs": options.epochs}
    best, rates = dict.fromkeys(models, options.learning_rate[0]), {}
    if len(options.learning_rate) > 1:
        best, _ = choose_rates(
            models,
            lambda rng: hold_out(*train, rng),
            score,
            options.learning_rate,
            n_runs=N_TUNING_RUNS,
            **settings,
        )
        if PUBLISHED_RATE in options.learning_rate:
            rates[f"{PUBLISHED_RATE:g}"] = PUBLISHED_RATE
    _, scores = train_runs(
        models,
        lambda rng: (train, test),
        score,
        n_runs=options.runs,
        learning_rates=rates | {"best": best},
        **settings,
    )

    # One bidirectional LSTM in plain Keras, to be saved.
    keras.utils.set_random_seed(options.seed)
    recurrent = get_recurrent_layers(options.units, n_features, len(classes))["bidirectional"]
    model = get_model(recurrent, steps, len(classes), best["bidirectional"])
    model.summary()
    model.fit(*train, batch_size=options.batch_size, epochs=options.epochs, verbose=2)
    loss, accuracy = model.evaluate(*test, verbose=0)
    print(f"On the test recordings: loss {loss:.4f}, accuracy {accuracy:.4f}")
    predicted = model.predict(test[0], verbose=0).argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (test[1], predicted), 1)

    shares = np.bincount(test[1], minlength=len(classes)) / len(test[1])
    y_train, y_test = train[1], test[1]
    known = {
        "always the most frequent": score(y_test, np.tile(shares, (len(y_test), 1))),
        "linear discriminant of the means": score(
            y_test, discriminate_means(values[is_train], y_train, values[~is_train])
        ),
    }
    last = scores[scores.epoch == options.epochs].drop(columns="epoch")
    print_comparison(models, last, known)
    at_best = scores[scores.setting == "best"]
    print(answer(last[last.setting == "best"], known, np.trace(confusion), confusion.sum()))
    table = pd.DataFrame(confusion, columns=[f"predicted {label}" for label in classes])
    table.insert(0, "label", classes)
    figure = draw(at_best, known, confusion, classes)
    save(options.output, options.name, figure, table, scores, options.show, model)


if __name__ == "__main__":
    run(main, options)
