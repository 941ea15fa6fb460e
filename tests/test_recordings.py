"""One label for a whole sequence: bad files, padding, training, and the model that is saved."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats
from scipy.special import softmax

from common.choosing import View
from extensions.classify_recordings import (
    answer_saved,
    draw,
    get_best_rate,
    get_last_output_model,
    get_model,
    get_models,
    score_both,
)
from extensions.inside_lstm import run_lstm
from extensions.recordings import (
    PADDING,
    discriminate_means,
    draw_from_each,
    get_classes,
    hold_out,
    read_recordings,
    save_model,
    score_classes,
)

pytestmark = pytest.mark.usefixtures("without_xla")

ROOT = Path(__file__).parent.parent
DATA = ROOT / "extensions" / "data" / "japanese_vowels.csv.gz"
SCRIPT = "extensions.classify_recordings"
# Keras 3.15 saves in a way that NumPy deprecates.
KERAS_SAVES = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_the_japanese_vowels():
    recordings = read_recordings(DATA, "speaker")
    assert len(recordings) == 640 and recordings.columns.tolist() == [
        "recording",
        "label",
        "split",
        "values",
    ]
    counts = recordings.groupby(["split", "label"]).size()
    assert counts["train"].tolist() == [30] * 9
    assert counts["test"].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # the donors' own
    lengths = recordings["values"].map(len)
    assert lengths.min() == 7 and lengths.max() == 29
    with gzip.open(DATA, "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["recording"] == "640"]
    last = recordings.iloc[-1]
    expected = [[float(row[f"c{number}"]) for number in range(1, 13)] for row in rows]
    np.testing.assert_array_equal(last["values"], expected)
    assert (last.recording, last.label, last.split) == ("640", "9", "test")


def write(file, text):
    file.write_text(text, encoding="utf-8")
    return file


GOOD = """\
recording,kind,x,y
a,up,1,2.5
b,down,-1,1e2
a,up,3,4

c,up,0.5,0
d,down,7,8
"""


def test_rows_apart_blank_lines_text_and_a_byte_order_mark(tmp_path):
    recordings = read_recordings(write(tmp_path / "a.csv", "\ufeff" + GOOD), "kind")
    assert recordings.recording.tolist() == ["a", "b", "c", "d"]
    assert recordings.label.tolist() == ["up", "down", "up", "down"]
    expected = [[[1, 2.5], [3, 4]], [[-1, 100]], [[0.5, 0]], [[7, 8]]]
    assert [values.tolist() for values in recordings["values"]] == expected
    assert {tuple(sorted(rows.split)) for _, rows in recordings.groupby("label")} == {
        ("test", "train")
    }


def test_a_split_by_seed(tmp_path):
    rows = [f"{n},{n % 2},{n}" for n in range(40) for _ in range(3)]
    file = write(tmp_path / "a.csv", "\n".join(["recording,speaker,x", *rows]))
    splits = [read_recordings(file, "speaker", seed).split for seed in (0, 0, 1)]
    assert splits[0].equals(splits[1]) and not splits[0].equals(splits[2])
    for split in splits:
        assert (split[::2] == "test").sum() == (split[1::2] == "test").sum() == 5


@pytest.mark.parametrize(("n", "n_drawn"), [(1, 0), (2, 1), (3, 1), (4, 1), (10, 2), (100, 25)])
def test_draw_from_each(n, n_drawn):
    labels = np.array(["a"] * n + ["b"] * 8)
    drawn = draw_from_each(labels, 0.25, np.random.default_rng(0))
    assert drawn[:n].sum() == n_drawn and drawn[n:].sum() == 2


def test_held_out_recordings_are_not_trained_on():
    X, y = np.arange(25), np.repeat([0, 1], [5, 20])
    (X_train, y_train), (X_held_out, y_held_out) = hold_out(X, y, 3)
    assert sorted([*X_train, *X_held_out]) == X.tolist()
    assert np.bincount(y_train).tolist() == [4, 16] and np.bincount(y_held_out).tolist() == [1, 4]
    np.testing.assert_array_equal(y[X_held_out], y_held_out)
    (X_train, _), (X_held_out, _) = hold_out(X[:2], [0, 1], 0)  # no second one of either
    assert X_train.tolist() == X_held_out.tolist() == [0, 1]


def test_order_of_the_classes():
    assert get_classes(["10", "9", "9", "-1"]) == ["-1", "9", "10"]
    assert get_classes(["walk", "10", "run", "walk"]) == ["10", "run", "walk"]


def test_scores_are_those_of_keras():
    rng = np.random.default_rng(0)
    probabilities, y = softmax(rng.normal(size=(50, 3)), axis=1), rng.integers(3, size=50)
    loss = keras.losses.SparseCategoricalCrossentropy()(y, probabilities)
    assert score_classes(y, probabilities) == pytest.approx(
        {"loss": float(loss), "accuracy": np.mean(np.argmax(probabilities, axis=1) == y)}
    )


def test_discriminant_is_that_of_normal_distributions():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [40, 20, 20])
    means = rng.normal(size=(80, 2)) @ [[3, 1], [0, 0.5]] + y[:, None]
    recordings = [mean + np.array([[1.0], [-1.0], [0.0]]) for mean in means]
    probabilities = discriminate_means(recordings, y, recordings[::7])
    centres = [means[y == label].mean(axis=0) for label in range(3)]
    covariance = np.cov((means - np.array(centres)[y]).T, bias=True)
    densities = [
        share * stats.multivariate_normal(centre, covariance).pdf(means[::7])
        for centre, share in zip(centres, (0.5, 0.25, 0.25), strict=True)
    ]
    np.testing.assert_allclose(probabilities.T, densities / np.sum(densities, axis=0), atol=0.005)
    single = discriminate_means([np.ones((1, 2)), np.zeros((1, 2))], np.array([0, 1]), recordings)
    assert np.isfinite(single).all()


BAD = {  # what is in the file, and what the message must name
    "missing": (None, ["No such file"]),
    "a folder": (Path, ["directory"]),
    "empty": ("", ["is empty"]),
    "blank": ("\n\n", ["is empty"]),
    "header alone": ("recording,kind,x\n", ["no rows"]),
    "no recording": ("id,kind,x\na,up,1\n", ["no column 'recording'", "'id', 'kind', 'x'"]),
    "no label": ("recording,speaker,x\na,up,1\n", ["no column 'kind'", "'speaker'"]),
    "semicolons": ("recording;kind;x\na;up;1\n", ["'recording;kind;x'", "commas"]),
    "no number": (GOOD.replace("-1,1e2", "-1,1e2x"), ["column 'y', row 3", "'1e2x'"]),
    "after a blank line": (GOOD.replace("0.5,0", "O.5,0"), ["column 'x', row 6", "'O.5'"]),
    "no value": (GOOD.replace("3,4", "3,"), ["column 'y', row 4", "is empty"]),
    "a short row": (GOOD.replace("3,4", "3"), ["column 'y', row 4", "is empty"]),
    "a long row": (GOOD.replace("3,4", "3,4,5"), ["row 4", "5 cells"]),
    "all rows long": ("recording,kind,x\na,up,1,2\nb,down,1,2\n", ["row 2", "4 cells"]),
    "nan": (GOOD.replace("3,4", "3,nan"), ["column 'y', row 4", "'nan'"]),
    "infinite": (GOOD.replace("3,4", "-inf,4"), ["column 'x', row 4", "'-inf'"]),
    "too large": (GOOD.replace("3,4", "3,1e19"), ["column 'y', row 4", "'1e19'"]),
    "the padding": (GOOD.replace("3,4", "-1e30,4"), ["column 'x', row 4", "'-1e30'"]),
    "two labels": (GOOD.replace("a,up,3", "a,down,3"), ["'kind', row 4", "'a'", "'up'", "'down'"]),
    "no recording's name": (GOOD.replace("a,up,3", ",up,3"), ["column 'recording', row 4"]),
    "an empty label": (GOOD.replace("a,up,3", "a,,3"), ["column 'kind', row 4"]),
    "a single class": (GOOD.replace("down", "up"), ["column 'kind'", "'up'"]),
    "a single recording": (
        GOOD.replace("d,down", "d,up"),
        ["column 'kind'", "'down'", "'b'", "'split'"],
    ),
    "no feature": ("recording,kind\na,up\nb,down\n", ["no feature"]),
    "no feature but a split": ("recording,kind,split\na,up,test\n", ["no feature"]),
    "a nameless column": (",recording,kind,x\n0,a,up,1\n", ["column 1 has no name", "index=False"]),
    "two columns of a name": ("recording,kind,x,x\na,up,1,2\n", ["two columns 'x'"]),
    "another split": (
        "recording,kind,split,x\na,up,train,1\nb,up,valid,1\n",
        ["column 'split', row 3", "'valid'"],
    ),
    "in both splits": (
        "recording,kind,split,x\na,up,train,1\nb,down,train,2\na,up,test,3\n",
        ["column 'split', row 4", "'a'", "'train'", "'test'"],
    ),
    "not trained on": (
        "recording,kind,split,x\na,up,train,1\nb,down,test,1\n",
        ["column 'kind'", "'down'", "no training recording"],
    ),
    "nothing to train on": (
        "recording,kind,split,x\na,up,test,1\nb,down,test,1\n",
        ["column 'kind'", "no training recording"],
    ),
    "nothing to test on": (
        "recording,kind,split,x\na,up,train,1\nb,down,train,1\n",
        ["column 'split'", "'test'"],
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ["not a CSV file"]),
    "another encoding": (GOOD.replace("up", "ü").encode("latin-1"), ["not a CSV file"]),
    "compressed": (gzip.compress(GOOD.encode()), ["not a CSV file"]),
    "a quote that never ends": (GOOD.replace("a,up,3", 'a,"up,3'), ["row 4", "quotation mark"]),
}
BAD_GZ = {
    "not compressed": (GOOD, ["not a CSV file"]),
    "cut off": (gzip.compress(GOOD.encode())[:-20], ["not a CSV file"]),
    "compressed nothing": (gzip.compress(b""), ["is empty"]),
}


@pytest.mark.parametrize("kind", [*BAD, *BAD_GZ, "its own label"])
def test_bad_files(kind, run_script, tmp_path, monkeypatch, capsys):
    contents, named = (BAD | BAD_GZ).get(kind, (GOOD, ["'split' cannot be"]))
    file = tmp_path / ("mine.csv.gz" if kind in BAD_GZ else "mine.csv")
    if isinstance(contents, bytes):
        file.write_bytes(contents)
    elif contents is Path:
        file.mkdir()
    elif contents is not None:
        write(file, contents)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stopped:
        run_script(
            SCRIPT, "--data", file, "--label", "split" if kind == "its own label" else "kind"
        )
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and list(folder.iterdir()) == []
    assert err.startswith(f"classify_recordings.py: error: argument --data: {str(file)!r}: ")
    for name in named:
        assert name in err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read")
def test_a_file_that_may_not_be_read(tmp_path):
    file = write(tmp_path / "mine.csv", GOOD)
    file.chmod(0)
    with pytest.raises(ValueError, match=r"mine\.csv.*[Pp]ermission"):
        read_recordings(file, "kind")


def test_the_file_is_read_before_keras_is_loaded():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['x', '--data', 'none.csv']\n"
        "try:\n"
        f"    runpy.run_module({SCRIPT!r}, run_name='__main__')\n"
        "except SystemExit as stopped:\n"
        "    assert stopped.code == 2\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stderr=subprocess.PIPE)


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


def test_a_constant_feature_is_0():
    steps = np.array([[0.1, 5.0], [0.1, 7.0], [0.1, 9.0]])
    model = get_model(layers.LSTM(2), steps, 2)
    normal = np.asarray(model.layers[1](model.layers[0](steps[None].astype("float32"))))[0]
    np.testing.assert_allclose(normal, [[0, -(1.5**0.5)], [0, 0], [0, 1.5**0.5]], atol=1e-6)


def test_two_directions_of_about_as_many_parameters():
    models = get_models(10, np.zeros((1, 12)), 9)
    n_parameters = {name: model.count_params() for name, model in models.items()}
    off = [
        abs(2 * 4 * n * (12 + n + 1) + (2 * n + 1) * 9 - n_parameters["forward"]) for n in range(10)
    ]
    both = n_parameters["bidirectional"]
    assert abs(both - n_parameters["forward"]) == min(off) and both == n_parameters["last output"]


def test_scores_of_the_test_and_of_held_out_recordings():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
    assert score_both(np.array([1]), np.array([1, 0, 1]), probabilities) == pytest.approx(
        {
            "loss": -np.log([0.8, 0.6, 0.5]).mean(),
            "accuracy": 2 / 3,
            "held_out_loss": -np.log(0.1),
        }
    )


def test_the_saved_models_rate():
    rates = [0.3, 0.1, 0.2] * 2
    scores = pd.DataFrame({"learning_rate": rates, "held_out_loss": [1.0, 2, 0, 1, 2, np.nan]})
    assert get_best_rate(scores) == 0.3
    assert get_best_rate(scores[:3]) == 0.2


@KERAS_SAVES
def test_a_model_is_saved_without_the_time(tmp_path, monkeypatch):
    model = get_model(layers.LSTM(2), np.zeros((1, 2)), 3)
    contents = []
    for time in (1, 2):
        monkeypatch.setattr("time.time", lambda time=time: 1e9 * time)  # of the files in the file
        save_model(model, tmp_path / "some.keras")
        contents.append((tmp_path / "some.keras").read_bytes())
    assert contents[0] == contents[1]
    with zipfile.ZipFile(tmp_path / "some.keras") as archive:
        assert json.loads(archive.read("metadata.json"))["date_saved"] == ""


PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SNIPPET = next(block for block in BLOCKS if ".keras" in block)


def write_slopes(file):
    """Write recordings of three classes, which differ in how a feature rises."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        label = ("down", "flat", "up")[number % 3]
        for step in range(rng.integers(1, 6)):
            values = rng.normal([step * (number % 3 - 1), 100])
            rows.append([f"{number}", label, "test" if number >= 18 else "train", *values])
    table = pd.DataFrame(rows, columns=["recording", "speaker", "split", "x", "y"])
    table.to_csv(file, index=False)
    return table


def run_on_slopes(run_script, folder, *options):
    """Run the script, small, on the recordings of `write_slopes`; return their table."""
    table = write_slopes(folder / "mine.csv")
    options = [*"--units 4 --batch-size 5 --data".split(), folder / "mine.csv", *options]
    run_script(SCRIPT, *options, "--output", folder / "results")
    return table


@KERAS_SAVES
def test_from_a_file_to_a_saved_model(run_script, tmp_path, capsys):
    options = "--epochs 3 --learning-rate 0.01 --runs 2".split()
    table = run_on_slopes(run_script, tmp_path, *options)
    out, output = capsys.readouterr().out, tmp_path / "results"
    names = [
        f"classify_recordings{end}" for end in (".keras", ".png", "_confusion.csv", "_scores.csv")
    ]
    assert sorted(output.iterdir()) == [output / name for name in names]
    assert "30 recordings of 1 to 5 time steps, with 2 features; 18 to train on, 12 to test" in out
    assert ": down (10), flat (10), up (10)\n" in out and "these 12 test recordings." in out
    assert out.splitlines()[-1].startswith("Saved ") and "at 0.01," in out
    assert "chosen" not in out and "lowest" not in out

    scores = pd.read_csv(output / names[3])
    # 18 recordings to train on: one of six of each class is held out, and 3 updates are an epoch.
    assert len(scores) == 4 * 2 * 3 and set(scores["update"]) == {3, 6, 9}
    confusion = pd.read_csv(output / names[2], dtype={"label": str}).set_index("label")
    assert confusion.index.tolist() == ["down", "flat", "up"]
    assert confusion.sum(axis=1).tolist() == [4, 4, 4]

    # The snippet, in a new process with nothing of ours: each recording by itself, not padded.
    tested = table[table.split == "test"].drop_duplicates("recording")
    head, tail = SNIPPET.split("recording = ")
    tail = ("recording = " + tail).replace("640", "number")
    loop = "for number in range(18, 30):\n" + "".join(f"    {line}\n" for line in tail.splitlines())
    code = head.replace("extensions/data/japanese_vowels.csv.gz", "mine.csv") + loop
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    predicted = [line.split()[0] for line in printed.splitlines()]
    expected = pd.crosstab(tested.speaker.to_numpy(), np.array(predicted))
    expected = expected.reindex(columns=confusion.index, fill_value=0)
    np.testing.assert_array_equal(confusion.to_numpy(), expected.to_numpy())


@KERAS_SAVES
@pytest.mark.parametrize("n_runs", [1, 2])
def test_held_out_recordings_choose_and_the_same_seed(
    n_runs, run_script, tmp_path, monkeypatch, capsys
):
    """The test recordings say another thing, and nobody listens to them."""

    def train(models, get_data, score, options, n_epochs, shuffle):
        (X, _), (X_scored, *expected) = get_data(np.random.default_rng(0))
        sizes = [len(X), len(X_scored), *map(len, expected)]
        assert (sizes, n_epochs, shuffle) == ([15, 15, 3, 12], 1, True)
        rows = [
            {"model": name, "run": run, "learning_rate": rate, "update": 3}
            | {"loss": rate, "accuracy": 0.5, "held_out_loss": 1 - rate}
            for name in models
            for run in range(1, n_runs + 1)
            for rate in options.learning_rate
        ]
        return None, pd.DataFrame(rows)

    monkeypatch.setattr("common.comparing.train_by_options", train)
    options = ["--epochs", "1", "--learning-rate", "0.002", "0.01", "--runs", n_runs]
    run_on_slopes(run_script, tmp_path, *options)
    out = capsys.readouterr().out
    assert "on all training recordings, at 0.01, the lowest mean loss on held-out" in out
    *_, table = out.split("On new sequences, ")
    chosen = table.split(", ")[0] == "at a rate chosen by the other runs"
    (loss,) = set(re.findall(r"^(?:forward|backward) +[\d,]+ +([\d.]+)", table, re.MULTILINE))
    assert (chosen, loss) == ((True, "0.010") if n_runs == 2 else (False, "0.002"))
    model = keras.models.load_model(tmp_path / "results" / "classify_recordings.keras")
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    if n_runs == 2:
        contents = {file: file.read_bytes() for file in (tmp_path / "results").iterdir()}
        run_on_slopes(run_script, tmp_path, *options)
        assert contents == {file: file.read_bytes() for file in contents}


def test_figure_over_epochs():
    rows = [
        {"model": name, "run": run, "update": 4 * epoch, "accuracy": epoch / 4}
        for name in ("forward", "bidirectional")
        for run in (1, 2)
        for epoch in (1, 2, 3)
    ]
    known = {"discriminant of the means": {"loss": 1.0, "accuracy": 0.5}}
    figure = draw(View("at 0.1", pd.DataFrame(rows)), known)
    (curves,) = figure.axes
    for line in curves.containers:
        np.testing.assert_array_equal(line.lines[0].get_xydata(), [[1, 0.25], [2, 0.5], [3, 0.75]])
    texts = {text.get_text() for text in curves.texts}
    assert {"forward", "bidirectional", "means, no LSTM"} < texts
    assert any(text.startswith("at 0.1, ") for text in texts)


def test_answer_about_the_saved_model():
    # Clopper and Pearson's interval of 90 of 100.
    answered = answer_saved(np.array([[45, 5], [5, 45]]))
    assert "is 0.900 on them" in answered and "is 0.824 to 0.951." in answered
