"""Endings that are nobody's fault: Keras that cannot be loaded, odd settings, folders and disks."""

import os
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from importlib import metadata
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from common.files import save
from common.startup import XLA_FLAGS, get_xla_flags

ROOT = Path(__file__).parent.parent
SMALL = "--timesteps 4 --units 3 --sequences 6 --batch-size 2".split()
SCRIPT = """
import sys
from common.command_line import make_parser
from common.startup import load_keras

make_parser(__file__, "A script.")
load_keras(1)
print("after", file=sys.stderr)
"""
KERAS = """
import os, signal, sys

def write(text):
    os.write(2, text.encode())

write("I0000 00:00:1.2 1 port.cc:1] chatter\\n2026-11-01 10:00:00.0: E cuda.cc:1] chatter\\n")
"""
CHATTER = "2026-11-01 10:00:00.0: E cuda.cc:1] chatter"
FATAL = "F0000 00:00:1.2 1 flags.cc:1] Unknown flag"
BEGINNING = "some.py: error: Keras could not be loaded:"
ADVICE = "Try it without what you have set: XLA_FLAGS."


@pytest.fixture
def load(tmp_path):
    """Return a function that runs a script with a Keras that does as it is told."""

    def load(keras, before="", **settings):
        (tmp_path / "some.py").write_text(before + SCRIPT)
        (tmp_path / "keras.py").write_text(KERAS + keras)
        prefixes = "KERAS_", "TF_", "XLA_"
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(prefixes)}
        environment = {**kept, "PYTHONPATH": str(ROOT), **settings}
        command = [sys.executable, tmp_path / "some.py"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return load


@pytest.mark.parametrize(
    ("keras", "statuses", "reasons"),
    [
        (f"write({FATAL!r} + '\\nUsage:\\n' * 90000); os._exit(1)", [1], [FATAL]),
        (f"write({FATAL!r} + '\\nmore\\n'); os.abort()", [-6, 3], [FATAL]),
        (
            "write('terminated\\nwhat(): full\\n'); os.abort()",
            [-6, 3],
            ["terminated", "what(): full"],
        ),
        ("os._exit(7)", [7], ["(no reason given)"]),  # all that it has written is chatter
    ],
    ids=["fatal", "fatal abort", "abort", "exit"],
)
def test_keras_ends_the_process(keras, statuses, reasons, load):
    process = load(keras, XLA_FLAGS="--mine")
    assert process.returncode in statuses
    assert process.stderr.splitlines() == [BEGINNING, *reasons, ADVICE]


@pytest.mark.parametrize(
    ("keras", "reason"),
    [
        ("raise ImportError('No module named rich')", "ImportError: No module named rich"),
        ("sys.exit('no such backend')", "SystemExit: no such backend"),
    ],
)
def test_keras_refuses(keras, reason, load):
    process = load(keras, XLA_FLAGS="--mine")
    assert process.returncode == 1
    assert process.stderr == f"{BEGINNING} {reason}\n{ADVICE}\n"


INTERRUPT = """
import signal, subprocess

method = subprocess.Popen.{0}

def call_and_interrupt(*arguments, **options):
    subprocess.Popen.{0} = method
    method(*arguments, **options)
    signal.raise_signal(signal.SIGINT)

subprocess.Popen.{0} = call_and_interrupt
"""


@pytest.mark.parametrize("moment", ["__init__", "keras", "kill", "wait"])
def test_an_interrupt_tells_of_nothing_else(moment, load):
    """Not while the process that watches starts or ends, either."""
    if moment == "keras":
        process = load("signal.raise_signal(signal.SIGINT)")
    else:
        process = load(LOADED, INTERRUPT.format(moment))
    assert (process.returncode, process.stderr) == (130, "\nsome.py: interrupted\n")


LOADED = """
import types
config = types.SimpleNamespace(backend=lambda: "none")
print(os.environ.get("XLA_FLAGS"))
"""


def test_a_start_is_quiet_and_flags_suit_the_version(load, tmp_path):
    """The package's version is read without loading it; what the user has set stays."""
    for version, flags in [("2.21.3", XLA_FLAGS), ("2.99.0", None), ("12.21.0", None)]:
        folder = tmp_path / "tensorflow.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Name: tensorflow\nVersion: {version}\n")
        process = load(LOADED)
        assert (process.stdout, process.stderr) == (f"{flags}\n", "after\n")
    assert load(LOADED, XLA_FLAGS="--mine").stdout == "--mine\n"
    assert load(LOADED, KERAS_BACKEND="jax").stdout == "None\n"


def test_a_nightly_build_gets_no_flags(monkeypatch):
    def find_none(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", find_none)
    assert get_xla_flags() == ""


def run(script, *options, **settings):
    """Run a script; return its status and what it printed to standard error."""
    command = [sys.executable, ROOT / script, *SMALL, *map(str, options)]
    environment = os.environ | settings
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    return process.returncode, process.stderr


def test_an_unknown_flag_of_xla(tmp_path):
    """XLA reads its flags at the first compilation, and ends the process."""
    flag = "--xla_no_such_flag=true"
    status, err = run("lstm_forward.py", "--output", tmp_path, XLA_FLAGS=flag)
    assert status != 0
    first, reason, advice = err.splitlines()
    assert first == "lstm_forward.py: error: Keras could not be loaded:"
    assert reason.endswith(f"Unknown flag in XLA_FLAGS: {flag}")
    assert advice.startswith("Try it without what you have set: ") and "XLA_FLAGS" in advice
    assert not list(tmp_path.iterdir())


def test_odd_settings(tmp_path):
    """Of TensorFlow, Keras and XLA; no home to write to; a terminal that has ASCII alone."""
    (tmp_path / "keras.json").write_text("{broken")
    nowhere = str(tmp_path / "keras.json" / "home")
    settings = {
        "TF_NUM_INTEROP_THREADS": "many",
        "TF_CPP_MIN_LOG_LEVEL": "many",
        "XLA_FLAGS": "",
        "KERAS_HOME": str(tmp_path),
        "HOME": nowhere,
        "MPLCONFIGDIR": nowhere,
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii:strict",
    }
    output = tmp_path / "output"
    status, err = run("bilstm.py", "--output", output, **settings)
    assert status == 0, err
    assert "Traceback" not in err and "rror" not in err
    assert {path.name for path in output.iterdir()} == {"bilstm.png", "bilstm_losses.csv"}


# Files.


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a figure, losses, scores and a model, as some scripts do."""
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(1500)])
    losses = pd.DataFrame({"loss": np.random.default_rng(0).random(10_000)})
    options = Namespace(name="some", output=tmp_path / "output", show=False)

    def write():
        others = {".keras": model.save}
        save(options, plt.figure(), others, losses=losses, scores=losses[:10])
        return {path.name: path.stat().st_size for path in options.output.iterdir()}

    return write


def test_a_disk_that_fills(write, tmp_path):
    """Before the figure is written, the losses, the model: the files of earlier stay, all of them.

    A limit on the size of a file fails a write as a full disk does.
    """
    resource = pytest.importorskip("resource")  # none on Windows
    sizes = write()
    figure, losses, model = (sizes[f"some{end}"] for end in (".png", "_losses.csv", ".keras"))
    assert 100 < figure < losses < model
    for path in (tmp_path / "output").iterdir():
        path.write_text("earlier")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for n_bytes in (figure, losses, model):
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes - 100, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                write()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        left = {path.name: path.read_text() for path in (tmp_path / "output").iterdir()}
        assert left == dict.fromkeys(sizes, "earlier")
    plt.close("all")


def test_an_interrupt_while_files_are_written(write, tmp_path, monkeypatch):
    """The earlier files stay, and nothing half-written."""
    sizes = write()
    for path in (tmp_path / "output").iterdir():
        path.write_text("earlier")
    to_csv = pd.DataFrame.to_csv

    def interrupt(*arguments, **options):
        to_csv(*arguments, **options)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt)
    at_once = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, at_once)
    left = {path.name: path.read_text() for path in (tmp_path / "output").iterdir()}
    assert left == dict.fromkeys(sizes, "earlier")
    plt.close("all")


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("script", "closed"), [("data", "2>&-"), ("lstm_forward", ">&- 2>&-"), ("data", "<&- >&- 2>&-")]
)
def test_closed_streams(script, closed, tmp_path):
    options = "--timesteps 4" + (" --sequences 6" if script == "lstm_forward" else "")
    command = f"'{sys.executable}' '{ROOT / script}.py' {options} --output '{tmp_path}' {closed}"
    assert subprocess.run(command, shell=True).returncode == 0
    assert (tmp_path / f"{script}.png").exists()


def test_a_folder_that_vanishes(write, tmp_path):
    """A training may have taken an hour: its files are worth a new folder."""
    sizes = write()
    shutil.rmtree(tmp_path / "output")
    assert write().keys() == sizes.keys()


def test_one_script_twice_into_one_folder(run_script, tmp_path):
    """The files that stay are whole, each of one of the two."""
    output = tmp_path / "output"
    processes, written = [], set()
    for seed in ("1", "2"):
        command = [sys.executable, ROOT / "data.py", "--seed", seed, "--output", output]
        processes.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )
    for seed in ("1", "2"):
        run_script("data", "--seed", seed, "--output", tmp_path / seed)
        written.add((tmp_path / seed / "data_sequence.csv").read_bytes())
    for process in processes:
        assert process.communicate()[1] == b"" and process.returncode == 0
    assert {path.name for path in output.iterdir()} == {"data.png", "data_sequence.csv"}
    assert (output / "data_sequence.csv").read_bytes() in written and len(written) == 2
