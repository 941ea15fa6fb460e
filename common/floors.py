"""What can be known at all: the scores of predictors that are not trained.

For each problem, a predictor that knows the number of the time step and nothing of the input, and
the best possible one for what a model sees. The first shows what a model has to beat; the second
is beaten only by luck with the test sequences. Scores are computed from the definition of the
problem, as they would be of endless test data.

In the tutorial's problem the label of a time step is 1 if the sum of some uniform random numbers
reaches a limit. A predictor has seen the sum of some of them; of the others it knows their number
alone. The sum of n such numbers has the Irwin-Hall distribution.
"""

import numpy as np
from scipy.special import entr

GRID = 200  # points per unit of a sum; the limit, a multiple of 1/4, is one of them
PERFECT = {"loss": 0.0, "accuracy": 1.0, "sequence_accuracy": 1.0}


def get_known(n_timesteps):
    """Return the scores of what knows only the step, and of what knows all that it has to.

    The second is the best that a model can be which reads forward, or both ways: the values so far
    fix the label.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of name to the dict of its scores, for tables and figures.
    """
    return {"step number alone": score_step_number(n_timesteps), "best possible": dict(PERFECT)}


def score_step_number(n_timesteps):
    """Score the predictor that knows the number of the step, and nothing of the values.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss`, `accuracy` and `sequence_accuracy`.
    """
    below = get_sum_cdf(n_timesteps)[:, -1]  # the probability that n values are below the limit
    return {
        **score_partial_sums(n_timesteps, n_seen=np.zeros(n_timesteps, int)),
        # Of whole sequences those are right whose label turns 1 at the likeliest step.
        "sequence_accuracy": float(np.max(below[:-1] - below[1:])),
    }


def score_backward(n_timesteps):
    """Score the best possible backward model: at each step it has read all values from there on.

    Only the value of the step itself counts in the sum up to it.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss` and `accuracy`.
    """
    return score_partial_sums(n_timesteps, n_seen=np.ones(n_timesteps, int))


def score_misaligned_backward(n_timesteps):
    """Score the best possible backward model on the tutorial's labels, which come forward.

    Its n-th output has read the last n values, and is compared with the label of the n-th step:
    of the n values in that sum it has read those that are among the last n, too.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss` and `accuracy`.
    """
    steps = np.arange(1, n_timesteps + 1)
    return score_partial_sums(n_timesteps, n_seen=np.maximum(0, 2 * steps - n_timesteps))


def score_partial_sums(n_timesteps, n_seen):
    """Score the best predictor that has seen some of the values that decide about each label.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.
        n_seen: for each step, how many of the values up to it are seen; int, shape
            `(n_timesteps,)`.

    Returns:
        Dict of float: `loss`, in nats, and `accuracy`, means over the steps.
    """
    cdf = get_sum_cdf(n_timesteps)
    losses, accuracies = [], []
    for step, seen in enumerate(n_seen, 1):
        # How likely label 1 is, after a sum of 0, 1 / GRID, ... up to the limit was seen. (If a
        # larger sum was, it is certain.)
        p = 1 - cdf[step - seen, ::-1]
        # How likely such a sum is: that it lies between a point of the grid and the point before.
        weights = np.diff(cdf[seen], prepend=0)
        losses.append(weights @ _mean_with_previous(entr(p) + entr(1 - p)))
        certain = 1 - cdf[seen, -1]
        accuracies.append(weights @ _mean_with_previous(np.maximum(p, 1 - p)) + certain)
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(accuracies))}


def get_sum_cdf(n_timesteps):
    """Return the probability that the sum of n uniform random numbers is at most x.

    By the recurrence of B-splines, `n F(n, x) = x F(n - 1, x) + (n - x) F(n - 1, x - 1)`: all its
    terms are positive, so that it stays exact for hundreds of numbers, unlike the better known
    alternating sum.

    Args:
        n_timesteps: the largest n; also sets the limit, `n_timesteps / 4`.

    Returns:
        float64 of shape `(n_timesteps + 1, n_points)`: a row for n = 0, 1, ..., `n_timesteps`, a
        column for each x from 0 to the limit, GRID to the unit.
    """
    x = np.arange(n_timesteps * GRID // 4 + 1) / GRID
    cdf = np.ones((n_timesteps + 1, len(x)))
    for n in range(1, n_timesteps + 1):
        of_x_less_1 = np.concatenate([np.zeros(GRID), cdf[n - 1]])[: len(x)]
        cdf[n] = np.where(x < n, x * cdf[n - 1] + (n - x) * of_x_less_1, n) / n
    return cdf


def _mean_with_previous(values):
    return (values + np.concatenate([values[:1], values[:-1]])) / 2
