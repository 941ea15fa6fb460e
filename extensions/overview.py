"""When is a bidirectional LSTM better? The figure at the top of README.

    python -m extensions.label_steps
    python -m extensions.overview

trains the tutorial's three models as compare_directions.py does, on 250 sequences, at the
tutorial's learning rate and at eight others. The last panel shows the results of
extensions/label_steps.py, from its tables in the same folder. It takes about 50 seconds on 2 CPU
cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3
    options = start_script(__file__, __doc__, sequences=250, learning_rate=rates, runs=200)

import matplotlib.pyplot as plt
import pandas as pd

from common.files import save
from common.floors import get_known
from common.report import describe_runs
from compare_directions import get_models
from extensions.shared.choosing import get_views, pick_losses
from extensions.shared.figures import draw_losses, draw_means, finish
from extensions.shared.report import report, report_choices
from extensions.shared.results import MEASURES, get_differences, get_verdict
from extensions.shared.training import train_on_sums

NAMES = {"lstm_forw": "forward", "lstm_back": "backward, as published", "bilstm_con": "both"}
PAIRS = [("bilstm_con", "lstm_forw"), ("lstm_back", "lstm_forw")]


def read_words(options):
    """Return the scores and the accuracy by place of extensions/label_steps.py, as chosen there.

    Returns:
        Two DataFrames: the scores of the models, and one with `model`, `run`, `place` and
        `accuracy`. The bidirectional model is called `both`.

    Raises:
        OSError: its tables are not there.
    """
    files = [options.output / f"label_steps_{table}.csv" for table in ("scores", "places")]
    if not all(file.exists() for file in files):
        raise OSError(None, "run python -m extensions.label_steps first, with this --output")
    scores, places = (pd.read_csv(file).replace("bidirectional", "both") for file in files)
    views = get_views(scores, options.seed, "held_out_loss")
    chosen = views[views["view"] == views["view"].iloc[-1]]
    keys = ["model", "run", "learning_rate", "update"]
    return chosen, chosen[keys].merge(places, on=keys)


def answer(scores, measure, one, other):
    """Say in words, for a title, which of two models is ahead in a measure: `both ahead`."""
    verdict = get_verdict(get_differences(scores, measure, one, other))
    better, worse = ("higher", "lower") if MEASURES[measure].is_share else ("lower", "higher")
    return verdict.replace(better, "both ahead").replace(worse, "forward ahead")


def draw(views, losses, words, places, known):
    """Draw the training losses, a panel for each view, and what is right of the words' stresses.

    Args:
        views, losses: as `get_views` and `pick_losses` return them.
        words, places: as `read_words` returns them.
        known: dict of name to the scores of a predictor that is not trained.
    """
    titles = {
        view: f"{view.replace('a rate chosen by', 'rates chosen by')}:\n"
        f"{answer(rows, 'loss', *PAIRS[0])}"
        for view, rows in views.groupby("view", sort=False)
    }
    figure, (*left, right) = plt.subplots(
        1, len(titles) + 1, figsize=(10, 4.5), layout="constrained"
    )
    losses = losses.replace(NAMES | titles)
    draw_losses(left, losses, known, window=11, xlabel="update", ylim=(0, 0.75))
    draw_means(right, places, "place", "accuracy")
    right.set(xlabel="vowel of the word", ylabel="share of stresses right")
    verdict = answer(words, "sequence_accuracy", "both", "forward")
    right.set_title(f"stress of English words:\n{verdict}", fontsize="medium")
    runs = (describe_runs(table.run.nunique()) for table in (views, words))
    finish(figure, "When is a bidirectional LSTM better?", "; right: ".join(runs))
    return figure


def main(options):
    words, places = read_words(options)
    models = get_models(options.timesteps, n_units=options.units)
    del models["lstm_back_aligned"]
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    views, known = report_choices(scores, options.seed), get_known(options.timesteps)
    report(views, PAIRS, known)
    del known["best possible"]  # a loss of 0
    save(options, draw(views, pick_losses(views, losses), words, places, known), scores=scores)


if __name__ == "__main__":
    run(main, options)
