"""Every script as a user runs it: options, errors, files, Ctrl-C."""

import copy
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common import training
from common.command_line import OPTIONS, make_parser, read_options

ROOT = Path(__file__).parent.parent
ONE_RUN = "--timesteps 4 --units 3 --sequences 6 --batch-size 2 --learning-rate 0.02"
MANY_RUNS = f"{ONE_RUN} --runs 2"
MANY_RATES = MANY_RUNS.replace("0.02", "0.001 0.02")
SMALL = {
    "data": "--timesteps 4",
    "lstm_forward": ONE_RUN,
    "bilstm": "--timesteps 4 --units 3 --sequences 2 --batch-size 5",
    "compare_directions": MANY_RUNS,
    "compare_merge_modes": MANY_RUNS,
    "extensions.compare_cells": MANY_RATES,
    "extensions.compare_depths": MANY_RATES,
    "extensions.compare_learning_rates": MANY_RATES.replace("--timesteps 4", "--timesteps 2"),
    "extensions.compare_outputs": MANY_RUNS.replace("--sequences 6", "--sequences 6 8"),
    "extensions.compare_schedules": "--sequences 6 --learning-rate 0.001 0.02 --runs 2",
    "extensions.compare_settings": MANY_RATES.replace("--batch-size 2", "--batch-size 1"),
    "extensions.compare_sizes": MANY_RATES.replace("--timesteps 4", "--timesteps 4 6"),
    "extensions.compare_variants": MANY_RUNS,
    "extensions.find_smaller_model": MANY_RUNS.replace("--units 3", "--units 1 4"),
    "extensions.inside_lstm": MANY_RUNS,
    "extensions.long_memory": f"{ONE_RUN} --runs 1".replace("--batch-size 2", ""),
    "extensions.sine_to_cosine": MANY_RATES,
    "extensions.train_to_the_end": MANY_RATES,
    "extensions.variable_length": MANY_RATES,
    # The files of these are tried in test_benchmarks, in test_recordings and in test_coverage.
    "benchmarks.update_cost": ONE_RUN.replace("--batch-size 2", "--runs 1"),
    "extensions.classify_recordings": "--data none.csv --label kind --units 3 --epochs 2 --runs 2",
    "benchmarks.interval_coverage": "--runs 2 --scores none.csv",
}
SEQUENCE = "step value cumulative_sum limit label"
TRAINED = "run learning_rate update loss accuracy"
SCORES = f"model {TRAINED} sequence_accuracy"
LOSSES = "run learning_rate update"
ALIGNED = "lstm_back_aligned bilstm_con"
MODES = "bilstm_sum bilstm_mul bilstm_ave"
FILES = f"""
data sequence 4 {SEQUENCE}
lstm_forward losses 1 update loss
bilstm losses 1 update loss
compare_directions losses 6 {LOSSES} lstm_forw lstm_back {ALIGNED}
compare_directions scores 8 {SCORES}
compare_merge_modes losses 6 {LOSSES} {MODES} bilstm_con
compare_merge_modes scores 8 {SCORES}
extensions.compare_cells scores 24 sequences {SCORES}
extensions.compare_depths losses 12 {LOSSES} bilstm_x1 bilstm_x2 bilstm_x3
extensions.compare_depths scores 12 {SCORES}
extensions.compare_learning_rates losses 12 {LOSSES} lstm_forw {ALIGNED} lstm_forw_twice \
  lstm_forw_step {MODES} gru_forw rnn_forw bigru_con birnn_con
extensions.compare_learning_rates scores 48 model run learning_rate update updates_to_learn \
  loss accuracy sequence_accuracy
extensions.compare_outputs scores 12 sequences {SCORES}
extensions.compare_schedules levels 80 model schedule rate rates runs measure words mean low high \
  smallest largest at_1
extensions.compare_schedules scores 32 schedule model run learning_rate update training_accuracy \
  loss accuracy sequence_accuracy accuracy_on_100
extensions.compare_schedules verdicts 32 model comparison measure words mean low high
extensions.compare_settings scores 56 setting {SCORES}
extensions.compare_settings verdicts 32 setting update view one other words mean low high
extensions.compare_sizes scores 16 timesteps direction units parameters {TRAINED} \
  sequence_accuracy sequence_loss
extensions.compare_variants scores 16 timesteps {SCORES}
extensions.find_smaller_model errors 63 model run distance steps wrong error_rate
extensions.find_smaller_model scores 8 model parameters sequences batch_size schedule run \
  learning_rate update training_accuracy loss accuracy sequence_accuracy accuracy_on_100
extensions.inside_lstm cells 6 run unit follows_best accuracy accuracy_held
extensions.inside_lstm correlations 24 run unit step correlation
extensions.inside_lstm steps 8 model {SEQUENCE} input_gate forget_gate candidate output_gate \
  cell_state hidden_state prediction rescaled_sum
extensions.long_memory learned 10 view timesteps model bit most_updates runs learned median low \
  high rates
extensions.long_memory scores 10 timesteps model run learning_rate update updates_to_learn loss \
  accuracy
extensions.sine_to_cosine scores 8 model run learning_rate update loss
extensions.sine_to_cosine steps 32 model run learning_rate step absolute_error
extensions.train_to_the_end losses 12 {LOSSES} lstm_forw {ALIGNED}
extensions.train_to_the_end scores 12 {SCORES}
extensions.variable_length lengths 32 model run learning_rate length accuracy
extensions.variable_length scores 8 model {TRAINED}
"""
# For each script a dict: what a file <script>_<what>.csv holds, to its number of rows and columns.
TABLES = {}
for line in FILES.strip().splitlines():
    script, what, n_rows, *columns = line.split()
    TABLES.setdefault(script, {})[what] = (int(n_rows), columns)


def name_of(script):
    return script.split(".")[-1]


def start(script, *options, **settings):
    """Start a script in a process of its own, from another folder if it is none of a package."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    program = ["-m", script] if "." in script else [ROOT / f"{script}.py"]
    settings.setdefault("cwd", ROOT)
    return subprocess.Popen([sys.executable, *program, *options], **settings)


def small(script, output):
    return [*SMALL[script].split(), "--output", str(output)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_files(script, output, printed):
    endings = [".png", *(f"_{what}.csv" for what in TABLES[script])]
    if script == "extensions.compare_learning_rates":
        endings = sorted([*endings, "_cells.png", "_updates.png"])
    if script == "extensions.inside_lstm":
        endings = sorted([*endings, "_sum.png"])
    files = [output / f"{name_of(script)}{ending}" for ending in endings]
    assert sorted(output.glob(f"{name_of(script)}*")) == files
    assert printed.splitlines()[-1] == " ".join(["Saved", *map(str, files)])
    assert ("\nAnswer" in printed) == ("." in script)
    saved = [file for file in files if file.suffix == ".csv"]
    for file, (n_rows, columns) in zip(saved, TABLES[script].values(), strict=True):
        table = pd.read_csv(file)
        assert (len(table), table.columns.tolist()) == (n_rows, columns)
        assert table.notna().all(axis=None)  # infinity is not NaN
        rates = {word for word in SMALL[script].split() if word.startswith("0.0")}
        assert {*map(str, table.get("learning_rate", rates))} >= rates


class IdleTraining(training._CompiledTraining):
    """Makes no updates, and returns losses that depend on the sequences and on the rates."""

    def _train(self, rates, X, *others):
        n_sequences = X.shape[0]
        means = tf.reduce_mean(tf.reshape(X, (n_sequences, -1)), axis=1)
        losses = tf.math.segment_mean(means, np.arange(n_sequences) // self.batch_size)
        losses += 0 if rates is None else rates
        return losses, [tf.reduce_mean(losses) for _ in self.metrics]


ELSEWHERE = ["bilstm", "compare_directions"]


@pytest.mark.parametrize("script", [script for script in TABLES if script not in ELSEWHERE])
@pytest.mark.usefixtures("without_xla")
def test_same_seed_same_files(script, run_script, tmp_path, monkeypatch, capsys):
    """However many cores train.

    To save time and memory, only the first model of a script is trained, no copies share in it, the
    second run compiles no model anew, and at most 100 sequences test it. (tests/test_training.py
    tries what is left out here.)
    """
    kept, prepare, make_get_data = [], training._prepare, training.make_get_data

    def make_get_few(draw, n_train, n_test=100):
        return make_get_data(draw, n_train, min(n_test, 100))

    def prepare_alone(name, model, example, n_runs, work):
        work = copy.copy(work)
        work.training = replace(work.training, copies={})
        return [*prepare(name, model, example, n_runs, work)]

    def prepare_and_keep(name, model, example, n_runs, work):
        settings = work.training.batch_size, work.training.metrics
        model._compiled_training = IdleTraining(model, *settings) if kept else None
        shares = prepare_alone(name, model, example, n_runs, work)
        kept.append((model, model._compiled_training))
        return shares

    def prepare_again(name, _, *others):
        model, model._compiled_training = kept.pop(0)
        return prepare_alone(name, model, *others)

    output, again = tmp_path / "new" / "folder", tmp_path / "again"
    monkeypatch.setattr(training, "make_get_data", make_get_few)
    monkeypatch.setattr(training, "_prepare", prepare_and_keep)
    run_script(script, *small(script, output))
    check_files(script, output, capsys.readouterr().out)
    monkeypatch.setattr(training, "_prepare", prepare_again)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    run_script(script, *small(script, again))
    assert contents(again) == contents(output) and not kept


def test_a_user_somewhere_else(tmp_path):
    """Two scripts at once into one folder, with no display and no home; one of them once more."""
    (tmp_path / "file").touch()
    unset = {"DISPLAY", "MPLBACKEND", "KERAS_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment["HOME"] = str(tmp_path / "file" / "home")

    def begin(script, folder):
        return start(script, *small(script, folder), cwd=tmp_path, env=environment)

    def finish(process, script, folder):
        out, err = process.communicate()
        assert process.returncode == 0, err
        check_files(script, folder, out)
        return out

    output, again = tmp_path / "output", tmp_path / "again"
    processes = [begin(script, output) for script in ELSEWHERE]
    out, _ = (
        finish(process, script, output)
        for process, script in zip(processes, ELSEWHERE, strict=True)
    )
    assert "Total params" in out and "On 1,000 new sequences: loss" in out
    assert out.count("\nExpected: [") == 4
    assert out.count("  right\n") + out.count("  wrong\n") == 10
    finish(begin("compare_directions", again), "compare_directions", again)
    assert contents(again).items() <= contents(output).items()


def test_seeds_and_learning_rates_differ(run_script, tmp_path, monkeypatch):
    monkeypatch.setattr("common.fitting.speed_up_fit", lambda model: None)  # compiles: takes longer
    losses = set()
    for options in ("", "--seed 1", "--learning-rate 0.03"):
        run_script("lstm_forward", *small("lstm_forward", tmp_path), *options.split())
        losses.add((tmp_path / "lstm_forward_losses.csv").read_text())
    assert len(losses) == 3


def test_options_have_common_defaults(tmp_path, monkeypatch):
    own = {"sequences": (3, 4), "epochs": 5, "units": None, "runs": None}
    parser = make_parser("folder/some.py", "Text.", **own)
    expected = OPTIONS | own | {"seed": 0, "output": "results", "show": False}
    expected = {name: value for name, value in expected.items() if value is not None}
    assert vars(parser.parse_args([])) == expected
    arguments = ["some.py", "--sequences", "7", "6", "7", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    given = {"sequences": [7, 6], "output": tmp_path, "name": "some"}
    assert vars(read_options(parser)) == expected | given


@pytest.fixture
def assert_one_line_error(run_script, tmp_path, monkeypatch, capsys):
    """Return a function that runs a script with bad options and sees that nothing comes of it."""
    monkeypatch.chdir(tmp_path)

    def assert_one_line_error(script, *options, named):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            run_script(script, *options)
        assert stopped.value.code == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert err.startswith(f"{name_of(script)}.py: error: ")
        for name in named:
            assert name in err
        assert sorted(tmp_path.rglob("*")) == before

    return assert_one_line_error


COUNTS = ["0", "-1", "2.5", "", "many", "1e3", "1_000", "٣", "9" * 5000]
BAD = dict.fromkeys(["timesteps", "units", "sequences", "batch-size", "runs"], COUNTS) | {
    "seed": [*COUNTS[1:], str(2**32)],
    "learning-rate": ["0", "-1", "nan", "inf", "1e39", "1e-50", "", "x", "1_0", "٣"],
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
        (["extra"], "extra"),
        (["--seed"], "--seed"),
        (["--show=3"], "--show"),
        (["--show"], "--show"),  # conftest.py: no display
        (["--output", ""], "--output: ''"),
    ],
)
def test_other_bad_options(options, named, assert_one_line_error):
    assert_one_line_error("compare_directions", *options, named=[named])


@pytest.mark.parametrize("backend", ["svg", "pdf"])
def test_backends_that_show_nothing(backend, assert_one_line_error, monkeypatch):
    monkeypatch.setattr("matplotlib.get_backend", lambda: backend)
    assert_one_line_error("data", "--show", named=["--show"])


def test_output_that_cannot_be_written(assert_one_line_error, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for ending in (".png", ".keras", "_losses.csv", "_other.png"):
        (tmp_path / ending / f"bilstm{ending}").mkdir(parents=True)
        assert_one_line_error("bilstm", "--output", tmp_path / ending, named=["--output", ending])
    for output in (file, file / "below", "/proc/no-such-folder"):
        assert_one_line_error("bilstm", "--output", output, named=["--output", str(output)])
    assert file.read_text() == "mine"


def test_a_file_that_another_program_holds(assert_one_line_error, tmp_path, monkeypatch):
    """On Windows a file that is open in a spreadsheet cannot be replaced."""
    (tmp_path / "bilstm_losses.csv").write_text("mine")

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("common.files.open", refuse, raising=False)
    named = ["--output", "bilstm_losses.csv", "denied"]
    assert_one_line_error("bilstm", "--output", ".", named=named)


@pytest.mark.parametrize("script", SMALL)
def test_all_scripts_have_that_parser(script, run_script, assert_one_line_error, capsys):
    assert_one_line_error(script, "--frobnicate", "3", named=["--frobnicate 3"])
    with pytest.raises(SystemExit) as stopped:
        run_script(script, "--help")
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for option in [*SMALL[script].split(), "--seed", "--output", "--show"]:
        if option.startswith("--"):
            assert f"{option} " in out


def test_what_an_option_means_elsewhere(run_script, capsys):
    with pytest.raises(SystemExit):
        run_script("extensions.long_memory", "--help")
    assert "most updates, each of one new sequence" in capsys.readouterr().out


@pytest.mark.parametrize("script", ["extensions.compare_depths", "extensions.classify_recordings"])
def test_another_backend_of_keras(script, assert_one_line_error, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert_one_line_error(script, named=["KERAS_BACKEND is 'jax'"])


@pytest.mark.parametrize("table", [None, "not,scores\n1,2\n"])
def test_a_bad_table_of_scores(table, assert_one_line_error, tmp_path):
    if table:
        (tmp_path / "some.csv").write_text(table)
    options = ["--scores", "some.csv"]
    assert_one_line_error("benchmarks.interval_coverage", *options, named=["--scores: 'some.csv'"])


@pytest.mark.parametrize("script", ["bilstm", "extensions.compare_cells"])
def test_options_are_read_before_keras_is_loaded(script):
    process = start(script, "--units=0", env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
    _, err = process.communicate()
    assert process.returncode == 2 and " argparse\n" in err
    assert " keras\n" not in err and " tensorflow\n" not in err


@pytest.mark.parametrize(
    ("script", "moment"),
    [("bilstm", "loading"), ("bilstm", "training"), ("compare_directions", "training")],
)
def test_interrupt(script, moment, tmp_path):
    output, log = tmp_path / "output", tmp_path / "log"
    output.mkdir()
    (output / f"{script}_losses.csv").write_text("earlier")
    options = [*small(script, output / "new"), "--sequences", "300000"]
    if moment == "training":
        options += ["--output", str(output)]

    def began():
        # The folder is made just before Keras is loaded; the progress bar tells of training.
        is_loading = (output / "new").exists()
        return is_loading if moment == "loading" else "━" in log.read_text(encoding="utf-8")

    with open(log, "w") as out:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        process = start(script, *options, stdout=out, env=environment)
        deadline = time.monotonic() + 200
        while not began() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == f"{script}.py: interrupted"
    assert (output / f"{script}_losses.csv").read_text() == "earlier"
    assert {path.name for path in output.iterdir()} <= {f"{script}_losses.csv", "new"}
