"""A reader's own file: which sequences are for testing, and one line for what cannot be."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from extensions.shared.own_sequences import draw_share, read_sequences

ROOT = Path(__file__).parent.parent
ROLES = {"recording": "recording", "label": "kind", "time": None, "group": None}


def make_table():
    """Make 24 recordings of 2 to 4 steps: six persons, each with a kind of their own."""
    rows = []
    for recording in range(24):
        person = recording % 6
        for step in range(2 + recording % 3):
            kind, tag = ("ill", "well")[person % 2], ("n", "v")[step % 2]
            rows.append([f"r{recording}", person, kind, tag, step, recording + 0.5 * step])
    return pd.DataFrame(rows, columns=["recording", "person", "kind", "tag", "day", "x"])


def read(table, tmp_path, each_step=False, features=None, seed=0, **roles):
    table.to_csv(tmp_path / "mine.csv", index=False)
    return read_sequences(tmp_path / "mine.csv", ROLES | roles, features, each_step, seed)


def test_the_split_of_the_vowels():
    data = ROOT / "extensions" / "data" / "japanese_vowels.csv.gz"
    vowels = read_sequences(data, ROLES | {"label": "speaker"})
    counts = vowels["sequences"].groupby(["is_test", "stratum"]).size()
    assert counts[False].tolist() == [30] * 9
    assert counts[True].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # the donors' own


@pytest.mark.parametrize("each_step", [False, True])
def test_a_group_is_on_one_side_of_every_split(each_step, tmp_path):
    table = make_table()
    label = "tag" if each_step else "kind"
    for seed in range(5):
        found = read(table, tmp_path, each_step, ["x"], seed, group="person", label=label)
        sequences = found["sequences"]
        assert sequences.groupby("group").is_test.nunique().eq(1).all()
        assert 0 < sequences.is_test.sum() < 24
        train = sequences[~sequences.is_test]
        is_out = draw_share(train, 0.2, np.random.default_rng(seed))
        assert 0 < is_out.sum() < len(train)
        assert not set(train.group[is_out]) & set(train.group[~is_out])
        assert found["is_test"].tolist() == [
            recording in set(sequences.recording[sequences.is_test])
            for recording in found["table"].recording
        ]


def test_a_quarter_of_each_label_by_the_seed():
    n_drawn = {"1": 0, "2": 1, "3": 1, "4": 1, "10": 2, "100": 25}
    labels = [label for label in n_drawn for _ in range(int(label))]
    sequences = pd.DataFrame({"group": range(len(labels)), "stratum": labels})
    first, again, other = (draw_share(sequences, 0.25, np.random.default_rng(s)) for s in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    for drawn in (first, other):
        counts = pd.Series(drawn).groupby(sequences.stratum).sum()
        assert counts.to_dict() == n_drawn


def test_persons_with_several_labels(tmp_path):
    """Then the label does not count in drawing persons: one of four is for testing."""
    table = make_table().assign(person=lambda rows: rows.person // 2, tag="n")
    table["kind"] = np.where(table.recording.str[1:].astype(int) % 4 < 2, "ill", "well")
    sequences = read(table, tmp_path, group="person")["sequences"]
    assert sequences.groupby("group").is_test.first().sum() == 1


def test_labels_that_pandas_has_written_as_floats(tmp_path):
    table = make_table().assign(kind=lambda rows: (rows.person % 2).astype(float))
    table.loc[table.recording == "r3", "kind"] = np.nan
    assert read(table, tmp_path)["columns"]["classes"] == ["0", "1"]


def test_what_is_told(tmp_path):
    table = make_table().drop(columns="tag").astype({"x": object})
    table.loc[[3, 9], "x"] = None
    table.loc[table.recording == "r5", "kind"] = ""
    found = read(table, tmp_path)
    missing, group, time = sorted(found["notes"], key=len)[::-1][:3]
    assert missing.startswith("Missing cells: x 2.")
    assert "'person' never changes within a sequence: is it a --group?" in (group, time)
    assert "'day' rises throughout each sequence: is it the --time?" in (group, time)
    assert "Left out: 1 sequences without a label." in found["notes"]
    assert len(found["sequences"]) == 23 and "r5" not in set(found["table"].recording)
    found = read(table, tmp_path, time="day", group="person")
    assert list(found["columns"]["numbers"]) == ["x"] and len(found["notes"]) == 2


def change(table, column, value, rows=slice(None)):
    table = table.astype({column: object})
    table.loc[rows, column] = value
    return table


GOOD = make_table()
BAD = {  # a table, other arguments, and what the message must name
    "a label that changes": (GOOD, {"label": "tag"}, ["'tag', row 3", "label_steps"]),
    "a label that never does": (GOOD, {"each_step": True}, ["'kind'", "classify_recordings"]),
    "one label": (change(GOOD, "kind", "ill"), {}, ["'kind'", "two labels"]),
    "numbers": (GOOD.assign(kind=GOOD.x + 0.1), {}, ["'kind'", "no classes"]),
    "one label in training": (
        GOOD.assign(split=np.where(GOOD.kind == "ill", "test", "train")),
        {},
        ["'kind'", "training", "{'well'}"],
    ),
    "no recording": (change(GOOD, "recording", "", 4), {}, ["'recording', row 6", "empty"]),
    "no person": (change(GOOD, "person", "", 4), {"group": "person"}, ["'person', row 6", "empty"]),
    "one person": (change(GOOD, "person", 1), {"group": "person"}, ["too few", "groups"]),
    "two persons": (
        GOOD[GOOD.person < 2].assign(kind=GOOD.kind),
        {"group": "person"},
        ["too few", "groups"],
    ),
    "another person": (change(GOOD, "person", 9, 1), {"group": "person"}, ["'person', row 3"]),
    "another split": (GOOD.assign(split="valid"), {}, ["'split', row 2", "'valid'"]),
    "no test": (GOOD.assign(split="train"), {}, ["too few"]),
    "a person on both sides": (
        GOOD.assign(split=np.where(GOOD.recording == "r0", "test", "train")),
        {"group": "person"},
        ["'split'", "'0'", "'train' and 'test'"],
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(kind, tmp_path):
    table, arguments, named = BAD[kind]
    with pytest.raises(ValueError, match=r"^.+$") as raised:  # one line
        read(table, tmp_path, **arguments)
    assert all(name in str(raised.value) for name in named)


def test_a_bad_file_ends_before_keras_is_loaded(tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "extensions.classify_recordings"]
    command += ["--data", "no.csv", "--label", "kind", "--output", tmp_path / "results"]
    ended = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    *imported, line = ended.stderr.splitlines()
    error = "classify_recordings.py: error: argument --data: 'no.csv': cannot be read as CSV: "
    assert ended.returncode == 2 and line.startswith(error) and "No such file" in line
    modules = {import_time.split("|")[-1].strip() for import_time in imported}
    assert "argparse" in modules and not {"keras", "tensorflow"} & modules
    assert not list(tmp_path.iterdir())
