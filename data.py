"""The problem of the tutorial: has the cumulative sum reached the limit yet?

Tutorial section "Sequence Classification Problem". A sequence holds uniform random values in
[0, 1). Each time step has a label: 1 if the sum of the values so far has reached a quarter of the
sequence length, else 0.

    python data.py

prints one sequence of 10 steps with its labels and draws it. It takes about a second.
"""

if __name__ == "__main__":  # the options come first, as in the other scripts
    from common.command_line import make_parser, read_options, run

    # None removes an option of the other scripts: nothing is trained here.
    unused = dict.fromkeys(("units", "sequences", "batch_size", "learning_rate", "runs"))
    options = read_options(make_parser(__file__, __doc__, **unused))

import operator

import numpy as np


def get_sequence(n_timesteps, rng=None):
    """Draw one sequence and its labels.

    Args:
        n_timesteps: length of the sequence, a whole number of 1 or more.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X, float32 of shape `(n_timesteps,)`, and y, integers 0 or 1 of the same shape.

    Raises:
        TypeError or ValueError: `n_timesteps` is not a whole number of 1 or more.
    """
    check_size("n_timesteps", n_timesteps)
    rng = np.random.default_rng(rng)
    X = rng.random(n_timesteps, dtype=np.float32)
    limit = n_timesteps / 4.0
    cumulative_sum = np.cumsum(X, dtype=np.float64)  # adds these values without rounding
    return X, (cumulative_sum >= limit).astype(int)


def get_sequences(n_sequences, n_timesteps, rng=None):
    """Draw many sequences and their labels, in the shape that Keras' recurrent layers take.

    `get_sequences(1, n_timesteps)` is one sequence in that shape.

    Args:
        n_sequences: number of sequences, a whole number of 1 or more.
        n_timesteps: length of each sequence, a whole number of 1 or more.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X, float32 of shape `(n_sequences, n_timesteps, 1)`, and y, integers 0 or 1 of the
        same shape: samples, time steps, features.

    Raises:
        TypeError or ValueError: a size is not a whole number of 1 or more.
    """
    check_size("n_sequences", n_sequences)
    check_size("n_timesteps", n_timesteps)
    rng = np.random.default_rng(rng)
    X = rng.random((n_sequences, n_timesteps, 1), dtype=np.float32)
    return X, get_labels(X)


def get_labels(X):
    """Label each time step: 1 if the sum of the values so far has reached the limit, else 0.

    The limit is a quarter of the number of time steps.

    Args:
        X: values, float32 of shape `(n_sequences, n_timesteps, 1)`.

    Returns:
        Integers 0 or 1, of the shape of X.
    """
    limit = X.shape[1] / 4.0
    return (np.cumsum(X, axis=1, dtype=np.float64) >= limit).astype(int)


def check_size(name, value):
    """Raise TypeError or ValueError unless `value` is a whole number of 1 or more."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if size < 1:
        raise ValueError(f"{name} must be 1 or more, not {value!r}")


def score_labels(y, predictions):
    """Score predicted probabilities of label 1.

    Args:
        y: labels 0 or 1, shape `(n_sequences, n_timesteps, 1)`.
        predictions: probabilities of label 1, same shape.

    Returns:
        A dict of three floats: `loss`, the binary cross-entropy in nats; `accuracy`, the share
        of the time steps that are right (at a threshold of 0.5); and `sequence_accuracy`, the
        share of the sequences that are right at every time step.
    """
    probabilities = np.clip(np.asarray(predictions, np.float64), 1e-7, 1 - 1e-7)  # as Keras clips
    right = (probabilities > 0.5) == (y == 1)
    return {
        "loss": -np.mean(np.where(y == 1, np.log(probabilities), np.log(1 - probabilities))),
        "accuracy": right.mean(),
        "sequence_accuracy": right.all(axis=1).mean(),
    }


def tabulate_sequence(X, y):
    """Tabulate one sequence, a row for each time step.

    Args:
        X: values, shape `(n_timesteps,)`.
        y: labels, shape `(n_timesteps,)`.

    Returns:
        A dict of the columns: `step`, counted from 1, `value`, `cumulative_sum` and `label`, each
        of shape `(n_timesteps,)`, and `limit`, one float for all rows.
    """
    return {
        "step": np.arange(1, len(X) + 1),
        "value": X,
        "cumulative_sum": np.cumsum(X, dtype=np.float64),
        "limit": len(X) / 4.0,
        "label": y,
    }


def main(options):
    # Imported here, so that a script that imports this file needs only NumPy.
    import matplotlib.pyplot as plt
    import pandas as pd
    from matplotlib.ticker import MaxNLocator

    from common.files import save

    X, y = get_sequence(options.timesteps, options.seed)
    print(X)
    print(y)
    sequence = pd.DataFrame(tabulate_sequence(X, y))

    figure, (upper, lower) = plt.subplots(
        2, sharex=True, figsize=(8, 4.5), layout="constrained", height_ratios=(3, 1)
    )
    step = sequence["step"]
    upper.bar(step, sequence["value"], color="#b9c4cf", label="value")
    upper.plot(step, sequence["cumulative_sum"], color="black", marker="o", label="cumulative sum")
    upper.axhline(sequence["limit"][0], color="black", linestyle="--", label="limit")
    upper.set_title("The label turns 1 when the cumulative sum reaches the limit")
    upper.set_ylabel("value, sum (no unit)")
    upper.legend()
    lower.step(step, sequence["label"], where="mid", marker="s", color="black")
    lower.set_ylabel("label")
    lower.set_yticks([0, 1])
    lower.margins(y=0.2)
    lower.set_xlabel("time step")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
    save(options, figure, sequence=sequence)


if __name__ == "__main__":
    run(main, options)
