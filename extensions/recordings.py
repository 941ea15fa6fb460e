"""What extensions/classify_recordings.py needs besides Keras: most of all, to read a CSV file.

The file has recordings, which are sequences of measurements with one label each. All that can be
wrong with it is reported in one line.
"""

import gzip
import json
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from common.command_line import check_backend, make_parser, read_options
from common.startup import load_keras

DATA = Path(__file__).parent / "data" / "japanese_vowels.csv.gz"
LARGEST = 1e18  # number in a file; its square is still finite in float32
PADDING = -1e30  # beyond LARGEST, so that no time step can look like padding
TEST_SHARE = 0.25  # of the recordings of each label, if the file has no column `split`
HELD_OUT_SHARE = 0.2  # of the training recordings of each class


def start_with_recordings(script, description, **defaults):
    """Begin a script: read its options and its recordings, then load Keras quietly.

    Args:
        script: the script's `__file__`.
        description: the script's docstring, for `--help`.
        **defaults: as for `common.command_line.make_parser`.

    Returns:
        The options, with `recordings`, as `read_recordings` returns them.

    Raises:
        SystemExit: with status 2, after one line, if an option or the file is wrong.
    """
    parser = make_parser(script, description, timesteps=None, sequences=None, **defaults)
    file = "CSV file, or .csv.gz, with a row for each time step (default: Japanese Vowels)"
    parser.add_argument("--data", default=str(DATA), metavar="FILE", help=file)
    column = "column of the file that is the label (default: speaker)"
    parser.add_argument("--label", default="speaker", metavar="NAME", help=column)
    options = parser.parse_args()
    check_backend(parser)
    try:
        recordings = read_recordings(options.data, options.label, options.seed)
    except ValueError as error:
        parser.error(f"argument --data: {error}")
    options = read_options(parser)  # only now, as it makes the output folder
    options.recordings = recordings
    load_keras(os.cpu_count())
    return options


def read_recordings(file, label, seed=0):
    """Read the recordings of a CSV file with a row for each time step.

    The docstring of extensions/classify_recordings.py describes the columns.

    Args:
        file: path of a CSV file in UTF-8, or of such a file compressed by gzip, whose name ends in
            `.gz`.
        label: name of the column with the labels, numbers or text.
        seed: of the split, if the file has none. TEST_SHARE of the recordings of each label, at
            least one, is for testing.

    Returns:
        DataFrame with a row for each recording, in the order of their first rows: `recording` and
        `label`, both str; `split`, `train` or `test`; and `values`, each a float64 array of shape
        `(n_timesteps, n_features)`. Its `attrs["features"]` lists the names of the features.

    Raises:
        ValueError: the file is wrong. The message is one line, which names the file, the column,
            and the row (the header is row 1) or the recording.
    """
    try:
        cells = _read_cells(file)
        _check_columns(cells, label)
        features = cells.columns.difference(["recording", label, "split"], sort=False)
        values = _to_numbers(cells[features])
        codes, names = pd.factorize(cells["recording"])
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))[:-1]
        first = cells.drop_duplicates("recording")
        recordings = pd.DataFrame({"recording": names, "label": first[label].to_numpy()})
        if "split" in cells:
            recordings["split"] = first["split"].to_numpy()
        else:
            is_test = draw_from_each(recordings.label, TEST_SHARE, np.random.default_rng(seed))
            recordings["split"] = np.where(is_test, "test", "train")
        recordings["values"] = np.split(values[order], ends)
        recordings.attrs["features"] = list(features)
        _check_labels(recordings, label, "split" in cells)
    except ValueError as error:
        raise ValueError(f"{str(file)!r}: {error}") from None
    return recordings


def get_classes(labels):
    """Return the different labels in order: as numbers if all are numbers, else as text."""
    classes = sorted(set(labels))
    try:
        return sorted(classes, key=float)
    except ValueError:
        return classes


def draw_from_each(labels, share, rng):
    """Draw a share of the recordings of each label.

    Args:
        labels: sequence of the labels, one for each recording.
        share: how much to draw, between 0 and 1. At least one of two or more recordings is drawn,
            and none if there is only one.
        rng: NumPy Generator.

    Returns:
        Array of bool: whether each recording is drawn.
    """
    labels = np.asarray(labels)
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        of_label = rng.permutation(np.flatnonzero(labels == label))
        n_drawn = max(1, round(share * len(of_label))) if len(of_label) > 1 else 0
        drawn[of_label[:n_drawn]] = True
    return drawn


def hold_out(X, y, rng):
    """Split training recordings in two: some to train on, others to choose the learning rate.

    Args:
        X: recordings, array of shape `(n_recordings, ...)`.
        y: their classes, shape `(n,)`.
        rng: as for `numpy.random.default_rng`.

    Returns:
        Two tuples X, y. The second has HELD_OUT_SHARE of each class, drawn at random. If each class
        has only one recording, both have all.
    """
    held_out = draw_from_each(y, HELD_OUT_SHARE, np.random.default_rng(rng))
    if not held_out.any():
        return (X, y), (X, y)
    return (X[~held_out], y[~held_out]), (X[held_out], y[held_out])


def score_classes(y, probabilities):
    """Score probabilities of classes.

    Args:
        y: the true classes, whole numbers from 0, shape `(n,)`.
        probabilities: shape `(n_recordings, n_classes)`.

    Returns:
        A dict of two floats: `loss`, the cross-entropy in nats, and `accuracy`.
    """
    p = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1)  # as Keras clips
    return {"loss": -np.log(p).mean(), "accuracy": (probabilities.argmax(axis=1) == y).mean()}


def discriminate_means(train, y_train, test):
    """Classify recordings by the mean of their time steps, which ignores order and length.

    This is the linear discriminant (Fisher 1936). It takes the means of each class as normally
    distributed, with the same covariance for all classes.

    Args:
        train, test: sequences of arrays of shape `(n_timesteps, n_features)`.
        y_train: the classes of `train`, whole numbers from 0, each at least once.

    Returns:
        The probabilities of the classes, shape `(len(test), n_classes)`.
    """
    means, test_means = (
        np.array([values.mean(axis=0) for values in some]) for some in (train, test)
    )
    scale = np.maximum(means.std(axis=0), 1e-7)
    means, test_means = means / scale, test_means / scale
    centres = np.array([means[y_train == label].mean(axis=0) for label in np.unique(y_train)])
    spread = means - centres[y_train]
    # The small term on the diagonal makes it invertible even with very few recordings.
    covariance = spread.T @ spread / len(means) + 1e-4 * np.eye(len(scale))
    offsets = test_means[:, None] - centres
    logits = -0.5 * np.einsum("nci,ij,ncj->nc", offsets, np.linalg.inv(covariance), offsets)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True)) * np.bincount(y_train)
    return weights / weights.sum(axis=1, keepdims=True)


def save_model(model, file):
    """Save a Keras model without the date and addresses in memory, so that files can be equal."""
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(contents["metadata.json"]) | {"date_saved": ""}
    contents["metadata.json"] = json.dumps(metadata)
    numbers = {}  # instead of the addresses by which Keras identifies shared objects
    contents["config.json"] = re.sub(
        rb'(?<="shared_object_id": )\d+',
        lambda address: b"%d" % numbers.setdefault(address[0], len(numbers)),
        contents["config.json"],
    )
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _read_cells(file):
    """Return the cells of a CSV file as str, with the names of the columns and the row numbers."""
    open_file = gzip.open if str(file).endswith(".gz") else open
    try:
        with open_file(file, "rt", encoding="utf-8-sig", newline="") as text:
            # The header is read as a row like the others, so that no row may be longer than it.
            # Blank lines are read too, so that the index is the row number.
            cells = pd.read_csv(
                text,
                header=None,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                skipinitialspace=True,
            ).fillna("")
    except pd.errors.EmptyDataError:
        raise ValueError("is empty") from None
    except pd.errors.ParserError as error:
        raise ValueError(_describe_parser_error(str(error))) from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"is not a CSV file in UTF-8: {error}") from None
    except OSError as error:
        raise ValueError(error.strerror) from None
    cells.index += 1
    cells = cells[(cells != "").any(axis=1)]
    cells.columns = cells.iloc[0].to_list()
    cells = cells.iloc[1:]
    if cells.empty:
        raise ValueError("has no rows below its header")
    return cells


def _describe_parser_error(error):
    """Return a plain message for an error of pandas' C parser."""
    cells = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error)
    quote = re.search(r"inside string starting at row (\d+)", error)
    if cells:
        return f"row {cells[2]}: has {cells[3]} cells, the first row {cells[1]}; are there commas?"
    if quote:
        return f"row {int(quote[1]) + 1}: a quotation mark is not closed"
    return f"is not a CSV file: {error.split('error: ')[-1].strip()}"


def _check_columns(cells, label):
    columns = cells.columns
    if len(columns) == 1:
        hint = "commas must separate the columns" if ";" in columns[0] or "\t" in columns[0] else ""
        raise ValueError(f"has only one column, {columns[0]!r}{hint and ': ' + hint}")
    for number, column in enumerate(columns, 1):
        if not column:
            index = " (an index? write it with to_csv(index=False))" if number == 1 else ""
            raise ValueError(f"column {number} has no name{index}")
    if not columns.is_unique:
        raise ValueError(f"has two columns {columns[columns.duplicated()][0]!r}")
    if label in ("recording", "split"):
        raise ValueError(f"column {label!r} cannot be the label")
    for column in ("recording", label):
        if column not in columns:
            names = ", ".join(map(repr, columns[:10])) + (" ..." if len(columns) > 10 else "")
            raise ValueError(f"has no column {column!r}, only {names}")
        if (cells[column] == "").any():
            row = (cells[column] == "").idxmax()
            raise ValueError(f"column {column!r}, row {row}: is empty")
    if "split" in columns:
        is_wrong = ~cells["split"].isin(["train", "test"])
        if is_wrong.any():
            row = is_wrong.idxmax()
            split = cells.loc[row, "split"]
            raise ValueError(f"column 'split', row {row}: {split!r} is neither 'train' nor 'test'")
    if len(columns) == (3 if "split" in columns else 2):
        raise ValueError("has no feature: a column of numbers besides recording and label")
    for column in columns.intersection([label, "split"]):
        first = cells.groupby("recording")[column].transform("first")
        differs = cells[column] != first
        if differs.any():
            row = differs.idxmax()
            raise ValueError(
                f"column {column!r}, row {row}: recording {cells.loc[row, 'recording']!r} has"
                f" {cells.loc[row, column]!r} here and {first[row]!r} before"
            )


def _to_numbers(cells):
    values = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = np.argwhere(~(np.abs(values) < LARGEST))  # NaN, too
    if len(bad):
        row, column = bad[0]
        cell = cells.iloc[row, column]
        wrong = (
            f"{cell!r} is not a number between {-LARGEST:g} and {LARGEST:g}" if cell else "is empty"
        )
        raise ValueError(f"column {cells.columns[column]!r}, row {cells.index[row]}: {wrong}")
    return values


def _check_labels(recordings, label, has_split):
    counts = recordings.label.value_counts(sort=False)
    if len(counts) == 1:
        raise ValueError(
            f"column {label!r}: all recordings have {counts.index[0]!r}, but two classes are needed"
        )
    if not has_split and counts.min() == 1:
        single = recordings[recordings.label == counts.idxmin()].iloc[0]
        raise ValueError(
            f"column {label!r}: {single.label!r} has only one recording, {single.recording!r};"
            " without a column 'split' each label needs one for training and one for testing"
        )
    training = recordings.label[recordings.split == "train"]
    for value in counts.index.difference(training, sort=False):
        raise ValueError(f"column {label!r}: {value!r} has no training recording")
    if len(training) == len(recordings):
        raise ValueError("column 'split': no recording is 'test'")
