"""The scores of predictors that are not trained: a baseline, and the best possible ones.

The baseline knows the number of the time step and nothing of the input: a model should do better.
The best possible predictor makes the most of what a model has read. A model can beat it only by
luck with the test sequences. All scores are computed from the definition of the problem, as if the
test data had no end.

In the tutorial's problem the label of a time step is 1 if the sum of the values so far, which are
uniform random numbers, has reached a limit. A predictor has seen some of these values. Of the
others it knows only how many there are. The sum of n such numbers has the Irwin-Hall distribution.
"""

import numpy as np
from scipy.special import entr

GRID = 200  # points per unit of a sum; the limit, a multiple of 1/4, is one of these points
PERFECT = {"loss": 0.0, "accuracy": 1.0, "sequence_accuracy": 1.0}


def get_known(n_timesteps, *backward):
    """Return the scores of the step number alone and of the best possible models, for tables.

    A model that reads forward or both ways can be right at every step, since the values so far
    decide the label. A backward model cannot.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.
        *backward: names of backward models, `lstm_back` or `lstm_back_aligned`, to add the scores
            of the best possible ones.

    Returns:
        Dict of name to the dict of its scores.
    """
    best = {"lstm_back": score_misaligned_backward, "lstm_back_aligned": score_backward}
    return {
        "step number alone": score_step_number(n_timesteps),
        "best possible": dict(PERFECT),
        **{f"best {name}": best[name](n_timesteps) for name in backward},
    }


def score_step_number(n_timesteps):
    """Score the predictor that knows the number of the step and none of the values.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss`, `accuracy` and `sequence_accuracy`.
    """
    below = get_sum_cdf(n_timesteps)[:, -1]  # the probability that n values are below the limit
    return {
        **score_partial_sums(n_timesteps, n_seen=np.zeros(n_timesteps, int)),
        # A whole sequence is right if its label turns 1 at the most probable step.
        "sequence_accuracy": float(np.max(below[:-1] - below[1:])),
    }


def score_backward(n_timesteps):
    """Score the best possible backward model, which at each step has read all values from there on.

    Of the values in the sum up to a step, it has read only that of the step itself.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss` and `accuracy`.
    """
    return score_partial_sums(n_timesteps, n_seen=np.ones(n_timesteps, int))


def score_misaligned_backward(n_timesteps):
    """Score the best possible backward model whose outputs are in the wrong order, as published.

    Its n-th output has read the last n values, and is compared with the label of the n-th step,
    which depends on the first n values. It has read those that are among both.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.

    Returns:
        Dict of float: `loss` and `accuracy`.
    """
    steps = np.arange(1, n_timesteps + 1)
    return score_partial_sums(n_timesteps, n_seen=np.maximum(0, 2 * steps - n_timesteps))


def score_partial_sums(n_timesteps, n_seen):
    """Score the best predictor that has seen some of the values that decide each label.

    Args:
        n_timesteps: length of the sequences of the tutorial's problem.
        n_seen: for each step, how many of the values up to it the predictor has seen; int, shape
            `(n_timesteps,)`.

    Returns:
        Dict of float: `loss`, in nats, and `accuracy`, means over the steps.
    """
    cdf = get_sum_cdf(n_timesteps)
    losses, accuracies = [], []
    for step, seen in enumerate(n_seen, 1):
        # The probability of label 1 if the sum of the seen values is 0, 1 / GRID, ... up to the
        # limit. (With a larger sum it is 1.)
        p = 1 - cdf[step - seen, ::-1]
        # The probability that this sum lies between a point of the grid and the point before.
        weights = np.diff(cdf[seen], prepend=0)
        losses.append(weights @ _mean_with_previous(entr(p) + entr(1 - p)))
        certain = 1 - cdf[seen, -1]
        accuracies.append(weights @ _mean_with_previous(np.maximum(p, 1 - p)) + certain)
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(accuracies))}


def get_sum_cdf(n_timesteps):
    """Return the probability that the sum of n uniform random numbers is at most x.

    It uses the recurrence of B-splines, `n F(n, x) = x F(n - 1, x) + (n - x) F(n - 1, x - 1)`. All
    terms are positive, so that rounding errors stay small for hundreds of numbers. In the better
    known alternating sum they do not.

    Args:
        n_timesteps: the largest n, which also sets the limit, `n_timesteps / 4`.

    Returns:
        float64 of shape `(n_timesteps + 1, n_points)`: a row for each n from 0 to `n_timesteps`, a
        column for each x from 0 to the limit, in steps of 1 / GRID.
    """
    x = np.arange(n_timesteps * GRID // 4 + 1) / GRID
    cdf = np.ones((n_timesteps + 1, len(x)))
    for n in range(1, n_timesteps + 1):
        of_x_less_1 = np.concatenate([np.zeros(GRID), cdf[n - 1]])[: len(x)]
        cdf[n] = np.where(x < n, x * cdf[n - 1] + (n - x) * of_x_less_1, n) / n
    return cdf


def _mean_with_previous(values):
    return (values + np.concatenate([values[:1], values[:-1]])) / 2
