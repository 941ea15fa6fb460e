"""A label at each step: tables, words, and from a file to a saved model that is applied."""

import json
import re

import keras
import numpy as np
import pandas as pd
import pytest

from extensions.label_steps import score_places, score_tables, write_stress
from extensions.shared.own_sequences import read_sequences
from tests.test_own_sequences import ROOT

pytestmark = [
    pytest.mark.usefixtures("without_xla"),
    # Keras 3.15 saves in a way that NumPy deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_what_tables_know():
    """The numbers of another program: right vowels, and words right in all their vowels."""
    roles = {"recording": "recording", "label": "stress", "time": None, "group": "beginning"}
    words = read_sequences(ROOT / "extensions/data/english_stress.csv.gz", roles, each_step=True)
    assert words["sequences"].is_test.value_counts().tolist() == [8000, 4000]
    assert (words["table"].stress != "").sum() == 30_940  # vowels
    assert len(words["columns"]["categories"]["phoneme"]) == 39 and not words["notes"]
    scores = score_tables(words["table"], words["columns"], words["is_test"])
    expected = {
        "most frequent label": (0.523, 0),
        "by phoneme": (0.733, 0.445),
        "by place": (0.708, 0.575),
        "by place from the end": (0.701, 0.455),
        "by phoneme, place from the end": (0.782, 0.562),
        "by phoneme, place, number": (0.812, 0.636),
    }
    found = {name: (of["accuracy"], of["sequence_accuracy"]) for name, of in scores.items()}
    assert found == {name: pytest.approx(of, abs=0.002) for name, of in expected.items()}
    shares = [5364 / 10260, 4039 / 10260, 857 / 10260]  # of the test's labels
    trained = np.array([10741, 8066, 1873]) / 20680
    assert scores["most frequent label"]["loss"] == pytest.approx(
        -(np.array(shares) @ np.log(trained))
    )


@pytest.mark.parametrize(
    ("word", "stresses", "written"),
    [
        ("abandon", "010", "aBANdon"),
        ("paper", "10", "PAper"),
        ("understand", "201", "underSTAND"),
        ("make", "1", ""),  # two groups of vowels, one vowel
    ],
)
def test_a_word_with_its_stress(word, stresses, written):
    assert write_stress(word, stresses) == written


def test_places():
    """The second label of a sequence is at place 2, wherever its step is."""
    weights = np.array([[0, 1, 1], [1, 0, 1]])
    probabilities = np.eye(2)[[[0, 1, 0], [0, 0, 0]]]
    y = np.array([[0, 1, 1], [0, 0, 0]])
    scores = score_places(
        (y, weights), (y, weights), np.concatenate([1 - probabilities, probabilities])
    )
    assert (scores[1], scores[2]) == (1, 0.5) and np.isnan(scores[3])
    assert scores["accuracy"] == 0.75


def make_table():
    """Make sequences of words whose tag depends on the next word, and a number that is noise."""
    rng = np.random.default_rng(0)
    rows = []
    for recording in range(60):
        words = rng.choice(["go", "stop"], size=rng.integers(3, 7))
        for step, word in enumerate(words):
            last = step == len(words) - 1
            tag = "" if last else "before " + words[step + 1]
            rows.append([f"s{recording}", f"p{recording % 12}", step, word, rng.normal(), tag])
    return pd.DataFrame(rows, columns=["id", "person", "time", "word", "x", "tag"])


def test_from_a_file_to_a_model_that_is_applied(run_script, tmp_path, capsys):
    table = make_table()
    table.to_csv(tmp_path / "mine.csv", index=False)
    own = ["--data", tmp_path / "mine.csv", "--label", "tag", "--recording", "id"]
    own += ["--group", "person", "--time", "time", "--units", "6", "--epochs", "12", "--runs", "2"]
    output = ["--output", tmp_path]
    run_script("extensions.label_steps", *own, "--learning-rate", "0.00001", "0.05", *output)
    out = capsys.readouterr().out
    assert "60 sequences of 3 to 6 time steps\nNumbers: x\nText: word (2 values)\n" in out
    assert "Groups: 9 to train on, 3 to test on." in out
    rates = re.findall(r"(\w+): 0.05 \(2\), after", out)
    assert "bidirectional" in rates and "backward" in rates
    scores = pd.read_csv(tmp_path / "label_steps_scores.csv")
    assert len(scores) == 3 * 2 * 2 * 12 and {"loss", "accuracy", "sequence_accuracy"} < {*scores}
    best = scores.groupby(["model", "learning_rate"]).accuracy.max().groupby("model").max()
    assert best.bidirectional > 0.95 and best.backward > 0.95 > 0.85 > best.forward
    predictions = pd.read_csv(tmp_path / "label_steps_predictions.csv", keep_default_na=False)
    is_test = table.id.isin(predictions.recording)
    assert table[is_test].person.nunique() == 3
    assert predictions.recording.tolist() == table[is_test].id.tolist()
    assert predictions.label.tolist() == table[is_test].tag.tolist()

    # The model, alone, on the same sequences: rows shuffled, columns in another order, no label.
    new = (
        table[is_test].drop(columns=["tag", "person"]).iloc[:, ::-1].sample(frac=1, random_state=0)
    )
    new.to_csv(tmp_path / "new.csv", index=False, sep=";", decimal=",")
    apply = ["--model", tmp_path / "label_steps.keras", *output]
    run_script("extensions.apply_model", *apply, "--data", tmp_path / "new.csv")
    applied = pd.read_csv(tmp_path / "apply_model_predictions.csv")
    assert "label" not in applied and applied.recording.tolist() == new.id.tolist()
    assert (applied["step"] - 1).tolist() == new.time.tolist()
    keys = ["recording", "step"]
    both = applied.merge(predictions, on=keys, validate="1:1")
    assert len(both) == len(new) and (both.predicted_x == both.predicted_y).all()
    np.testing.assert_allclose(both.probability_x, both.probability_y, atol=1e-3)
    capsys.readouterr()
    table[is_test].to_csv(tmp_path / "new.csv", index=False)
    run_script("extensions.apply_model", *apply, "--data", tmp_path / "new.csv")
    again = capsys.readouterr().out
    unseen = table[is_test].assign(word="halt", tag="after")
    unseen.to_csv(tmp_path / "new.csv", index=False)
    run_script("extensions.apply_model", *apply, "--data", tmp_path / "new.csv")
    notes = capsys.readouterr().out
    assert f"Not seen in training: {len(unseen)} values of 'word'.\n" in notes
    assert "Labels that training does not have: after.\n" in notes
    assert out[out.index("The saved model") : out.index("Saved")] in again

    assert json.loads((tmp_path / "label_steps.json").read_text())["numbers"].keys() == {"x"}

    def assert_one_line_error(model, data, named):
        files = ["--model", tmp_path / model, "--data", tmp_path / data]
        with pytest.raises(SystemExit) as ended:
            run_script("extensions.apply_model", *files, *output)
        error = capsys.readouterr().err
        assert ended.value.code == 2 and named in error and error.count("\n") == 1

    for column, value, named in [
        ("word", None, "has no column 'word'"),
        ("x", "high", "column 'x' is text"),
        ("word", "5", "column 'word' is numbers"),
        ("id", "", "column 'id', row 2: '' is empty"),
    ]:
        bad = table.drop(columns=column) if value is None else table.assign(**{column: value})
        bad.to_csv(tmp_path / "bad.csv", index=False)
        assert_one_line_error("label_steps.keras", "bad.csv", named)
    (tmp_path / "label_steps.keras").write_text("no model")
    for model, named in [("label_steps.keras", "no Keras model"), ("none.keras", "is not there")]:
        assert_one_line_error(model, "new.csv", named)
    keras.backend.clear_session()
