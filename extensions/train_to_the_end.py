"""Does the bidirectional LSTM stay ahead in a long training?

    python -m extensions.train_to_the_end

trains the forward, the backward and the bidirectional LSTM 30 times on 30,000 sequences, one per
update, at each of four learning rates. Expect the forward and the bidirectional LSTM to end alike.
The backward LSTM ends near the lowest loss that is possible for a model that reads backward. It
takes about three minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0002, 0.001, 0.003, 0.02
    options = start_script(__file__, __doc__, sequences=30_000, learning_rate=rates)

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator

from common.files import save
from common.floors import get_known, score_backward
from common.report import describe_runs
from compare_directions import get_models
from extensions.shared.choosing import pick_losses
from extensions.shared.figures import draw_losses, finish
from extensions.shared.report import print_block, report, report_choices
from extensions.shared.training import average_losses, train_on_sums

PAIRS = [
    ("bilstm_con", "lstm_forw"),
    ("lstm_back_aligned", "lstm_forw"),
    ("lstm_back_aligned", "best backward"),  # the best possible backward model
]


def draw(views, losses, known, batch_size):
    """Draw the mean training loss of each model on logarithmic axes, a panel for each view.

    Args:
        views, losses: as `get_views` and `pick_losses` return them.
        known: dict of name to the scores of a predictor that is not trained. A loss of 0 is left
            out.
        batch_size: sequences per update.
    """
    n_views, n_runs = views["view"].nunique(), views.run.nunique()
    figure, panels = plt.subplots(
        1, n_views, figsize=(8, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    above_0 = {name: scores for name, scores in known.items() if scores["loss"] > 0}
    xlabel = f"update (batch size {batch_size})"
    draw_losses(panels[0], losses, above_0, xlabel=xlabel, xscale="log", yscale="log")
    for axes in panels[0]:
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
        axes.minorticks_off()
    title = "Does the bidirectional LSTM stay ahead in a long training?"
    finish(figure, title, describe_runs(n_runs))
    return figure


def main(options):
    models = get_models(options.timesteps, n_units=options.units)
    del models["lstm_back"]  # trained on labels in the wrong order
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    known = get_known(options.timesteps) | {"best backward": score_backward(options.timesteps)}
    views = report_choices(scores, options.seed)
    report(views, PAIRS, known, measures=("loss", "accuracy"))
    forward = views[views.model == "lstm_forw"]
    accurate = (forward.accuracy >= 0.9).groupby(forward["view"].rename(None), sort=False).sum()
    heading = "Runs in which lstm_forw gets 90% to 100% of the time steps right:"
    print_block(heading, accurate.to_frame(f"of {options.runs} runs"))
    losses = average_losses(losses)
    figure = draw(views, pick_losses(views, losses), known, options.batch_size)
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
