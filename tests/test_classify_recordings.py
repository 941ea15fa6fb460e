"""One label for a whole sequence: padding, scores, what chooses the rate, and the saved model."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, log_loss

from extensions.classify_recordings import get_best_rate, get_models, score_both, score_without_lstm
from extensions.inside_lstm import run_lstm
from extensions.recordings import DATA, PADDING, read_recordings

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    # Keras 3.15 saves in a way that NumPy deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
SNIPPET = PAGE.split("### Use the saved model")[1].split("```")[1].removeprefix("python")


@pytest.mark.parametrize("name", ["forward", "backward", "bidirectional", "last output"])
def test_padding_changes_nothing_and_numpy_agrees(name):
    rng = np.random.default_rng(0)
    recordings = [rng.normal(5, 3, size=(length, 3)) for length in (4, 1, 7)]
    recordings[0][2] = 0  # a real time step may be all zeros
    steps = np.concatenate(recordings)
    model = get_models(6, steps, n_classes=4)[name]
    model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
    *lstm_weights, kernel, bias = model.get_weights()

    X = keras.utils.pad_sequences(recordings, 9, "float32", padding="post", value=PADDING)
    for recording, of_padded in zip(recordings, np.asarray(model(X)), strict=True):
        # By hand: normalized by all real time steps, each direction up to its last one.
        normal = ((recording - steps.mean(axis=0)) / steps.std(axis=0))[None]
        reading_order = {
            "forward": [normal],
            "backward": [normal[:, ::-1]],
            "bidirectional": [normal, normal[:, ::-1]],
            "last output": [normal, normal[:, -1:]],  # one step backwards
        }[name]
        hidden = [
            run_lstm(read, *lstm_weights[3 * number : 3 * number + 3])["hidden_state"][0, -1]
            for number, read in enumerate(reading_order)
        ]
        expected = softmax(np.concatenate(hidden) @ kernel + bias)
        np.testing.assert_allclose(of_padded, expected, atol=1e-5)


def test_two_directions_of_about_as_many_parameters():
    models = get_models(10, np.zeros((1, 12)), 9)
    forward, _, *both = (model.count_params() for model in models.values())
    assert forward == 4 * 10 * (12 + 10 + 1) + (10 + 1) * 9  # by hand
    assert both[0] == both[1] and abs(both[0] / forward - 1) < 0.05


def test_what_is_no_lstm():
    recordings = read_recordings(DATA, "speaker")
    y, is_train = recordings.label.astype(int).to_numpy() - 1, recordings.split == "train"
    known = score_without_lstm(recordings["values"], y, is_train.to_numpy())
    frequent, discriminant = known.values()
    # By its definition: a normal distribution for each class, all with the same covariance.
    means = np.array([values.mean(axis=0) for values in recordings["values"]])
    train, y_train = means[is_train], y[is_train]
    centres = np.array([train[y_train == label].mean(axis=0) for label in range(9)])
    covariance = np.cov((train - centres[y_train]).T, bias=True)
    densities = [stats.multivariate_normal(centre, covariance).logpdf for centre in centres]
    logits = np.transpose([density(means[~is_train]) for density in densities])
    loss = log_loss(y[~is_train], softmax(logits + np.log(np.bincount(y_train)), axis=1))
    assert discriminant == pytest.approx({"loss": loss, "accuracy": 358 / 370})
    assert frequent["accuracy"] == 88 / 370
    few = score_without_lstm(np.ones((5, 1, 2)), np.array([0, 1, 1, 0, 1]), np.arange(5) < 3)
    assert np.isfinite(few["discriminant of the means"]["loss"])


def test_the_saved_models_rate():
    rates = [0.3, 0.1, 0.2] * 2
    scores = pd.DataFrame({"learning_rate": rates, "held_out_loss": [1.0, 2, 0, 1, 2, np.nan]})
    assert get_best_rate(scores) == 0.3
    assert get_best_rate(scores[:3]) == 0.2
    failed = score_both(np.array([0]), np.array([1]), np.full((2, 2), np.nan))
    assert np.isnan([*failed.values()][::2]).all()  # the losses


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
    """The test recordings say another thing: held-out ones alone choose the learning rate."""
    table, output = write_slopes(tmp_path / "mine.csv"), tmp_path / "results"
    options = "--units 4 --batch-size 5 --epochs 6 --runs 2 --learning-rate 0.0001 0.03".split()
    run_script(
        "extensions.classify_recordings",
        *options,
        "--data",
        tmp_path / "mine.csv",
        "--output",
        output,
    )
    out = capsys.readouterr().out
    assert "30 recordings of 2 to 6 time steps\n2 features: x, y\n" in out
    assert re.search(r"down +6 +4\nflat +6 +4\nup +6 +4\n", out)

    scores = pd.read_csv(output / "classify_recordings_scores.csv")
    # 18 recordings to train on: one of six of each class is held out, and 3 updates are an epoch.
    assert len(scores) == 4 * 2 * 2 * 6 and set(scores["update"]) == {*range(3, 19, 3)}
    last = scores[scores["update"] == 18].groupby("learning_rate")
    assert last.loss.mean().idxmin() == 0.0001 and last.held_out_loss.mean().idxmin() == 0.03
    assert out.count(": 0.03 (2)\n") == 4
    model = keras.models.load_model(output / "classify_recordings.keras")
    assert float(model.optimizer.learning_rate) == pytest.approx(0.03)

    confusion = pd.read_csv(output / "classify_recordings_confusion.csv", index_col="label")
    n_right = np.trace(confusion)  # Clopper and Pearson's interval, from its definition
    ends = stats.beta.ppf([0.025, 0.975], [n_right, n_right + 1], [13 - n_right, 12 - n_right])
    answer = " ".join(out.split("Answer: ")[1].split())
    assert f"at 0.03, gets {n_right / 12:.3f} of 12 test recordings right." in answer
    assert f"is {ends[0]:.3f} to {ends[1]:.3f}." in answer

    # The snippet, in a new process with nothing of ours: each recording by itself, not padded.
    head, tail = SNIPPET.split("recording = ")
    tail = ("recording = " + tail).replace("640", "number")
    loop = "for number in range(18, 30):\n" + "".join(f"    {line}\n" for line in tail.splitlines())
    code = head.replace("extensions/data/japanese_vowels.csv.gz", "mine.csv") + loop
    environment = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    printed = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    predicted = np.array([line.split()[0] for line in printed.splitlines()])
    labels = table[table.split == "test"].drop_duplicates("recording").speaker
    expected = confusion_matrix(labels, predicted, labels=["down", "flat", "up"])
    np.testing.assert_array_equal(confusion, expected)
