"""The programs in PyTorch and JAX, beside Keras; each in a process of its own.

PyTorch and TensorFlow in one process can end it.
"""

import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import compare_directions
import compare_merge_modes
from data import get_sequences

ROOT = Path(__file__).parents[1]
TRAIN = {  # a model from given weights
    "pytorch": """
    model = Model(name, 20)
    for parameter, weight in model.named_parameters():
        if "bias_hh" in parameter:  # Keras has one bias where PyTorch has two
            weight.requires_grad_(False).zero_()
        else:
            weight.data.copy_(torch.tensor(given.pop(0).T))
    losses = train(model, torch.tensor(X), torch.tensor(y), 4, 0.01, epsilon=1e-30)
""",
    "jax": """
    begun[name] = [np.asarray(weight) for weight in draw_weights(jax.random.key(0), name, 20)]
    X, y = X.reshape(6, 4, 10, 1), y.reshape(6, 4, 10, 1)
    _, losses = train(name, given, X, y, 0.01, epsilon=1e-30)
""",
}
TRAIN_ALL = """
import pickle, sys
import numpy as np
from benchmarks.with_{framework} import *
losses_of, begun = {{}}, {{}}
for name, given, X, y in pickle.load(sys.stdin.buffer):
{train}
    losses_of[name] = np.mean(losses)
pickle.dump((losses_of, begun), sys.stdout.buffer)
"""
each_framework = pytest.mark.parametrize(
    "framework",
    [
        pytest.param(name, marks=pytest.mark.skipif(not find_spec(package), reason=f"no {package}"))
        for name, package in (("pytorch", "torch"), ("jax", "jax"))
    ],
)


@each_framework
def test_models_train_as_in_keras(framework):
    """Adam's epsilon is tiny here: the others add it after correcting the bias, Keras before."""
    X, y = get_sequences(24, 10, 0)
    models = compare_directions.get_models(10) | compare_merge_modes.get_models(10)
    given = [(name, model.get_weights(), X, np.float32(y)) for name, model in models.items()]
    program = TRAIN_ALL.format(framework=framework, train=TRAIN[framework])
    command = [sys.executable, "-c", program]
    process = subprocess.run(
        command, cwd=ROOT, check=True, input=pickle.dumps(given), stdout=subprocess.PIPE
    )
    losses, begun = pickle.loads(process.stdout)
    for name, weights, *_ in given:
        # The program in JAX draws its weights as Keras does, that in PyTorch as PyTorch does.
        for of_keras, weight in zip(weights, begun.get(name, weights), strict=True):
            assert weight.shape == of_keras.shape
            if weight.ndim == 1:
                np.testing.assert_array_equal(weight, of_keras)
            elif weight.shape == (20, 80):
                np.testing.assert_allclose(weight @ weight.T, np.eye(20), atol=1e-5)
            else:
                limit = np.sqrt(6 / sum(weight.shape))
                assert 0.7 * limit < np.abs(weight).max() < limit
        optimizer = keras.optimizers.Adam(0.01, epsilon=1e-30)
        models[name].compile(loss="binary_crossentropy", optimizer=optimizer)
        fit = models[name].fit(X, y, batch_size=4, shuffle=False, verbose=0)
        assert losses[name] == pytest.approx(fit.history["loss"][0], abs=1e-5), name


@each_framework
def test_programs_print_predictions_and_write_files(framework, tmp_path):
    command = [sys.executable, "-m", f"benchmarks.with_{framework}", "lstm_forw", "bilstm_sum"]
    command += [*"--units 3 --sequences 8 --batch-size 2 --output".split(), str(tmp_path)]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    columns, *rows = process.stdout.splitlines()
    assert columns.split() == ["loss", "accuracy", "sequence_accuracy"]
    assert [row.split()[0] for row in rows] == ["lstm_forw", "bilstm_sum"] + 10 * ["Expected:"]
    assert 0.3 < float(rows[0].split()[1]) < 1.2
    losses = pd.read_csv(tmp_path / f"with_{framework}_losses.csv", header=[0, 1], index_col=0)
    assert losses.columns.tolist() == [("lstm_forw", "1"), ("bilstm_sum", "1")]
    assert losses.shape == (4, 2) and losses.notna().all(axis=None)
    assert (tmp_path / f"with_{framework}.png").exists()
