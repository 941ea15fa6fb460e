"""Endings that are nobody's fault: Keras that cannot be loaded, odd settings, folders and disks."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

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

    def load(keras, **settings):
        (tmp_path / "some.py").write_text(SCRIPT)
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
        (f"write({FATAL!r} + '\\nUsage:\\n' * 9000); os._exit(1)", [1], [FATAL]),
        (f"write({FATAL!r} + '\\nmore\\n'); os.abort()", [-6, 3], [FATAL]),
        (
            "write('terminated\\nwhat(): full\\n'); os.abort()",
            [-6, 3],
            ["terminated", "what(): full"],
        ),
        ("os._exit(7)", [7], [CHATTER]),
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


def test_an_interrupt_tells_of_nothing_else(load):
    process = load("os.kill(os.getpid(), signal.SIGINT)")
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
