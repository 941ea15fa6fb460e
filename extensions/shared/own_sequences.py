"""A reader's own sequences: the options, the file, and which sequences are for testing.

A wrong file is reported in one line, before Keras is loaded.
"""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from common.command_line import check_backend, read_options
from common.startup import load_keras
from extensions.parts.sequences import (
    find_columns,
    number_steps,
    read_table,
    refuse,
    sort_labels,
)

HELD_OUT_SHARE = 0.2  # of the training sequences: their loss chooses the rate and the epochs
TEST_SHARE = 0.25  # of the sequences, if the file has no column `split`
FEWEST = "three of a label are needed"
# Labels that may mean "not known". Only an empty cell does: these may be words as well.
UNKNOWN = {"NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"}


def start_with_sequences(parser, data, label, group=None, each_step=False):
    """Read a script's options and its file, then load Keras quietly.

    Args:
        parser: as `common.command_line.make_parser` makes it.
        data: path of the file that the script reads by default.
        label, group: names of its columns, group may be None.
        each_step: whether there is a label at each step, not one for the whole sequence.

    Returns:
        The options, with what `read_sequences` returns.

    Raises:
        SystemExit: with status 2, after one line, if an option or the file is wrong.
    """
    add, column = parser.add_argument, {"metavar": "NAME"}
    add("--data", metavar="FILE", help=f"CSV file, a row a time step (default: {data.name})")
    add("--label", **column, help=f"column of the label, empty if not known (default: {label})")
    what = "column that says which sequence a row belongs to (default: recording)"
    add("--recording", default="recording", **column, help=what)
    add("--time", **column, help="column that orders the rows of a sequence, numbers or dates")
    what = "column of what shares sequences, as a person: never on both sides of a split"
    add("--group", **column, help=what)
    add("--features", nargs="+", **column, help="columns to learn from (default: all others)")
    options = parser.parse_args()
    check_backend(parser)
    if options.data and not options.label:
        parser.error("argument --label: name the column with the labels")
    if not options.data:
        options.data, options.label, options.group = data, label, group
    try:
        sequences = read_sequences(
            options.data,
            {name: getattr(options, name) for name in ("recording", "label", "time", "group")},
            options.features,
            each_step,
            options.seed,
        )
    except ValueError as error:
        parser.error(f"argument --data: {str(options.data)!r}: {error}")
    options = read_options(parser)  # only now, as it makes the output folder
    vars(options).update(sequences)
    load_keras(os.cpu_count())
    return options


def start_with_model(parser):
    """Read the options of a script that applies a model, and its file; load Keras and the model.

    Args:
        parser: as `common.command_line.make_parser` makes it.

    Returns:
        The options, with `table`, `columns` and `notes` as `read_sequences` returns them, and
        `model`, a Keras model.

    Raises:
        SystemExit: with status 2, after one line, if an option or a file is wrong.
    """
    what = "Keras file of extensions.classify_recordings or extensions.label_steps"
    parser.add_argument("--model", required=True, metavar="FILE", help=what)
    parser.add_argument("--data", required=True, metavar="FILE", help="CSV file, a row a time step")
    options = parser.parse_args()
    check_backend(parser)
    if not Path(options.model).exists():
        parser.error(f"argument --model: {options.model!r} is not there")
    try:
        columns = json.loads(Path(options.model).with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"argument --model: {options.model!r}: no JSON file beside it: {error}")
    try:
        table = read_new_table(options.data, columns)
    except ValueError as error:
        parser.error(f"argument --data: {options.data!r}: {error}")
    options = read_options(parser)
    load_keras(os.cpu_count())
    import keras

    try:
        model = keras.models.load_model(options.model, compile=False)
    except Exception as error:  # of Keras or of the archive
        reason = " ".join(str(error).split())[:200]
        parser.error(f"argument --model: {options.model!r} is no Keras model: {reason}")
    notes = [*get_notes(table, columns)]
    for name, values in columns["categories"].items():
        n_unseen = (~table[name].isin([*values, ""])).sum()
        notes += [f"Not seen in training: {n_unseen:,} values of {name!r}."] if n_unseen else []
    others = set(table.get(columns["label"], [])) - {*columns["classes"], ""}
    notes += [f"Labels that training does not have: {', '.join(sorted(others))}."] if others else []
    found = {"table": table, "columns": columns, "notes": notes}
    vars(options).update(found, model=model)
    return options


def read_new_table(file, columns):
    """Read a file with the columns that a model was trained with; the label may be missing.

    Args:
        file: path of a CSV file.
        columns: as `read_sequences` returns them.

    Returns:
        DataFrame, as `extensions.parts.sequences.read_table` returns it.

    Raises:
        ValueError: a column is missing, or is of another kind than in training.
    """
    recording, label = columns["recording"], columns["label"]
    as_text = [recording, label, columns["group"], *columns["categories"]]
    table = read_table(file, as_text)
    for column in filter(
        None, [recording, columns["time"], *columns["numbers"], *columns["categories"]]
    ):
        if column not in table:
            raise ValueError(f"has no column {column!r}, which the model needs")
    for column in columns["numbers"]:
        if not pd.api.types.is_float_dtype(table[column]):
            raise ValueError(f"column {column!r} is text; in training it was numbers")
    for column, values in columns["categories"].items():
        is_known = table[column].isin(values)
        if not is_known.any() and pd.to_numeric(table[column], errors="coerce").notna().all():
            raise ValueError(f"column {column!r} is numbers; in training it was text")
    refuse(table, recording, table[recording] == "", "is empty: every row needs one")
    if label in table:
        table[label] = unify_labels(table[label])
        if not columns["each_step"]:
            table[label] = table.groupby(recording)[label].transform("max")  # "" is not known
    return table


def unify_labels(labels):
    """Return labels, a Series of str, where 0.0 and 1.0 are 0 and 1: pandas writes both."""
    numbers = pd.to_numeric(labels, errors="coerce")
    if not (labels.str.endswith(".0").any() and (numbers % 1 == 0)[labels != ""].all()):
        return labels
    return numbers.map("{:.0f}".format).where(labels != "", "")


def read_sequences(file, roles, features=None, each_step=False, seed=0):
    """Read the sequences of a file, and which of them are for testing.

    Args:
        file: path of a CSV file, as `extensions.parts.sequences.read_table` reads it.
        roles: dict of `recording`, `label`, `time` and `group` to the name of a column or None.
        features: None, or names of columns.
        each_step: whether there is a label at each step, not one for the whole sequence.
        seed: of the split, if the file has none.

    Returns:
        A dict: `table`, the rows of all sequences with a label, a DataFrame; `columns`, as
        `find_columns` describes it; `sequences`, as `tabulate_sequences` returns it; `is_test`, a
        Series of bool for the rows of `table`; and `notes`, what to tell the user, a list of str.

    Raises:
        ValueError: the file is wrong. The message is one line.
    """
    recording, label, group = (roles[name] for name in ("recording", "label", "group"))
    table = read_table(file, [recording, label, group, "split"])
    columns = find_columns(table, **roles, features=features)
    table[label] = unify_labels(table[label])
    for column in filter(None, [recording, group]):
        refuse(table, column, table[column] == "", "is empty: every row needs one")
    labels = table[label].where(table[label] != "").groupby(table[recording])
    check_labels(table, label, labels, each_step)
    is_labelled = labels.transform("count") > 0
    n_left_out = table[recording][~is_labelled].nunique()
    if not each_step:
        table[label] = labels.transform("first")
    table = table[is_labelled]
    sequences = tabulate_sequences(table, columns, each_step, seed)
    is_train = table[recording].isin(sequences.recording[~sequences.is_test])
    columns = find_columns(table, **roles, features=features, is_train=is_train)
    trained = set(table[label][is_train]) - {""}
    if len(trained) < 2:
        raise ValueError(f"column {label!r}: the training sequences have no label but {trained}")
    notes = [f"Left out: {n_left_out:,} sequences without a label."] if n_left_out else []
    if others := sorted(set(columns["classes"]) - trained):
        notes.append(f"Labels of no training sequence: {', '.join(others)}.")
    notes += [
        f"Is the label {name!r} unknown? Then leave it empty." for name in sorted(trained & UNKNOWN)
    ]
    return {
        "table": table,
        "columns": {**columns, "each_step": each_step},
        "sequences": sequences,
        "is_test": ~is_train,
        "notes": [*notes, *get_notes(table, columns)],
    }


def check_labels(table, label, by_recording, each_step):
    """Raise a ValueError, one line, if a column is no label of the kind that a script needs.

    Args:
        table: DataFrame as `extensions.parts.sequences.read_table` returns it.
        label: name of the column.
        by_recording: the column, NaN where the label is not known, grouped by sequence.
        each_step: as for `read_sequences`.
    """
    classes = sort_labels(set(table[label]) - {""})
    if len(classes) < 2:
        raise ValueError(f"column {label!r}: two labels are needed, not only {classes}")
    numbers = pd.to_numeric(pd.Series(classes), errors="coerce")
    if len(numbers) > 20 and numbers.notna().all() and (numbers % 1 > 0).any():
        raise ValueError(f"column {label!r}: numbers such as {classes[0]} are no classes")
    if each_step and not (by_recording.nunique() > 1).any():
        raise ValueError(
            f"column {label!r} never changes within a sequence: for one label a sequence, take"
            " python -m extensions.classify_recordings"
        )
    if not each_step:
        is_other = (table[label] != "") & (table[label] != by_recording.transform("first"))
        why = "is another label than before in this sequence: for a label at each step, take"
        refuse(table, label, is_other, f"{why} python -m extensions.label_steps")


def tabulate_sequences(table, columns, each_step, seed):
    """Tabulate the sequences of a file, and which of them are for testing.

    Args:
        table: the rows of all sequences with a label, a DataFrame.
        columns: as `extensions.parts.sequences.find_columns` returns it.
        each_step, seed: as for `read_sequences`.

    Returns:
        DataFrame with a row for each sequence: `recording`; `group`, which is the recording where
        there are no groups; `stratum`, the label, where there is one; and `is_test`.

    Raises:
        ValueError: a group is on both sides of the split, or there are too few of them.
    """
    recording, group = columns["recording"], columns["group"]
    for column in [name for name in (group, "split") if name in table]:
        is_other = table[column] != table.groupby(recording)[column].transform("first")
        refuse(table, column, is_other, "is another value than in the first row of this sequence")
    firsts = table.drop_duplicates(recording).reset_index(drop=True)
    sequences = pd.DataFrame({"recording": firsts[recording], "group": firsts[group or recording]})
    sequences["stratum"] = "" if each_step else firsts[columns["label"]]
    if "split" in table:
        is_wrong = ~table["split"].isin(["train", "test"])
        refuse(table, "split", is_wrong, "is neither 'train' nor 'test'")
        sequences["is_test"] = firsts["split"] == "test"
        of_group = sequences.groupby("group").is_test.nunique()
        if of_group.max() > 1:
            raise ValueError(f"column 'split': {of_group.idxmax()!r} is in 'train' and 'test'")
    else:
        sequences["is_test"] = draw_share(sequences, TEST_SHARE, np.random.default_rng(seed))
    train = sequences[~sequences.is_test]
    if not 0 < len(train) < len(sequences):
        raise ValueError(f"has too few sequences (or groups) to test: {FEWEST}")
    if not draw_share(train, HELD_OUT_SHARE, np.random.default_rng(seed)).any():
        raise ValueError(f"has too few training sequences (or groups) to hold one out: {FEWEST}")
    return sequences


def get_notes(table, columns):
    """Yield what to tell the user about the features, sentences."""
    features = [*columns["numbers"], *columns["categories"]]
    n_missing = (table[features].isna() | (table[features] == "")).sum()
    if n_missing.any():
        counts = ", ".join(f"{name} {count:,}" for name, count in n_missing[n_missing > 0].items())
        yield (
            f"Missing cells: {counts}. They have the value before them in the sequence, or else the"
            " training mean (text: no value)."
        )
    sequence, step = number_steps(table, columns)
    if step.max() == 0:
        return
    rows = table.iloc[np.lexsort((step, sequence))].groupby(np.sort(sequence))
    for name in features:
        values = table[name].unique()
        if rows[name].nunique().max() == 1 < len(values):
            yield f"{name!r} never changes within a sequence: is it a --group?"
        elif name in columns["categories"] and is_date(values[:9].astype(str)):
            yield f"{name!r} holds dates or times: is it the --time?"
        elif name in columns["categories"] and len(values) > max(20, len(table) / 2):
            yield f"{name!r} is text of {len(values):,} different values: should it be numbers?"
        elif name in columns["numbers"] and not columns["time"] and (rows[name].diff() > 0).sum():
            if not (rows[name].diff() <= 0).any():
                yield f"{name!r} rises throughout each sequence: is it the --time?"


def is_date(values):
    """Return whether all of some values, an array of str, can be read as dates or times."""
    values = pd.Series(values[values != ""])
    with warnings.catch_warnings(action="ignore"):
        return len(values) > 0 and pd.to_datetime(values, errors="coerce").notna().all()


def draw_share(sequences, share, rng):
    """Draw a share of the groups of each label, and with them their sequences.

    If a group has sequences of several labels, all groups are drawn alike.

    Args:
        sequences: DataFrame as `tabulate_sequences` returns it.
        share: how much to draw, between 0 and 1. At least one of two or more groups of a label is
            drawn, and none if there is only one.
        rng: NumPy Generator.

    Returns:
        Array of bool: whether each sequence is drawn.
    """
    groups = sequences.drop_duplicates("group")
    drawn, strata = np.zeros(len(groups), bool), groups.stratum
    if (sequences.groupby("group").stratum.nunique() > 1).any():
        strata = pd.Series("", groups.index)
    for label in np.unique(strata):
        of_label = rng.permutation(np.flatnonzero(strata == label))
        n_drawn = max(1, round(share * len(of_label)))
        drawn[of_label[:n_drawn]] = len(of_label) > 1
    return sequences.group.isin(groups.group[drawn]).to_numpy()
