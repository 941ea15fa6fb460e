"""The files of a script: all whole or none, whatever ends it."""

import os
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from common.files import save

ROOT = Path(__file__).parent.parent


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

    yield write
    plt.close("all")


@pytest.fixture
def sizes(write, tmp_path):
    """Write the files, then "earlier" into each of them, and see that this is there in the end."""
    sizes = write()
    for path in (tmp_path / "output").iterdir():
        path.write_text("earlier")
    yield sizes
    left = {path.name: path.read_bytes() for path in (tmp_path / "output").iterdir()}
    assert left == dict.fromkeys(sizes, b"earlier")


def test_a_disk_that_fills(write, sizes):
    """Before the figure is written, the losses, the model: the files of earlier stay, all of them.

    A limit on the size of a file fails a write as a full disk does.
    """
    resource = pytest.importorskip("resource")  # none on Windows
    figure, losses, model = (sizes[f"some{end}"] for end in (".png", "_losses.csv", ".keras"))
    assert 100 < figure < losses < model
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for n_bytes in (figure, losses, model):
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes - 100, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                write()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("sizes")
def test_an_interrupt_while_files_are_written(write, monkeypatch):
    """The earlier files stay, and nothing half-written."""
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


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_closed_streams(closed, tmp_path):
    command = (
        f"'{sys.executable}' '{ROOT / 'data.py'}' --timesteps 4 --output '{tmp_path}' {closed}"
    )
    assert subprocess.run(command, shell=True).returncode == 0
    assert (tmp_path / "data.png").exists()


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
