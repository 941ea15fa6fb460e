"""A recurrent cell for `keras.layers.RNN`: an LSTM whose parts can be changed or left out.

    layers.RNN(VariantCell(20, "peepholes"), return_sequences=True)

This file needs no other file of the project, so you can copy it.
"""

import keras
from keras import layers, ops

# The variants, and what Greff and others (2015), arXiv 1503.04069, found about each, or about the
# part that it leaves out.
VARIANTS = {
    "standard": "",
    "peepholes": "not needed",
    "coupled_gates": "no harm",
    "no_input_gate": "not better",
    "no_forget_gate": "critical",  # the LSTM of 1997
    "no_output_gate": "not better",
    "no_candidate_activation": "not better",
    "no_output_activation": "critical",
}


@keras.saving.register_keras_serializable(package="variant_cell")
class VariantCell(layers.Layer):
    """One step of an LSTM, or of a variant of it: a cell for `keras.layers.RNN`.

    Its initial weights are drawn as those of `layers.LSTM` are. With `coupled_gates` the initial
    bias of the input gate is -1, so that the forget gate starts at the same value as in the other
    variants.

    Args:
        units: number of memory cells.
        variant: one of VARIANTS.
        **kwargs: arguments of any Keras layer.

    Raises:
        ValueError: `variant` is none of VARIANTS.
    """

    def __init__(self, units, variant="standard", **kwargs):
        super().__init__(**kwargs)
        if variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {variant!r}")
        self.units = units
        self.variant = variant
        self.state_size = [units, units]  # hidden state, cell state
        self.output_size = units
        # What each step computes from the input and the hidden state, with the initial biases.
        self.parts = {"input": 0.0, "forget": 1.0, "candidate": 0.0, "output": 0.0}
        if variant == "coupled_gates":
            self.parts["input"] = -1.0
        if variant in ("coupled_gates", "no_forget_gate"):
            del self.parts["forget"]
        if variant == "no_input_gate":
            del self.parts["input"]
        if variant == "no_output_gate":
            del self.parts["output"]

    def build(self, input_shape):
        """Create the weights. Keras calls it once, with the shape `(n_sequences, n_features)`."""
        n_columns = len(self.parts) * self.units

        def initial_bias(shape, dtype=None):
            return ops.repeat(ops.convert_to_tensor(list(self.parts.values()), dtype), self.units)

        self.kernel = self.add_weight(
            (input_shape[-1], n_columns), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, n_columns), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((n_columns,), initializer=initial_bias, name="bias")
        if self.variant == "peepholes":
            self.peepholes = self.add_weight((3, self.units), initializer="zeros", name="peepholes")

    def call(self, inputs, states):
        """Compute one time step.

        Args:
            inputs: shape `(n_sequences, n_features)`.
            states: hidden and cell state, each of shape `(n_sequences, units)`.

        Returns:
            The output, shape `(n_sequences, units)`, and the list of the two new states.
        """
        hidden_state, cell_state = states
        sums = ops.matmul(inputs, self.kernel) + ops.matmul(hidden_state, self.recurrent_kernel)
        sums = ops.split(sums + self.bias, len(self.parts), axis=-1)
        part = dict(zip(self.parts, sums, strict=True))
        variant = self.variant

        if variant == "peepholes":
            part["input"] += self.peepholes[0] * cell_state
            part["forget"] += self.peepholes[1] * cell_state
        input_gate = 1.0 if variant == "no_input_gate" else ops.sigmoid(part["input"])
        if variant == "coupled_gates":
            forget_gate = 1.0 - input_gate
        else:
            forget_gate = 1.0 if variant == "no_forget_gate" else ops.sigmoid(part["forget"])
        candidate = part["candidate"]
        if variant != "no_candidate_activation":
            candidate = ops.tanh(candidate)
        cell_state = forget_gate * cell_state + input_gate * candidate

        if variant == "peepholes":
            part["output"] += self.peepholes[2] * cell_state
        output_gate = 1.0 if variant == "no_output_gate" else ops.sigmoid(part["output"])
        activated = cell_state if variant == "no_output_activation" else ops.tanh(cell_state)
        hidden_state = output_gate * activated
        return hidden_state, [hidden_state, cell_state]

    def get_config(self):
        """Return the arguments of the cell, from which Keras rebuilds a saved one."""
        return {**super().get_config(), "units": self.units, "variant": self.variant}
