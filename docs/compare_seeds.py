"""Does a second seed say the same? The verdicts of two seeds, side by side.

    python -m docs.compare_seeds

prints each comparison in docs/summaries with the words of seed 0 and those of seed 1. The
comparisons whose verdicts differ come first.
"""

import re
import sys
from pathlib import Path

import pandas as pd

from docs.summaries import FOLDER

VERDICTS = "lower by|higher by|alike, to within|no clear difference|sooner|later"
SAYS_SO = re.compile(rf"(.*?):? ?((?:{VERDICTS}).*)")
NUMBERS = ["value", "words", "mean", "low", "high"]


def read_facts(path):
    """Return the verdicts of a table of facts: a dict of what is compared to the words."""
    facts = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "words" not in facts:
        return {}
    compared = facts[facts.words.str.match(VERDICTS)]  # others are means
    if compared.empty:
        return {}
    names = compared.drop(columns=NUMBERS, errors="ignore")
    if "minus" in names:
        names["minus"] = "minus " + names.minus
    what = names.agg(" ".join, axis=1).str.split().str.join(" ")
    return dict(zip(what, compared.words, strict=True))


def read_answers(path):
    """Return the verdicts of printed answers: a dict of what is compared to the words."""
    verdicts, conditions = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Answer"):  # the conditions stand before the first comparison
            conditions, _, line = line.removeprefix("Answer, ").partition(": ")
        for clause in line.strip(" .").split("; "):
            if found := SAYS_SO.match(clause):
                verdicts[f"{conditions}: {found[1]}"] = found[2]
    return verdicts


def main():
    sys.stdout.reconfigure(errors="replace")  # a terminal that has no ± prints ? for it
    same, differing = [], []
    for first in sorted(FOLDER.glob("*_seed0.*")):
        script, second = first.name.split("_seed0")[0], str(first).replace("_seed0", "_seed1")
        if first.suffix == ".txt" and any(FOLDER.glob(f"{script}*_seed0.csv")):
            continue  # the facts are the same, and have more
        read = read_facts if first.suffix == ".csv" else read_answers
        if not Path(second).exists():
            print(f"{script}: no second seed")
            continue
        others = read(Path(second))
        for what, ours in read(first).items():
            theirs = others.get(what, "absent")
            is_same = re.match(VERDICTS, ours)[0] == (re.match(VERDICTS, theirs) or [""])[0]
            row = f"{script}, {what}\n    seed 0: {ours}\n    seed 1: {theirs}"
            (same if is_same else differing).append(row)
    print(*differing, *same, sep="\n")
    print(f"{len(same)} verdicts of {len(same) + len(differing)} are the same with both seeds.")


if __name__ == "__main__":
    main()
