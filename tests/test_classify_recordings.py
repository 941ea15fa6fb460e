"""One label for a whole sequence: padding, scores, what chooses the rate, and the saved model."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss

from extensions.classify_recordings import (
    get_best_rate,
    get_last_output_model,
    get_model,
    get_models,
    score_both,
    score_without_lstm,
)
from extensions.inside_lstm import run_lstm
from extensions.recordings import DATA, PADDING, read_recordings

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    # Keras 3.15 saves in a way that NumPy deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

ROOT = Path(__file__).parent.parent
SCRIPT = "extensions.classify_recordings"
PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SNIPPET = next(block for block in BLOCKS if ".keras" in block)

N_FEATURES, N_CLASSES = 3, 4
LSTMS = {
    "forward": lambda: layers.LSTM(5),
    "backward": lambda: layers.LSTM(5, go_backwards=True),
    "bidirectional": lambda: layers.Bidirectional(layers.LSTM(5)),
    "last output": lambda: layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
}


@pytest.mark.parametrize("name", LSTMS)
def test_padding_changes_nothing_and_numpy_agrees(name):
    rng = np.random.default_rng(0)
    recordings = [rng.normal(5, 3, size=(length, N_FEATURES)) for length in (4, 1, 7)]
    recordings[0][2] = 0  # a real time step may be all zeros
    steps = np.concatenate(recordings)
    build = get_last_output_model if name == "last output" else get_model
    model = build(LSTMS[name](), steps, N_CLASSES)
    model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
    *lstm_weights, kernel, bias = model.get_weights()

    X = keras.utils.pad_sequences(recordings, 9, "float32", padding="post", value=PADDING)
    padded = np.asarray(model(X))
    for recording, of_padded in zip(recordings, padded, strict=True):
        alone = np.asarray(model(recording[None].astype("float32")))[0]
        np.testing.assert_allclose(of_padded, alone, atol=1e-6)
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
        np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_two_directions_of_about_as_many_parameters():
    models = get_models(10, np.zeros((1, 12)), 9)
    forward, _, *both = (model.count_params() for model in models.values())
    assert forward == 4 * 10 * (12 + 10 + 1) + (10 + 1) * 9  # by hand
    assert both[0] == both[1] and abs(both[0] / forward - 1) < 0.05


def test_scores_are_those_of_keras():
    rng = np.random.default_rng(0)
    p, y = softmax(rng.normal(size=(50, 3)), axis=1), rng.integers(3, size=50)
    loss, held_out = (
        float(keras.losses.SparseCategoricalCrossentropy()(y[some], p[some]))
        for some in (slice(20, None), slice(20))
    )
    accuracy = np.mean(np.argmax(p[20:], axis=1) == y[20:])
    expected = {"loss": loss, "accuracy": accuracy, "held_out_loss": held_out}
    assert score_both(y[:20], y[20:], p) == pytest.approx(expected)
    assert np.isnan(score_both(y[:20], y[20:], np.full_like(p, np.nan))["held_out_loss"])


def test_what_is_no_lstm():
    recordings = read_recordings(DATA, "speaker")
    y, is_train = recordings.label.astype(int).to_numpy() - 1, recordings.split == "train"
    known = score_without_lstm(recordings["values"], y, is_train.to_numpy())
    frequent, discriminant = known.values()
    # By scikit-learn's other way to the discriminant: singular values instead of covariances.
    means = np.array([values.mean(axis=0) for values in recordings["values"]])
    other = LinearDiscriminantAnalysis("svd").fit(means[is_train], y[is_train])
    loss = log_loss(y[~is_train], other.predict_proba(means[~is_train]))
    assert discriminant == pytest.approx({"loss": loss, "accuracy": 358 / 370})
    assert frequent["accuracy"] == 88 / 370
    few = score_without_lstm(np.ones((5, 1, 2)), np.array([0, 1, 1, 0, 1]), np.arange(5) < 3)
    assert np.isfinite(few["discriminant of the means"]["loss"])


def test_the_saved_models_rate():
    rates = [0.3, 0.1, 0.2] * 2
    scores = pd.DataFrame({"learning_rate": rates, "held_out_loss": [1.0, 2, 0, 1, 2, np.nan]})
    assert get_best_rate(scores) == 0.3
    assert get_best_rate(scores[:3]) == 0.2


def run_on_slopes(run_script, folder, *options):
    """Run the script, small, on recordings of three classes, which differ in how a feature rises.

    Returns:
        DataFrame of what is in the file.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        label = ("down", "flat", "up")[number % 3]
        for step in range(rng.integers(1, 6)):
            value = rng.normal(step * (number % 3 - 1))  # beside one that is constant
            rows.append([number, label, "test" if number >= 18 else "train", value, 100])
    table = pd.DataFrame(rows, columns=["recording", "speaker", "split", "x", "y"])
    table.to_csv(folder / "mine.csv", index=False)
    options = [*"--units 4 --batch-size 5 --data".split(), folder / "mine.csv", *options]
    run_script(SCRIPT, *options, "--output", folder / "results")
    return table


def test_from_a_file_to_a_saved_model(run_script, tmp_path, capsys):
    options = "--epochs 3 --learning-rate 0.01 --runs 2".split()
    table = run_on_slopes(run_script, tmp_path, *options)
    out, output = capsys.readouterr().out, tmp_path / "results"
    files = [file.name.removeprefix("classify_recordings") for file in sorted(output.iterdir())]
    assert files == [".keras", ".png", "_confusion.csv", "_scores.csv"]
    assert "30 recordings of 1 to 5 time steps\n2 features: x, y\n" in out
    assert re.search(r"down +6 +4\nflat +6 +4\nup +6 +4\n", out)

    scores = pd.read_csv(output / "classify_recordings_scores.csv")
    # 18 recordings to train on: one of six of each class is held out, and 3 updates are an epoch.
    assert len(scores) == 4 * 2 * 3 and set(scores["update"]) == {3, 6, 9}
    assert np.isfinite(scores.loss).all()
    confusion = pd.read_csv(output / "classify_recordings_confusion.csv", index_col="label")
    assert confusion.index.tolist() == ["down", "flat", "up"]
    assert confusion.sum(axis=1).tolist() == [4, 4, 4]
    n_right = np.trace(confusion)  # Clopper and Pearson's interval, from its definition
    ends = stats.beta.ppf([0.025, 0.975], [n_right, n_right + 1], [13 - n_right, 12 - n_right])
    answer = " ".join(out.split("Answer: ")[1].split())
    assert f"at 0.01, gets {n_right / 12:.3f} of 12 test recordings right." in answer
    assert f"is {ends[0]:.3f} to {ends[1]:.3f}." in answer

    # The snippet, in a new process with nothing of ours: each recording by itself, not padded.
    tested = table[table.split == "test"].drop_duplicates("recording")
    head, tail = SNIPPET.split("recording = ")
    tail = ("recording = " + tail).replace("640", "number")
    loop = "for number in range(18, 30):\n" + "".join(f"    {line}\n" for line in tail.splitlines())
    code = head.replace("extensions/data/japanese_vowels.csv.gz", "mine.csv") + loop
    environment = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    printed = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    predicted = np.array([line.split()[0] for line in printed.splitlines()])
    expected = pd.crosstab(tested.speaker.to_numpy(), predicted)
    expected = expected.reindex(columns=confusion.index, fill_value=0)
    np.testing.assert_array_equal(confusion.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize("n_runs", [1, 2])
def test_held_out_recordings_choose_and_the_same_seed(
    n_runs, run_script, tmp_path, monkeypatch, capsys
):
    """The test recordings say another thing, and nobody listens to them."""

    def train(models, get_data, score, options, n_epochs, shuffle):
        (X, y), (X_scored, y_held_out, y_test) = get_data(np.random.default_rng(0))
        assert (len(X), len(X_scored), n_epochs, shuffle) == (15, 15, 1, True)
        assert np.bincount(y).tolist() == [5] * 3 and np.bincount(y_test).tolist() == [4] * 3
        assert sorted(y_held_out) == [0, 1, 2] and not np.isin(X_scored[:3], X).all((1, 2)).any()
        rows = [
            {"model": name, "run": run, "learning_rate": rate, "update": 3}
            | {"loss": rate, "accuracy": 0.5, "held_out_loss": 1 - rate}
            for name in models
            for run in range(1, n_runs + 1)
            for rate in options.learning_rate
        ]
        return None, pd.DataFrame(rows)

    monkeypatch.setattr("extensions.shared.training.train_by_options", train)
    options = ["--epochs", "1", "--learning-rate", "0.002", "0.01", "--runs", n_runs]
    run_on_slopes(run_script, tmp_path, *options)
    out = capsys.readouterr().out
    assert "the saved model, bidirectional at 0.01," in out
    shown = {1: "at 0.002 (one run)", 2: "at a rate chosen by the other runs (smallest"}[n_runs]
    (loss,) = set(re.findall(r"^forward +(\d\.\d+)", out.split(f"Scores, {shown}")[1], re.M))
    assert loss == {1: "0.002", 2: "0.010"}[n_runs]
    output = tmp_path / "results"
    model = keras.models.load_model(output / "classify_recordings.keras")
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    if n_runs == 2:
        contents = {file: file.read_bytes() for file in output.glob("*[vg]")}
        run_on_slopes(run_script, tmp_path, *options)
        assert contents == {file: file.read_bytes() for file in contents} and len(contents) == 3
        again = keras.models.load_model(output / "classify_recordings.keras")
        for weights, same in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(weights, same)
