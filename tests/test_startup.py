"""How a script starts: quietly, or with one line that says why not."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from common.startup import XLA_FLAGS, find_missing_package, get_xla_flags

ROOT = Path(__file__).parent.parent
SCRIPT = """
import sys
from common.command_line import make_parser
from common.startup import load_keras

make_parser(__file__, "A script.")
load_keras(1)
print("after", file=sys.stderr)
"""
KERAS = """
import os, signal, sys, types
config = types.SimpleNamespace(backend=lambda: "none")
os.write(2, b"2026-11-01 10:00:00.0: E cuda.cc:1] chatter\\n")
print(os.environ.get("XLA_FLAGS"), flush=True)
"""


@pytest.fixture
def load(tmp_path):
    """Return a function that runs a script with a Keras that does as it is told."""

    def load(keras="", **settings):
        (tmp_path / "some.py").write_text(SCRIPT)
        (tmp_path / "keras.py").write_text(KERAS + keras)
        prefixes = "KERAS_", "TF_", "XLA_"
        kept = {name: os.environ[name] for name in os.environ if not name.startswith(prefixes)}
        environment = {**kept, "PYTHONPATH": str(ROOT), **settings}
        command = [sys.executable, tmp_path / "some.py"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return load


def test_a_start_is_quiet_and_flags_suit_the_version(load, tmp_path):
    """The package's version is read without loading it; what the user has set stays."""
    for version, flags in [("2.21.3", XLA_FLAGS), ("2.99.0", None), ("12.21.0", None)]:
        folder = tmp_path / "tensorflow.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Name: tensorflow\nVersion: {version}\n")
        process = load()
        assert (process.stdout, process.stderr) == (f"{flags}\n", "after\n")
    assert load(TF_CLI_CONFIG_FILE="of Terraform").stderr == "after\n"


@pytest.mark.parametrize("name", ["XLA_FLAGS", "TF_SOME", "KERAS_BACKEND"])
def test_nothing_is_turned_away_where_the_user_has_set_something(name, load):
    process = load(**{name: "mine"})
    assert process.stderr.endswith("chatter\nafter\n")
    if name != "TF_SOME":
        assert process.stdout == ("mine\n" if name == "XLA_FLAGS" else "None\n")


def test_a_crash_while_messages_are_turned_away_is_reported(load):
    process = load("signal.raise_signal(signal.SIGABRT)")
    assert process.returncode != 0
    assert process.stderr.startswith("Fatal Python error: Aborted") and "keras.py" in process.stderr


@pytest.mark.parametrize(
    ("keras", "status", "line"),
    [
        ("raise ImportError('No rich')", 1, "some.py: error: Keras could not be loaded: No rich\n"),
        ("signal.raise_signal(signal.SIGINT)", 130, "\nsome.py: interrupted\n"),
    ],
)
def test_keras_refuses_or_is_interrupted(keras, status, line, load):
    process = load(keras)
    assert (process.returncode, process.stderr) == (status, line)


@pytest.mark.parametrize(
    "module", ["tensorflow", "keras", "numpy", "pandas", "matplotlib", "scipy", "sklearn"]
)
def test_each_missing_package_is_found(module, monkeypatch):
    assert find_missing_package() is None
    monkeypatch.setattr("common.startup.util.find_spec", lambda name: name != module or None)
    assert find_missing_package() == module.replace("sklearn", "scikit-learn")


def test_a_nightly_build_gets_no_flags(monkeypatch):
    def find_none(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", find_none)
    assert get_xla_flags() == ""


def test_an_unknown_flag_of_xla(tmp_path):
    """XLA reads its flags at the first compilation, and ends the process: it is heard."""
    flag = "--xla_no_such_flag=true"
    command = [sys.executable, ROOT / "lstm_forward.py", "--output", tmp_path]
    environment = os.environ | {"XLA_FLAGS": flag}
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode != 0 and f"Unknown flag in XLA_FLAGS: {flag}" in process.stderr
    assert not list(tmp_path.iterdir())
