"""Run the scripts of the pages; keep what they print, and their figures, in docs.

    python -m tools.refresh                   all but the long ones
    python -m tools.refresh --all             the long ones as well
    python -m tools.refresh compare_cells     this one alone, or several
    python -m tools.refresh --seed 1          with another seed; the figures stay those of seed 0
    python -m tools.refresh whole_scripts --python-jax PATH     with an option of the script

Each script runs with the command that stands beside its results on the pages. What it prints goes
to docs/printed/<script>_seed0.txt, without progress bars and names of files, and from there into
the pages (tools/pages.py). If a script fails, or a figure is too large, nothing changes but the
folder `--output`, which holds the scripts' own files. It takes about half an hour on 2 CPU cores,
and with `--all` more than an hour. What measures times (`update_cost`, `whole_scripts`) runs only
where it is named: on a machine that does nothing else.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import pages

SCRIPTS = {  # with the options of the page, if not the default ones
    "data": "data",
    "lstm_forward": "lstm_forward",
    "bilstm": "bilstm",
    "recipe": "bilstm --units 50 --sequences 50000 --batch-size 10",
    "compare_directions": "compare_directions",
    "main_finding": "compare_directions --learning-rate 0.03",
    "compare_merge_modes": "compare_merge_modes",
    "compare_learning_rates": "extensions.compare_learning_rates",
    "train_to_the_end": "extensions.train_to_the_end",
    "inside_lstm": "extensions.inside_lstm",
    "compare_cells": "extensions.compare_cells",
    "compare_variants": "extensions.compare_variants",
    "compare_sizes": "extensions.compare_sizes",
    "compare_depths": "extensions.compare_depths",
    "compare_outputs": "extensions.compare_outputs",
    "variable_length": "extensions.variable_length",
    "label_steps": "extensions.label_steps",
    "label_steps_longer": "extensions.label_steps --epochs 60 --runs 1 --learning-rate 0.002",
    "overview": "extensions.overview",  # reads the tables of label_steps
    "classify_recordings": "extensions.classify_recordings",
    "sine_to_cosine": "extensions.sine_to_cosine",
}
LONG = {  # only with --all, or where they are named
    "find_smaller_model": "extensions.find_smaller_model",
    "compare_settings": "extensions.compare_settings",
    "long_memory": "extensions.long_memory --timesteps 20 50 100 200 --sequences 20000 100000"
    " --learning-rate 0.0001 0.0003 0.001 0.003 0.01 0.03 0.1 0.3 1 3",
    "interval_coverage": "benchmarks.interval_coverage",
}
TIMES = {  # only where they are named
    "update_cost": "benchmarks.update_cost",
    "whole_scripts": "benchmarks.whole_scripts",
}
COMMANDS = SCRIPTS | LONG | TIMES
LARGEST_FIGURE = 250_000  # bytes
# A line of Keras' progress bar: the steps, the bar, the times, and what `fit` has measured.
PROGRESS = re.compile(r"(?m)^ *(\d+/\d+) ━+ \S+ \S+/\w+")


def run_script(command, output):
    """Run a script; return what it has printed.

    Args:
        command: list of str, the script's module and its options.
        output: Path of the folder for its files.

    Raises:
        SystemExit: the script has failed.
    """
    settings = {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"}
    process = subprocess.run(
        [sys.executable, "-m", *command, "--output", output],
        cwd=pages.ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
    )
    if process.returncode != 0:
        sys.exit(f"refresh.py: error: {' '.join(command)} ended with status {process.returncode}")
    return process.stdout.decode("utf-8").replace(os.linesep, "\n")


def clean(printed):
    """Return what a page shows of what a script has printed.

    That is what a terminal shows in the end, without the progress bars and the line that says where
    the files are. Of a bar of `fit` there remain the number of steps and the loss and accuracy.
    """
    printed = re.sub(r"\x1b\[\d*m|\x08", "", printed)  # colours, and steps back
    lines = [line.rpartition("\r")[2].rstrip() for line in printed.split("\n")]
    lines = [PROGRESS.sub(r"\1", line) for line in lines if not line.startswith("Saved ")]
    return "\n".join(line for line in lines if not re.fullmatch(r"\d+/\d+", line)).strip() + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    scripts = ", ".join(COMMANDS)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {scripts}")
    parser.add_argument("--seed", type=int, default=0, help="of all scripts (default: 0)")
    parser.add_argument("--output", default="results", help="folder (default: results)")
    parser.add_argument("--all", action="store_true", help="the long scripts as well")
    arguments, others = parser.parse_known_args()
    names = arguments.scripts or (SCRIPTS | (LONG if arguments.all else {}))
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"argument SCRIPT: {unknown.pop()!r} is not one of {scripts}")
    others += ["--seed", str(arguments.seed)]
    output, printed, figures = Path(arguments.output).resolve() / f"seed{arguments.seed}", {}, []
    for name in names:
        module, *options = COMMANDS[name].split()
        # The recipe has the files of bilstm: in a folder of its own.
        folder = output if module.endswith(name) else output / name
        before = sum(os.times()[2:4])
        printed[name] = clean(run_script([module, *options, *others], folder))
        print(f"{name}: {sum(os.times()[2:4]) - before:.0f} processor seconds", flush=True)
        figures += folder.glob(f"{name}*.png")
    for figure in figures:
        if figure.stat().st_size > LARGEST_FIGURE:
            sys.exit(f"refresh.py: error: {figure} is larger than {LARGEST_FIGURE:,} bytes")
    pages.PRINTED.mkdir(exist_ok=True)
    for name, text in printed.items():
        file = pages.PRINTED / f"{name}_seed{arguments.seed}.txt"
        file.write_text(text, encoding="utf-8")
    for figure in figures if arguments.seed == 0 else []:
        shutil.copy(figure, pages.ROOT / "docs" / "figures")
    print("Pages that have changed:", *(pages.fill_pages() or ["none"]))


if __name__ == "__main__":
    main()
