"""What can be known at all: the scores of predictors that need no training.

For each problem, a predictor that knows the number of the time step and nothing of the input, and
the best possible one for what a model sees. The first shows what a model has to beat; nothing but
luck with its test sequences lets a model beat the second. Scores are computed from the definition
of the problem, as they would be of endless test data.
"""

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import entr


def score_variable_length(shortest, longest):
    """Score what can be known where the limit hangs on a length that only the end tells.

    The problem of extensions/variable_length.py: each length from the shortest to the longest is
    as likely as the others, and the limit is a quarter of it. A sequence that has come to some
    step has one of the lengths that reach so far, each as likely as the others again. So the best
    possible forward model predicts, at each step, the share of these lengths whose limits the sum
    has reached. (A bidirectional model can know all.)

    Args:
        shortest: smallest length, a whole number of 1 or more.
        longest: largest length.

    Returns:
        A dict of `step number alone`, `best possible forward` and `best possible bidirectional`
        to a dict of float: `loss`, the mean cross-entropy of a real time step, in nats; `accuracy`,
        the share of the real time steps predicted right (at a threshold of 0.5); and `accuracy_N`
        for each length N, that share in the sequences of this length. Padding is not counted.
        (The best is so over all lengths: for a single length another predictor may be better.)
    """
    lengths = np.arange(shortest, longest + 1)
    n_steps = lengths.sum()  # of one sequence of each length
    losses = {"step number alone": 0.0, "best possible forward": 0.0}
    right = {name: np.zeros(len(lengths)) for name in losses}
    for step in range(1, longest + 1):
        possible = lengths >= step
        n_possible = possible.sum()
        # How many of the possible limits the sum has reached, and how likely that is.
        n_reached = np.arange(n_possible + 1)
        bounds = [0, *lengths[possible] / 4, step]
        shares = np.diff(probability_below(np.minimum(bounds, step), step))
        # A row for each possible length, a column for each number of limits reached.
        labels = n_reached > np.arange(n_possible)[:, None]
        predictions = {
            "step number alone": np.full(len(shares), (labels @ shares).mean()),
            "best possible forward": n_reached / n_possible,
        }
        for name, prediction in predictions.items():
            p = np.clip(prediction, 0, 1)  # may lie a rounding error outside
            losses[name] += n_possible * shares @ (entr(p) + entr(1 - p))
            right[name][possible] += ((p > 0.5) == labels) @ shares
    scores = {}
    for name in losses:
        accuracies = zip(lengths, right[name] / lengths, strict=True)
        scores[name] = {
            "loss": losses[name] / n_steps,
            "accuracy": right[name].sum() / n_steps,
            **{f"accuracy_{length}": accuracy for length, accuracy in accuracies},
        }
    perfect = {measure: float(measure != "loss") for measure in scores["step number alone"]}
    return scores | {"best possible bidirectional": perfect}


def score_waves(n_timesteps):
    """Score what can be known of the cosine of a random phase from sines.

    The problem of extensions/sine_to_cosine.py. Two sines one step apart fix phase and cosine;
    one alone leaves the sign of the cosine open. Then the best prediction is 0, the mean of the
    two: for the squared error the only best one, for the absolute error as good as any between
    the two. Whoever knows the step number alone does best with 0 at every step. The cosine's mean
    square is 1/2, its mean absolute value 2 / pi.

    Args:
        n_timesteps: length of the sequences, a whole number of 1 or more.

    Returns:
        A dict of `step number alone`, `best possible forward` and `best possible bidirectional`
        to a dict of float: `loss`, the mean squared error; and `error_N`, the mean absolute error
        at time step N, counted from 1.
    """
    n_unknown = {
        "step number alone": n_timesteps,
        "best possible forward": 1,
        "best possible bidirectional": 1 if n_timesteps == 1 else 0,
    }
    return {
        name: {
            "loss": n / n_timesteps / 2,
            **{f"error_{step}": 2 / np.pi * (step <= n) for step in range(1, n_timesteps + 1)},
        }
        for name, n in n_unknown.items()
    }


def step_number_scores(n_timesteps):
    """Score the predictor of the tutorial's problem that knows the step number alone.

    Args:
        n_timesteps: length of the sequences, a whole number of 1 or more.

    Returns:
        A dict of float, as `data.score_labels` returns it: `loss`, `accuracy` and
        `sequence_accuracy`.
    """
    limit = n_timesteps / 4
    below = np.array(
        [probability_below(min(limit, step), step) for step in range(1, n_timesteps + 1)]
    )
    return {
        "loss": np.mean(entr(below) + entr(1 - below)),
        "accuracy": np.maximum(below, 1 - below).mean(),
        # Of whole sequences those are right whose label turns 1 at the likeliest step.
        "sequence_accuracy": -np.diff(below, prepend=1).min(),
    }


def probability_below(x, n_values):
    """Return the probability that a sum of values, uniform in [0, 1), is below x.

    The sum has the Irwin-Hall distribution. Its density is the B-spline with the knots 0, 1, ...,
    `n_values`, which SciPy sums up without the cancellation of the textbook's formula.

    Args:
        x: float or array of float, from 0 to `n_values`.
        n_values: how many values, a whole number of 1 or more.

    Returns:
        Float or array of float, in the shape of x.
    """
    probability = BSpline.basis_element(np.arange(n_values + 1)).antiderivative()(x)
    return np.clip(probability, 0, 1)  # may lie a rounding error outside
