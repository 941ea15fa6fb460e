"""Every script as a user runs it: options, errors, files, Ctrl-C."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.update_cost import PACKAGES, WAYS

ROOT = Path(__file__).parent.parent
COUNTS = {
    "data": {"timesteps": "4"},
    "lstm_forward": {"timesteps": "4", "units": "3", "sequences": "6", "batch-size": "2"},
    "bilstm": {"timesteps": "4", "units": "3", "sequences": "2", "batch-size": "5"},
}
COUNTS["compare_directions"] = COUNTS["lstm_forward"] | {"runs": "2"}
COUNTS["compare_merge_modes"] = COUNTS["compare_directions"]
COUNTS["extensions.inside_lstm"] = COUNTS["lstm_forward"]
COUNTS["extensions.compare_cells"] = COUNTS["compare_directions"]
COUNTS["extensions.compare_sizes"] = COUNTS["compare_directions"] | {"timesteps": "4 6"}
COUNTS["extensions.find_smaller_model"] = COUNTS["compare_directions"] | {"sequences": "6 8"}
COUNTS["extensions.compare_depths"] = COUNTS["compare_directions"]
COUNTS["extensions.variable_length"] = COUNTS["compare_directions"]
COUNTS["extensions.sine_to_cosine"] = COUNTS["compare_directions"]
COUNTS["benchmarks.update_cost"] = {
    "timesteps": "4",
    "units": "3",
    "sequences": "2",
    "runs": "1",
}
COLUMNS = {
    "data": ["step", "value", "cumulative_sum", "limit", "label"],
    "lstm_forward": ["update", "loss"],
    "bilstm": ["update", "loss"],
    "compare_directions": [
        "run",
        "update",
        "lstm_forw",
        "lstm_back",
        "lstm_back_aligned",
        "bilstm_con",
    ],
    "compare_merge_modes": [
        "run",
        "update",
        "bilstm_sum",
        "bilstm_mul",
        "bilstm_ave",
        "bilstm_con",
    ],
    "extensions.compare_cells": [
        "run",
        "update",
        "rnn_forw",
        "gru_forw",
        "lstm_forw",
        "birnn_con",
        "bigru_con",
        "bilstm_con",
    ],
    "extensions.compare_sizes": [
        "timesteps",
        "direction",
        "units",
        "parameters",
        "run",
        "test_loss",
        "accuracy",
        "whole_sequences_right",
    ],
    "extensions.find_smaller_model": [
        "units",
        "parameters",
        "sequences",
        "batch_size",
        "run",
        "accuracy_on_100",
        "accuracy",
        "whole_sequences_right",
    ],
    "extensions.compare_depths": ["run", "update", "bilstm_x1", "bilstm_x2", "bilstm_x3"],
    "extensions.variable_length": ["model", "run", "all", "1", "2", "3", "4"],
    "extensions.sine_to_cosine": ["model", "run", "1", "2", "3", "4"],
}
COLUMNS["extensions.inside_lstm"] = [
    *COLUMNS["data"],
    "input_gate",
    "forget_gate",
    "candidate",
    "output_gate",
    "cell_state",
    "hidden_state",
    "rescaled_sum",
    "prediction",
]
ROWS = {"data": 4, "lstm_forward": 3, "bilstm": 1, "compare_directions": 6}
ROWS |= {"compare_merge_modes": 6, "extensions.inside_lstm": 4, "extensions.compare_cells": 6}
ROWS |= {"extensions.compare_sizes": 8, "extensions.find_smaller_model": 4}
ROWS |= {"extensions.compare_depths": 6, "extensions.variable_length": 4}
ROWS["extensions.sine_to_cosine"] = 4


def name_of(script):
    return script.split(".")[-1]


def start(script, *options, **settings):
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    if "." in script:
        program, settings["cwd"] = ["-m", script], ROOT
    else:
        program = [ROOT / f"{script}.py"]
    command = [sys.executable, "-W", "error::DeprecationWarning", *program, *options]
    return subprocess.Popen(command, **settings)


def small(script, output):
    counts = [(f"--{count}", *value.split()) for count, value in COUNTS[script].items()]
    return [*chain(*counts), "--output", str(output)]


def assert_output_of_a_single_run(out):
    assert "Total params" in out and "On 1,000 new sequences: loss" in out
    assert out.count("\nExpected: [") == 4
    assert out.count("  right\n") + out.count("  wrong\n") == 10


@pytest.mark.parametrize(
    "scripts",
    [
        ("data", "data"),
        ("lstm_forward", "bilstm"),
        ("compare_directions", "compare_merge_modes"),
        ("extensions.inside_lstm", "extensions.compare_depths"),
        ("extensions.compare_cells", "extensions.compare_sizes"),
        ("extensions.find_smaller_model", "extensions.variable_length"),
        ("extensions.sine_to_cosine",),
    ],
)
def test_same_seed_same_files(scripts, tmp_path):
    """Two at once into one folder, from elsewhere, with no display and no home; then again."""
    (tmp_path / "file").touch()
    unset = {"DISPLAY", "MPLBACKEND", "KERAS_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment["HOME"] = str(tmp_path / "file" / "home")
    output, again = tmp_path / "new" / "folder", tmp_path / "again"
    processes = [
        start(script, *small(script, output), cwd=tmp_path, env=environment) for script in scripts
    ]
    for script, process in zip(scripts, processes, strict=True):
        out, err = process.communicate()
        assert process.returncode == 0, err
        files = [output / f"{name_of(script)}.csv", output / f"{name_of(script)}.png"]
        assert all(str(file) in out.splitlines()[-1] for file in files)
        assert ("\nAnswer" in out) == ("." in script)
        if "loss" in COLUMNS[script]:
            assert_output_of_a_single_run(out)
        table = pd.read_csv(files[0])
        assert table.columns.tolist() == COLUMNS[script]
        assert len(table) == ROWS[script] and table.notna().all(axis=None)

        importlib.import_module(script).main(small(script, again))
        for file in files:
            assert (again / file.name).read_bytes() == file.read_bytes()
    names = {f"{name_of(script)}{ending}" for script in scripts for ending in (".csv", ".png")}
    assert {path.name for path in output.iterdir()} == names


def test_benchmark_names_what_is_absent(tmp_path):
    process = start("benchmarks.update_cost", *small("benchmarks.update_cost", tmp_path))
    out, err = process.communicate()
    assert process.returncode == 0, err
    table = pd.read_csv(tmp_path / "update_cost.csv")
    assert table.columns.tolist() == ["way", "round", "ms_per_update", "fixed_seconds"]
    for way, package in PACKAGES.items():
        absent = importlib.util.find_spec(package) is None
        assert (f"{way}: absent" in out) == absent
        assert (way in set(table.way)) == (not absent)
    assert set(WAYS) - set(PACKAGES) <= set(table.way) and set(table["round"]) == {1}
    assert (tmp_path / "update_cost.png").exists()


def test_seeds_differ(tmp_path):
    module = importlib.import_module("data")
    module.main([*small("data", tmp_path / "a"), "--seed", "1"])
    module.main([*small("data", tmp_path / "b"), "--seed", "2"])
    files = [tmp_path / name / "data.csv" for name in "ab"]
    assert files[0].read_bytes() != files[1].read_bytes()


def assert_one_line_error(script, options, capsys, *named):
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(script).main(options)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"{name_of(script)}.py: error: ")
    for name in named:
        assert name in err


@pytest.mark.parametrize("script", COUNTS)
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "", "many", "1e3", "1_000", "٣", "9" * 5000])
def test_bad_counts_and_seeds(script, value, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = [f"--{count}" for count in COUNTS[script]]
    options += ["--seed"] if value != "0" else []
    for option in options:
        assert_one_line_error(script, [f"{option}={value}"], capsys, option, repr(value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", COUNTS)
def test_other_bad_options(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert_one_line_error(script, ["--frobnicate", "3"], capsys, "--frobnicate 3")
    assert_one_line_error(script, ["--unit", "3"], capsys, "--unit 3")  # no abbreviations
    assert_one_line_error(script, ["extra"], capsys, "extra")
    assert_one_line_error(script, ["--seed"], capsys, "--seed")
    assert_one_line_error(script, ["--seed", str(2**32)], capsys, "--seed", str(2**32))
    assert_one_line_error(script, ["--show=3"], capsys, "--show", "3")
    assert_one_line_error(script, ["--output", ""], capsys, "--output", "''")
    assert_one_line_error(script, ["--show"], capsys, "--show")  # conftest.py: no display
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", COUNTS)
def test_output_that_cannot_be_written(script, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    for output in (file, file / "below", "/proc/no-such-folder"):
        assert_one_line_error(script, ["--output", str(output)], capsys, "--output", str(output))
    (tmp_path / f"{name_of(script)}.csv").mkdir()
    assert_one_line_error(script, ["--output", str(tmp_path)], capsys, "--output", ".csv")
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["file", f"{name_of(script)}.csv"]
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_output_in_a_read_only_folder(tmp_path, capsys):
    tmp_path.chmod(0o500)
    output = str(tmp_path / "new")
    assert_one_line_error("data", ["--output", output], capsys, "--output", output)


@pytest.mark.parametrize("script", COUNTS)
def test_help_names_all_options(script, capsys):
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(script).main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for option in [*COUNTS[script], "seed", "output", "show"]:
        assert f"--{option} " in out


@pytest.mark.parametrize("script", ["bilstm", "compare_directions"])
def test_interrupt_during_training(script, tmp_path):
    (tmp_path / f"{script}.csv").write_text("earlier")
    many = [*small(script, tmp_path), "--sequences", "300000"]
    with open(tmp_path / "log", "w+") as log:
        process = start(script, *many, stdout=log, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        trains = "step" if script == "bilstm" else "/8"
        deadline = time.monotonic() + 300
        while trains not in (tmp_path / "log").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == f"{script}.py: interrupted"
    assert (tmp_path / f"{script}.csv").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{script}.csv", "log"]
