import gc
import os
import runpy
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from common.startup import get_xla_flags

ROOT = Path(__file__).parent.parent
os.environ["MPLBACKEND"] = "agg"  # no windows, whatever the machine has
# The tests compile many models and train them little: let XLA optimize less than in a script.
# (XLA flags that the environment has already stay.)
flags = get_xla_flags().replace("optimization_level=1", "optimization_level=0")
if flags:
    os.environ.setdefault("XLA_FLAGS", flags)


def around(mean, half, n_runs=12):
    """Return values whose 95% interval reaches so far to both sides of their mean."""
    values = np.resize([-1.0, 1.0], n_runs)
    return mean + values * half / (stats.sem(values) * stats.t.ppf(0.975, n_runs - 1))


def pytest_collection_finish():
    """Spare the garbage collector what has been loaded until now: that stays to the end."""
    gc.freeze()


@pytest.fixture
def without_xla(monkeypatch):
    """Let common/training.py train without XLA, as where there is a GPU: it takes less memory.

    TensorFlow does not free what XLA has compiled: 30 MB for each model.
    """
    import tensorflow as tf  # here: the process that only shares out the tests needs none

    list_devices = tf.config.list_physical_devices

    def list_a_gpu(kind=None):
        return ["a GPU"] if kind == "GPU" else list_devices(kind)

    monkeypatch.setattr(tf.config, "list_physical_devices", list_a_gpu)


@pytest.fixture
def run_script(monkeypatch):
    """Return a function that runs a script, as its file is run, in the process of the tests."""

    def run_script(script, *options):
        file = ROOT.joinpath(*script.split(".")).with_suffix(".py")
        monkeypatch.setattr(sys, "argv", [str(file), *map(str, options)])
        runpy.run_path(str(file), run_name="__main__")

    names = ["SIGINT", *(["SIGPIPE"] if hasattr(signal, "SIGPIPE") else [])]
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in names}
    yield run_script
    for name, handler in handlers.items():
        signal.signal(getattr(signal, name), handler)
