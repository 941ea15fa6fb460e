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
from data import get_sequence, get_sequences
from extensions.shared.figures import STYLES
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


@pytest.mark.parametrize("file", ["data.py", *SINGLE, *COMPARISONS])
def test_what_a_file_imports_of_ours(file):
    """At most six names of common; of others, what comes before it in the tutorial."""
    nodes = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    names = {node.module: node.names for node in nodes if isinstance(node, ast.ImportFrom)}
    of_common = [names[module] for module in names if module.startswith("common.")]
    assert 0 < sum(map(len, of_common)) <= 6
    before = {"data": [], "lstm_forward": ["data"], "bilstm": ["data"]}
    others = before.get(Path(file).stem, ["data", "lstm_forward", "bilstm"])
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {module for module in names if module in ours} <= set(others)


def test_common_knows_no_script():
    """What it imports of ours is common; the training and the fitting can be copied alone."""
    for path in (ROOT / "common").glob("*.py"):
        modules = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        ours = {module for module in modules if (ROOT / module.split(".")[0]).is_dir()}
        ours |= {module for module in modules if (ROOT / f"{module}.py").exists()}
        assert all(module.startswith("common.") for module in ours), path
        assert not ours or path.stem not in ("training", "fitting")


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
