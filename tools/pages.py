"""Put what the scripts print into README.md and docs/*.md.

    python -m tools.pages            fills the pages
    python -m tools.pages --check    ends with status 1 if a page shows something else

A page shows what a script has printed, as tools/refresh.py has kept it in docs/printed, between a
marker and `<!-- end -->`, in a fenced block. These are the markers:

    <!-- printed compare_depths_seed0 -->                      all of it
    <!-- printed compare_depths_seed0: Scores, at 0.001 -->    from the line that begins so to the
                                                               next blank line
    <!-- lines lstm_forward_seed0: On 1,000 new sequences -->  the lines that begin so, alone

Several beginnings, with `; ` between them, show several parts, or all lines that begin in one of
these ways, in the order of the report: headings and some rows of their tables. A name without
`_seed0` or `_seed1` shows the same of both seeds.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRINTED = ROOT / "docs" / "printed"
BLOCK = r"```text\n(?:(?!```).*\n)*```\n"
SEED_1 = "```\n<details><summary>With --seed 1</summary>\n\n```text\n"  # folded, for the doubter
MARKED = re.compile(
    r"(<!-- (printed|lines) (\w+)(?:: (.+))? -->\n)"
    rf"(?:{BLOCK}(?:<details>.*\n\n{BLOCK}\n</details>\n)?)?<!-- end -->"
)


def pick(kind, name, beginnings=None):
    """Return what a script has printed, or parts of it.

    Args:
        kind: `printed`, for parts that end before a blank line, or `lines`.
        name: of a file in docs/printed, without its ending.
        beginnings: None, or how the parts begin, with `; ` between them.

    Raises:
        ValueError: there is no such file or part, or more than one part begins so.
    """
    file = PRINTED / f"{name}.txt"
    if not file.exists():
        raise ValueError(f"there is no docs/printed/{file.name}")
    printed = file.read_text(encoding="utf-8").strip("\n")
    if beginnings is None:
        return printed
    parts, rest = {}, r"(?:\n.+)*" if kind == "printed" else ""
    for beginning in beginnings.split("; "):
        part = re.compile(rf"^ *{re.escape(beginning)}.*{rest}", flags=re.MULTILINE)
        found = {found.start(): found[0] for found in part.finditer(printed)}
        if not found or (kind == "printed" and len(found) > 1):
            raise ValueError(f"{len(found)} parts of {file.name} begin with {beginning!r}")
        parts |= found
    if kind == "lines":
        return "\n".join(parts[start] for start in sorted(parts))
    return "\n\n".join(parts.values())


def show(kind, name, beginnings=None):
    """Return the block for a page: as for `pick`, or, of a script's name, a block for each seed."""
    if "_seed" in name:
        return f"```text\n{pick(kind, name, beginnings)}\n```"
    first, second = (pick(kind, f"{name}_seed{seed}", beginnings) for seed in (0, 1))
    return f"```text\n{first}\n{SEED_1}{second}\n```\n\n</details>"


def fill(text):
    """Return the text of a page with what the scripts have printed between its markers.

    Raises:
        ValueError: as for `pick`; or a marker has no end, or text that is not printed before it.
    """
    if left := re.search(r"<!-- (printed|lines|end)\b.*", MARKED.sub("", text)):
        raise ValueError(f"the marker {left[0]} is not followed by a block and its end alone")
    return MARKED.sub(lambda found: f"{found[1]}{show(*found.groups()[1:])}\n<!-- end -->", text)


def fill_pages(check=False):
    """Fill all pages, or only find out which of them would change; return their names.

    Raises:
        SystemExit: a page cannot be filled. Then none is.
    """
    changed = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        try:
            filled = fill(text)
        except ValueError as error:
            sys.exit(f"pages.py: error: {page.name}: {error}")
        if filled != text:
            changed[page] = filled
    if not check:
        for page, filled in changed.items():
            page.write_text(filled, encoding="utf-8")
    return [page.name for page in changed]


def main():
    parser = argparse.ArgumentParser(description="Put what the scripts print into the pages.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    changed = fill_pages(check)
    print("To be filled:" if check else "Filled:", *(changed or ["none"]))
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
