"""The printed report of an extension: what it says fits a terminal of 80 columns.

It consists of blocks with a blank line between them. The first line of each says what it shows, so
that a page can show that block alone.
"""

import textwrap

import pandas as pd
from scipy import stats

from common.report import FEWEST_RUNS, describe_runs, with_interval
from extensions.shared.choosing import get_views, tabulate_choices
from extensions.shared.results import MEASURES, describe, get_differences, get_keys, get_verdict

WIDTH = 80  # columns


def report(views, pairs, known, title="", measures=("loss",)):
    """Print a table of the scores, and one of the differences between models, for each view.

    Args:
        views: DataFrame as `extensions.shared.choosing.get_views` returns it, of models that are
            compared with each other.
        pairs: list of pairs of models' names: the first minus the second, which may be in `known`.
        known: dict of name to the scores of a predictor that is not trained (common/floors.py).
        title: begins the headings, as in `30 sequences, forward`.
        measures: those whose differences are tabulated.
    """
    for view, rows in views.groupby("view", sort=False):
        where = ", ".join(filter(None, [title, view]))
        runs = describe_runs(rows.run.nunique())
        print_block(f"Scores, {where} ({runs}):", tabulate_scores(rows, known))
        print_failures(rows, known)
        for measure in measures:
            heading = f"Differences in {MEASURES[measure].heading}, {where}:"
            print_block(heading, tabulate_differences(rows, pairs, measure, known))


def print_block(heading, table):
    """Print a heading and a DataFrame of str, in parts where it is wider than WIDTH."""
    shown = table.fillna("").to_string(line_width=WIDTH).replace("\n\n", "\n")  # one block
    print(*textwrap.wrap(heading, WIDTH), shown, sep="\n", end="\n\n")


def tabulate_scores(rows, known):
    """Tabulate the means over runs, each with its interval, a DataFrame of str.

    Args:
        rows: of a view.
        known: as for `report`.
    """
    measures = [column for column in rows.columns if column in MEASURES]
    table = rows.groupby("model", sort=False)[measures].agg(describe)
    of_known = pd.DataFrame(known, index=measures).T.map("{:.3f}".format, na_action="ignore")
    table = pd.concat([table, of_known]).rename(columns=lambda name: MEASURES[name].heading)
    return table.rename_axis(None)


def print_failures(rows, known):
    """Print which models have runs that are no better than the step number alone, if any.

    One or two such runs can change a mean so much that it is like no run's loss.
    """
    if "step number alone" not in known:
        return
    failed = ~(rows.loss < known["step number alone"]["loss"])  # NaN, too
    counts = failed.groupby(rows.model, sort=False).sum()
    shown = ", ".join(f"{model} ({n})" for model, n in counts[counts > 0].items())
    if shown:
        line = f"Runs with no lower loss than the step number alone: {shown}."
        print(textwrap.fill(line, WIDTH), end="\n\n")


def tabulate_differences(rows, pairs, measure="loss", known=None):
    """Tabulate paired differences and what they mean in words, a DataFrame of str.

    Args:
        rows: of a view.
        pairs, known: as for `report`.
        measure: one of MEASURES.
    """
    cells = {}
    for one, other in pairs:
        if other in (known or {}):
            differences = rows[rows.model == one][measure].to_numpy() - known[other][measure]
        else:
            differences = get_differences(rows, measure, one, other)
        verdict = get_verdict(differences, MEASURES[measure].margin)
        cells[f"{one} minus {other}"] = [with_interval(differences, "+"), verdict]
    return pd.DataFrame.from_dict(cells, "index", columns=["difference", "verdict"])


def tabulate_sooner(rows, pairs):
    """Tabulate which of two models learns sooner, by a sign test over the runs at the 5% level.

    Args:
        rows: of a view, with the column `updates_to_learn`.
        pairs: list of pairs of models' names: the first against the second.
    """
    updates = rows.pivot(index="run", columns="model", values="updates_to_learn")
    cells = {}
    for one, other in pairs:
        medians = [f"{updates[name].median():,.0f}" for name in (one, other)]
        sooner, later = (updates[one] < updates[other]).sum(), (updates[one] > updates[other]).sum()
        is_clear = sooner != later and stats.binomtest(sooner, sooner + later).pvalue < 0.05
        verdict = ("sooner" if sooner > later else "later") if is_clear else "no clear difference"
        cells[f"{one} vs {other}"] = [
            " / ".join(medians).replace("inf", "never"),
            f"{sooner} of {len(updates)}",
            verdict if len(updates) >= FEWEST_RUNS else "too few runs",
        ]
    columns = ["medians", "sooner in", "verdict"]
    return pd.DataFrame.from_dict(cells, "index", columns=columns)


def report_choices(scores, seed=0, by="loss"):
    """Print how often each rate was chosen, and for which models the grid is too narrow.

    Args:
        scores, seed, by: as for `extensions.shared.choosing.get_views`.

    Returns:
        The views: what `get_views` returns.
    """
    views = get_views(scores, seed, by)
    if scores.learning_rate.nunique() == 1 or scores.run.nunique() == 1:
        return views
    choices = tabulate_choices(scores, seed, by)
    print(f"Learning rates chosen by {MEASURES[by].heading} (in how many runs):")
    narrow = []
    is_tested_often = scores.duplicated([*get_keys(scores), "run", "learning_rate"]).any()
    for trained, rows in choices.groupby(get_keys(scores), sort=False):
        counts = rows.learning_rate.value_counts().sort_index()
        name = ", ".join(map(str, trained))
        line = f"{name}: {', '.join(f'{rate:g} ({n})' for rate, n in counts.items())}"
        if is_tested_often:
            line += f", after {rows['update'].min():,.0f} to {rows['update'].max():,.0f} updates"
        print(textwrap.fill(line, WIDTH, subsequent_indent="  "))
        if rows.at_edge.mean() >= 0.25 and len(rows) >= FEWEST_RUNS:
            narrow.append(f"{name} ({rows.at_edge.mean():.0%})")
    if narrow:
        line = f"The grid is too narrow (runs that choose its edge): {', '.join(narrow)}."
        print(textwrap.fill(line, WIDTH))
    print()
    return views
