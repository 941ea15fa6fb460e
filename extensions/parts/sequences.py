"""How do I shape my input? From a table with a row for each time step to the arrays of a model.

    table = read_table("mine.csv", as_text=["recording", "kind"])
    columns = find_columns(table, recording="recording", label="kind")
    X, y, weights = get_arrays(table, columns)

A column of numbers is a feature, and so is a column of text, a category such as a word. All
sequences are padded at the end to the length of the longest. `X` has the shape `(n_sequences,
n_timesteps, n_columns)`: first the numbers, then the categories, each as a whole number from 1, and
last the mask, 1 where the time step is real and 0 where it is padding. `y` and `weights` have the
shape `(n_sequences, n_timesteps)`. `y` is the class, a whole number from 0. The weight is 1 where
the label is known and 0 elsewhere: hand it to `fit` as `sample_weight`. With one label for a whole
sequence, `y.max(axis=1)` and `weights.max(axis=1)` have the shape `(n_sequences,)`.

This file needs no other file of the project: copy it to use it elsewhere.
"""

import csv
import warnings

import numpy as np
import pandas as pd

MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "-"]  # for a number
LARGEST = 1e18  # number in a file; its square is still finite in float32


def read_table(file, as_text=()):
    """Read a CSV file with a row for each time step.

    Commas, semicolons or tabs separate the columns; with the latter two, numbers may have decimal
    commas. The file is UTF-8, and may be compressed. A column is numbers if at least half of its
    cells are, and text otherwise.

    Args:
        file: path of the file.
        as_text: names of columns that stay text, even if they look like numbers.

    Returns:
        DataFrame whose index is the row in the file (the header is row 1). A column of numbers is
        float64 with NaN for a missing cell, all others are str with "" for a missing cell.

    Raises:
        ValueError: the file is wrong. The message is one line, which names the column and the row.
    """
    # The header is read as a row like the others, so that no row may be longer than it. Blank lines
    # are read too, so that the index is the row number.
    settings = {"header": None, "skip_blank_lines": False, "skipinitialspace": True}
    settings |= {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    try:
        # A separator that no file has: the header is one cell.
        header = pd.read_csv(file, sep="\x1f", nrows=1, **settings).iloc[0, 0]
        separator = max(",;\t", key=header.count)
        table = read_cells(file, sep=separator, **settings)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8: save it as CSV UTF-8 (an Excel file is no CSV)") from None
    except Exception as error:  # of pandas, or of the compression
        raise ValueError(f"cannot be read as CSV: {' '.join(str(error).split())}") from None
    table.index += 1
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise ValueError("cannot be read as CSV: it is empty")
    table = table.set_axis(table.iloc[0].str.strip().to_list(), axis=1).iloc[1:]
    table = table.loc[:, table.columns != ""]  # such as the row numbers that pandas writes
    if table.empty:
        raise ValueError("has no rows below the header")
    if table.columns.has_duplicates:
        raise ValueError(f"has two columns {table.columns[table.columns.duplicated()][0]!r}")
    for column in table:
        cells = table[column] = table[column].str.strip()
        if column in as_text:
            continue
        points = cells if separator == "," else cells.str.replace(",", ".")
        numbers = pd.to_numeric(points, errors="coerce").astype(np.float64)
        is_number, is_missing = numbers.abs() < LARGEST, cells.isin(MISSING)
        if 2 * is_number.sum() >= (~is_missing).sum():
            refuse(table, column, ~is_number & ~is_missing, "in a column of numbers")
            table[column] = numbers.mask(is_missing)
    return table


def read_cells(file, **settings):
    """Read the cells of a CSV file as str, also where a quotation mark is a word of its own."""
    try:
        cells = pd.read_csv(file, **settings).fillna("")
        if not any(cells[column].str.contains("\n").any() for column in cells):
            return cells
    except pd.errors.ParserError as error:
        if "EOF inside string" not in str(error):
            raise
    return pd.read_csv(file, quoting=csv.QUOTE_NONE, **settings).fillna("")


def refuse(table, column, is_wrong, why):
    """Raise a ValueError that names the first wrong cell of a column, if there is one."""
    if is_wrong.any():
        row = is_wrong.idxmax()
        cell = table.loc[row, column]
        shown = "an empty cell" if pd.isna(cell) else repr(cell)
        raise ValueError(f"column {column!r}, row {row}: {shown} {why}")


def find_columns(table, recording, label, time=None, group=None, features=None, is_train=None):
    """Describe the columns of a table: what `get_arrays` needs, for other tables, too.

    Args:
        table: DataFrame as `read_table` returns it.
        recording: name of the column that says which sequence a row belongs to.
        label: name of the column of the label; "" where it is not known.
        time: None, or the column by which the rows of a sequence are put in order, numbers or
            dates. Otherwise they have the order of the table.
        group: None, or the column of what shares sequences, such as a person. It is no feature.
        features: None, or the names of the feature columns. None: all others but `split`.
        is_train: None, or which rows are for training, bool of shape `(n_rows,)`.

    Returns:
        A dict that JSON can store: `recording`, `label`, `time` and `group` as above; `numbers`,
        the mean of each column of numbers; `categories`, the values of each column of text; and
        `classes`, the labels in order. Means and values are of training rows alone.

    Raises:
        ValueError: a column is not there, or has no value to learn from.
    """
    roles = {"recording": recording, "label": label, "time": time, "group": group}
    taken = [*filter(None, roles.values()), "split"]
    features = features or [column for column in table if column not in taken]
    named = [(role, column) for role, column in roles.items() if column]
    for role, column in [*named, *(("features", column) for column in features)]:
        if column not in table:
            raise ValueError(f"has no column {column!r} ({role}), only {', '.join(table)[:200]}")
        if [*taken, *features].count(column) > 1:
            raise ValueError(f"column {column!r} cannot be {role} and something else")
    if not features:
        raise ValueError("has no feature: a column besides recording and label")
    train = table if is_train is None else table[is_train]
    numbers = [column for column in features if pd.api.types.is_float_dtype(table[column])]
    means = train[numbers].mean()
    if means.isna().any():
        column = means.index[means.isna()][0]
        raise ValueError(f"column {column!r} has no number in training rows: name the others")
    values = {column: train[column] for column in features if column not in numbers}
    categories = {name: sorted(set(cells) - {""}) for name, cells in values.items()}
    classes = sort_labels(set(table[label]) - {""})
    return {**roles, "numbers": means.to_dict(), "categories": categories, "classes": classes}


def sort_labels(labels):
    """Return labels in order: as numbers if all are numbers, else as text."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


def number_steps(table, columns):
    """Return the sequence and the time step of each row, both counted from 0: two arrays of int.

    Args:
        table: DataFrame as `read_table` returns it.
        columns: as `find_columns` returns it; `recording` and `time` are enough.

    Raises:
        ValueError: a time is neither a number nor a date.
    """
    sequence, _ = pd.factorize(table[columns["recording"]])
    name = columns["time"]
    if name is None:
        return sequence, table.groupby(sequence).cumcount().to_numpy()
    times = table[name]
    if not pd.api.types.is_float_dtype(times):
        begins_with_day = "." in times.iloc[0]  # as in 31.12.2026
        ways = [{"dayfirst": begins_with_day}, {"dayfirst": not begins_with_day}]
        with warnings.catch_warnings(action="ignore"):  # of a date that has no such day
            for way in [{"format": "ISO8601"}, *ways]:
                times = pd.to_datetime(table[name], errors="coerce", utc=True, **way)
                if times.notna().all():
                    break
    refuse(table, name, times.isna(), "is neither a number nor a date as in the first row")
    return sequence, times.groupby(sequence).rank(method="first").to_numpy().astype(int) - 1


def get_arrays(table, columns):
    """Return the arrays for a Keras model: see the top of this file.

    A missing cell has the value before it in the sequence, or else the training mean. A category
    that training has not seen is 0, and so is a missing one at the start of a sequence.

    Args:
        table: DataFrame as `read_table` returns it.
        columns: as `find_columns` returns it, of this table or of the one that was trained on. The
            label may be missing.

    Returns:
        X, float32 of shape `(n_sequences, n_timesteps, n_columns)`; y, int of shape
        `(n_sequences, n_timesteps)`; and weights, float32 of that shape.
    """
    sequence, step = number_steps(table, columns)
    cells = table[[*columns["numbers"], *columns["categories"]]]
    in_order = np.lexsort((step, sequence))
    cells = cells.mask(cells == "").iloc[in_order].groupby(sequence[in_order]).ffill()
    cells = cells.loc[table.index].fillna(columns["numbers"])
    for name, values in columns["categories"].items():
        cells[name] = pd.Index(values).get_indexer(cells[name]) + 1  # -1 is one it does not have
    shape = sequence.max() + 1, step.max() + 1
    X = np.zeros((*shape, cells.shape[1] + 1), np.float32)
    X[sequence, step] = np.column_stack([cells.astype(np.float32), np.ones(len(cells))])
    y, weights = np.zeros(shape, int), np.zeros(shape, np.float32)
    if columns["label"] in table:
        classes = pd.Index(columns["classes"]).get_indexer(table[columns["label"]])
        y[sequence, step], weights[sequence, step] = np.maximum(classes, 0), classes >= 0
    return X, y, weights
