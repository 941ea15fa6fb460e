"""The figure at the top of README."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from extensions import overview


def test_needs_the_tables_of_variable_length(tmp_path):
    with pytest.raises(OSError, match="run python -m extensions.variable_length first"):
        overview.read_lengths(SimpleNamespace(output=tmp_path))


def test_titles_answer_and_means_are_of_full_windows(tmp_path):
    runs = {"run": range(1, 13), "learning_rate": 0.01}
    tables = {
        "scores": [pd.DataFrame(runs | {"loss": 0.5}).assign(model="forward")],
        "lengths": [pd.DataFrame(runs | {"length": 5, "accuracy": 0.7}).assign(model="forward")],
    }
    for table, rows in tables.items():
        rows.append(rows[0].assign(model="bidirectional", accuracy=0.9))
        pd.concat(rows).to_csv(tmp_path / f"variable_length_{table}.csv", index=False)
    lengths = overview.read_lengths(SimpleNamespace(output=tmp_path, seed=0))
    assert lengths.groupby("model").accuracy.mean().round(9).to_dict() == {
        "both": 0.9,
        "forward": 0.7,
    }

    views = [
        pd.DataFrame(runs | {"loss": loss}).assign(model=model, view=view)
        for view, of_both in (("at 0.001", 0.1), ("elsewhere", 0.302))
        for model, loss in (("lstm_forw", 0.3), ("lstm_back", 0.4), ("bilstm_con", of_both))
    ]
    updates = pd.DataFrame({"update": np.arange(1, 31), "loss": np.arange(30.0)})
    views = pd.concat(views)
    losses = views.drop(columns="loss").merge(updates, how="cross")
    figure = overview.draw(views, losses, lengths, {"step number alone": {"loss": 0.2}})
    titles = ["at 0.001\n", "elsewhere\n", "labels depend on what comes later\n"]
    verdicts = ["lower", "higher (within 0.01)", "higher"]
    for axes, title, verdict in zip(figure.axes, titles, verdicts, strict=True):
        assert axes.get_title() == f"{title}both minus forward: {verdict}"
    line = figure.axes[0].lines[0]
    drawn = np.isfinite(line.get_ydata())
    np.testing.assert_array_equal(line.get_xdata()[drawn], np.arange(6, 26))
    np.testing.assert_allclose(line.get_ydata()[drawn], np.arange(5, 25))  # the mean of 11
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["forward", "backward, as published", "both", "step number alone"]
