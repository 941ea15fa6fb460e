"""Write the numbers into the pages, from the summaries in docs/summaries.

    python -m docs.pages            fills README.md and docs/*.md
    python -m docs.pages --check    ends with status 1 if that would change one of them

Every table of results, and every sentence with a result in it, stands in a page between two
markers of cog (https://cog.readthedocs.io). The first holds a call of a function of this file,
the lines up to the second are what that call wrote. So edit the call, and run this command.
"""

import re
import sys
import textwrap
from functools import cache

import pandas as pd
from cogapp import Cog

from benchmarks.whole_scripts import tabulate
from common.floors import get_known, score_backward
from common.results import count
from docs.refresh import LONG, SCRIPTS
from docs.summaries import FOLDER, VIEWS

ROOT = FOLDER.parent.parent
RECORDINGS = {  # models of extensions/classify_recordings.py
    "forward": "forward",
    "backward": "backward",
    "bidirectional": "bidirectional",
    "the trap: bidirectional, last output": "last output",
}
WAYS = {  # of benchmarks/update_cost.py
    "fit, once per sequence (tutorial)": "the tutorial's: `fit` once per sequence",
    "train_on_batch": "`train_on_batch`",
    "fit, once": "one `fit`",
    "fit, once, compiled": "one `fit`, compiled, as in [lstm_forward.py](../lstm_forward.py)",
    "train_model": "`train_model` of [common/training.py](../common/training.py)",
    "PyTorch": "[PyTorch](../benchmarks/with_pytorch.py), a plain loop with the fused Adam",
    "JAX": "[JAX](../benchmarks/with_jax.py), a scan over the updates",
}
TRAP = "last output"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@cache
def get_facts(script, seed=0):
    """Return the facts of a script and seed, a DataFrame of str, as docs/summaries.py wrote it."""
    return pd.read_csv(FOLDER / f"{script}_seed{seed}.csv", dtype=str, keep_default_na=False)


def get_both(script):
    """Return the facts of a script with both seeds, a list."""
    return [get_facts(script, seed) for seed in (0, 1)]


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


def agree(ours, theirs):
    """Return the verdict of two seeds: what both say, or else `no clear difference`.

    Args:
        ours, theirs: words such as `lower by 0.007 ± 0.004 (within 0.01)`.
    """
    if all("within 0.01" in words for words in (ours, theirs)):
        return "alike, to within 0.01"
    verdict, other = (re.match("lower|higher|sooner|later|", words)[0] for words in (ours, theirs))
    return verdict if verdict and verdict == other else "no clear difference"


def both_seeds(heading, *rows):
    """Write a table of differences in words, a column for each of two seeds, and their verdict.

    Args:
        heading: of the first column: what is compared.
        *rows: tuples of a label and of what `difference` takes.
    """
    cells = []
    for label, *which in rows:
        words = [difference(*which, seed=seed) for seed in (0, 1)]
        cells.append([label, *words, f"**{agree(*words)}**"])
    table([heading, "seed 0", "seed 1", "both"], cells)


def coverage():
    """Return how many of the intervals contain what they estimate: `91% to 96%`."""
    shares = pd.read_csv(FOLDER / "interval_coverage_coverage_seed0.csv").coverage
    return f"{shares.min():.0%} to {shares.max():.0%}"


def seconds(*scripts):
    """Return about how long some scripts take on two cores: `70 seconds`, or `3 minutes`."""
    times = pd.read_csv(FOLDER / "seconds.csv", index_col="script").processor_seconds
    total = times[list(scripts)].sum() / 2
    if total > 180:
        return f"{total / 60:.0f} minutes"
    return f"{total:.0f} seconds" if total < 20 else f"{5 * round(total / 5)} seconds"


def single_runs():
    """Write the table of README: what the two single runs end with, and the baseline."""
    rows = []
    for script in ("lstm_forward", "bilstm"):
        printed = (FOLDER / f"{script}_seed0.txt").read_text(encoding="utf-8")
        rows.append(
            [f"`{script}.py`", *re.search(r"loss ([\d.]+), accuracy ([\d.]+)", printed).groups()]
        )
    name = "step number alone"
    table(
        ["one run", "test loss", "accuracy"], [*rows, [name, known(name), known(name, "accuracy")]]
    )


def experiment(script, first, *others):
    """Write the table of one of the tutorial's comparisons: its models, then the baseline.

    Args:
        script: its name.
        first: the model that the others are compared with.
        *others: names of models.
    """
    rows = []
    for name in (first, *others):
        which = {"model": name, "view": "published"}
        values = [find(script, minus="", measure=of, **which).value for of in ("loss", "accuracy")]
        minus = find(script, minus=first, measure="loss", **which).value if name != first else ""
        rows.append([f"`{name}`", *values, minus])
    name = "step number alone"
    rows.append([name, known(name), known(name, "accuracy"), ""])
    table(["250 updates at 0.001", "test loss", "accuracy", f"test loss minus `{first}`"], rows)


def memory(view, *names):
    """Write how many runs of models learn to remember, and the median of the updates, by length.

    Args:
        view: `published` or `chosen`.
        *names: of models.
    """
    of_seeds = [
        facts[facts["view"].map(VIEWS) == view].set_index(["model", "timesteps"])
        for facts in get_both("long_memory_learned")
    ]
    lengths = of_seeds[0].index.unique("timesteps")
    rows = []
    for name in names:
        cells = [
            " and ".join(count_learned(facts, name, length) for facts in of_seeds)
            for length in lengths
        ]
        rows.append([name, *cells])
    table(["with seed 0 and seed 1", *(f"{length} steps" for length in lengths)], rows)


def count_learned(facts, name, n_timesteps):
    """Return how many runs of a model learn a length: `9 of 10 (948)`, with the median of updates.

    Args:
        facts: table `learned` of extensions/long_memory.py by `model` and `timesteps`.
        name: of the model.
        n_timesteps: the length, as str.
    """
    if (name, n_timesteps) not in facts.index:
        return "not tried"
    row = facts.loc[name, n_timesteps]
    median = f" ({float(row['median']):,.0f})" if row["median"] != "inf" else ""
    return f"{row.learned} of {row.runs}{median}"


def settings(*pairs):
    """Write the differences at other lengths, sizes and batches, each at a rate of its own.

    Each cell has the verdict of both seeds, and the difference with each.

    Args:
        *pairs: of names of models: the first minus the second.
    """
    ours, theirs = (
        facts[facts["view"].map(VIEWS) == "chosen"].set_index(["one", "other", "setting", "update"])
        for facts in get_both("compare_settings_verdicts")
    )
    updates = ours.index.unique("update")
    rows = []
    for one, other in pairs:
        for setting in ours.index.unique("setting"):
            keys = [(one, other, setting, update) for update in updates]
            cells = [
                say_both(ours.loc[key], theirs.loc[key]) if key in ours.index else "not tried"
                for key in keys
            ]
            rows.append([f"`{one}` minus `{other}`, {setting}", *cells])
    table(["test loss", *(f"{int(update):,} updates" for update in updates)], rows)


def say_both(ours, theirs):
    """Return the verdict of two seeds with their numbers: `lower (-0.01 ± 0.01, -0.02 ± 0.01)`.

    Args:
        ours, theirs: rows of str with `words`, `mean`, `low` and `high`.
    """
    numbers = []
    for row in (ours, theirs):
        low, high = float(row.low), float(row.high)
        numbers.append(f"{float(row['mean']):+.3f} ± {(high - low) / 2:.3f}")
    return f"{agree(ours.words, theirs.words)} ({', '.join(numbers)})"


def recipe():
    """Write the table of claim C5: the recipe as published, and with a rate that falls."""
    kinds = {
        "at 0.001": ("constant", "0.001"),
        "falling from a rate of its own": ("falling", "chosen"),
    }
    of_seeds = [
        facts[facts.model == facts.model.iloc[0]].set_index(["schedule", "rate", "measure"])
        for facts in get_both("compare_schedules_levels")
    ]
    rows = []
    for label, measure, column in [
        ("accuracy in training, mean over the epoch", "training_accuracy", "words"),
        ("accuracy on 100 new sequences", "accuracy_on_100", "words"),
        ("runs that get all of the 100 right", "accuracy_on_100", "at_1"),
        ("accuracy on 10,000 new sequences", "accuracy", "words"),
        ("whole sequences right, of 10,000", "sequence_accuracy", "words"),
    ]:
        cells = [
            " and ".join(facts.loc[(*kind, measure), column] for facts in of_seeds)
            for kind in kinds.values()
        ]
        rows.append([label, *cells])
    table(["10 runs with seed 0, and with seed 1", *kinds], rows)


def schedules():
    """Write what the rate and its decay do to the share of whole sequences right, by model."""
    ours, theirs = (
        facts[(facts.measure == "sequence_accuracy") & (facts.comparison != "both")]
        .set_index(["model", "comparison"])
        .words
        for facts in get_both("compare_schedules_verdicts")
    )
    rows = []
    for (name, comparison), words in ours.items():
        others = theirs[name, comparison]
        rows.append([f"{name}: {comparison}", words, others, f"**{agree(words, others)}**"])
    table(["whole sequences right", "seed 0", "seed 1", "both"], rows)


def milliseconds(way):
    """Return the median milliseconds of one update, for a way to train of update_cost.py."""
    times = pd.read_csv(FOLDER / "update_cost_seconds.csv")
    return times[times.way == way].ms_per_update.median()


def times_as_fast(way, slower):
    """Return how many times as fast one way to train is as another, to one digit."""
    return f"{float(f'{milliseconds(slower) / milliseconds(way):.1g}'):,.0f}"


def update_costs():
    """Write what one update costs in each way to train, and the fixed cost beside it."""
    times = pd.read_csv(FOLDER / "update_cost_seconds.csv").groupby("way")
    rows = []
    for way, label in WAYS.items():
        of_way = times.get_group(way)
        cells = []
        for column in ("ms_per_update", "fixed_seconds"):
            values = of_way[column].agg(["median", "min", "max"])
            cells.append("{} ({} to {})".format(*(f"{float(f'{v:.2g}'):g}" for v in values)))
        rows.append([label, *cells])
    table([rounds(times), "milliseconds per update", "fixed cost, seconds"], rows)


def rounds(times):
    """Say how many rounds a table of times has, and what its cells are."""
    return f"median (smallest to largest) of {count(times['round'].max().max(), 'round')}"


def whole_scripts():
    """Write the seconds of whole processes, a column for each framework."""
    times = pd.read_csv(FOLDER / "whole_scripts_seconds.csv")
    words = tabulate(times).fillna("not tried")
    rows = [
        [f"`{script}`" if script != "import alone" else script, *of]
        for script, *of in words.itertuples()
    ]
    table([f"seconds, {rounds(times)}", *words.columns], rows)


def times_as_long(script, framework):
    """Return how many times as long a whole script takes in another framework as in Keras."""
    times = pd.read_csv(FOLDER / "whole_scripts_seconds.csv")
    of_script = times[times.script == script].groupby("framework").seconds.median()
    return f"{of_script[framework] / of_script['Keras']:.1f}"


def same_losses():
    """Write the mean test losses of the same models, a column for each framework."""
    losses = pd.read_csv(FOLDER / "whole_scripts_losses.csv", dtype=str)
    losses = losses.drop_duplicates(["model", "framework"])  # bilstm_con is in two scripts
    frameworks = losses.framework.unique()
    found = losses.set_index(["model", "framework"]).loss
    rows = [
        [f"`{m}`", *(found.get((m, f), "not tried") for f in frameworks)]
        for m in losses.model.unique()
    ]
    table(["test loss, mean of 30 runs", *frameworks], rows)


def machine():
    """Return the machine and the versions that the times of docs/speed.md are of, as words."""
    of = pd.read_csv(FOLDER / "whole_scripts_machine.csv", dtype=str).iloc[0]
    versions = f"TensorFlow {of.tensorflow}, Keras {of.keras}, PyTorch {of.torch}, JAX {of.jax}"
    return f"{of.cores} cores of an {of.processor}, {of.month}; Python {of.Python}, {versions}"


def command(script, runs=30):
    """Write the command of an extension, with the time and the runs that it takes."""
    module = f"extensions.{script}"
    options = " ".join((SCRIPTS | LONG)[module])
    print(f"`python -m {module} {options}".rstrip() + f"` (about {seconds(script)}, {runs} runs)")


def answers(script, about="", seed=0):
    """Write what a script has printed as its answer: the lines that hold some words."""
    print("```text")
    for line in (FOLDER / f"{script}_seed{seed}.txt").read_text(encoding="utf-8").splitlines():
        if about in line:
            print(textwrap.fill(line, 100, subsequent_indent="  "))
    print("```")


def main():
    how = "--check" if "--check" in sys.argv else "-r"
    sys.exit(Cog().main(["cog", how, "-P", "-p", "from docs.pages import *", *map(str, PAGES)]))


if __name__ == "__main__":
    main()
