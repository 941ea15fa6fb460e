"""Who remembers longest? And how do I make an LSTM remember longer?

    python -m extensions.long_memory

hides a bit in noise, at the first time step or in the middle, and asks for it after 10 to 200
steps. Each model is trained 10 times on 2,000 sequences, one per update: at a learning rate of
0.001, and at its best one, the one with which most of 3 other runs learn the bit.
Expect LSTM and GRU as Keras starts them to guess from 50 steps on, and a plain RNN to do better:
half of its runs are right at 200. With ChronoBias, below, LSTM and GRU are right in all runs at
every length. So is a bidirectional LSTM with the bit at the start, as its backward half reads that
last, but not with the bit in the middle: then it is no better than a forward one.
It takes about two and a half minutes on 2 CPU cores.

Why: before training, an LSTM as Keras starts it keeps about sigmoid(1) = 0.73 of its state at each
step, a GRU half of it. After 50 steps hardly a millionth of the bit reaches the answer: there is no
gradient to learn from (lower panels of the figure).
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=(10, 20, 50, 100, 200),
        units=20,
        sequences=2000,
        batch_size=1,
        learning_rate=(0.001, 0.003, 0.01),
        runs=10,
    )

from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers, ops
from scipy.special import expit  # the sigmoid
from scipy.stats import binomtest

from common.figures import LINES
from common.files import save
from common.results import count
from common.tuning import train_at_best_rates

LEARNED = 0.9  # accuracy on new sequences; to guess gives 0.5
N_TUNING_RUNS = 3
PANELS = {
    "plain RNN": ["rnn", "rnn_small"],
    "GRU": ["gru", "gru_chrono"],
    "LSTM": ["lstm_forget_0", "lstm", "lstm_chrono"],
    "bidirectional, middle": ["bilstm", "lstm_middle", "bilstm_middle"],
}


def get_marked_sequences(n_sequences, n_timesteps, bit_step=0, rng=None):
    """Draw sequences of noise in which one marked time step holds a bit.

    Args:
        n_sequences: number of sequences.
        n_timesteps: length of each sequence.
        bit_step: the time step that holds the bit, counted from 0.
        rng: whatever `numpy.random.default_rng` takes: None, a seed or a Generator.

    Returns:
        X, float32 of shape `(n_sequences, n_timesteps, 2)`: the value, which is -1 or 1 at the
        marked step and elsewhere uniform in [-1, 1), and the mark, 1 at that step and elsewhere
        0; and y, integers of shape `(n_sequences, 1)`: 0 where the marked value is -1, 1 where it
        is 1.
    """
    rng = np.random.default_rng(rng)
    y = rng.integers(2, size=(n_sequences, 1))
    X = np.zeros((n_sequences, n_timesteps, 2), np.float32)
    X[:, :, 0] = rng.uniform(-1, 1, size=(n_sequences, n_timesteps))
    X[:, bit_step, 0] = 2 * y[:, 0] - 1
    X[:, bit_step, 1] = 1
    return X, y


@keras.saving.register_keras_serializable(package="long_memory")
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


def get_layers(n_timesteps, n_units):
    """Return the recurrent layers that are compared, by the place of the bit and by name.

    Args:
        n_timesteps: length of the sequences, for which ChronoBias starts some layers.
        n_units: memory cells in each direction.

    Returns:
        Dict of dicts of Keras layers: those for a bit at the start, and those in the middle.
    """
    chrono = ChronoBias(n_timesteps)
    at_the_start = {
        "rnn": layers.SimpleRNN(n_units),  # its recurrent weights start orthogonal
        "rnn_small": layers.SimpleRNN(n_units, recurrent_initializer="random_normal"),
        "gru": layers.GRU(n_units),
        "gru_chrono": layers.GRU(n_units, bias_initializer=chrono),
        "lstm_forget_0": layers.LSTM(n_units, unit_forget_bias=False),
        "lstm": layers.LSTM(n_units),  # the bias of its forget gate starts at 1
        "lstm_chrono": layers.LSTM(n_units, bias_initializer=chrono, unit_forget_bias=False),
        "bilstm": layers.Bidirectional(layers.LSTM(n_units)),
    }
    in_the_middle = {
        "lstm_middle": layers.LSTM(n_units),
        "bilstm_middle": layers.Bidirectional(layers.LSTM(n_units)),
    }
    return {"at the start": at_the_start, "in the middle": in_the_middle}


def get_memory_model(n_timesteps, recurrent):
    """Build and compile a model that reads a sequence and gives one answer at its end.

    Args:
        n_timesteps: length of the sequences.
        recurrent: recurrent Keras layer without `return_sequences`.

    Returns:
        A compiled Keras model: input `(n, n_timesteps, 2)`, output `(n, 1)`, the probabilities
        of label 1.
    """
    output = layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_timesteps, 2)), recurrent, output])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def score_bits(y, predictions):
    """Score predicted bits.

    Args:
        y: bits 0 or 1, shape `(n, 1)`.
        predictions: probabilities of 1, same shape.

    Returns:
        Dict: `accuracy`, float, the share that is right; and `failed`, 0 if that is more than
        LEARNED, else 1.
    """
    accuracy = ((predictions > 0.5) == (y == 1)).mean()
    return {"accuracy": accuracy, "failed": int(accuracy <= LEARNED)}


def measure_gradient(model, X, step):
    """Return how much the answer changes with the value of one step: the mean size of d p / d x.

    Args:
        model: Keras model as of `get_memory_model`.
        X: sequences, float32 of shape `(n, n_timesteps, 2)`.
        step: the time step, counted from 0.
    """
    X = tf.convert_to_tensor(X)
    with tf.GradientTape() as tape:
        tape.watch(X)
        answers = model(X)
    return float(np.abs(tape.gradient(answers, X)[:, step, 0]).mean())


def compare_models(place, n_timesteps, options):
    """Train the models for one place of the bit and one length.

    Returns:
        Their scores, as `train_at_best_rates` returns them, with the columns `timesteps` and
        `gradient`, of which `measure_gradient` tells: that of an untrained model.
    """
    bit_step = n_timesteps // 2 if place == "in the middle" else 0
    get_data = partial(get_marked_sequences, n_timesteps=n_timesteps, bit_step=bit_step)
    keras.utils.set_random_seed(options.seed)
    recurrent = get_layers(n_timesteps, options.units)[place]
    models = {name: get_memory_model(n_timesteps, layer) for name, layer in recurrent.items()}
    X, _ = get_data(100, rng=options.seed)
    gradients = {name: measure_gradient(model, X, bit_step) for name, model in models.items()}
    _, scores = train_at_best_rates(
        models,
        get_data,
        score_bits,
        options.learning_rate,
        n_sequences=options.sequences,
        n_runs=options.runs,
        n_tuning_runs=N_TUNING_RUNS,
        measure="failed",  # as rarely as can be; of equals the smallest rate
        n_test=200,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    scores.insert(0, "timesteps", n_timesteps)
    return scores.assign(gradient=scores.model.map(gradients))


def count_learned(scores):
    """Count the runs that learned it: that have more than LEARNED of new sequences right.

    Returns:
        DataFrame with the columns `model`, `setting`, `timesteps`, `learning_rate`, `gradient`
        (of the untrained model: see `measure_gradient`), `learned` and `runs`, both counts, and
        `share` with `low` and `high`, its exact 95% interval (Clopper and Pearson).
    """
    by = ["model", "setting", "timesteps", "learning_rate", "gradient"]
    groups = scores.assign(learned=1 - scores.failed).groupby(by, sort=False)
    table = groups.learned.agg(learned="sum", runs="count").reset_index()
    table["share"] = table.learned / table.runs
    tests = [binomtest(row.learned, row.runs).proportion_ci() for row in table.itertuples()]
    return table.assign(low=[test.low for test in tests], high=[test.high for test in tests])


def answer(table):
    """Say in words how far each model at its best rate remembers, and what the gates keep."""
    best = table[table.setting == table.setting.iloc[-1]]  # the last: each at its best rate
    lengths = sorted(best.timesteps.unique())
    reach = {}
    for name, rows in best.groupby("model", sort=False):
        learned = rows.set_index("timesteps").share.reindex(lengths) >= 0.5
        reached = np.array(lengths)[learned.cumprod().astype(bool)]
        reach[name] = reached[-1] if len(reached) else "none"
    keep = expit(1)
    kept = ", ".join(f"{keep**length:.1e} in {length}" for length in lengths)
    return (
        "Answer: the longest sequences, of those tried, that at least half of the runs learn:"
        f" {', '.join(f'{name} {length}' for name, length in reach.items())}. The forget gate of"
        f" an LSTM as Keras starts it keeps about sigmoid(1) = {keep:.3f} of the state at each"
        f" step: {kept} steps. Start it with layers.LSTM(units,"
        " bias_initializer=ChronoBias(n_timesteps), unit_forget_bias=False)."
    )


def draw(table):
    """Draw the share of runs that learn it, and the gradient at the start, over the length."""
    figure, panels = plt.subplots(
        2, 4, figsize=(8, 5.5), sharex=True, sharey="row", layout="constrained"
    )
    best = table[table.setting == table.setting.iloc[-1]]  # the last: each at its best rate
    lengths = sorted(best.timesteps.unique())
    for (top, bottom), (title, names) in zip(panels.T, PANELS.items(), strict=True):
        for number, (name, line) in enumerate(zip(names, LINES, strict=False)):
            rows = best[best.model == name]
            style = {"marker": "o", "markersize": 4, **line}
            spread = np.maximum([rows.share - rows.low, rows.high - rows.share], 0)
            beside = rows.timesteps * 1.07**number  # intervals side by side
            top.errorbar(beside, rows.share, spread, label=name, capsize=2, **style)
            bottom.plot(rows.timesteps, rows.gradient, **style)
        top.set_title(title, fontsize="medium")
        top.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), frameon=False, fontsize="small")
        bottom.set_xlabel("time steps")
    for axes in panels.flat:
        axes.set_xscale("log")
        axes.set_xticks(lengths, [str(length) for length in lengths], fontsize="small")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("share of runs that learn it")
    panels[1, 0].set_ylabel("|d answer / d bit|\nbefore training")
    panels[1, 0].set_yscale("log")
    panels[1, 0].set_ylim(bottom=1e-12)  # what fades sooner leaves the panel
    n_runs = count(best.runs.max(), "run")
    figure.suptitle(
        f"Who remembers a bit to the end? {n_runs}, each model at its best rate; 95% intervals",
        fontsize="medium",
    )
    return figure


def main(options):
    scores = []
    for n_timesteps in options.timesteps:
        for place in ("at the start", "in the middle"):
            print(f"{n_timesteps} time steps, the bit {place}")
            scores.append(compare_models(place, n_timesteps, options))
    scores = pd.concat(scores, ignore_index=True)
    table = count_learned(scores)
    for setting, rows in table.groupby("setting", sort=False):
        rates = "each at its best learning rate" if setting == "best" else f"at {setting}"
        print(f"Runs of {options.runs} that learn it, {rates}, by the number of time steps:")
        learned = rows.pivot(index="model", columns="timesteps", values="learned")
        print(learned.loc[rows.model.unique()].to_string())
    print(answer(table))
    save(options.output, options.name, draw(table), scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
