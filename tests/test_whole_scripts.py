"""Whole processes, timed."""

import sys
from argparse import Namespace

import numpy as np
import pandas as pd

import compare_directions
import compare_merge_modes
from benchmarks import whole_scripts


def test_processes_that_end_and_that_fail(tmp_path, monkeypatch, capfd):
    """With small modules in place of the scripts. A framework without a Python takes no part."""
    commands = {"good": ("this", "--no-such-option"), "bad": ("no_such_module", "--no-such-option")}
    monkeypatch.setattr(whole_scripts, "COMMANDS", commands)
    options = Namespace(runs=2, seed=0, python_pytorch=sys.executable, python_jax=None)
    options.__dict__ |= {"output": tmp_path, "show": False, "name": "whole_scripts"}
    whole_scripts.main(options)
    out, err = capfd.readouterr()
    assert "No module named no_such_module" in err
    frameworks, good, bad = out.split("\n\n")[0].splitlines()[-3:]
    assert frameworks.split() == ["framework", "Keras", "PyTorch"]
    assert good.count("inf (inf-inf)") == 1 and good.endswith("inf (inf-inf)")
    assert bad.count("inf (inf-inf)") == 2
    table = pd.read_csv(tmp_path / "whole_scripts_seconds.csv")
    assert table["round"].tolist() == [1] * 4 + [2] * 4
    assert 0 < table.seconds[0] < 60
    assert (tmp_path / "whole_scripts.png").exists()


def test_a_process_that_does_not_end(monkeypatch):
    monkeypatch.setattr(whole_scripts, "LIMIT", 0.5)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert whole_scripts.measure(command) == np.inf


def test_programs_train_the_models_of_the_scripts():
    for script in (compare_directions, compare_merge_modes):
        _, arguments = whole_scripts.COMMANDS[script.__name__]
        assert arguments.split()[:4] == list(script.get_models(10))
