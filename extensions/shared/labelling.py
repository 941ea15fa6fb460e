"""Models that label a reader's own sequences: trained, compared, and one of them saved.

The arrays X, y and weights are those of `extensions.parts.sequences.get_arrays`. With one label for
a whole sequence, y and weights have the shape `(n_sequences,)`.
"""

import json
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from scipy import stats
from sklearn.metrics import classification_report

from common.files import save
from common.report import FEWEST_RUNS, interval
from extensions.parts.sequences import get_arrays, number_steps
from extensions.shared.models import matching_units
from extensions.shared.own_sequences import HELD_OUT_SHARE, draw_share
from extensions.shared.report import WIDTH, print_block, report_choices
from extensions.shared.training import train_by_options

EMBEDDING = 16  # values for each category


def get_lstms(n_units, columns, each_step):
    """Make the layers to compare: forward, backward, and both with about as many parameters.

    Args:
        n_units: memory cells of the first two.
        columns: as `extensions.parts.sequences.find_columns` returns it.
        each_step: whether they return a vector for each step, not one after the last.

    Returns:
        Dict of name to Keras layer.
    """
    n_inputs = len(columns["numbers"]) + EMBEDDING * len(columns["categories"])
    n_each = matching_units(n_units, n_inputs, len(columns["classes"]))
    what = {"return_sequences": each_step}
    return {
        "forward": layers.LSTM(n_units, **what),
        "backward": layers.LSTM(n_units, go_backwards=True, **what),
        "bidirectional": layers.Bidirectional(layers.LSTM(n_each, **what)),
    }


def get_model(lstm, X, columns):
    """Build and compile a model that predicts a class for each sequence, or for each step.

    Args:
        lstm: Keras layer that reads the sequence, `LSTM` or `Bidirectional`. With
            `return_sequences` the model predicts each step.
        X: the training sequences, for the mean and the variance of each number.
        columns: as `extensions.parts.sequences.find_columns` returns it.

    Returns:
        A compiled Keras model: input as X, of any length; output `(n_sequences, n_classes)` or
        `(n_sequences, n_timesteps, n_classes)`, the probabilities of the classes.
    """
    inputs = keras.Input((None, X.shape[2]))  # None: any length
    is_real, n_numbers, read = inputs[:, :, -1] > 0, len(columns["numbers"]), []
    if n_numbers:
        steps = X[X[:, :, -1] > 0, :n_numbers].astype(np.float64)
        # A part of the model, so that the saved model takes numbers as they are in the file.
        scale = layers.Normalization(mean=steps.mean(axis=0), variance=steps.var(axis=0))
        read.append(scale(inputs[:, :, :n_numbers]))
    for number, values in enumerate(columns["categories"].values(), n_numbers):
        read.append(layers.Embedding(len(values) + 1, EMBEDDING)(inputs[:, :, number]))
    read = layers.Concatenate()(read) if len(read) > 1 else read[0]
    # The LSTM skips the padding: it ends, or backwards begins, at the last real time step.
    hidden = lstm(read, mask=is_real)
    if lstm.return_sequences and getattr(lstm, "go_backwards", False):
        hidden = ops.flip(hidden, axis=1)  # it returns its outputs from the last step to the first
    outputs = layers.Dense(len(columns["classes"]), activation="softmax")(hidden)
    model = keras.Model(inputs, outputs)
    # The mean over what has a label. The default divides by the number of all steps.
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(loss=loss, optimizer="adam", weighted_metrics=["accuracy"])
    return model


def score_classes(y, weights, probabilities):
    """Score probabilities of classes where the label is known.

    Args:
        y: the true classes, whole numbers from 0, shape `(n,)` or `(n, n_timesteps)`.
        weights: of the same shape, 0 where the label is not known.
        probabilities: one axis more, that of the classes.

    Returns:
        A dict of float: `loss`, the cross-entropy in nats, `accuracy`, and, with labels at each
        step, `sequence_accuracy`, the share of sequences all of whose labels are right.
    """
    # Not scikit-learn's log_loss, which refuses the NaN of a training that failed.
    of_labels = np.take_along_axis(probabilities, y[..., None], axis=-1)[..., 0]
    is_right, is_known = probabilities.argmax(axis=-1) == y, weights > 0
    losses = -np.log(np.clip(of_labels[is_known], 1e-7, 1))  # as Keras clips
    scores = {"loss": losses.mean(), "accuracy": is_right[is_known].mean()}
    if y.ndim > 1:
        scores["sequence_accuracy"] = (is_right | ~is_known).all(axis=1).mean()
    return scores


def score_both(held_out, test, probabilities):
    """Score probabilities of classes: the measures of the test, and `held_out_loss`.

    Args:
        held_out, test: tuples of y and weights.
        probabilities: of the held-out sequences first, then of those for the test.
    """
    of_held_out, of_test = np.split(probabilities, [len(held_out[0])])
    held_out_loss = score_classes(*held_out, of_held_out)["loss"]
    return {**score_classes(*test, of_test), "held_out_loss": held_out_loss}


def print_sequences(options, X):
    """Print what is in the file; see `extensions.shared.own_sequences` for the options."""
    columns, table, sequences = options.columns, options.table, options.sequences
    lengths = X[:, :, -1].sum(axis=1).astype(int)
    what = f"{len(X):,} sequences of {lengths.min()} to {lengths.max()} time steps"
    kinds = {"Numbers": columns["numbers"]}
    kinds["Text"] = [f"{name} ({len(of)} values)" for name, of in columns["categories"].items()]
    lines = [what, *(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)]
    lines += options.notes
    if columns["group"]:
        n_groups = sequences.groupby("is_test").group.nunique()
        lines.append(f"Groups: {n_groups[False]:,} to train on, {n_groups[True]:,} to test on.")
    print(*(textwrap.fill(line, WIDTH) for line in lines), sep="\n", end="\n\n")
    rows = table[[columns["label"]]].assign(split=np.where(options.is_test, "test", "train"))
    if not columns["each_step"]:
        rows = rows[~table[columns["recording"]].duplicated()]
    counts = pd.crosstab(rows[columns["label"]], rows["split"]).loc[columns["classes"]]
    print_block("Labels, in the order of the model's outputs:", counts[["train", "test"]])


def compare(models, arrays, options, score=score_both, longest=None):
    """Train models, and choose a learning rate and a number of epochs for each by held-out loss.

    Args:
        models: dict of name to compiled Keras model.
        arrays: X, y and weights of all sequences.
        options: of the command line, as `extensions.shared.own_sequences` reads them.
        score: as `score_both`.
        longest: None, or the largest length of the sequences to train on.

    Returns:
        The scores after each pass, and their views.
    """
    is_test = options.sequences.is_test.to_numpy()
    train = options.sequences[~is_test]
    X_train, y_train, weights_train = (array[~is_test] for array in arrays)
    X_test, *test = (array[is_test] for array in arrays)
    is_short = X_train[:, :, -1].sum(axis=1) <= (longest or X_train.shape[1])
    n_out = max(1, round(HELD_OUT_SHARE * len(train)))
    n_fit = is_short.sum() - n_out

    def get_data(rng):
        """Hold some training sequences out. With groups, their number differs between runs."""
        is_out = draw_share(train, HELD_OUT_SHARE, rng)
        # Where there are too few, some are there twice: all runs have arrays of the same shapes.
        fit = np.resize(rng.permutation(np.flatnonzero(~is_out & is_short)), n_fit)
        out = np.resize(rng.permutation(np.flatnonzero(is_out)), n_out)
        fitted = (
            X_train[fit, :longest],
            y_train[fit][..., :longest],
            weights_train[fit][..., :longest],
        )
        X_scored = np.concatenate([X_train[out], X_test])
        return fitted, (X_scored, (y_train[out], weights_train[out]), test)

    counts = {name: f"{model.count_params():,}" for name, model in models.items()}
    print_block("Models:", pd.DataFrame({"parameters": counts}))
    _, scores = train_by_options(
        models, get_data, score, options, n_epochs=options.epochs, shuffle=True
    )
    return scores, report_choices(scores, options.seed, "held_out_loss")


def fit_chosen(model, scores, arrays, options):
    """Train a model with the learning rate and the number of epochs of the lowest held-out loss.

    Args:
        model: compiled Keras model.
        scores: those of this model, as `compare` returns them.
        arrays: X, y and weights of all sequences. Those for the test are not trained on.
        options: of the command line.
    """
    losses = scores.held_out_loss.fillna(np.inf)  # of runs that failed
    rate, n_updates = losses.groupby([scores.learning_rate, scores["update"]]).mean().idxmin()
    n_epochs = n_updates // scores["update"].min()
    name = scores.model.iloc[0]
    print(f"Trained on all training sequences: {name}, {n_epochs} epochs at {rate:g}", end="\n\n")
    X, y, weights = (array[~options.sequences.is_test] for array in arrays)
    model.optimizer.learning_rate = rate
    # Shuffles the sequences before each epoch.
    model.fit(X, y, options.batch_size, n_epochs, verbose=0, sample_weight=weights)


def save_fitted(model, options, figure, **tables):
    """Say what a model gets right of the test sequences, and save it with what it needs.

    Args:
        model: of `fit_chosen`.
        options: of the command line.
        figure, **tables: as for `common.files.save`.
    """
    table, columns, sequences = options.table, options.columns, options.sequences
    predictions = predict(model, table[options.is_test], columns)
    groups = sequences.set_index("recording").group if columns["group"] else None
    print_predictions(predictions, groups)

    def write_columns(path):
        Path(path).write_text(json.dumps(columns, indent=1), encoding="utf-8")

    others = {".keras": model.save, ".json": write_columns}
    save(options, figure, others, predictions=predictions, **tables)


def predict(model, table, columns):
    """Predict the label of each sequence of a table, or of each of its rows.

    Args:
        model: Keras model, as `get_model` builds it.
        table, columns: as for `extensions.parts.sequences.get_arrays`.

    Returns:
        DataFrame in the order of the table: `recording`; `step`, counted from 1, if each has a
        label; `predicted`; `probability`, of that label; and `label`, if the table has it.
    """
    probabilities = model.predict(get_arrays(table, columns)[0], verbose=0)
    sequence, step = number_steps(table, columns)
    if columns["each_step"]:
        shown = table[[columns["recording"]]].set_axis(["recording"], axis=1).assign(step=step + 1)
        probabilities = probabilities[sequence, step]
    else:
        table = table.drop_duplicates(columns["recording"])
        shown = table[[columns["recording"]]].set_axis(["recording"], axis=1)
    shown["predicted"] = np.array(columns["classes"])[probabilities.argmax(axis=-1)]
    shown["probability"] = probabilities.max(axis=-1).round(4)
    if columns["label"] in table:
        shown["label"] = table[columns["label"]]
    return shown.reset_index(drop=True)


def print_predictions(predictions, groups=None):
    """Print how many predictions of the saved model are right, for each label and in all.

    Args:
        predictions: as `predict` returns them, with `label`.
        groups: None, or the group of each recording, a Series.
    """
    known = predictions[predictions.label != ""]
    report = classification_report(known.label, known.predicted, output_dict=True, zero_division=0)
    report.pop("accuracy", None)
    table = pd.DataFrame(report).T.rename(columns={"support": "labels"})
    whole = table.pop("labels").map("{:,.0f}".format)
    table = table.map("{:.3f}".format).assign(labels=whole)
    print_block("The saved model, by label:", table)
    is_right = known.predicted == known.label
    of_sequences = is_right.groupby(known.recording).all()
    answer = f"Answer: the saved model gets {of_sequences.mean():.3f} of {len(of_sequences):,}"
    answer += " sequences right"
    if "step" in known:
        answer += f" in all their labels, and {is_right.mean():.3f} of {len(known):,} labels"
    if groups is None:
        low, high = stats.binomtest(of_sequences.sum(), len(of_sequences)).proportion_ci()
        answer += f". The 95% interval for other sequences of this kind is {low:.3f} to {high:.3f}"
        answer += ", if none was trained on, and no two share a person or a machine (else take"
        answer += " --group)."
    else:
        shares = is_right.groupby(known.recording.map(groups)).mean()
        low, high = interval(shares, share=True)
        what = (
            "95% interval for other groups" if len(shares) >= FEWEST_RUNS else "lowest to highest"
        )
        answer += f". Mean share of right labels over {len(shares):,} groups: {shares.mean():.3f}"
        answer += f" ({what}: {low:.3f} to {high:.3f})."
    print(textwrap.fill(answer, WIDTH))
