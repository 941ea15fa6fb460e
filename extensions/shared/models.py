"""The recurrent models that several extensions compare."""

import keras
import numpy as np
from keras import layers


def get_cell_model(n_timesteps, cell=layers.LSTM, bidirectional=False, *, n_units=20):
    """Build and compile a recurrent model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        cell: recurrent layer class of Keras: `layers.SimpleRNN`, `layers.GRU` or `layers.LSTM`.
        bidirectional: read the sequence in both directions and concatenate the outputs.
        n_units: memory cells in each direction.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    recurrent = cell(n_units, return_sequences=True)
    if bidirectional:
        recurrent = layers.Bidirectional(recurrent)
    return get_label_model(n_timesteps, [recurrent])


def get_label_model(n_timesteps, recurrent):
    """Build and compile a model that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        recurrent: list of recurrent Keras layers that return sequences, the first reads the input.

    Returns:
        A compiled Keras model, as of `get_cell_model`.
    """
    # Dense treats each time step by itself. TimeDistributed(Dense) computes the same, but takes
    # longer to compile, as it makes a layer call for each step.
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 1)), *recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def get_named_model(n_timesteps, name):
    """Build the model of a name such as `forward 20`: a direction, and memory cells in each."""
    direction, n_units = name.split()
    return get_cell_model(
        n_timesteps, bidirectional=direction == "bidirectional", n_units=int(n_units)
    )


def matching_units(n_units, n_features=1, n_outputs=1):
    """Return how many cells per direction give two directions about as many parameters as one.

    An LSTM of n cells has `4 * n * (n_features + n + 1)` parameters, and two directions have twice
    as many. Each output has a weight for each cell, and a bias.

    Args:
        n_units: memory cells of the forward LSTM.
        n_features: values at each time step.
        n_outputs: units of the Dense layer that reads the LSTM.
    """
    n = np.arange(1, n_units + 1)
    one, two = (4 * d * n * (n_features + n + 1) + (d * n + 1) * n_outputs for d in (1, 2))
    return int(n[np.argmin(np.abs(two - one[-1]))])
