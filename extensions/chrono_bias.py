"""An initial bias with which an LSTM or GRU remembers long: chrono initialization.

This file needs no other of the project: copy it to use it elsewhere.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="chrono_bias")
class ChronoBias(keras.initializers.Initializer):
    """Initial bias of an LSTM or GRU that is to remember for up to `longest` time steps.

        layers.LSTM(20, bias_initializer=ChronoBias(200), unit_forget_bias=False)
        layers.GRU(20, bias_initializer=ChronoBias(200))

    A gate of bias log(t) keeps t / (t + 1) of its state at each step, and so remembers for about
    t steps. Each cell draws its own t, uniform from 1 to `longest - 1`: the chrono initialization
    of Tallec and Ollivier (2018), arXiv 1804.11188.

    Args:
        longest: number of time steps.
    """

    def __init__(self, longest):
        self.longest = longest

    def __call__(self, shape, dtype=None):
        """Draw the bias: `(4 * units,)` is the shape of an LSTM's, `(2, 3 * units)` of a GRU's."""
        n_gates = 4 if len(shape) == 1 else 3
        # A new initializer each time: one alone would always draw the same values.
        draw_times = keras.initializers.RandomUniform(1, max(self.longest - 1, 1))
        keep = ops.log(draw_times((shape[-1] // n_gates,), dtype))
        zeros = ops.zeros_like(keep)
        if n_gates == 4:  # input gate, forget gate, candidate, output gate
            return ops.concatenate([-keep, keep, zeros, zeros])
        # Update gate, reset gate, candidate. In Keras the update gate is how much of the old
        # state to keep. The second row is added to the recurrent part.
        return ops.stack([ops.concatenate([keep, zeros, zeros]), ops.tile(zeros, 3)])

    def get_config(self):
        """Return the arguments, from which Keras builds it anew."""
        return {"longest": self.longest}
