"""The figure at the top of README."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from extensions import overview


def test_needs_the_tables_of_variable_length(tmp_path):
    with pytest.raises(OSError, match=r"run python -m extensions.variable_length first"):
        overview.read_lengths(SimpleNamespace(output=tmp_path))


def test_titles_answer_and_means_are_of_full_windows(tmp_path):
    runs = pd.DataFrame({"run": range(1, 13), "learning_rate": 0.01, "length": 5, "update": 9})
    rows = [runs.assign(model="forward", accuracy=0.7, loss=0.5)]
    rows.append(rows[0].assign(model="bidirectional", accuracy=0.9))
    for table, column in (("scores", "length"), ("lengths", "loss")):  # which it does not have
        file = tmp_path / f"variable_length_{table}.csv"
        pd.concat(rows).drop(columns=column).to_csv(file, index=False)
    lengths = overview.read_lengths(SimpleNamespace(output=tmp_path, seed=0))

    views = pd.concat(
        runs.assign(model=model, loss=loss, view=view)
        for view, of_both in (("at 0.001", 0.1), ("elsewhere", 0.302))
        for model, loss in (("lstm_forw", 0.3), ("lstm_back", 0.4), ("bilstm_con", of_both))
    )
    updates = pd.DataFrame({"update": np.arange(1, 31), "loss": np.arange(30.0)})
    losses = views.drop(columns=["loss", "update"]).merge(updates, how="cross")
    figure = overview.draw(views, losses, lengths, {"step number alone": {"loss": 0.2}})
    assert [axes.get_title() for axes in figure.axes] == [
        "at 0.001\nboth minus forward: lower",
        "elsewhere\nboth minus forward: higher (within 0.01)",
        "labels depend on what comes later\nboth minus forward: higher",
    ]
    both = figure.axes[2].containers[1].lines[0]
    assert both.get_xydata().tolist() == [[5, pytest.approx(0.9)]]
    line = figure.axes[0].lines[0]
    drawn = np.isfinite(line.get_ydata())
    np.testing.assert_array_equal(line.get_xdata()[drawn], np.arange(6, 26))
    np.testing.assert_allclose(line.get_ydata()[drawn], np.arange(5, 25))  # the mean of 11
