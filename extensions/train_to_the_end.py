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

from common.choosing import pick_losses
from common.comparing import report, train_on_sums
from common.figures import draw_known, get_styles, label_lines, set_heading
from common.files import save
from common.floors import get_known, score_backward
from common.results import answer, count_accurate, describe_runs, in_words, interval
from compare_directions import get_models


def draw(losses, views, batch_size, known):
    """Draw the mean training loss of each model on logarithmic axes, a panel for each view.

    Args:
        losses: DataFrame as `train_runs` returns it, with losses averaged over several updates.
        views: list of `common.choosing.View` of its scores.
        batch_size: sequences per update.
        known: dict of name to the scores of a predictor that is not trained, drawn as thin lines.
            A loss of 0 is left out.

    Returns:
        The figure.
    """
    figure, all_axes = plt.subplots(
        1, len(views), figsize=(8.5, 4.5), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, view in zip(all_axes[0], views, strict=True):
        of_view = pick_losses(losses, view)
        names = of_view.columns.drop(["run", "update"])
        for name, style in get_styles(names).items():
            by_run = of_view.pivot(index="run", columns="update", values=name)
            axes.plot(by_run.columns, by_run.mean(), label=name, **style | {"marker": ""})
            axes.fill_between(by_run.columns, *interval(by_run), color=style["color"], alpha=0.2)
        draw_known(axes, {name: scores for name, scores in known.items() if scores["loss"] > 0})
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(f"update (batch size {batch_size})")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_title(view.words, fontsize="medium")
        axes.grid(alpha=0.3)
    all_axes[0, 0].set_ylabel("training loss (cross-entropy, nats)")
    question = "Does the bidirectional LSTM stay ahead in a long training?"
    set_heading(figure, question, describe_runs(views[0].scores.run.max()))
    label_lines(all_axes[0, -1])
    return figure


def main(options):
    models = get_models(options.timesteps, n_units=options.units)
    del models["lstm_back"]  # trained on labels in the wrong order
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    backward = score_backward(options.timesteps)
    known = get_known(options.timesteps) | {"best lstm_back_aligned": backward}
    pairs = [("bilstm_con", "lstm_forw"), ("lstm_back_aligned", "lstm_forw")]
    views = report(models, scores, known, pairs, options)
    print(answer(views, pairs, "accuracy"))
    for view in views:
        of_backward = view.scores[view.scores.model == "lstm_back_aligned"].loss
        above = in_words(of_backward - backward["loss"])
        print(
            f"Answer, test loss, {view.words}: lstm_back_aligned minus the lowest possible loss of"
            f" a backward model, {backward['loss']:.3f}: {above}."
        )
        accurate = count_accurate(view.scores, "lstm_forw")
        print(
            f"Answer, accuracy, {view.words}: lstm_forw gets 90% to 100% of the time steps right in"
            f" {accurate}."
        )
    figure = draw(losses, views, options.batch_size, known)
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)
