"""The picture at the top of README: what the tutorial compares, and what decides it.

    python -m docs.overview

trains the directions as compare_directions.py does, on 250 sequences, at the tutorial's learning
rate and at the best one for each; and draws beside them what extensions/variable_length.py has
measured, whose table it takes from the same folder: run that first. It takes about 30 seconds on
2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__, __doc__, timesteps=10, units=20, sequences=250, batch_size=1, runs=200
    )

from functools import partial

import matplotlib.pyplot as plt
import pandas as pd

from common.figures import LINES, draw_known, draw_means, draw_runs
from common.files import save
from common.floors import get_known
from common.results import print_comparison
from common.tuning import train_at_best_rates
from compare_directions import MODELS
from data import get_sequences, score_labels

RATES = (0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1)
N_TUNING_RUNS = 100
NAMES = ["lstm_forw", "lstm_back_aligned", "bilstm_con"]
STYLES = [LINES[0], LINES[2], LINES[3]]  # as in compare_directions.py
TITLES = ["the tutorial's comparison", "each at its best learning rate", "a limit set by the end"]


def draw(losses, by_length, known):
    """Draw the training losses of both settings, and the accuracy over the sequence length.

    Args:
        losses: as `train_at_best_rates` returns them, of the models NAMES.
        by_length: DataFrame with the columns `model`, `run`, `length` and `accuracy`.
        known: as `get_known` returns it.
    """
    figure, all_axes = plt.subplots(1, 3, figsize=(9.5, 3.8), layout="constrained")
    left, middle, right = all_axes
    for axes, (_, rows) in zip((left, middle), losses.groupby("setting", sort=False), strict=True):
        for name, line in zip(NAMES, STYLES, strict=True):
            draw_runs(axes, name, rows.pivot(index="run", columns="update", values=name), line)
        draw_known(axes, {"step number alone": known["step number alone"]})
        axes.set(xlabel="update (1 sequence each)", ylim=(0, 0.75))
    left.set_ylabel("training loss (cross-entropy, nats)")
    middle.legend(loc="upper right", fontsize="small")
    draw_means(right, by_length, "length", "accuracy", by="model", lines=[LINES[0], LINES[3]])
    right.set(xlabel="length (time steps)", ylabel="accuracy per time step")
    right.legend(fontsize="small")
    for axes, title in zip(all_axes, TITLES, strict=True):
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.3)
    runs = f"means of {losses.run.max()} and {by_length.run.max()} runs, 95% intervals"
    figure.suptitle(f"When is a bidirectional LSTM better? {runs}")
    return figure


def main(options):
    lengths = pd.read_csv(options.output / "variable_length.csv")
    lengths = lengths[lengths.setting == lengths.setting.iloc[-1]]  # each at its best rate
    by_length = lengths.filter(regex="model|run|accuracy_").melt(
        ["model", "run"], var_name="length", value_name="accuracy"
    )
    by_length["length"] = by_length.length.str.removeprefix("accuracy_").astype(int)
    models = {name: MODELS[name](options.timesteps, options.units) for name in NAMES}
    losses, scores = train_at_best_rates(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        learning_rates=RATES,
        n_sequences=options.sequences,
        n_runs=options.runs,
        n_tuning_runs=min(N_TUNING_RUNS, options.runs),
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = get_known(options.timesteps)
    print_comparison(models, scores, known)
    figure = draw(losses, by_length, known)
    save(options.output, options.name, figure, losses, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)
