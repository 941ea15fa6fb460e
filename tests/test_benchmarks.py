"""Whole processes, timed; and the same experiments in Keras, PyTorch and JAX."""

import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec

import keras
import numpy as np
import pandas as pd
import pytest

import compare_directions
import compare_merge_modes
from benchmarks import update_cost, whole_scripts
from benchmarks.experiments import EXPERIMENTS
from benchmarks.whole_scripts import PACKAGES
from common.training import train_model
from data import get_sequences
from lstm_forward import get_lstm_model

keras.utils.set_random_seed(0)  # the initial weights
MODELS = compare_directions.get_models(10) | compare_merge_modes.get_models(10)
X, y = get_sequences(24, 10, 0)
BATCHES = [array.reshape(6, 4, 10, 1).astype(np.float32) for array in (X, y)]  # of an update
needs_pytorch = pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX")
ROOT = whole_scripts.ROOT


def test_all_models_of_the_scripts_are_in_the_experiments():
    assert EXPERIMENTS["compare_directions"][0] == list(compare_directions.get_models(10))
    assert EXPERIMENTS["compare_merge_modes"][0] == list(compare_merge_modes.get_models(10))


def get_small_model():
    keras.utils.set_random_seed(1)
    return get_lstm_model(10, n_units=3)


@pytest.fixture(scope="module")
def mean_loss():
    return train_model(get_small_model(), X[:6], y[:6]).mean()


@pytest.mark.parametrize("name", update_cost.WAYS)
def test_all_ways_of_keras_train_alike(name, mean_loss):
    way, _ = update_cost.WAYS[name]
    assert way(get_small_model(), X[:6], y[:6]) == pytest.approx(mean_loss, abs=1e-4)


def fit_models(epsilon=1e-7):
    """Return the mean loss of the first updates in Keras, by model; the weights stay as they were.

    Args:
        epsilon: of Adam.
    """
    losses = {}
    for name, model in MODELS.items():
        optimizer = keras.optimizers.Adam(0.01, epsilon=epsilon)
        model.compile(loss="binary_crossentropy", optimizer=optimizer)
        weights = model.get_weights()
        history = model.fit(X, y, batch_size=4, shuffle=False, verbose=0)
        losses[name] = history.history["loss"][0]
        model.set_weights(weights)
    return losses


@pytest.fixture(scope="module")
def losses():
    return fit_models()


@needs_jax
@pytest.mark.parametrize("name", MODELS)
def test_jax_trains_as_keras(name, losses):
    from benchmarks import with_jax

    trained = with_jax.train(name, MODELS[name].get_weights(), *BATCHES, 0.01)
    assert trained[1].mean() == pytest.approx(losses[name], abs=1e-5)


# In a process of its own: PyTorch and TensorFlow in one process can end it.
TRAIN_WITH_PYTORCH = """
import sys
import numpy as np
import torch
from benchmarks.with_pytorch import Model, train

adam = torch.optim.Adam
torch.optim.Adam = lambda *arguments, **settings: adam(*arguments, **settings | {"eps": 1e-30})
given, found = np.load(sys.argv[1]), {}
for name in sys.argv[3:]:
    model = Model(name, 20)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    found |= {f"{name}{i}": weight.detach().numpy().T.copy() for i, weight in enumerate(weights)}
    with torch.no_grad():
        for i, weight in enumerate(weights):
            weight.copy_(torch.from_numpy(given[f"{name}{i}"].T))
    found[name] = train(model, given["X"], given["y"], 0.01).numpy()
np.savez(sys.argv[2], **found)
"""


@needs_pytorch
def test_pytorch_begins_and_trains_as_keras(tmp_path):
    """Adam's epsilon is tiny here: PyTorch adds it after correcting the bias, Keras before."""
    losses = fit_models(epsilon=1e-30)
    given = {f"{name}{i}": w for name in MODELS for i, w in enumerate(MODELS[name].get_weights())}
    np.savez(tmp_path / "given.npz", X=BATCHES[0], y=BATCHES[1], **given)
    files = tmp_path / "given.npz", tmp_path / "found.npz"
    command = [sys.executable, "-c", TRAIN_WITH_PYTORCH, *map(str, files), *MODELS]
    subprocess.run(command, cwd=ROOT, check=True)
    found = np.load(tmp_path / "found.npz")
    for name in MODELS:
        check_weights(name, [found[key] for key in given if key.rstrip("0123456789") == name])
        assert found[name].mean() == pytest.approx(losses[name], abs=1e-5)


@needs_jax
@pytest.mark.parametrize("name", MODELS)
def test_jax_begins_as_keras(name):
    import jax

    from benchmarks import with_jax

    check_weights(name, map(np.asarray, with_jax.draw_weights(jax.random.key(0), name, 20)))


def check_weights(name, weights):
    """Compare with those of Keras: shapes, biases, the range of kernels, orthogonal rows."""
    for weight, of_keras in zip(weights, MODELS[name].get_weights(), strict=True):
        assert weight.shape == of_keras.shape
        if weight.ndim == 1:
            np.testing.assert_array_equal(weight, of_keras)
        elif weight.shape == (20, 80):
            np.testing.assert_allclose(weight @ weight.T, np.eye(20), atol=1e-5)
        else:
            limit = np.sqrt(6 / sum(weight.shape))
            assert 0.7 * limit < np.abs(weight).max() < limit


@pytest.mark.parametrize(
    "framework",
    [pytest.param("PyTorch", marks=needs_pytorch), pytest.param("JAX", marks=needs_jax)],
)
def test_programs_print_and_save_the_scores(framework, tmp_path):
    script = "compare_directions --units 3 --sequences 7 --batch-size 2 --runs 2"
    command = whole_scripts.get_command(script, framework, 0, tmp_path)
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    scores = pd.read_csv(tmp_path / "compare_directions_scores.csv")
    models = EXPERIMENTS["compare_directions"][0]
    assert scores.model.tolist() == [model for model in models for _ in range(2)]
    for model, line in zip(models, process.stdout.splitlines(), strict=True):
        loss = scores[scores.model == model].loss.mean()
        assert 0.3 < loss < 1.2
        assert line.startswith(f"{model}: test loss {loss:.4f}, accuracy 0.")


# Whole processes.


def test_how_a_process_ends(monkeypatch):
    seconds, outcome = whole_scripts.measure_process([sys.executable, "-c", "print(1)"])
    assert 0 < seconds < whole_scripts.LIMIT and outcome == "ended"
    seconds, outcome = whole_scripts.measure_process(
        [sys.executable, "-c", "import no_such_package"]
    )
    assert np.isnan(seconds)
    assert outcome == "failed (ModuleNotFoundError: No module named 'no_such_package')"
    monkeypatch.setattr(whole_scripts, "LIMIT", 1)
    seconds, outcome = whole_scripts.measure_process(
        [sys.executable, "-c", "import time; time.sleep(9)"]
    )
    assert np.isnan(seconds) and outcome == "no end in 1 s"


def rows(script, framework, *seconds):
    return pd.DataFrame(
        {
            "script": script,
            "framework": framework,
            "round": range(1, len(seconds) + 1),
            "seconds": seconds,
            "outcome": ["no end in 9 s" if np.isnan(value) else "ended" for value in seconds],
        }
    )


SECONDS = pd.concat(
    [
        rows("import alone", "Keras", 3.0),
        rows("one", "Keras", 4.0, 6.0, 5.0),
        rows("one", "JAX", np.nan, 7.0, np.nan),
        rows("two", "Keras", 15.0),
        rows("three", "Keras", np.nan),
    ]
)


def test_what_has_not_ended_stands_in_the_table():
    table = whole_scripts.tabulate(SECONDS)
    assert table.loc["one", "Keras"] == "5.0 (4.0 to 6.0)"
    assert table.loc["one", "JAX"] == "7.0; 2 of 3: no end in 9 s"
    assert table.loc["three", "Keras"] == "1 of 1: no end in 9 s"
    assert table.index.tolist() == ["import alone", "one", "two", "three"]


def test_comparison_with_the_machine_of_the_pages(tmp_path):
    none = "There are no times of another machine to compare with."
    assert whole_scripts.compare_machines(SECONDS, tmp_path) == none
    theirs = pd.concat([rows("one", "Keras", 3.0), rows("two", "Keras", 7.0)])
    theirs = pd.concat([theirs, rows("three", "Keras", 100.0)])
    theirs.to_csv(tmp_path / "whole_scripts_seconds.csv", index=False)
    machine = pd.DataFrame([{"processor": "Some (R)", "cores": 2, "month": "May 2026"}])
    machine.to_csv(tmp_path / "whole_scripts_machine.csv", index=False)
    words = whole_scripts.compare_machines(SECONDS, tmp_path)
    assert words == (
        "2 scripts: 20 seconds here, 10 on the machine of the pages (Some (R), 2 cores, May 2026)."
        "\nThis machine takes 2.0 times as long as that one: multiply the times on the pages by"
        " that."
    )
    failed = whole_scripts.compare_machines(rows("one", "Keras", np.nan), tmp_path)
    assert failed.startswith("No script has ended")


@pytest.mark.usefixtures("without_xla")
def test_cost_of_updates(tmp_path, monkeypatch, capsys):
    """Two of the ways, and the frameworks that there are."""
    ways = {name: update_cost.WAYS[name] for name in ("train_on_batch", "train_model")}
    monkeypatch.setattr(update_cost, "WAYS", ways)
    options = Namespace(timesteps=4, units=3, sequences=6, learning_rate=0.02, runs=1)
    options.__dict__ |= {"output": tmp_path, "seed": 0, "show": False, "name": "update_cost"}
    update_cost.main(options)
    table = pd.read_csv(tmp_path / "update_cost_seconds.csv")
    assert table.columns.tolist() == ["way", "round", "ms_per_update", "fixed_seconds"]
    absent = [way for way, package in PACKAGES.items() if find_spec(package) is None]
    present = [way for way in update_cost.FRAMEWORKS if way not in absent]
    assert table.way.tolist() == [*ways, *present]
    assert table.notna().all(axis=None)
    out = capsys.readouterr().out
    assert [way for way in PACKAGES if f"{way}: absent" in out] == absent
    assert (tmp_path / "update_cost.png").exists()


def test_absent_frameworks_are_named_and_all_is_saved(tmp_path, monkeypatch, capsys):
    """With commands in place of the scripts that save scores, and fail, or end."""

    def get_command(script, framework, seed, output):
        save = (
            f"import sys; open(r'{output}/compare_directions_scores.csv', 'w').write(sys.argv[1])"
        )
        code = {"bad": "import no_such_package"}.get(script, save)
        return [sys.executable, "-c", code, "model,loss\na,0.25\nb,0.5\n"]

    packages = {"Keras": "numpy", "PyTorch": "no_such_package"}
    monkeypatch.setattr(whole_scripts, "PACKAGES", packages)
    monkeypatch.setattr(whole_scripts, "SCRIPTS", ["good", "bad"])
    monkeypatch.setattr(whole_scripts, "get_command", get_command)
    options = Namespace(output=tmp_path, seed=0, runs=2, show=False, name="whole_scripts")
    whole_scripts.main(Namespace(frameworks=True, **vars(options)))
    out = capsys.readouterr().out
    assert "PyTorch: absent (no_such_package is not installed)" in out
    assert "2 of 2: failed (ModuleNotFoundError: No module named 'no_such_package')" in out
    saved = {path.name for path in tmp_path.iterdir()}
    tables = {f"whole_scripts_{what}.csv" for what in ("seconds", "machine", "losses")}
    assert saved == {"whole_scripts.png", *tables}
    losses = pd.read_csv(tmp_path / "whole_scripts_losses.csv")
    assert losses.to_numpy().tolist() == [
        ["compare_directions", "a", "Keras", 0.25],
        ["compare_directions", "b", "Keras", 0.5],
    ]
    seconds = pd.read_csv(tmp_path / "whole_scripts_seconds.csv")
    assert seconds["script"].tolist() == ["good", "bad"] * 2
    whole_scripts.main(Namespace(frameworks=False, **vars(options)))
    assert ": absent (" not in capsys.readouterr().out
