"""The picture at the top of README: what the tutorial compares, and what decides it.

    python -m docs.overview

trains the directions as compare_directions.py does, on 250 sequences, at the tutorial's learning
rate and at eight others; and draws beside them what extensions/variable_length.py has measured,
whose tables it takes from the same folder: run that first. It takes about 40 seconds on 2 CPU
cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3
    options = start_script(__file__, __doc__, sequences=250, learning_rate=rates, runs=200)


import matplotlib.pyplot as plt
import pandas as pd

from common.choosing import choose, pick_losses
from common.comparing import report, train_on_sums
from common.figures import draw_known, draw_means, get_styles
from common.files import save
from common.floors import get_known
from common.results import interval
from common.training import keep_losses
from compare_directions import get_models

NAMES = ["lstm_forw", "lstm_back_aligned", "bilstm_con"]


def read_lengths(options):
    """Return the accuracies by length of extensions/variable_length.py, at the chosen rates."""
    scores, lengths = (
        pd.read_csv(options.output / f"variable_length_{table}.csv")
        for table in ("scores", "lengths")
    )
    return choose(scores, options.seed).pick(lengths).scores


def draw(losses, views, lengths, known):
    """Draw the training losses of both views, and the accuracy over the sequence length.

    Args:
        losses: as `train_runs` returns them.
        views: two, of the scores that it returned with them.
        lengths: DataFrame with the columns `model`, `run`, `length` and `accuracy`.
        known: as `get_known` returns it.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.5, 3.8), layout="constrained")
    for axes, view in zip((left, middle), views, strict=True):
        of_view = pick_losses(losses, view)
        for name, style in get_styles(NAMES).items():
            by_run = of_view.pivot(index="update", columns="run", values=name)
            smooth = by_run.rolling(11, center=True, min_periods=1).mean()  # of 11 updates
            axes.plot(smooth.mean(axis=1), label=name, linewidth=2, **style | {"marker": None})
            axes.fill_between(smooth.index, *interval(smooth.T), color=style["color"], alpha=0.2)
        draw_known(axes, {"step number alone": known["step number alone"]})
        axes.set(xlabel="update (1 sequence each)", ylim=(0, 0.75))
    left.set_title("the tutorial's comparison", fontsize="medium")
    left.set_ylabel("training loss (cross-entropy, nats)")
    middle.set_title("each at a rate of its own", fontsize="medium")
    middle.legend(loc="upper right", fontsize="small")
    draw_means(right, lengths, "length", "accuracy")
    right.set_title("a limit set by the end", fontsize="medium")
    right.set(xlabel="length (time steps)", ylabel="accuracy per time step")
    right.legend(fontsize="small")
    left.grid(alpha=0.3)
    middle.grid(alpha=0.3)
    runs = f"means of {losses.run.max()} and {lengths.run.max()} runs, 95% intervals"
    figure.suptitle(f"When is a bidirectional LSTM better? {runs}")
    return figure


def main(options):
    lengths = read_lengths(options)
    models = {name: get_models(options.timesteps, n_units=options.units)[name] for name in NAMES}
    sizes = options.timesteps, options.sequences
    losses, scores = train_on_sums(models, *sizes, options, reduce_losses=keep_losses)
    known = get_known(options.timesteps)
    pairs = [("bilstm_con", "lstm_forw"), ("lstm_back_aligned", "lstm_forw")]
    views = report(models, scores, known, pairs, options)
    save(options, draw(losses, views, lengths, known), scores=scores)


if __name__ == "__main__":
    run(main, options)
