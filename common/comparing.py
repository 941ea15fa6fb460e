"""What the scripts of evidence do alike: train as the options say, and report the two views."""

from common.choosing import get_views, print_choices
from common.results import answer, print_comparison
from common.training import Training, train_runs


def train_by_options(models, get_data, score, options, **settings):
    """Train models with the rates, runs, seed and batch size of the command line.

    Args:
        models, get_data, score: as for `train_runs`.
        options: of the command line.
        **settings: of `Training`, beside the batch size.

    Returns:
        The tables `losses` and `scores` of `train_runs`.
    """
    training = Training(batch_size=options.batch_size, **settings)
    return train_runs(
        models, get_data, score, options.learning_rate, options.runs, options.seed, training
    )


def report(models, scores, known, pairs, options, by="loss", **columns):
    """Print how often each rate was chosen, a table for each view, and the answer in words.

    Args:
        models: dict of name to Keras model.
        scores: table of `train_runs`, of models of one size and length.
        known: as for `print_comparison`.
        pairs: list of pairs of models' names, which the answer compares.
        options: of the command line.
        by: the measure that chooses.
        **columns: as for `print_comparison`.

    Returns:
        List of `common.choosing.View`.
    """
    views = get_views(scores, options.seed, by)
    print_choices(scores, options.seed, by)
    print_comparison(models, views, known, **columns)
    print(answer(views, pairs))
    return views
