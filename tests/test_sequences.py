"""From a table to arrays: what a file may hold, and what the arrays then are."""

import json

import numpy as np
import pandas as pd
import pytest

from extensions.parts.sequences import find_columns, get_arrays, number_steps, read_table

MINE = """\
id,day,x,word,tag
b,2,1.5,cat,N
a,3,,,
b,1,0.5,a,D

a,1,7,sat,V
a,2,NA,12,
"""


@pytest.fixture
def read(tmp_path):
    def read(text, **settings):
        (tmp_path / "a.csv").write_text(text, encoding="utf-8")
        return read_table(tmp_path / "a.csv", **settings)

    return read


def test_arrays_by_hand(read):
    """Rows apart and out of order, missing cells, an unknown label, a word not trained on."""
    table = read(MINE, as_text=["id", "tag"])
    assert table.index.tolist() == [2, 3, 4, 6, 7]  # the rows of the file
    is_train = table.id == "b"
    columns = find_columns(table, "id", "tag", time="day", is_train=is_train)
    assert columns["numbers"] == {"x": 1.0}
    assert columns["categories"] == {"word": ["a", "cat"]} and columns["classes"] == ["D", "N", "V"]
    X, y, weights = get_arrays(table, json.loads(json.dumps(columns)))
    b = [[0.5, 1, 1], [1.5, 2, 1], [0, 0, 0]]
    a = [[7, 0, 1], [7, 0, 1], [7, 0, 1]]  # 7 goes on; sat and 12 are unseen
    np.testing.assert_array_equal(X, [b, a])
    np.testing.assert_array_equal(y, [[0, 1, 0], [2, 0, 0]])
    np.testing.assert_array_equal(weights, [[1, 1, 0], [1, 0, 0]])
    assert (X.dtype, weights.dtype) == (np.float32, np.float32)


def test_what_comes_before_a_first_value_is_the_training_mean(read):
    table = read("id,x,y\na,,k\na,3,\nb,5,m\nb,?,k\n", as_text=["id", "y"])
    X, *_ = get_arrays(table, find_columns(table, "id", "y"))
    np.testing.assert_array_equal(X[:, :, 0], [[4, 3], [5, 5]])


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_decimal_commas_and_a_byte_order_mark(separator, mark, tmp_path, read):
    text = MINE.replace(",", separator)
    if separator[0] != ",":
        text = text.replace(".", ",")
    (tmp_path / "a.csv").write_text(mark + text, encoding="utf-8")
    table = read_table(tmp_path / "a.csv", as_text=["id", "tag"])
    pd.testing.assert_frame_equal(table, read(MINE, as_text=["id", "tag"]))


def test_what_looks_like_numbers_stays_text_where_asked(read):
    table = read(",id,x\n0,001,5\n1,002,6\n", as_text=["id"])
    assert table.id.tolist() == ["001", "002"] and list(table) == ["id", "x"]  # no row numbers
    quoted = read('word\ttag\n"\tQ\na\tD\n"\tQ\nb\tN\n')  # a quotation mark is a word
    assert quoted.word.tolist() == ['"', "a", '"', "b"]
    assert read('word,x\n"a, b",1\n').word.tolist() == ["a, b"]
    words = read("word\nNA\nnull\n1987\ncat\na\nb\n")
    assert words.word.tolist() == ["NA", "null", "1987", "cat", "a", "b"]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d"])
def test_dates(form, read):
    days = pd.date_range("2023-12-25", periods=20)
    order = np.random.default_rng(0).permutation(20)
    table = pd.DataFrame({"id": "a", "day": days.strftime(form)}).iloc[order]
    table = read(table.to_csv(index=False))
    sequence, step = number_steps(table, {"recording": "id", "time": "day"})
    np.testing.assert_array_equal(step, order)
    assert not sequence.any()


BAD = {  # what is in the file, and what the message must name
    "an empty file": ("", ["cannot be read"]),
    "commas alone": (",,\n,,\n", ["cannot be read"]),
    "a header alone": ("id,x,y\n", ["no rows"]),
    "a long row": (MINE.replace("7,sat", "7,8,sat"), ["line 6", "6"]),
    "a word": (MINE.replace("7,sat", "seven,sat"), ["column 'x', row 6", "'seven'"]),
    "infinity": (MINE.replace("7,sat", "inf,sat"), ["column 'x', row 6", "'inf'"]),
    "two points": (MINE.replace(",", ";").replace("7;", "1.000,5;"), ["column 'x', row 6"]),
    "two columns of a name": (MINE.replace("word", "x"), ["two columns 'x'"]),
    "a picture": ("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ["UTF-8"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files(kind, tmp_path):
    contents, named = BAD[kind]
    (tmp_path / "a.csv").write_bytes(contents.encode("latin-1"))
    with pytest.raises(ValueError, match=r"^.+$") as raised:  # one line
        read_table(tmp_path / "a.csv", as_text=["id", "tag"])
    assert all(name in str(raised.value) for name in named)


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ({"recording": "recording"}, "no column 'recording'"),
        ({"features": ["x", "z"]}, "no column 'z'"),
        ({"group": "tag"}, "column 'tag' cannot be"),
        ({"features": ["day"], "time": "day"}, "column 'day' cannot be"),
        ({"features": ["empty"]}, "column 'empty' has no number"),
    ],
)
def test_bad_columns(names, named, read):
    table = read(MINE, as_text=["id", "tag"]).assign(empty=np.nan)
    with pytest.raises(ValueError, match=named):
        find_columns(table, **{"recording": "id", "label": "tag"} | names)


def test_a_time_that_is_none(read):
    table = read("id,day\na,2024-01-01\na,noon\n")
    with pytest.raises(ValueError, match="column 'day', row 3: 'noon'"):
        number_steps(table, {"recording": "id", "time": "day"})
