"""Every script as a user runs it: options, errors, files, Ctrl-C."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.update_cost import PACKAGES, WAYS

ROOT = Path(__file__).parent.parent
ONE_RUN = "--timesteps 4 --units 3 --sequences 6 --batch-size 2 --learning-rate 0.01"
MANY_RUNS = f"{ONE_RUN} --runs 2"
MANY_RATES = MANY_RUNS.replace("--learning-rate 0.01", "--learning-rate 0.001 0.01")
SMALL = {
    "data": "--timesteps 4",
    "lstm_forward": ONE_RUN,
    "bilstm": "--timesteps 4 --units 3 --sequences 2 --batch-size 5 --learning-rate 0.01",
    "compare_directions": MANY_RUNS,
    "compare_merge_modes": MANY_RUNS,
    "extensions.inside_lstm": MANY_RUNS,
    "extensions.compare_learning_rates": MANY_RATES.replace("--timesteps 4", "--timesteps 2"),
    "extensions.train_to_the_end": MANY_RATES,
    "extensions.compare_cells": MANY_RATES.replace("--sequences 6", "--sequences 3 6"),
    "extensions.compare_sizes": MANY_RATES.replace("--timesteps 4", "--timesteps 4 6"),
    "extensions.find_smaller_model": MANY_RUNS.replace("--units 3", "--units 1 4"),
    "extensions.compare_depths": MANY_RATES,
    "extensions.compare_outputs": MANY_RUNS.replace("--sequences 6", "--sequences 6 8"),
    "extensions.variable_length": MANY_RUNS,
    "extensions.sine_to_cosine": MANY_RUNS,
    "extensions.classify_recordings": (
        "--data none.csv --label kind --units 3 --epochs 2 --batch-size 2 --learning-rate 0.01"
        " --runs 2"
    ),
    "extensions.compare_variants": MANY_RUNS,
    "extensions.long_memory": MANY_RUNS,
    "benchmarks.update_cost": (
        "--timesteps 4 --units 3 --sequences 2 --learning-rate 0.01 --runs 1"
    ),
}
# The columns of <script>.csv and the number of its rows.
SEQUENCE = "step value cumulative_sum limit label"
MEASURES = "loss accuracy sequence_accuracy"
TABLES = {
    "data": (SEQUENCE, 4),
    "lstm_forward": ("update loss", 1),
    "bilstm": ("update loss", 1),
    "compare_directions": ("run update lstm_forw lstm_back lstm_back_aligned bilstm_con", 6),
    "compare_merge_modes": ("run update bilstm_sum bilstm_mul bilstm_ave bilstm_con", 6),
    "extensions.inside_lstm": (
        f"model {SEQUENCE} input_gate forget_gate candidate output_gate cell_state hidden_state"
        " prediction rescaled_sum",
        8,
    ),
    "extensions.compare_learning_rates": (f"model learning_rate run {MEASURES}", 48),
    "extensions.train_to_the_end": (
        "setting run update lstm_forw lstm_back_aligned bilstm_con",
        12,
    ),
    "extensions.compare_cells": (f"sequences model setting learning_rate run {MEASURES}", 48),
    "extensions.compare_sizes": (
        f"timesteps direction units parameters setting learning_rate run {MEASURES} sequence_loss",
        16,
    ),
    "extensions.find_smaller_model": (
        "direction units parameters sequences batch_size setting learning_rate run distance steps"
        " wrong error_rate",
        81,
    ),
    "extensions.compare_depths": ("setting run update bilstm_x1 bilstm_x2 bilstm_x3", 12),
    "extensions.compare_outputs": (f"sequences model setting learning_rate run {MEASURES}", 12),
    "extensions.variable_length": (
        "model setting learning_rate run loss accuracy accuracy_1 accuracy_2 accuracy_3 accuracy_4",
        4,
    ),
    "extensions.sine_to_cosine": (
        "model setting learning_rate run loss error_1 error_2 error_3 error_4",
        4,
    ),
    "extensions.compare_variants": (f"timesteps model setting learning_rate run {MEASURES}", 16),
    "extensions.long_memory": (
        "timesteps model setting learning_rate run accuracy failed gradient",
        20,
    ),
}
WITH_SCORES = [
    "compare_directions",
    "compare_merge_modes",
    "extensions.compare_learning_rates",
    "extensions.train_to_the_end",
    "extensions.compare_depths",
]
# The columns of <script>_scores.csv, where they are others.
OTHER_SCORES = {
    "extensions.inside_lstm": (
        "run unit follows_best accuracy accuracy_held correlation_1 correlation_2 correlation_3"
        " correlation_4"
    ),
    "extensions.find_smaller_model": (
        "direction units parameters sequences batch_size setting learning_rate run accuracy_on_100"
        " accuracy sequence_accuracy nearest training_accuracy"
    ),
}


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


@pytest.mark.parametrize("script", TABLES)
def test_same_seed_same_files(script, run_script, tmp_path, capsys):
    output, again = tmp_path / "new" / "folder", tmp_path / "again"
    run_script(script, *small(script, output))
    out = capsys.readouterr().out
    endings = [
        ".csv",
        ".png",
        *(["_scores.csv"] if script in [*WITH_SCORES, *OTHER_SCORES] else []),
    ]
    files = [output / f"{name_of(script)}{ending}" for ending in endings]
    assert sorted(output.iterdir()) == files
    assert out.splitlines()[-1] == " ".join(["Saved", *map(str, files)])
    assert ("\nAnswer" in out) == ("." in script)
    table = pd.read_csv(files[0])
    columns, n_rows = TABLES[script]
    assert table.columns.tolist() == columns.split()
    assert len(table) == n_rows and table.notna().all(axis=None)
    if script in WITH_SCORES:
        scores = pd.read_csv(files[2])
        several = "0.001 0.01" in SMALL[script]
        rate = ["setting", "learning_rate"] if several else []
        assert scores.columns.tolist() == ["model", *rate, "run", *MEASURES.split()]
        models = table.columns.drop(["setting", "run", "update"], errors="ignore")
        models = table.model if "model" in table else models
        n_settings = 2 if several else 1
        assert len(scores) == 2 * n_settings * len(set(models))
        assert set(scores.model) == set(models)

    if script in OTHER_SCORES:
        assert pd.read_csv(files[2]).columns.tolist() == OTHER_SCORES[script].split()

    run_script(script, *small(script, again))
    assert contents(again) == contents(output)


def test_a_user_somewhere_else(run_script, tmp_path):
    """Two scripts at once into one folder, with no display and no home."""
    (tmp_path / "file").touch()
    unset = {"DISPLAY", "MPLBACKEND", "KERAS_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment["HOME"] = str(tmp_path / "file" / "home")
    output, again = tmp_path / "output", tmp_path / "again"
    scripts = ["bilstm", "compare_directions"]
    processes = [
        start(script, *small(script, output), cwd=tmp_path, env=environment) for script in scripts
    ]
    for script, process in zip(scripts, processes, strict=True):
        out, err = process.communicate()
        assert process.returncode == 0, err
        if script == "bilstm":
            assert "Total params" in out and "On 1,000 new sequences: loss" in out
            assert out.count("\nExpected: [") == 4
            assert out.count("  right\n") + out.count("  wrong\n") == 10
        run_script(script, *small(script, again))
    assert contents(output) == contents(again)


def test_benchmark_names_what_is_absent(run_script, tmp_path, capsys):
    run_script("benchmarks.update_cost", *small("benchmarks.update_cost", tmp_path))
    out = capsys.readouterr().out
    table = pd.read_csv(tmp_path / "update_cost.csv")
    assert table.columns.tolist() == ["way", "round", "ms_per_update", "fixed_seconds"]
    for way, package in PACKAGES.items():
        absent = importlib.util.find_spec(package) is None
        assert (f"{way}: absent" in out) == absent
        assert (way in set(table.way)) == (not absent)
    assert set(WAYS) - set(PACKAGES) <= set(table.way) and set(table["round"]) == {1}
    assert (tmp_path / "update_cost.png").exists()


def test_seeds_and_learning_rates_differ(run_script, tmp_path):
    losses = {}
    for options in ("", "--seed 1", "--learning-rate 0.02"):
        run_script("lstm_forward", *small("lstm_forward", tmp_path), *options.split())
        losses[options] = pd.read_csv(tmp_path / "lstm_forward.csv").loss[0]
    assert len(set(losses.values())) == 3


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


@pytest.mark.parametrize(
    "option", ["timesteps", "units", "sequences", "batch-size", "runs", "seed"]
)
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "", "many", "1e3", "1_000", "٣", "9" * 5000])
def test_bad_counts_and_seeds(option, value, assert_one_line_error):
    if (option, value) != ("seed", "0"):
        option = f"--{option}"
        assert_one_line_error(
            "compare_directions", f"{option}={value}", named=[option, repr(value)]
        )


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e39", "1e-50", "", "x", "1_0", "٣"])
def test_bad_learning_rates(value, assert_one_line_error):
    option = "--learning-rate"
    assert_one_line_error("bilstm", f"{option}={value}", named=[option, repr(value)])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--unit", "3"], "--unit 3"),  # no abbreviations
        (["extra"], "extra"),
        (["--seed"], "--seed"),
        (["--seed", str(2**32)], str(2**32)),
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
    for ending in (".png", ".csv", "_scores.csv"):
        (tmp_path / ending / f"bilstm{ending}").mkdir(parents=True)
        assert_one_line_error("bilstm", "--output", tmp_path / ending, named=["--output", ending])
    for output in (file, file / "below", "/proc/no-such-folder"):
        assert_one_line_error("bilstm", "--output", output, named=["--output", str(output)])
    assert file.read_text() == "mine"


def test_a_file_that_another_program_holds(assert_one_line_error, tmp_path, monkeypatch):
    """On Windows a file that is open in a spreadsheet cannot be replaced."""
    (tmp_path / "bilstm.csv").write_text("mine")

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("common.files.open", refuse, raising=False)
    assert_one_line_error("bilstm", "--output", ".", named=["--output", "bilstm.csv", "denied"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_output_in_a_read_only_folder(assert_one_line_error, tmp_path):
    tmp_path.chmod(0o500)
    output = str(tmp_path / "new")
    assert_one_line_error("data", "--output", output, named=["--output", output])


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


@pytest.mark.parametrize("script", ["bilstm", "extensions.compare_cells"])
def test_options_are_read_before_keras_is_loaded(script):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--units', '0']\n"
        "try:\n"
        f"    runpy.run_module({script!r}, run_name='__main__')\n"
        "except SystemExit as stopped:\n"
        "    assert stopped.code == 2\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stderr=subprocess.PIPE)


@pytest.mark.parametrize("script", ["bilstm", "compare_directions"])
@pytest.mark.parametrize("moment", ["loading", "training"])
def test_interrupt(script, moment, tmp_path):
    output, log = tmp_path / "output", tmp_path / "log"
    output.mkdir()
    (output / f"{script}.csv").write_text("earlier")
    options = [*small(script, output / "new"), "--sequences", "300000"]
    if moment == "training":
        options += ["--output", str(output)]

    def began():
        # The folder is made just before Keras is loaded; the progress bar tells of training.
        return (
            (output / "new").exists()
            if moment == "loading"
            else "━" in log.read_text(encoding="utf-8")
        )

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
    assert (output / f"{script}.csv").read_text() == "earlier"
    assert {path.name for path in output.iterdir()} <= {f"{script}.csv", "new"}


def test_a_crash_while_tensorflow_loads_is_seen(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import os; os.abort()")
    (tmp_path / "keras.py").write_text("import tensorflow")
    code = "from common.startup import load_keras; load_keras(1)"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert process.returncode != 0
    assert "Fatal Python error: Aborted" in process.stderr and "tensorflow.py" in process.stderr
