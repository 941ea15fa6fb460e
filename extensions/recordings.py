"""Read recordings from a CSV file: sequences of measurements with one label each.

What is wrong with a file is reported in one line, before Keras is loaded.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from common.command_line import check_backend, read_options
from common.startup import load_keras

DATA = Path(__file__).parent / "data" / "japanese_vowels.csv.gz"
LARGEST = 1e18  # number in a file; its square is still finite in float32
PADDING = -1e30  # beyond LARGEST, so that no time step can look like padding
TEST_SHARE = 0.25  # of the recordings of each label, if the file has no column `split`


def start_with_recordings(parser):
    """Read a script's options and its recordings, then load Keras quietly.

    Args:
        parser: as `common.command_line.make_parser` makes it.

    Returns:
        The options, with `recordings`, as `read_recordings` returns them.

    Raises:
        SystemExit: with status 2, after one line, if an option or the file is wrong.
    """
    file = "CSV file with a row for each time step (default: Japanese Vowels)"
    parser.add_argument("--data", default=str(DATA), metavar="FILE", help=file)
    column = "column of the file that is the label (default: speaker)"
    parser.add_argument("--label", default="speaker", metavar="NAME", help=column)
    options = parser.parse_args()
    check_backend(parser)
    try:
        recordings = read_recordings(options.data, options.label, options.seed)
    except ValueError as error:
        parser.error(f"argument --data: {options.data!r}: {error}")
    options = read_options(parser)  # only now, as it makes the output folder
    options.recordings = recordings
    load_keras(os.cpu_count())
    return options


def read_recordings(file, label, seed=0):
    """Read the recordings of a CSV file with a row for each time step.

    The docstring of extensions/classify_recordings.py describes the columns.

    Args:
        file: path of the file.
        label: name of the column with the labels, numbers or text.
        seed: of the split, if the file has none. TEST_SHARE of the recordings of each label, at
            least one of two or more, is for testing.

    Returns:
        DataFrame with a row for each recording, in the order of their first rows: `recording` and
        `label`, both str; `split`, `train` or `test`; and `values`, each a float64 array of shape
        `(n_timesteps, n_features)`. Its `attrs["features"]` lists the names of the features.

    Raises:
        ValueError: the file is wrong. The message is one line, which names the column and the row
            (the header is row 1), or the label.
    """
    cells = read_cells(file)
    for column in ("recording", label):
        if column not in cells:
            raise ValueError(f"has no column {column!r}, only {', '.join(cells.columns[:10])}")
    for column in cells:
        refuse(cells, column, cells[column] == "", "an empty cell")
    features = [column for column in cells if column not in ("recording", label, "split")]
    if not features:
        raise ValueError("has no feature: a column of numbers besides recording and label")
    numbers = cells[features].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    for column in features:
        is_wrong = ~(numbers[column].abs() < LARGEST)  # NaN, too
        refuse(cells, column, is_wrong, f"not a number between {-LARGEST:g} and {LARGEST:g}")
    if "split" in cells:
        is_wrong = ~cells["split"].isin(["train", "test"])
        refuse(cells, "split", is_wrong, "neither 'train' nor 'test'")

    by_recording = cells.groupby("recording", sort=False)
    for column in cells.columns.intersection([label, "split"]):
        is_wrong = cells[column] != by_recording[column].transform("first")
        refuse(cells, column, is_wrong, "another value than in the first row of this recording")
    recordings = by_recording[label].first().rename("label").reset_index()
    if "split" in cells:
        recordings["split"] = by_recording["split"].first().to_numpy()
    else:
        is_test = draw_from_each(recordings.label, TEST_SHARE, np.random.default_rng(seed))
        recordings["split"] = np.where(is_test, "test", "train")
    rows_of_each = numbers.groupby(cells["recording"], sort=False)
    recordings["values"] = [rows.to_numpy() for _, rows in rows_of_each]
    recordings.attrs["features"] = features

    is_train = recordings.split == "train"
    counts = is_train.groupby(recordings.label, sort=False).sum()  # of training recordings
    if len(counts) < 2:
        raise ValueError(f"column {label!r}: two labels are needed, not only {list(counts.index)}")
    if counts.min() == 0:
        raise ValueError(f"column {label!r}: {counts.idxmin()!r} has no training recording")
    if counts.max() == 1:
        raise ValueError(f"column {label!r}: no label has two recordings to train on")
    if is_train.all():
        raise ValueError("column 'split': no recording is 'test'")
    return recordings


def read_cells(file):
    """Return the cells of a CSV file as str, with the names of the columns and the row numbers."""
    # The header is read as a row like the others, so that no row may be longer than it. Blank lines
    # are read too, so that the index is the row number.
    settings = {"header": None, "skip_blank_lines": False, "skipinitialspace": True}
    settings |= {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    try:
        # A separator that no file has: the header is one cell.
        header = pd.read_csv(file, sep="\x1f", nrows=1, **settings).iloc[0, 0]
        cells = pd.read_csv(file, sep=max(",;\t", key=header.count), **settings).fillna("")
        cells.index += 1
        cells = cells[(cells != "").any(axis=1)]
        cells = cells.set_axis(cells.iloc[0].to_list(), axis=1).iloc[1:]
    except Exception as error:  # of pandas, of the encoding, or of the compression
        raise ValueError(f"cannot be read as CSV: {' '.join(str(error).split())}") from None
    bad = cells.columns[cells.columns.duplicated() | (cells.columns == "")]
    if len(bad):
        raise ValueError(f"the column name {bad[0]!r} is empty or there twice")
    return cells


def refuse(cells, column, is_wrong, why):
    """Raise a ValueError that names the first wrong cell of a column, if there is one."""
    if is_wrong.any():
        row = is_wrong.idxmax()
        raise ValueError(f"column {column!r}, row {row}: {cells.loc[row, column]!r} is {why}")


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
        n_drawn = max(1, round(share * len(of_label)))
        drawn[of_label[:n_drawn]] = len(of_label) > 1
    return drawn
