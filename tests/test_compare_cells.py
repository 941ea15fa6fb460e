"""LSTM, GRU and plain RNN: the sequences that are repeated, and the times of an update."""

import numpy as np

from data import get_sequences
from extensions import compare_cells


def test_few_sequences_are_repeated():
    (X, y), (X_test, _) = compare_cells.get_repeated_data(np.random.default_rng(0), 5, 3, 8)
    expected_X, expected_y = get_sequences(3, 5, 0)
    np.testing.assert_array_equal(X, expected_X[[0, 1, 2, 0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(y, expected_y[[0, 1, 2, 0, 1, 2, 0, 1]])
    assert len(np.unique(X_test[:, 0])) > 990  # those of the test are all different ...
    (more, _), (same, _) = compare_cells.get_repeated_data(np.random.default_rng(0), 5, 8, 8)
    np.testing.assert_array_equal(more[:3], expected_X)
    np.testing.assert_array_equal(same, X_test)  # ... and the same for any number


def test_times_are_printed_in_microseconds(monkeypatch, capsys):
    seconds = {name: np.full(20, 2e-5) for names in compare_cells.PANELS.values() for name in names}
    seconds["rnn_forw"] /= 2
    monkeypatch.setattr(compare_cells, "time_trainings", lambda *_: seconds)
    compare_cells.report_times(None, None, None, 1)
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert {"lstm_forw 20.000 ± 0.000", "rnn_forw minus lstm_forw -10.000 ± 0.000 lower"} <= {*rows}
