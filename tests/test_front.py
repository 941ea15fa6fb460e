"""The five files of the tutorial: its calls, other backends of Keras, and each taken alone."""

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bilstm import get_bi_lstm_model
from common.training import train_model
from compare_directions import LINES as DIRECTIONS
from compare_merge_modes import LINES as MERGE_MODES
from data import get_sequence
from extensions.shared.figures import STYLES
from lstm_forward import get_lstm_model

ROOT = Path(__file__).parent.parent


def test_the_calls_of_the_tutorial():
    assert get_sequence(10)[0].shape == (10,)
    assert get_lstm_model(4, True).layers[0].go_backwards
    assert not get_lstm_model(4, False).layers[0].go_backwards
    for mode, n_outputs in (("sum", 20), ("mul", 20), ("ave", 20), ("concat", 40)):
        layer = get_bi_lstm_model(4, mode).layers[0]
        assert layer.merge_mode == mode and layer.output.shape == (None, 4, n_outputs)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: get_lstm_model(10, 20), TypeError, "backwards .*20; .*n_units=20"),
        (lambda: get_lstm_model(10, backwards="concat"), TypeError, "backwards .*'concat'"),
        (lambda: get_bi_lstm_model(10, 20), ValueError, "mode .*20; .*n_units=20"),
        (lambda: get_bi_lstm_model(10, mode="add"), ValueError, "mode .*'add'"),
        (lambda: train_model(get_lstm_model(4), 10), TypeError, r"X and labels y, not 10.*get_seq"),
        (lambda: get_sequence("10"), TypeError, "n_timesteps .*'10'"),
    ],
)
def test_another_order_of_arguments_is_a_clear_error(call, error, named):
    with pytest.raises(error, match=named):
        call()


def test_lines_are_those_of_the_other_figures():
    for name, line in {**DIRECTIONS, **MERGE_MODES}.items():
        assert line == {key: STYLES[name][key] for key in line}


def test_imports_go_one_way():
    """From `common` through the tutorial; the training and the fitting can be copied alone."""
    ranks = {"common": 0, "data": 1, "lstm_forward": 2, "bilstm": 2}
    ranks |= {"compare_directions": 3, "compare_merge_modes": 3}
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    for path in [*ROOT.glob("*.py"), *ROOT.glob("common/*.py")]:
        name = "common" if path.parent.name == "common" else path.stem
        imports = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        imported = set(imports) & ours
        assert all(ranks[module] < (ranks[name] or 1) for module in imported), path
        assert not imported or path.stem not in ("training", "fitting")
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "module")]
        names = [alias for node in nodes if "common." in node.module for alias in node.names]
        assert name == "common" or 0 < len(names) <= 6, path


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("script", ["lstm_forward", "bilstm"])
def test_single_scripts_run_on_another_backend(script, backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    small = "--timesteps 4 --units 3 --sequences 12 --batch-size 5 --output".split()
    command = [sys.executable, ROOT / f"{script}.py", *small, tmp_path]
    subprocess.run(command, env=os.environ | {"KERAS_BACKEND": backend}, check=True)
    losses = pd.read_csv(tmp_path / f"{script}_losses.csv")
    assert losses["update"].tolist() == [1, 2, 3] and np.isfinite(losses.loss).all()


def test_builders_with_plain_fit_in_an_empty_folder(tmp_path):
    """What is copied from a single script needs Keras and NumPy, and data.py at most."""
    code = f"""
import keras
import numpy as np
from keras import layers
from data import get_sequences

{inspect.getsource(get_lstm_model)}
{inspect.getsource(get_bi_lstm_model)}

X, y = get_sequences(12, 4, 0)
for build in (get_lstm_model, get_bi_lstm_model):
    build(4, n_units=3).fit(X, y, batch_size=5, verbose=0)
"""
    (tmp_path / "data.py").write_text((ROOT / "data.py").read_text(encoding="utf-8"))
    (tmp_path / "mine.py").write_text(code)
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, env=environment, check=True)
