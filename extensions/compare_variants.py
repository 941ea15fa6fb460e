"""Peepholes? Coupled gates? Which part of the LSTM matters? And how do I make a cell of my own?

    python -m extensions.compare_variants

trains the LSTM and seven variants of it, each 30 times on 1,000 sequences of 10 and of 40 time
steps, one per update: at a learning rate of 0.001, and each at its best one, chosen on other runs.
At their best rates expect none to be clearly worse, and none far from the standard LSTM's test loss
of 0.09 and 0.08. Coupled gates are better by 0.02, and at 40 steps so is an LSTM without a forget
gate: a running sum is to be kept, never forgotten. At 0.001 they differ by 0.03 at most.
It takes about a minute on 2 CPU cores.

Greff and others (2015), arXiv 1503.04069, compared an LSTM with peepholes with eight variants of it
on three tasks, each tuned on its own. None was significantly better. Forget gate and output
activation were critical; to couple the input and the forget gate, or to leave out the peepholes,
did no significant harm. (One of their variants, whose gates see each other, is not here.)
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=(10, 40),
        units=20,
        sequences=1000,
        batch_size=1,
        learning_rate=(0.001, 0.003, 0.01, 0.03),
        runs=30,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers, ops

from common.figures import LINES
from common.files import save
from common.floors import get_known
from common.results import (
    FEWEST_RUNS,
    describe_runs,
    differences,
    interval,
    print_comparison,
    with_interval,
)
from common.tuning import train_at_best_rates
from data import get_sequences, score_labels

# What Greff and others found about the variant, or about the part that is missing.
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


@keras.saving.register_keras_serializable(package="compare_variants")
class VariantCell(layers.Layer):
    """One step of an LSTM, or of a variant of it: a cell for `keras.layers.RNN`.

    It starts from the weights that `layers.LSTM` starts from. With `coupled_gates` the input gate
    has a bias of -1 at first, so that the forget gate starts where that of the others does.

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
        self.state_size = [units, units]  # what it hands on: hidden state, cell state
        self.output_size = units
        # What each step computes from the input and the hidden state, and its bias at first.
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
        """Make the weights; Keras calls it once, with the shape `(n_sequences, n_features)`."""
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
        """Make one time step.

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
        """Return the arguments of the cell, from which Keras builds it anew."""
        return {**super().get_config(), "units": self.units, "variant": self.variant}


def get_variant_model(n_timesteps, n_units=20, variant="standard"):
    """Build and compile a model of one variant that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_units: memory cells.
        variant: one of VARIANTS.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 1)`, output of the same shape, the
        probabilities of label 1.

    Raises:
        ValueError: `variant` is none of VARIANTS.
    """
    model = keras.Sequential(
        [
            keras.Input((n_timesteps, 1)),
            layers.RNN(VariantCell(n_units, variant), return_sequences=True),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def answer(scores):
    """Say in words which variants differ from the standard, each at its best rate.

    Args:
        scores: those of one length, as `train_at_best_rates` returns them, with a column
            `timesteps`.
    """
    best = scores[scores.setting == scores.setting.iloc[-1]]  # the last: each at its best rate
    others = [variant for variant in best.model.unique() if variant != "standard"]
    worse, better = [], []
    for variant in others:
        paired = differences(best, "loss", variant, "standard")
        low, high = interval(paired)
        if low > 0:
            worse.append(f"{variant} by {with_interval(paired)}")
        elif high < 0:
            better.append(f"{variant} by {with_interval(-paired)}")
    n_runs = best.run.max()
    text = (
        f"Answer for {best.timesteps.iloc[0]} time steps ({describe_runs(n_runs)}): of"
        f" {len(others)} variants {len(worse)} have a higher test loss than the standard LSTM"
        f" {_in_brackets(worse)}, {len(better)} a lower one {_in_brackets(better)}; of the other"
        f" {len(others) - len(worse) - len(better)} the interval of the difference holds 0."
    )
    if n_runs >= FEWEST_RUNS:
        chance = 1 - 0.95 ** len(others)
        text += (
            f" (Were all equal, one or more of {len(others)} such intervals would miss 0 with a"
            f" probability of up to {chance:.0%}.)"
        )
    return text


def _in_brackets(names):
    return f"({', '.join(names) or 'none'})"


def draw(scores):
    """Draw the mean test loss of each variant, with its interval, a panel for each length."""
    lengths = scores.timesteps.unique()
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    heights = np.arange(len(VARIANTS))[::-1]  # the first on top
    for axes, n_timesteps in zip(panels[0], lengths, strict=True):
        settings = scores[scores.timesteps == n_timesteps].groupby("setting", sort=False)
        for number, (setting, rows) in enumerate(settings):
            losses = rows.pivot(index="run", columns="model", values="loss")[list(VARIANTS)]
            means = losses.mean()
            spread = np.abs(np.array(interval(losses)) - means.to_numpy())
            axes.errorbar(
                means,
                heights + 0.15 - 0.3 * number,
                xerr=spread,
                fmt="os"[number],
                color=LINES[number]["color"],
                capsize=3,
                label="best rate of each" if setting == "best" else f"rate {setting}",
            )
            axes.axvline(means["standard"], **LINES[number], linewidth=0.9)
        axes.set_title(f"{n_timesteps} time steps", fontsize="medium")
        axes.set_xlim(left=0)
        axes.set_xlabel("test loss (cross-entropy, nats)")
        axes.grid(alpha=0.3)
    panels[0, 0].set_yticks(heights, [variant.replace("_", " ") for variant in VARIANTS])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    runs = describe_runs(scores.run.max())
    figure.suptitle(f"Variants of the LSTM: {runs}; lines: the standard one", fontsize="large")
    return figure


def main(options):
    scores = []
    for n_timesteps in options.timesteps:
        print(f"{n_timesteps} time steps")
        models = {
            variant: get_variant_model(n_timesteps, options.units, variant) for variant in VARIANTS
        }
        _, of_length = train_at_best_rates(
            models,
            partial(get_sequences, n_timesteps=n_timesteps),
            score_labels,
            options.learning_rate,
            n_sequences=options.sequences,
            n_runs=options.runs,
            batch_size=options.batch_size,
            seed=options.seed,
        )
        print_comparison(
            models,
            of_length,
            get_known(n_timesteps),
            **{"Greff and others": list(VARIANTS.values())},
        )
        of_length.insert(0, "timesteps", n_timesteps)
        scores.append(of_length)
    print(*map(answer, scores), sep="\n")
    scores = pd.concat(scores, ignore_index=True)
    save(options.output, options.name, draw(scores), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
