"""What the comparisons share: training by the options, and the report of the two views."""

from functools import partial

from common.choosing import get_views, print_choices
from common.results import answer, print_comparison
from common.training import Training, average_losses, make_get_data, train_runs
from data import get_sequences, score_labels


def train_by_options(models, get_data, score, options, **settings):
    """Train models with the rates, runs, seed and batch size of the command line.

    Args:
        models, get_data, score: as for `train_runs`.
        options: of the command line.
        **settings: of `Training`. The batch size is that of the options, unless given here.

    Returns:
        The tables `losses` and `scores` of `train_runs`.
    """
    training = Training(**{"batch_size": options.batch_size} | settings)
    return train_runs(
        models, get_data, score, options.learning_rate, options.runs, options.seed, training
    )


def train_on_sums(models, n_timesteps, n_sequences, options, score=score_labels, **settings):
    """Train models on the tutorial's problem, as `train_by_options` does.

    Args:
        models: dict of name to compiled Keras model.
        n_timesteps: length of the sequences.
        n_sequences: training sequences of each run. 1,000 others are for testing.
        options: of the command line.
        score: as for `train_runs`.
        **settings: as for `train_by_options`. The losses are averaged, unless `reduce_losses` is
            given.
    """
    get_data = make_get_data(partial(get_sequences, n_timesteps=n_timesteps), n_sequences)
    settings = {"reduce_losses": average_losses} | settings
    return train_by_options(models, get_data, score, options, **settings)


def report(models, scores, known, pairs, options, by="loss", **columns):
    """Print how often each rate was chosen, a table for each view, and the answer in words.

    Args:
        models: dict of name to Keras model.
        scores: table of `train_runs`, of models of one size and length.
        known: as for `print_comparison`.
        pairs: list of pairs of models' names that the answer compares.
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
