"""Sizes: pairs of about as many parameters, means over the sizes of a direction."""

import numpy as np
import pandas as pd

from extensions.compare_sizes import average_sizes, get_pairs, report_sizes
from extensions.shared.models import get_named_model


def test_pairs_have_about_as_many_parameters():
    pairs = get_pairs([20, 10, 40])
    assert pairs[0] == ("bidirectional 7", "forward 10") and len(pairs) == 4
    assert pairs[-1] == (pairs[0][0], pairs[-2][1])  # the smallest with the largest
    for both, forward in pairs[:-1]:
        aim = get_named_model(5, forward).count_params()
        n_units = int(both.split()[1])
        sizes = [
            get_named_model(5, f"bidirectional {n}").count_params()
            for n in (n_units - 1, n_units, n_units + 1)
        ]
        assert np.argmin(np.abs(np.subtract(sizes, aim))) == 1


def test_means_over_the_sizes(capsys):
    """Each size of a run counts the same."""
    rows = [
        ("at 0.001", length, direction, run, loss + factor / length)
        for length in (5, 10)
        for direction, factor in (("forward", 1), ("bidirectional", 3))
        for run in range(1, 11)
        for loss in (0.25, 0.75)
    ]
    views = pd.DataFrame(rows, columns=["view", "timesteps", "direction", "run", "loss"])
    views["sequence_loss"] = views.loss * views.timesteps
    means = average_sizes(views).groupby(["model", "timesteps"])[["loss", "sequence_loss"]].mean()
    assert means.round(9).to_numpy().tolist() == [[1.1, 5.5], [0.8, 8], [0.7, 3.5], [0.6, 6]]
    report_sizes(views)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [*"10 steps bidirectional minus forward +0.200 ± 0.000 higher".split()] in lines
