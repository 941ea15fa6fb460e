"""An LSTM whose weights are set by hand: one cell adds up the values, without any training."""

import numpy as np

from lstm_forward import get_lstm_model

OPEN = 30  # a gate with this bias is open: the sigmoid of 30 is 1 in float32


def get_counting_model(n_timesteps):
    """Build a forward LSTM of one cell, with 14 parameters, that solves the problem.

    It is known that an LSTM can count (Weiss, Goldberg and Yahav 2018, arXiv 1805.04908). This one
    adds up the values:

    - The four recurrent weights are 0, so that the hidden state has no influence.
    - The input, forget and output gates do not see the input, and their biases hold them open. So
      the cell adds the whole candidate, forgets nothing and shows its whole state:
      `state = state + candidate`.
    - The candidate is `tanh(scale * value)`. Near 0 tanh is a straight line. So with a small scale
      the state is `scale * sum`, and the output, `tanh(state)`, is the same.
    - The output unit is `sigmoid((output / scale - just_below) / spacing)`. It is steep, and it
      changes just below the limit, because a sum that is equal to the limit has label 1.

    Any small scale would do, if numbers were not rounded. These weights avoid all rounding that can
    be avoided. Up to the limit the argument of tanh is at most 2**-12, where tanh differs from it
    by less than half of the last digit of float32. The scale and the slope are powers of 2, so that
    a multiplication rounds nothing. And the output changes at the last float32 number below the
    limit: a sum equal to this number gives 0.5, label 0, and a sum equal to the limit gives
    sigmoid(1), label 1.

    One error is left: float32 rounds the state at every step, but the sums that give the labels are
    not rounded to float32. If a sum is within about 1e-7 of the limit, the prediction may be wrong:
    in about one of 5 million sequences of 10 steps. No other weights of these gates can avoid this,
    as float32 has no more digits. (With a scale of 0.001, where tanh is already a little curved,
    the prediction is wrong in about one of 100,000 sequences.)

    Args:
        n_timesteps: length of the sequences, a whole number.

    Returns:
        A compiled Keras model, built by `get_lstm_model(n_timesteps, n_units=1)`.
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
