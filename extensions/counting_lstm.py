"""An LSTM set by hand: one cell that counts, with no training at all."""

import numpy as np

from lstm_forward import get_lstm_model

OPEN = 30  # a gate with this bias is open: the sigmoid of 30 is 1 in float32


def get_counting_model(n_timesteps):
    """Build a forward LSTM of one cell, 14 parameters, that solves the problem as it is.

    That an LSTM can count is known (Weiss, Goldberg and Yahav 2018, arXiv 1805.04908). These
    weights make it count, here with the sum so far as the count:

    - Nothing comes from the hidden state: the four recurrent weights are 0.
    - Input, forget and output gate see no input, and their biases hold them open: all of the
      candidate is added, nothing forgotten, all shown. So `state = state + candidate`.
    - The candidate is `tanh(scale * value)`. With a small scale, tanh is the straight line
      through 0, so that the state is `scale * sum`, and so is the output, `tanh(state)`.
    - The output unit is `sigmoid((output / scale - just_below) / spacing)`: steep, with its step
      right below the limit, as to reach the limit counts.

    So far this holds of any small scale, but for rounding. Here none is left that can be avoided:
    up to the limit the argument of tanh is at most 2**-12, of which tanh differs by less than
    half of the last digit of float32; scale and slope are powers of 2, so that to multiply by them
    rounds nothing; and the step is at the last float32 number below the limit, so that a sum
    equal to it gives 0.5, label 0, and one equal to the limit sigmoid(1), label 1.

    What is left is that float32 rounds the state itself at every step. The labels come from sums
    that are not rounded; where one comes within about 1e-7 of the limit, the two may differ. Of
    sequences of 10 steps that is about one in 5 million. Other weights of these gates cannot avoid
    it, as float32 has no digits for it. (A scale of 0.001, where tanh is already a little curved,
    errs in about one sequence in 100,000.)

    Args:
        n_timesteps: length of the sequences, a whole number.

    Returns:
        A compiled Keras model, as of `get_lstm_model(n_timesteps, n_units=1)`.
    """
    limit = np.float32(n_timesteps / 4)
    just_below = np.nextafter(limit, np.float32(0))
    spacing = limit - just_below
    scale = 2.0 ** (-12 - np.ceil(np.log2(limit)))

    model = get_lstm_model(n_timesteps, n_units=1)
    model.set_weights(
        [  # in Keras' order: input gate, forget gate, candidate, output gate
            np.array([[0, 0, scale, 0]]),  # of the value
            np.array([[0, 0, 0, 0]]),  # of the hidden state
            np.array([OPEN, OPEN, 0, OPEN]),
            np.array([[1 / (scale * spacing)]]),  # the output unit
            np.array([-just_below / spacing]),
        ]
    )
    return model
