"""What is printed and drawn of a long training."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from common.floors import score_backward
from extensions import train_to_the_end


def test_what_is_printed_and_drawn(monkeypatch, capsys):
    """Of made-up scores: the backward model is 0.005 above the lowest loss that is possible."""
    figures, runs = [], pd.DataFrame({"run": range(1, 13)})
    trained = runs.merge(pd.DataFrame({"learning_rate": [0.001, 0.003]}), how="cross")
    losses = {"lstm_forw": 0.05, "bilstm_con": 0.05, "lstm_back_aligned": 0.005}
    losses["lstm_back_aligned"] += score_backward(4)["loss"]
    accuracies = np.where(trained.run < 4, 0.85, 0.95)
    scores = pd.concat(
        trained.assign(model=model, loss=loss, accuracy=accuracies)
        for model, loss in losses.items()
    )
    curves = trained.merge(pd.DataFrame({"update": range(1, 101)}), how="cross")
    curves = curves.assign(bilstm_con=0.5, lstm_back_aligned=0.6, lstm_forw=curves.run**2)
    monkeypatch.setattr(train_to_the_end, "train_on_sums", lambda *_: (curves, scores))
    monkeypatch.setattr(train_to_the_end, "save", lambda _, figure, **__: figures.append(figure))
    options = {"timesteps": 4, "units": 2, "sequences": 9, "batch_size": 5, "runs": 12, "seed": 0}
    train_to_the_end.main(SimpleNamespace(**options))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    above = "lstm_back_aligned minus best backward +0.005 ± 0.000 higher (within 0.01)"
    alike = "bilstm_con minus lstm_forw +0.000 ± 0.000 alike, to within 0.01"
    views = "at 0.001", "at a rate chosen by three other runs"
    assert lines.count(above) == 2 and lines.count(alike) == 4  # in loss and in accuracy
    assert lines[-3:-1] == [f"{view} 9" for view in views]  # runs of 90% accuracy

    for axes, view in zip(figures[0].axes, views, strict=True):
        assert (axes.get_title(), axes.get_xlabel()) == (view, "update (batch size 5)")
        drawn = {line.get_label(): line for line in axes.lines}
        assert set(drawn) == {*losses, "step number alone", "best backward"}  # none at a loss of 0
        np.testing.assert_allclose(drawn["lstm_forw"].get_ydata(), 650 / 12)  # 1 to 144
        assert drawn["lstm_forw"].get_xdata()[[0, -1]].tolist() == [1, 100]
