"""Models that label sequences: what padding and masks do, scores, and what is printed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import log_loss

from extensions.inside_lstm import run_lstm
from extensions.shared.labelling import (
    get_lstms,
    get_model,
    print_predictions,
    score_both,
    score_classes,
)

pytestmark = pytest.mark.usefixtures("without_xla")

COLUMNS = {"numbers": {"x": 0, "y": 0}, "categories": {"word": ["a", "b"]}, "classes": [*"klmn"]}


@pytest.mark.parametrize("name", ["forward", "backward", "bidirectional"])
@pytest.mark.parametrize("each_step", [False, True])
def test_padding_changes_nothing_and_numpy_agrees(name, each_step):
    rng = np.random.default_rng(0)
    X = np.zeros((3, 9, 4), np.float32)
    for row, length in zip(X, (4, 1, 7), strict=True):
        row[:length] = np.stack(
            [*rng.normal(5, 3, (2, length)), np.arange(length) % 3, [1] * length], 1
        )
    X[0, 0, :2] = 0  # a real time step may be all zeros
    model = get_model(get_lstms(6, COLUMNS, each_step)[name], X, COLUMNS)
    layers = {type(layer).__name__: layer for layer in model.layers}
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    lstm_weights = layers.get("LSTM", layers.get("Bidirectional")).get_weights()
    kernel, bias = layers["Dense"].get_weights()
    (vectors,) = layers["Embedding"].get_weights()
    steps = X[X[:, :, -1] > 0, :2].astype(float)
    for row, of_padded in zip(X, np.asarray(model(X)), strict=True):
        # By hand: normalized by all real time steps, each direction up to its last one.
        real = row[row[:, -1] > 0]
        normal = (real[:, :2] - steps.mean(axis=0)) / steps.std(axis=0)
        read = np.concatenate([normal, vectors[real[:, 2].astype(int)]], axis=1)[None]
        hidden = []
        for number, way in enumerate({"forward": [1], "backward": [-1]}.get(name, [1, -1])):
            of_way = lstm_weights[3 * number : 3 * number + 3]
            states = run_lstm(read[:, ::way], *of_way)["hidden_state"][0]
            hidden.append(states[::way] if each_step else states[-1])
        expected = softmax(np.concatenate(hidden, axis=-1) @ kernel + bias, axis=-1)
        of_real = of_padded[: len(real)] if each_step else of_padded
        np.testing.assert_allclose(of_real, expected, atol=1e-5)


def test_two_directions_of_about_as_many_parameters():
    models = [
        get_model(lstm, np.ones((1, 1, 4)), COLUMNS).count_params()
        for lstm in get_lstms(10, COLUMNS, each_step=True).values()
    ]
    # By hand: 3 vectors of 16; an LSTM of 2 numbers and one vector; 4 classes.
    assert models[0] == models[1] == 3 * 16 + 4 * 10 * (18 + 10 + 1) + (10 + 1) * 4
    assert abs(models[2] / models[0] - 1) < 0.05


def test_scores():
    rng = np.random.default_rng(0)
    y, weights = rng.integers(3, size=(50, 4)), rng.integers(2, size=(50, 4))
    p = softmax(rng.normal(size=(50, 4, 3)), axis=-1)
    scores, is_known = score_classes(y, weights, p), weights == 1
    assert scores["loss"] == pytest.approx(log_loss(y[is_known], p[is_known]))
    right = [[p[n, t].argmax() == y[n, t] for t in range(4) if weights[n, t]] for n in range(50)]
    assert scores["accuracy"] == np.mean(np.concatenate(right))
    assert scores["sequence_accuracy"] == np.mean([all(row) for row in right])
    both = score_both((y[:10], weights[:10]), (y[10:], weights[10:]), p)
    assert both["held_out_loss"] == score_classes(y[:10], weights[:10], p[:10])["loss"]
    assert both["accuracy"] == score_classes(y[10:], weights[10:], p[10:])["accuracy"]
    failed = score_classes(y[:, 0], np.ones(50), np.full((50, 3), np.nan))
    assert np.isnan(failed["loss"]) and "sequence_accuracy" not in failed


def test_what_is_said_of_predictions(capsys):
    predictions = pd.DataFrame(
        {
            "recording": ["a", "a", "b", "b", "c"],
            "step": [1, 2, 1, 2, 1],
            "predicted": ["k", "m", "k", "l", "k"],
            "label": ["k", "", "k", "k", "l"],  # b is wrong in one, c in all
        }
    )
    print_predictions(predictions)
    out = " ".join(capsys.readouterr().out.split())
    low, high = stats.beta.ppf([0.025, 0.975], [1, 2], [3, 2])  # Clopper and Pearson
    assert "0.333 of 3 sequences right in all their labels, and 0.500 of 4 labels" in out
    assert f"is {low:.3f} to {high:.3f}, if none was trained on" in out
    assert "k 0.667 0.667 0.667 3 l 0.000 0.000 0.000 1" in out
    print_predictions(predictions, pd.Series({"a": "one", "b": "one", "c": "two"}))
    out = " ".join(capsys.readouterr().out.split())
    assert "over 2 groups: 0.333 (lowest to highest: 0.000 to 0.667)." in out
