"""Reading recordings from a CSV file: what may be in one, and one line for what may not."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extensions.recordings import DATA, get_classes, read_recordings

ROOT = Path(__file__).parent.parent


def test_the_japanese_vowels():
    recordings = read_recordings(DATA, "speaker")
    counts = recordings.groupby(["split", "label"]).size()
    assert counts["train"].tolist() == [30] * 9
    assert counts["test"].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # the donors' own
    lengths = recordings["values"].map(len)
    assert lengths.min() == 7 and lengths.max() == 29
    with gzip.open(DATA, "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["recording"] == "640"]
    last = recordings.iloc[-1]
    expected = [[float(row[f"c{number}"]) for number in range(1, 13)] for row in rows]
    np.testing.assert_array_equal(last["values"], expected)
    assert (last.recording, last.label, last.split) == ("640", "9", "test")


GOOD = """\
recording,kind,x,y
a,up,1,2.5
b,down,-1,1e2
a,up,3,4

c,up,0.5,0
d,down,7,8
e,up,9,9
"""


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_rows_apart_blank_lines_text_and_a_byte_order_mark(separator, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("\ufeff" + GOOD.replace(",", separator), encoding="utf-8")
    recordings = read_recordings(file, "kind")
    assert recordings.attrs["features"] == ["x", "y"]
    assert recordings.recording.tolist() == ["a", "b", "c", "d", "e"]
    assert recordings.label.tolist() == ["up", "down", "up", "down", "up"]
    expected = [[[1, 2.5], [3, 4]], [[-1, 100]], [[0.5, 0]], [[7, 8]], [[9, 9]]]
    assert [values.tolist() for values in recordings["values"]] == expected


def test_a_split_by_seed(tmp_path):
    """A quarter of each label, at least one of two recordings, is for testing."""
    n_tested = {1: 0, 2: 1, 3: 1, 4: 1, 10: 2, 100: 25}
    rows = [f"{n}/{number},{n},0.5" for n in n_tested for number in range(n)]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["recording,size,x", *rows]))
    first, again, other = (read_recordings(file, "size", seed) for seed in (0, 0, 1))
    assert first.split.equals(again.split) and not first.split.equals(other.split)
    for recordings in (first, other):
        is_test = recordings.split.eq("test").groupby(recordings.label.astype(int)).sum()
        assert is_test.to_dict() == n_tested


def test_order_of_the_classes():
    assert get_classes(["10", "9", "9", "-1"]) == ["-1", "9", "10"]
    assert get_classes(["walk", "10", "run", "walk"]) == ["10", "run", "walk"]


SPLIT = "recording,kind,split,x\na,up,train,1\nb,up,train,1\nc,down,train,2\n"
BAD = {  # what is in the file, and what the message must name
    "commas alone": (",,\n,,\n", ["cannot be read"]),
    "no recording": ("id,kind,x\na,up,1\n", ["no column 'recording'", "id, kind, x"]),
    "no label": ("recording,speaker,x\na,up,1\n", ["no column 'kind'", "speaker"]),
    "decimal commas": (GOOD.replace(",", ";").replace(".", ","), ["column 'x', row 6", "'0,5'"]),
    "no value": (GOOD.replace("3,4", "3,"), ["column 'y', row 4", "empty"]),
    "a short row": (GOOD.replace("3,4", "3"), ["column 'y', row 4", "empty"]),
    "a long row": (GOOD.replace("3,4", "3,4,5"), ["line 4", "5"]),
    "all rows long": ("recording,kind,x\na,up,1,2\nb,down,1,2\n", ["line 2", "4"]),
    "nan": (GOOD.replace("3,4", "3,nan"), ["column 'y', row 4", "'nan'"]),
    "the padding": (GOOD.replace("3,4", "-1e30,4"), ["column 'x', row 4", "'-1e30'"]),
    "two labels": (GOOD.replace("a,up,3", "a,down,3"), ["'kind', row 4", "'down'", "first row"]),
    "an empty label": (GOOD.replace("a,up,3", "a,,3"), ["column 'kind', row 4"]),
    "a single class": (GOOD.replace("down", "up"), ["column 'kind'", "two labels", "'up'"]),
    "one of each": ("recording,kind,x\na,up,1\nb,down,2\n", ["column 'kind'", "two recordings"]),
    "no feature": ("recording,kind\na,up\nb,down\n", ["no feature"]),
    "a nameless column": (",recording,kind,x\n0,a,up,1\n", ["name ''"]),
    "two columns of a name": ("recording,kind,x,x\na,up,1,2\n", ["name 'x'", "twice"]),
    "another split": (SPLIT + "d,up,valid,1\n", ["column 'split', row 5", "'valid'"]),
    "in both splits": (SPLIT + "a,up,test,3\n", ["column 'split', row 5", "'test'", "first row"]),
    "not trained on": (SPLIT + "d,flat,test,1\n", ["column 'kind'", "'flat'", "no training"]),
    "nothing to test on": (SPLIT, ["column 'split'", "'test'"]),
    "a picture": ("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ["cannot be read as CSV"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(kind, tmp_path):
    contents, named = BAD[kind]
    file = tmp_path / "mine.csv"
    file.write_bytes(contents.encode("latin-1"))
    with pytest.raises(ValueError, match=r"^.+$") as raised:  # one line
        read_recordings(file, "kind")
    for name in named:
        assert name in str(raised.value)


def test_a_bad_file_ends_before_keras_is_loaded(tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "extensions.classify_recordings"]
    command += ["--data", "no.csv", "--output", tmp_path / "results"]
    ended = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    *imported, line = ended.stderr.splitlines()
    error = "classify_recordings.py: error: argument --data: 'no.csv': cannot be read as CSV: "
    assert ended.returncode == 2 and line.startswith(error) and "No such file" in line
    modules = {import_time.split("|")[-1].strip() for import_time in imported}
    assert "argparse" in modules and not {"keras", "tensorflow"} & modules
    assert not list(tmp_path.iterdir())
