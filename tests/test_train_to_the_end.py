"""What is printed and drawn of a long training."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from common.floors import score_backward
from extensions import train_to_the_end
from extensions.shared.figures import STYLES


def test_what_is_printed_and_drawn(monkeypatch, capsys):
    """Of made-up scores: the backward model is 0.005 above the lowest loss that is possible."""
    figures, least = [], score_backward(4)["loss"]
    losses = {"lstm_forw": (0.05, 0.01), "bilstm_con": (0.05, 0.01)}
    losses["lstm_back_aligned"] = least + 0.005, least + 0.005
    rows = [
        {"model": model, "run": run, "learning_rate": rate, "loss": loss, "accuracy": accuracy}
        for model, of_rates in losses.items()
        for run in range(1, 13)
        for rate, loss, accuracy in zip((0.001, 0.003), of_rates, (0.95, 0.85), strict=True)
    ]
    scores = pd.DataFrame(rows)
    curves = scores[["run", "learning_rate"]].drop_duplicates()
    curves = curves.merge(pd.DataFrame({"update": range(1, 101)}), how="cross")
    curves = curves.assign(bilstm_con=0.5, lstm_back_aligned=0.6, lstm_forw=curves.run / 10)
    monkeypatch.setattr(train_to_the_end, "train_on_sums", lambda *_: (curves, scores))
    monkeypatch.setattr(train_to_the_end, "save", lambda _, figure, **__: figures.append(figure))
    options = {"timesteps": 4, "units": 2, "sequences": 9, "batch_size": 5, "runs": 12, "seed": 0}
    train_to_the_end.main(SimpleNamespace(**options))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    blocks = {block.splitlines()[0]: block.splitlines()[1:] for block in out.split("\n\n")[:-1]}
    for view in ("at 0.001", "at a rate chosen by three other runs"):
        rows = [" ".join(row.split()) for row in blocks[f"Differences in test loss, {view}:"]]
        above = "+0.005 ± 0.000 higher (within 0.01)"
        assert rows[-1] == f"lstm_back_aligned minus best backward {above}"
        rows = [" ".join(row.split()) for row in blocks[f"Differences in accuracy, {view}:"]]
        assert rows[1] == "bilstm_con minus lstm_forw +0.000 ± 0.000 alike, to within 0.01"
    accurate = blocks["Runs in which lstm_forw gets 90% to 100% of the time steps right:"]
    assert [row.split()[-1] for row in accurate[1:]] == ["12", "0"]

    (figure,) = figures
    for axes, view in zip(figure.axes, ("at 0.001", "at a rate chosen"), strict=True):
        assert axes.get_title().startswith(view) and axes.get_xlabel() == "update (batch size 5)"
        lines = {line.get_label(): line for line in axes.lines}
        assert set(lines) == {*losses, "step number alone", "best backward"}  # none at a loss of 0
        forward = lines["lstm_forw"]
        assert forward.get_color() == STYLES["lstm_forw"]["color"]
        np.testing.assert_allclose(forward.get_ydata(), 0.65)  # the mean of 0.1 to 1.2
        assert (forward.get_xdata()[0], forward.get_xdata()[-1]) == (1, 100)
