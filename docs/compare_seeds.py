"""Does a second seed say the same? The verdicts of two seeds, side by side.

    python -m docs.compare_seeds

prints each comparison that the scripts' answers make, from the summaries in docs/summaries, with
the words of seed 0 and of seed 1, first those that differ.
"""

import re

from docs.summaries import FOLDER

VERDICTS = "lower by|higher by|alike, to within|no clear difference|sooner|later"
SAYS_SO = re.compile(rf"^(.*?): ?({VERDICTS})(.*)$")


def read_verdicts(path):
    """Return the verdicts of a file of answers.

    Returns:
        Dict of what is compared to the words: `lower by` and `0.063 ± 0.006`.
    """
    verdicts, last = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        # The conditions stand once, before the first comparison of a line.
        conditions, _, rest = line.partition(": ")
        last = conditions if line.startswith("Answer") else last
        for clause in (rest if line.startswith("Answer") else line).strip(" .").split("; "):
            if found := SAYS_SO.match(clause):
                what = f"{last.removeprefix('Answer, ')}: {found[1]}"
                verdicts[what] = (found[2], found[3].strip(" ,."))
    return verdicts


def main():
    same, differing = [], []
    for first in sorted(FOLDER.glob("*_seed0.txt")):
        second = first.with_name(first.name.replace("seed0", "seed1"))
        if not second.exists():
            print(f"{first.name}: no second seed")
            continue
        script = first.name.removesuffix("_seed0.txt")
        ours, others = read_verdicts(first), read_verdicts(second)
        for what in ours:
            other = others.get(what, ("absent", ""))
            both = f"    seed 0: {' '.join(ours[what])}\n    seed 1: {' '.join(other)}"
            rows = same if ours[what][0] == other[0] else differing
            rows.append(f"{script}, {what}\n{both}")
    print(*differing, *same, sep="\n")
    print(f"{len(same)} verdicts of {len(same) + len(differing)} are the same with both seeds.")


if __name__ == "__main__":
    main()
