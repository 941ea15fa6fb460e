"""The programs in PyTorch and JAX, beside Keras; each in a process of its own.

PyTorch and TensorFlow in one process can end it.
"""

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
# Adam's epsilon is tiny here: the others add it after correcting the bias, Keras before.
TRAIN_WITH = {
    "pytorch": """
    model = Model(name, 20)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    begun = [weight.detach().numpy().T.copy() for weight in weights]
    with torch.no_grad():
        for i, weight in enumerate(weights):
            weight.copy_(torch.tensor(given[f"{name}{i}"].T))
    X, y = torch.tensor(given["X"]), torch.tensor(given["y"])
    losses = train(model, X, y, 4, learning_rate=0.01, epsilon=1e-30)
""",
    "jax": """
    begun = draw_weights(jax.random.key(0), name, 20)
    weights = [given[f"{name}{i}"] for i in range(len(begun))]
    X, y = (given[key].reshape(6, 4, 10, 1) for key in "Xy")
    _, losses = train(name, weights, X, y, learning_rate=0.01, epsilon=1e-30)
""",
}
EACH_MODEL = """
import sys
from benchmarks.with_{framework} import *
given, found = np.load(sys.argv[1]), {{}}
for name in sys.argv[3:]:
{train}
    found |= {{f"{{name}}{{i}}": weight for i, weight in enumerate(begun)}}
    found[name] = losses
np.savez(sys.argv[2], **found)
"""
each_framework = pytest.mark.parametrize(
    "framework",
    [
        pytest.param("pytorch", marks=pytest.mark.skipif(not find_spec("torch"), reason="torch")),
        pytest.param("jax", marks=pytest.mark.skipif(not find_spec("jax"), reason="jax")),
    ],
)


def fit_models():
    """Return initial weights and mean losses of all models in Keras; and what they train on."""
    X, y = get_sequences(24, 10, 0)
    given, losses = {"X": X, "y": y.astype(np.float32)}, {}
    keras.utils.set_random_seed(0)
    models = compare_directions.get_models(10) | compare_merge_modes.get_models(10)
    for name, model in models.items():
        given |= {f"{name}{i}": weight for i, weight in enumerate(model.get_weights())}
        optimizer = keras.optimizers.Adam(0.01, epsilon=1e-30)
        model.compile(loss="binary_crossentropy", optimizer=optimizer)
        history = model.fit(X, y, batch_size=4, shuffle=False, verbose=0).history
        losses[name] = history["loss"][0]
    return given, losses


@each_framework
def test_models_begin_and_train_as_in_keras(framework, tmp_path):
    given, losses = fit_models()
    np.savez(tmp_path / "given.npz", **given)
    program = EACH_MODEL.format(framework=framework, train=TRAIN_WITH[framework])
    files = tmp_path / "given.npz", tmp_path / "found.npz"
    subprocess.run([sys.executable, "-c", program, *files, *losses], cwd=ROOT, check=True)
    found = np.load(tmp_path / "found.npz")
    for name, loss in losses.items():
        assert found[name].shape == (6,)
        assert found[name].mean() == pytest.approx(loss, abs=1e-5), name
    for key in given.keys() - {"X", "y"}:
        begun = found[key]
        assert begun.shape == given[key].shape, key
        if begun.ndim == 1:
            np.testing.assert_array_equal(begun, given[key])
        elif begun.shape == (20, 80):
            np.testing.assert_allclose(begun @ begun.T, np.eye(20), atol=1e-5)
        else:
            limit = np.sqrt(6 / sum(begun.shape))
            assert 0.7 * limit < np.abs(begun).max() < limit, key


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
