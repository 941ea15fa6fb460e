"""The options that all scripts share, and one line for every ending."""

import io
import os
import sys
from unittest.mock import Mock

import pytest

from common.command_line import OPTIONS, make_parser, read_options, run

OWN = {"sequences": (3, 4), "epochs": 5, "units": None, "runs": None}


@pytest.fixture
def parser(run_script):  # which puts the handlers of signals back
    return make_parser("folder/some.py", "Text.", {"epochs": "passes, each new"}, **OWN)


def test_options_have_common_defaults(parser, tmp_path, monkeypatch, capsys):
    defaults = {name: default for name, (default, _) in OPTIONS.items()}
    expected = defaults | OWN | {"seed": 0, "output": "results", "show": False}
    expected = {name: value for name, value in expected.items() if value is not None}
    assert vars(parser.parse_args([])) == expected
    arguments = ["some.py", "--sequences", "7", "6", "7", "--output", str(tmp_path / "new")]
    monkeypatch.setattr(sys, "argv", arguments)
    given = {"sequences": [7, 6], "output": tmp_path / "new", "name": "some"}
    assert vars(read_options(parser)) == expected | given
    assert "passes, each new (default: 5)" in parser.format_help()


@pytest.fixture
def assert_one_line_error(run_script, tmp_path, monkeypatch, capsys):
    """Return a function that runs a script with bad options and sees that nothing comes of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "_exit", sys.exit)

    def assert_one_line_error(script, *options, named, status=2):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            run_script(script, *options)
        assert stopped.value.code == status
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert err.startswith(f"{script.split('.')[-1]}.py: error: ")
        for name in named:
            assert name in err
        assert sorted(tmp_path.rglob("*")) == before

    return assert_one_line_error


COUNTS = ["0", "-1", "2.5", "", "many", "1e3", "1_000", "٣", "9" * 5000]
BAD = dict.fromkeys(["timesteps", "units", "sequences", "batch-size", "runs"], COUNTS) | {
    "seed": [*COUNTS[1:], str(2**32)],
    "learning-rate": ["0", "-1", "nan", "inf", "1e39", "1e-50", "", "x"],
}


@pytest.mark.parametrize("option", BAD)
def test_bad_numbers(option, assert_one_line_error):
    for value in BAD[option]:
        named = [f"--{option}", repr(value)]
        assert_one_line_error("compare_directions", f"--{option}={value}", named=named)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--unit", "3"], "--unit 3"),  # no abbreviations
        (["--seed"], "--seed"),
        (["--show"], "--show"),  # conftest.py: no display
        (["--output", ""], "--output: ''"),
    ],
)
def test_other_bad_options(options, named, assert_one_line_error):
    assert_one_line_error("compare_directions", *options, named=[named])


def test_output_that_cannot_be_written(assert_one_line_error, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("mine")
    (tmp_path / "folder" / "bilstm_losses.csv").mkdir(parents=True)
    named = ["--output", "bilstm_losses.csv"]
    assert_one_line_error("bilstm", "--output", tmp_path / "folder", named=named)
    for output in (file, file / "below", "/proc/no-such-folder"):
        assert_one_line_error("bilstm", "--output", output, named=["--output", str(output)])
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "script",
    [
        "compare_directions",
        "compare_merge_modes",
        "extensions.compare_depths",
        "extensions.classify_recordings",
    ],
)
def test_another_backend_of_keras(script, assert_one_line_error, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    named = ["KERAS_BACKEND is 'jax': compiled training needs 'tensorflow'"]
    assert_one_line_error(script, named=named)


@pytest.mark.parametrize("options", ["--units 200000", "--timesteps 20000 --sequences 2000000000"])
def test_too_little_memory(options, assert_one_line_error, tmp_path):
    """TensorFlow's, NumPy's."""
    named = ["not enough memory for data or a model of this size\n"]
    options = [*options.split(), "--output", tmp_path]
    assert_one_line_error("bilstm", *options, named=named, status=1)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            OSError(28, "No space left on device", "some.png"),
            1,
            "some.py: error: some.png: No space left on device; files in out are as they were",
        ),
        (KeyboardInterrupt(), 130, "some.py: interrupted"),
    ],
)
def test_endings(error, status, line, parser, monkeypatch, capsys):
    monkeypatch.setattr(os, "_exit", sys.exit)
    options = parser.parse_args(["--output", "out"])
    options.name = "some"
    with pytest.raises(SystemExit) as stopped:
        run(Mock(side_effect=error), options)
    assert stopped.value.code == status
    assert capsys.readouterr().err.strip() == line
    with pytest.raises(ZeroDivisionError):  # an error of ours is not hidden
        run(lambda options: 1 / 0, options)


def test_a_terminal_that_has_ascii_alone(parser, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    options = parser.parse_args([])
    options.name = "some"
    run(lambda options: print("±", end=""), options)
    assert terminal.buffer.getvalue() == b"?"
