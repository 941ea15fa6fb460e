"""An initial bias with which an LSTM or GRU can remember for many steps: chrono initialization.

This file needs no other file of the project: you can copy it into your own.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="chrono_bias")
class ChronoBias(keras.initializers.Initializer):
    """Initial bias for an LSTM or GRU that must remember for up to `longest` time steps.

        layers.LSTM(20, bias_initializer=ChronoBias(200), unit_forget_bias=False)
        layers.GRU(20, bias_initializer=ChronoBias(200))

    With other settings the bias would be wrong. An LSTM needs `unit_forget_bias=False`, since Keras
    would set the bias of the forget gate to 1. A GRU needs `reset_after=True`, the default.

    A gate with a bias of log(t) keeps t / (t + 1) of the state at each step, and so remembers for
    about t steps. Each cell draws its own t, uniformly from 1 to `longest - 1`. This is the chrono
    initialization of Tallec and Ollivier (2018), arXiv 1804.11188.

    Args:
        longest: largest number of time steps between an input and the output that depends on it.
    """

    def __init__(self, longest):
        self.longest = longest

    def __call__(self, shape, dtype=None):
        """Draw the bias, of shape `(4 * units,)` for an LSTM and `(2, 3 * units)` for a GRU.

        Raises:
            ValueError: `shape` is neither.
        """
        n_gates = 4 if len(shape) == 1 else 3
        if shape[-1] % n_gates or (n_gates == 3 and (len(shape) != 2 or shape[0] != 2)):
            raise ValueError(f"no bias of an LSTM or a GRU has the shape {tuple(shape)}")
        # A new initializer for each call, as one initializer always draws the same values.
        draw_times = keras.initializers.RandomUniform(1, max(self.longest - 1, 1))
        keep = ops.log(draw_times((shape[-1] // n_gates,), dtype))
        zeros = ops.zeros_like(keep)
        if n_gates == 4:  # input gate, forget gate, candidate, output gate
            return ops.concatenate([-keep, keep, zeros, zeros])
        # Update gate, reset gate, candidate. In Keras the update gate is the share of the old
        # state that is kept. The second row is added to the recurrent part.
        return ops.stack([ops.concatenate([keep, zeros, zeros]), ops.tile(zeros, 3)])

    def get_config(self):
        """Return the arguments, from which Keras can build the initializer again."""
        return {"longest": self.longest}
