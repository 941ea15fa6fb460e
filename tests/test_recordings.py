"""Reading recordings from a CSV file: what may be in one, and one line for what may not."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extensions.recordings import DATA, draw_from_each, get_classes, read_recordings

ROOT = Path(__file__).parent.parent


def test_the_japanese_vowels():
    recordings = read_recordings(DATA, "speaker")
    assert recordings.columns.tolist() == ["recording", "label", "split", "values"]
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
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_rows_apart_blank_lines_text_and_a_byte_order_mark(separator, name, tmp_path):
    file = tmp_path / name
    contents = ("\ufeff" + GOOD.replace(",", separator)).encode()
    file.write_bytes(gzip.compress(contents) if name.endswith(".gz") else contents)
    recordings = read_recordings(file, "kind")
    assert recordings.attrs["features"] == ["x", "y"]
    assert recordings.recording.tolist() == ["a", "b", "c", "d", "e"]
    assert recordings.label.tolist() == ["up", "down", "up", "down", "up"]
    expected = [[[1, 2.5], [3, 4]], [[-1, 100]], [[0.5, 0]], [[7, 8]], [[9, 9]]]
    assert [values.tolist() for values in recordings["values"]] == expected
    assert recordings.groupby("label").split.agg(set).tolist() == [{"train", "test"}] * 2


def test_a_split_by_seed(tmp_path):
    rows = [f"{n},{n % 2},{n}" for n in range(40) for _ in range(3)]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["recording,speaker,x", *rows]))
    splits = [read_recordings(file, "speaker", seed).split for seed in (0, 0, 1)]
    assert splits[0].equals(splits[1]) and not splits[0].equals(splits[2])
    for split in splits:
        assert (split[::2] == "test").sum() == (split[1::2] == "test").sum() == 5


@pytest.mark.parametrize(("n", "n_drawn"), [(1, 0), (2, 1), (3, 1), (4, 1), (10, 2), (100, 25)])
def test_draw_from_each(n, n_drawn):
    labels = np.array(["a"] * n + ["b"] * 8)
    drawn = draw_from_each(labels, 0.25, np.random.default_rng(0))
    assert drawn[:n].sum() == n_drawn and drawn[n:].sum() == 2


def test_order_of_the_classes():
    assert get_classes(["10", "9", "9", "-1"]) == ["-1", "9", "10"]
    assert get_classes(["walk", "10", "run", "walk"]) == ["10", "run", "walk"]


SPLIT = "recording,kind,split,x\na,up,train,1\nb,up,train,1\nc,down,train,2\n"
BAD = {  # what is in the file, and what the message must name
    "missing": (None, ["No such file"]),
    "empty": ("", ["No columns"]),
    "commas alone": (",,\n,,\n", ["cannot be read"]),
    "header alone": ("recording,kind,x\n", ["column 'kind'", "two labels"]),
    "no recording": ("id,kind,x\na,up,1\n", ["no column 'recording'", "id, kind, x"]),
    "no label": ("recording,speaker,x\na,up,1\n", ["no column 'kind'", "speaker"]),
    "no number": (GOOD.replace("-1,1e2", "-1,1e2x"), ["column 'y', row 3", "'1e2x'"]),
    "decimal commas": (GOOD.replace(",", ";").replace(".", ","), ["column 'x', row 6", "'0,5'"]),
    "after a blank line": (GOOD.replace("0.5,0", "O.5,0"), ["column 'x', row 6", "'O.5'"]),
    "no value": (GOOD.replace("3,4", "3,"), ["column 'y', row 4", "empty"]),
    "a short row": (GOOD.replace("3,4", "3"), ["column 'y', row 4", "empty"]),
    "a long row": (GOOD.replace("3,4", "3,4,5"), ["line 4", "5"]),
    "all rows long": ("recording,kind,x\na,up,1,2\nb,down,1,2\n", ["line 2", "4"]),
    "nan": (GOOD.replace("3,4", "3,nan"), ["column 'y', row 4", "'nan'"]),
    "infinite": (GOOD.replace("3,4", "-inf,4"), ["column 'x', row 4", "'-inf'"]),
    "the padding": (GOOD.replace("3,4", "-1e30,4"), ["column 'x', row 4", "'-1e30'"]),
    "two labels": (GOOD.replace("a,up,3", "a,down,3"), ["'kind', row 4", "'down'", "first row"]),
    "no recording's name": (GOOD.replace("a,up,3", ",up,3"), ["column 'recording', row 4"]),
    "an empty label": (GOOD.replace("a,up,3", "a,,3"), ["column 'kind', row 4"]),
    "a single class": (GOOD.replace("down", "up"), ["column 'kind'", "'up'"]),
    "a recording for each label": (
        "recording,kind,x\na,up,1\nb,down,2\n",
        ["column 'kind'", "two recordings"],
    ),
    "no feature": ("recording,kind\na,up\nb,down\n", ["no feature"]),
    "a nameless column": (",recording,kind,x\n0,a,up,1\n", ["name ''"]),
    "two columns of a name": ("recording,kind,x,x\na,up,1,2\n", ["name 'x'", "twice"]),
    "another split": (SPLIT + "d,up,valid,1\n", ["column 'split', row 5", "'valid'"]),
    "in both splits": (SPLIT + "a,up,test,3\n", ["column 'split', row 5", "'test'", "first row"]),
    "not trained on": (SPLIT + "d,flat,test,1\n", ["column 'kind'", "'flat'", "no training"]),
    "nothing to test on": (SPLIT, ["column 'split'", "'test'"]),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ["cannot be read as CSV"]),
    "another encoding": (GOOD.replace("up", "ü").encode("latin-1"), ["cannot be read as CSV"]),
    "a quote that never ends": (GOOD.replace("a,up,3", 'a,"up,3'), ["string starting at row 3"]),
    "not compressed.gz": (GOOD, ["gzip"]),
    "cut off.gz": (gzip.compress(GOOD.encode())[:-20], ["end-of-stream"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(kind, tmp_path):
    contents, named = BAD[kind]
    file = tmp_path / kind
    if contents is not None:
        file.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(ValueError, match=r"^.+$") as raised:  # one line
        read_recordings(file, "kind")
    for name in named:
        assert name in str(raised.value)


def test_a_bad_file_ends_before_keras_is_loaded(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(GOOD)
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--data', {str(file)!r}]\n"
        "try:\n"
        "    runpy.run_module('extensions.classify_recordings', run_name='__main__')\n"
        "finally:\n"
        "    assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    line = f"classify_recordings.py: error: argument --data: {str(file)!r}: has no column 'speaker'"
    assert ended.returncode == 2 and ended.stderr.startswith(line) and ended.stdout == ""
    assert ended.stderr.count("\n") == 1 and list(tmp_path.iterdir()) == [file]
