"""The figure at the top of README."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from extensions import overview


def test_needs_the_tables_of_label_steps(tmp_path):
    with pytest.raises(OSError, match=r"run python -m extensions.label_steps first"):
        overview.read_words(SimpleNamespace(output=tmp_path))


def test_titles_answer_and_means_are_of_full_windows(tmp_path):
    runs = pd.DataFrame({"run": range(1, 13), "learning_rate": 0.01})
    shares = {"forward": [0.6, 0.5], "bidirectional": [0.9, 0.8]}  # after 10 and 20 updates
    tests = [
        runs.assign(model=model, update=10 * n + 10, sequence_accuracy=share, loss=1 - share)
        for model, of_model in shares.items()
        for n, share in enumerate(of_model)
    ]
    tests = pd.concat(tests).assign(held_out_loss=lambda rows: rows.loss)
    tests.to_csv(tmp_path / "label_steps_scores.csv", index=False)
    places = tests[["model", "run", "learning_rate", "update"]].assign(place=1, accuracy=tests.loss)
    places.to_csv(tmp_path / "label_steps_places.csv", index=False)
    words, places = overview.read_words(SimpleNamespace(output=tmp_path, seed=0))

    views = pd.concat(
        runs.assign(model=model, loss=loss, view=view)
        for view, of_both in (("at 0.001", 0.1), ("elsewhere", 0.302))
        for model, loss in (("lstm_forw", 0.3), ("lstm_back", 0.4), ("bilstm_con", of_both))
    )
    updates = pd.DataFrame({"update": np.arange(1, 31), "loss": np.arange(30.0)})
    losses = views.drop(columns="loss").merge(updates, how="cross")
    figure = overview.draw(views, losses, words, places, {"step number alone": {"loss": 0.2}})
    assert [axes.get_title() for axes in figure.axes] == [
        "at 0.001:\nboth ahead",
        "elsewhere:\nforward ahead (within 0.01)",
        "stress of English words:\nboth ahead",
    ]
    both = figure.axes[2].containers[1].lines[0]
    assert both.get_xydata().tolist() == [[1, pytest.approx(0.1)]]  # after 10 updates
    line = figure.axes[0].lines[0]
    drawn = np.isfinite(line.get_ydata())
    np.testing.assert_array_equal(line.get_xdata()[drawn], np.arange(6, 26))
    np.testing.assert_allclose(line.get_ydata()[drawn], np.arange(5, 25))  # the mean of 11
