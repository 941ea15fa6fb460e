"""Write the numbers into the pages, from the summaries in docs/summaries.

    python -m docs.pages            fills README.md and docs/*.md
    python -m docs.pages --check    ends with status 1 if that would change one of them

Every table of results, and every sentence with a result in it, stands in a page between two
markers of cog (https://cog.readthedocs.io). The first holds a call of a function of this file,
the lines up to the second are what that call wrote. So edit the call, and run this command.
"""

import sys
import textwrap
from functools import cache

import pandas as pd
from cogapp import Cog

from common.floors import get_known, score_backward
from docs.summaries import FOLDER

ROOT = FOLDER.parent.parent
RECORDINGS = {  # models of extensions/classify_recordings.py
    "forward": "forward",
    "backward": "backward",
    "bidirectional": "bidirectional",
    "the trap: bidirectional, last output": "last output",
}
TRAP = "last output"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@cache
def get_facts(script, seed=0):
    """Return the facts of a script and seed, a DataFrame of str, as docs/summaries.py wrote it."""
    return pd.read_csv(FOLDER / f"{script}_seed{seed}.csv", dtype=str, keep_default_na=False)


def find(script, seed=0, **which):
    """Return the one row of a script's facts in which columns have the values that are given."""
    facts = get_facts(script, seed)
    rows = facts[(facts[list(which)] == pd.Series(which, dtype=str)).all(axis=1)]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} facts of {script}, seed {seed}, have {which}")
    return rows.iloc[0]


def value(script, model, view="chosen", measure="loss", trained="", seed=0):
    """Return the mean of a model's measure with its interval."""
    which = {"view": view, "trained": trained, "measure": measure}
    return find(script, seed, model=model, minus="", **which).value


def difference(script, model, minus, view="chosen", measure="loss", trained="", seed=0):
    """Return the words for a model's measure minus that of another: `lower by 0.141 ± 0.006`."""
    which = {"view": view, "trained": trained, "measure": measure}
    return find(script, seed, model=model, minus=minus, **which).words


def known(name, measure="loss", n_timesteps=10):
    """Return the score of a predictor that is not trained, as common/floors.py computes it."""
    scores = get_known(n_timesteps) | {"best lstm_back_aligned": score_backward(n_timesteps)}
    return f"{scores[name][measure]:.3f}"


def table(headings, rows):
    """Write a Markdown table."""
    for cells in (headings, ["---"] * len(headings), *rows):
        print(f"| {' | '.join(cells)} |")


def both_seeds(heading, *rows):
    """Write a table of differences in words, a column for each of two seeds.

    Args:
        heading: of the first column: what is compared.
        *rows: tuples of a label and of what `difference` takes.
    """
    table(
        [heading, "seed 0", "seed 1"],
        [[label, *(difference(*which, seed=seed) for seed in (0, 1))] for label, *which in rows],
    )


def say(sentence):
    """Write a sentence."""
    print(sentence)


def seconds(*scripts):
    """Return about how long some scripts take on two cores: `70 seconds`, or `3 minutes`."""
    times = pd.read_csv(FOLDER / "seconds.csv", index_col="script").processor_seconds
    total = times[list(scripts)].sum() / 2
    if total > 180:
        return f"{total / 60:.0f} minutes"
    return f"{total:.0f} seconds" if total < 20 else f"{5 * round(total / 5)} seconds"


def command(script, runs=30):
    """Write the command of an extension, with the time and the runs that it takes."""
    print(f"`python -m extensions.{script}` (about {seconds(script)}, {runs} runs)")


def answers(script, seed=0):
    """Write what a script has printed as its answer."""
    print("```text")
    for line in (FOLDER / f"{script}_seed{seed}.txt").read_text(encoding="utf-8").splitlines():
        print(textwrap.fill(line, 100, subsequent_indent="  ", drop_whitespace=True))
    print("```")


def main():
    how = "--check" if "--check" in sys.argv else "-r"
    sys.exit(Cog().main(["cog", how, "-P", "-p", "from docs.pages import *", *map(str, PAGES)]))


if __name__ == "__main__":
    main()
