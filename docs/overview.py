"""When is a bidirectional LSTM better? The figure at the top of README.

    python -m extensions.variable_length
    python -m docs.overview

trains the tutorial's three models as compare_directions.py does, on 250 sequences, at the
tutorial's learning rate and at eight others. The last panel shows the results of
extensions/variable_length.py, from its tables in the same folder. It takes about 50 seconds on 2
CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3
    options = start_script(__file__, __doc__, sequences=250, learning_rate=rates, runs=200)

import matplotlib.pyplot as plt
import pandas as pd

from common.choosing import choose, pick_losses
from common.comparing import report, train_on_sums
from common.figures import STYLES, draw_known, draw_means, label_lines, set_heading
from common.files import save
from common.floors import get_known
from common.results import describe_runs, interval
from common.training import keep_losses
from compare_directions import get_models

NAMES = {"lstm_forw": "forward", "lstm_back": "backward", "bilstm_con": "both"}  # in the figure


def read_lengths(options):
    """Return the accuracy by length of extensions/variable_length.py, at the chosen rates.

    Raises:
        OSError: its tables are not there.
    """
    files = [options.output / f"variable_length_{table}.csv" for table in ("scores", "lengths")]
    if not all(file.exists() for file in files):
        raise OSError(None, "run python -m extensions.variable_length first, with this --output")
    scores, lengths = map(pd.read_csv, files)
    return choose(scores, options.seed).pick(lengths).scores.replace({"bidirectional": "both"})


def draw(losses, views, lengths, known):
    """Draw the training losses of two views, and the accuracy over the sequence length.

    Args:
        losses: as `train_runs` returns them.
        views: list of `common.choosing.View` of its scores: at 0.001, and at chosen rates.
        lengths: DataFrame with the columns `model`, `run`, `length` and `accuracy`.
        known: as `get_known` returns it.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.5, 4), layout="constrained")
    for axes, view in ((left, views[0]), (middle, views[-1])):
        of_view = pick_losses(losses, view)
        for name, label in NAMES.items():
            style = STYLES[name] | {"marker": ""}
            by_run = of_view.pivot(index="update", columns="run", values=name)
            smooth = by_run.rolling(11, center=True, min_periods=1).mean()  # over 11 updates
            axes.plot(smooth.mean(axis=1), label=label, linewidth=2, **style)
            axes.fill_between(smooth.index, *interval(smooth.T), color=style["color"], alpha=0.2)
        baseline = "step number alone"
        draw_known(axes, {baseline if axes is left else "": known[baseline]})  # named once
        axes.set(xlabel="update", ylim=(0, 0.75))
        axes.grid(alpha=0.3)
    draw_means(right, lengths, "length", "accuracy")
    left.set_ylabel("training loss (cross-entropy, nats)")
    middle.tick_params(labelleft=False)  # as on the left
    right.set(xlabel="sequence length (time steps)", ylabel="accuracy (share of time steps right)")
    titles = views[0].words, "each at a rate of its own", "labels depend on what comes later"
    for axes, title in zip(figure.axes, titles, strict=True):
        axes.set_title(title, fontsize="medium")
    runs = f"{describe_runs(losses.run.max())}; right: {describe_runs(lengths.run.max())}"
    set_heading(figure, "When is a bidirectional LSTM better?", runs)
    for axes in figure.axes:
        label_lines(axes)
    return figure


def main(options):
    lengths = read_lengths(options)
    models = {name: get_models(options.timesteps, n_units=options.units)[name] for name in NAMES}
    sizes = options.timesteps, options.sequences
    losses, scores = train_on_sums(models, *sizes, options, reduce_losses=keep_losses)
    known = get_known(options.timesteps)
    pairs = [("bilstm_con", "lstm_forw"), ("lstm_back", "lstm_forw")]
    views = report(models, scores, known, pairs, options)
    save(options, draw(losses, views, lengths, known), scores=scores)


if __name__ == "__main__":
    run(main, options)
