"""The five files of the tutorial: its calls, other backends of Keras, and each taken alone."""

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bilstm import get_bi_lstm_model
from common.figures import STYLES
from common.training import train_model
from compare_directions import LINES as DIRECTIONS
from compare_merge_modes import LINES as MERGE_MODES
from data import get_sequence, get_sequences
from lstm_forward import get_lstm_model

ROOT = Path(__file__).parent.parent
SMALL = "--timesteps 4 --units 3 --sequences 12 --batch-size 5"
SINGLE = ["lstm_forward.py", "bilstm.py"]
COMPARISONS = ["compare_directions.py", "compare_merge_modes.py"]


def test_the_calls_of_the_tutorial():
    X, y = get_sequence(10)
    assert X.shape == y.shape == (10,)
    assert [layer.go_backwards for layer in get_lstm_model(4, True).layers[:1]] == [True]
    assert not get_lstm_model(4, False).layers[0].go_backwards
    for mode, n_outputs in (("sum", 20), ("mul", 20), ("ave", 20), ("concat", 40)):
        layer = get_bi_lstm_model(4, mode).layers[0]
        assert layer.merge_mode == mode and layer.output.shape == (None, 4, n_outputs)


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        (lambda: get_lstm_model(10, 20), TypeError, "backwards .*20; .*n_units=20"),
        (lambda: get_lstm_model(10, backwards="concat"), TypeError, "backwards .*'concat'"),
        (lambda: get_lstm_model(10, n_units=True), TypeError, "n_units .*True; .*backwards=True"),
        (lambda: get_bi_lstm_model(10, 20), ValueError, "mode .*20; .*n_units=20"),
        (lambda: get_bi_lstm_model(10, mode="add"), ValueError, "mode .*'add'"),
        (lambda: get_bi_lstm_model(10, n_units=False), TypeError, "n_units .*False"),
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


def get_imports(file):
    """Return the modules of ours that a file imports, at any place."""
    nodes = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module and (ROOT / module.split(".")[0]).exists()} | {
        module for module in modules if (ROOT / f"{module}.py").exists()
    }


def test_what_the_five_files_import_of_ours():
    ends = {"common.command_line", "common.files"}
    single = ends | {"common.fitting", "common.floors", "data"}
    shared = ("choosing", "figures", "floors", "results", "training")
    table = {"data", *(f"common.{module}" for module in shared)}
    assert get_imports("data.py") == ends
    assert all(get_imports(file) == single for file in SINGLE)
    assert get_imports(COMPARISONS[0]) == ends | table | {"bilstm", "lstm_forward"}
    assert get_imports(COMPARISONS[1]) == ends | table | {"bilstm"}


def run(*command, **environment):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("script", SINGLE)
def test_single_scripts_run_on_another_backend(script, backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    process = run(script, *SMALL.split(), "--output", tmp_path, KERAS_BACKEND=backend)
    assert process.returncode == 0, process.stderr
    losses = pd.read_csv(tmp_path / f"{Path(script).stem}_losses.csv")
    assert losses["update"].tolist() == [1, 2, 3] and np.isfinite(losses.loss).all()


@pytest.mark.parametrize("script", COMPARISONS)
def test_comparisons_say_that_they_need_tensorflow(script, tmp_path):
    process = run(script, "--output", tmp_path, KERAS_BACKEND="jax")
    assert process.returncode == 2 and process.stdout == ""
    expected = "KERAS_BACKEND is 'jax': compiled training needs 'tensorflow'"
    assert process.stderr == f"{script}: error: {expected}\n"


@pytest.mark.parametrize("builder", [get_lstm_model, get_bi_lstm_model])
def test_a_builder_with_plain_fit_in_an_empty_folder(builder, tmp_path):
    """What is copied from a single script needs Keras and NumPy, and data.py at most."""
    code = f"""
import keras
import numpy as np
from keras import layers
from data import get_sequences

{inspect.getsource(builder)}

X, y = get_sequences(12, 4, 0)
model = {builder.__name__}(4, n_units=3)
model.fit(X, y, batch_size=5, verbose=0)
"""
    (tmp_path / "data.py").write_text((ROOT / "data.py").read_text(encoding="utf-8"))
    (tmp_path / "mine.py").write_text(code)
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, env=environment, check=True)
    assert get_sequences(1, 4)[0].shape == (1, 4, 1)
