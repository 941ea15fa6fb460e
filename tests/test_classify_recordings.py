"""One label for a whole sequence: the last output, what is no LSTM, and from a file to a model."""

import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import log_loss

from extensions.classify_recordings import get_last_output_model, score_without_lstm
from extensions.parts.sequences import get_arrays
from extensions.shared.labelling import get_lstms
from extensions.shared.own_sequences import read_sequences
from tests.test_own_sequences import ROLES, ROOT

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    # Keras 3.15 saves in a way that NumPy deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

DATA = ROOT / "extensions" / "data" / "japanese_vowels.csv.gz"
PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")


def test_the_last_output_is_that_of_the_last_real_step():
    columns = {"numbers": {"x": 0}, "categories": {}, "classes": ["a", "b"]}
    X = np.zeros((3, 6, 2), np.float32)
    lengths = [6, 1, 4]
    for row, length in zip(X, lengths, strict=True):
        row[:length] = np.stack([np.arange(length), np.ones(length)], axis=1)
    lstm = get_lstms(4, columns, each_step=True)["bidirectional"]
    last = get_last_output_model(lstm, X, columns)
    dense = next(layer for layer in last.layers if isinstance(layer, keras.layers.Dense))
    of_steps = keras.Model(last.inputs, dense.output).predict(X, verbose=0)
    expected = [rows[length - 1] for rows, length in zip(of_steps, lengths, strict=True)]
    np.testing.assert_allclose(last.predict(X, verbose=0), expected, atol=1e-6)


def test_what_is_no_lstm():
    found = read_sequences(DATA, ROLES | {"label": "speaker"})
    X, y, _ = get_arrays(found["table"], found["columns"])
    y, is_test = y.max(axis=1), found["sequences"].is_test.to_numpy()
    frequent, discriminant = score_without_lstm(X, y, is_test, 12).values()
    # By its definition: a normal distribution for each class, all with the same covariance.
    means = np.array([row[row[:, -1] == 1, :12].mean(axis=0, dtype=float) for row in X])
    train, y_train = means[~is_test], y[~is_test]
    centres = np.array([train[y_train == label].mean(axis=0) for label in range(9)])
    covariance = np.cov((train - centres[y_train]).T, bias=True)
    densities = [stats.multivariate_normal(centre, covariance).logpdf for centre in centres]
    logits = np.transpose([density(means[is_test]) for density in densities])
    loss = log_loss(y[is_test], softmax(logits + np.log(np.bincount(y_train)), axis=1))
    assert discriminant == pytest.approx({"loss": loss, "accuracy": 358 / 370}, rel=1e-4)
    assert frequent["accuracy"] == 88 / 370
    few = score_without_lstm(np.ones((5, 1, 2)), np.array([0, 1, 1, 0, 2]), np.arange(5) > 2, 1)
    assert np.isfinite(few["discriminant of the means"]["loss"])
    assert list(score_without_lstm(np.ones((5, 1, 2)), np.ones(5, int), np.arange(5) > 2, 0)) == [
        "most frequent test label"
    ]


def write_slopes(file):
    """Write recordings of three classes, which differ in how a feature rises.

    In the test recordings the two that rise and fall have each other's label.

    Returns:
        DataFrame of what is in the file.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        slope, is_test = number % 3 - 1, number >= 18
        label = {-1: "down", 0: "flat", 1: "up"}[-slope if is_test else slope]
        values = rng.normal(slope * np.arange(rng.integers(2, 7)), 0.2)
        split = "test" if is_test else "train"
        rows += [[number, label, split, value, 100] for value in values]  # one is constant
    table = pd.DataFrame(rows, columns=["recording", "speaker", "split", "x", "y"])
    table.to_csv(file, index=False)
    return table


def test_from_a_file_to_a_saved_model(run_script, tmp_path, capsys):
    """The test recordings say another thing: held-out ones alone choose rate and epochs."""
    table, results = write_slopes(tmp_path / "mine.csv"), tmp_path / "results"
    options = "--units 4 --batch-size 5 --epochs 6 --runs 2 --learning-rate 0.0001 0.03".split()
    files = ["--data", tmp_path / "mine.csv", "--label", "speaker", "--output", results]
    run_script("extensions.classify_recordings", *options, *files)
    out = capsys.readouterr().out
    assert "30 sequences of 2 to 6 time steps\nNumbers: x, y\n" in out
    assert re.search(r"down +6 +4\nflat +6 +4\nup +6 +4\n", out)

    scores = pd.read_csv(results / "classify_recordings_scores.csv")
    # 18 recordings to train on: four are held out, and 3 updates are an epoch.
    assert len(scores) == 4 * 2 * 2 * 6 and set(scores["update"]) == {*range(3, 19, 3)}
    last = scores[scores["update"] == 18].groupby("learning_rate")
    assert last.loss.mean().idxmin() == 0.0001 and last.held_out_loss.mean().idxmin() == 0.03
    assert out.count(": 0.03 (2), after ") == 4
    of_model = scores[scores.model == "bidirectional"]
    rate, update = of_model.groupby(["learning_rate", "update"]).held_out_loss.mean().idxmin()
    assert f"bidirectional, {update // 3} epochs at {rate:g}\n" in out

    predictions = pd.read_csv(results / "classify_recordings_predictions.csv")
    firsts = table[table.split == "test"].drop_duplicates("recording")
    assert predictions.recording.tolist() == firsts.recording.tolist()
    assert predictions.label.tolist() == firsts.speaker.tolist()
    n_right = (predictions.label == predictions.predicted).sum()
    assert f"the saved model gets {n_right / 12:.3f} of 12 sequences right." in " ".join(
        out.split()
    )

    # The page's snippet, in a new process: recordings that the model has not seen, all at once.
    snippet = PAGE.split("## Use the saved model")[1].split("```python")[1].split("```")[0]
    snippet = snippet.replace("label_steps", "classify_recordings").replace("new.csv", "mine.csv")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", snippet + "print(*predicted)"]
    printed = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    assert printed.splitlines()[-1].split()[18:] == predictions.predicted.tolist()
