"""Who remembers longest? And how do I make an LSTM remember longer?

    python -m extensions.long_memory

hides a bit in noise, at the first time step or in the middle, and asks for it after 10 to 200
steps. Each model is trained 10 times on 2,000 sequences, one per update, at three learning rates.
Expect LSTM and GRU as Keras starts them to guess from 50 steps on, and a plain RNN to do better:
about half of its runs are right at 100 and 200. With ChronoBias, in extensions/chrono_bias.py, LSTM
and GRU are right at every length. So is a bidirectional LSTM with the bit at the start, as its
backward half reads that last, but not with the bit in the middle: then it is no better than a
forward one. It takes about two and a half minutes on 2 CPU cores.

Why: before training, an LSTM as Keras starts it keeps about sigmoid(1) = 0.73 of its state at each
step, a GRU half of it. After 50 steps hardly a millionth of the bit reaches the answer: there is no
gradient to learn from (lower panels of the figure).
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    lengths, rates = (10, 20, 50, 100, 200), (0.001, 0.003, 0.01)
    options = start_script(
        __file__, __doc__, timesteps=lengths, sequences=2000, learning_rate=rates, runs=10
    )

from functools import partial
from itertools import product

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers
from scipy.special import expit  # the sigmoid
from scipy.stats import binomtest

from common.choosing import get_views, print_choices
from common.comparing import train_by_options
from common.figures import get_styles
from common.files import save
from common.results import count
from common.training import make_get_data
from data import score_labels
from extensions.chrono_bias import ChronoBias

LEARNED = 0.9  # accuracy on new sequences; to guess gives 0.5
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
        Dict of float: `loss`, the binary cross-entropy in nats, and `accuracy`, the share that is
        right.
    """
    scores = score_labels(y, predictions)
    return {"loss": scores["loss"], "accuracy": scores["accuracy"]}


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


def compare_models(n_timesteps, place, options):
    """Train the models for one length and one place of the bit.

    Returns:
        Two DataFrames: their scores, as `train_runs` returns them, with a column `timesteps`; and
        their gradients before training, as `measure_gradient` returns them, with the columns
        `timesteps`, `model` and `gradient`.
    """
    print(f"{n_timesteps} time steps, the bit {place}")
    bit_step = n_timesteps // 2 if place == "in the middle" else 0
    draw_data = partial(get_marked_sequences, n_timesteps=n_timesteps, bit_step=bit_step)
    keras.utils.set_random_seed(options.seed)
    recurrent = get_layers(n_timesteps, options.units)[place]
    models = {name: get_memory_model(n_timesteps, layer) for name, layer in recurrent.items()}
    X, _ = draw_data(100, rng=options.seed)
    gradients = pd.DataFrame({"timesteps": n_timesteps, "model": list(models)})
    gradients["gradient"] = [measure_gradient(model, X, bit_step) for model in models.values()]
    get_data = make_get_data(draw_data, options.sequences, n_test=200)
    _, scores = train_by_options(models, get_data, score_bits, options)
    scores.insert(0, "timesteps", n_timesteps)
    return scores, gradients


def count_learned(scores):
    """Count the runs that learned it: that have more than LEARNED of new sequences right.

    Args:
        scores: of a view, with the column `timesteps`.

    Returns:
        DataFrame with the columns `model`, `timesteps`, `learned` and `runs`, both counts, and
        `share` with `low` and `high`, its exact 95% interval (Clopper and Pearson).
    """
    groups = scores.assign(learned=scores.accuracy > LEARNED).groupby(
        ["model", "timesteps"], sort=False
    )
    table = groups.learned.agg(learned="sum", runs="count").reset_index()
    tests = [binomtest(row.learned, row.runs).proportion_ci() for row in table.itertuples()]
    table["share"] = table.learned / table.runs
    return table.assign(low=[test.low for test in tests], high=[test.high for test in tests])


def answer(view):
    """Say in how many runs of a view each model learns it, and how long it remembers."""
    table = count_learned(view.scores)
    shares = table.pivot(index="timesteps", columns="model", values="share")
    learned = (shares >= 0.5).cummin()  # it is no use to learn the longer if the shorter fails
    reach = [
        f"{name} {shares.index[learned[name]].max() if learned[name].any() else 'none'}"
        for name in table.model.unique()
    ]
    counts = table.pivot(index="model", columns="timesteps", values="learned")
    return (
        f"Runs of {table.runs.max()} that learn it, {view.words}, by the number of time steps:\n"
        f"{counts.loc[table.model.unique()].to_string()}\n"
        f"Answer, {view.words}: the longest sequences, of those tried, that at least half of the"
        f" runs learn: {', '.join(reach)}."
    )


def explain(lengths):
    """Say what the gates keep over sequences of some lengths."""
    keep = expit(1)
    kept = ", ".join(f"{keep**length:.1e} in {length}" for length in lengths)
    return (
        f"The forget gate of an LSTM as Keras starts it keeps about sigmoid(1) = {keep:.3f} of the"
        f" state at each step: {kept} steps. Start it with layers.LSTM(units,"
        " bias_initializer=ChronoBias(n_timesteps), unit_forget_bias=False)."
    )


def draw(view, gradients):
    """Draw the share of runs that learn it, and the gradient before training, over the length."""
    table = count_learned(view.scores)
    figure, panels = plt.subplots(
        2, 4, figsize=(8, 5.5), sharex=True, sharey="row", layout="constrained"
    )
    for (top, bottom), (title, names) in zip(panels.T, PANELS.items(), strict=True):
        for number, (name, line) in enumerate(get_styles(names).items()):
            rows, of_model = (every[every.model == name] for every in (table, gradients))
            style = line | {"markersize": 4}
            spread = np.maximum([rows.share - rows.low, rows.high - rows.share], 0)
            beside = rows.timesteps * 1.07**number  # intervals side by side
            top.errorbar(beside, rows.share, spread, label=name, capsize=2, **style)
            bottom.plot(of_model.timesteps, of_model.gradient, **style)
        top.set_title(title, fontsize="medium")
        top.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), frameon=False, fontsize="small")
        bottom.set_xlabel("time steps")
    lengths = table.timesteps.unique()
    for axes in panels.flat:
        axes.set_xscale("log")
        axes.set_xticks(lengths, [str(length) for length in lengths], fontsize="small")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("share of runs that learn it")
    panels[1, 0].set_ylabel("|d answer / d bit|\nbefore training")
    panels[1, 0].set_yscale("log")
    panels[1, 0].set_ylim(bottom=1e-12)  # what fades sooner leaves the panel
    runs = count(table.runs.max(), "run")
    figure.suptitle(
        f"Who remembers a bit to the end? {runs}, {view.words}; 95% intervals", fontsize="medium"
    )
    return figure


def main(options):
    tables = [
        compare_models(n_timesteps, place, options)
        for n_timesteps, place in product(options.timesteps, ("at the start", "in the middle"))
    ]
    scores, gradients = map(partial(pd.concat, ignore_index=True), zip(*tables, strict=True))
    print_choices(scores, options.seed)
    views = get_views(scores, options.seed)
    print(*map(answer, views), sep="\n")
    print(explain(options.timesteps))
    save(options, draw(views[-1], gradients), scores=scores, gradients=gradients)


if __name__ == "__main__":
    run(main, options)
