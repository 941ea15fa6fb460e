"""Renew the figures, the summaries and the numbers of README and the pages.

    python docs/refresh.py                        figures, summaries, numbers in the pages
    python docs/refresh.py --all                  the long scripts as well
    python docs/refresh.py compare_cells          this script alone, or several
    python docs/refresh.py --seed 1               another seed: its summaries, numbers of both seeds
    python -m docs.compare_seeds                  the verdicts of both seeds, side by side

Each script runs with the command that stands beside its figure. What it prints goes to
`<script>.txt` in the folder `--output`, its figure and tables beside that. If a script fails,
refresh.py ends with status 1, and no page, figure or summary is changed. It takes about half an
hour on 2 CPU cores, and with `--all` more than an hour. The times on docs/speed.md are measured
only where they are named (`update_cost whole_scripts`), on a machine that does nothing else, after
`pip install torch jax`.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = {  # with the options of the page, if not the default ones
    "data": [],
    "lstm_forward": [],
    "bilstm": [],
    "compare_directions": [],
    "compare_merge_modes": [],
    "extensions.compare_learning_rates": [],
    "extensions.train_to_the_end": [],
    "extensions.inside_lstm": [],
    "extensions.compare_cells": [],
    "extensions.compare_variants": [],
    "extensions.compare_sizes": [],
    "extensions.find_smaller_model": [],
    "extensions.compare_depths": [],
    "extensions.compare_outputs": [],
    "extensions.variable_length": [],
    "extensions.classify_recordings": [],
    "extensions.sine_to_cosine": [],
    "docs.overview": [],
}
LONG = {  # only with --all
    "extensions.long_memory": (
        "--timesteps 20 50 100 200 --sequences 20000 100000 --learning-rate"
        " 0.0001 0.0003 0.001 0.003 0.01 0.03 0.1 0.3 1 3"
    ).split(),
    "extensions.compare_settings": [],
    "extensions.compare_schedules": [],
    "benchmarks.interval_coverage": [],
}
TIMES = {  # only where they are named
    "benchmarks.update_cost": [],
    "benchmarks.whole_scripts": ["--frameworks", "--runs", "3"],
}
LARGEST_FIGURE = 250_000  # bytes


def run_script(script, options, seed, output):
    """Run a script; return its processor seconds, of all cores together.

    Raises:
        SystemExit: the script failed, or a figure of it is too large.
    """
    name = script.split(".")[-1]
    before = sum(os.times()[2:4])
    command = [sys.executable, "-m", script, *options, "--seed", str(seed), "--output", output]
    with open(output / f"{name}.txt", "w", encoding="utf-8") as printed:
        environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
        process = subprocess.run(command, cwd=ROOT, stdout=printed, env=environment)
    if process.returncode != 0:
        sys.exit(f"refresh.py: error: {script} ended with status {process.returncode}")
    for figure in output.glob(f"{name}*.png"):
        if figure.stat().st_size > LARGEST_FIGURE:
            sys.exit(f"refresh.py: error: {figure} is larger than {LARGEST_FIGURE:,} bytes")
    seconds = round(sum(os.times()[2:4]) - before)
    print(f"{script}: {seconds} processor seconds", flush=True)
    return seconds


def write_seconds(seconds):
    """Put the processor seconds of scripts in docs/summaries, beside those of the others."""
    path = ROOT / "docs" / "summaries" / "seconds.csv"
    if path.exists():
        with open(path, encoding="utf-8", newline="") as file:
            seconds = dict(list(csv.reader(file))[1:]) | seconds
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = [("script", "processor_seconds"), *seconds.items()]
        csv.writer(file, lineterminator="\n").writerows(rows)


def write_pages(seed, output):
    """Summarize what the scripts have left in a folder, and write the numbers into the pages."""
    of_seed = ["--seed", str(seed), "--output", output]
    for module, options in (("docs.summaries", of_seed), ("docs.pages", [])):
        subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, check=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of all scripts (default: 0)")
    parser.add_argument("--output", default="results", help="folder (default: results)")
    parser.add_argument("--all", action="store_true", help="run the long scripts as well")
    known = {script.split(".")[-1]: script for script in SCRIPTS | LONG | TIMES}
    help = f"to run these alone: {', '.join(known)}"
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=help)
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.scripts if name not in known]:
        parser.error(f"argument SCRIPT: {unknown[0]!r} is not one of {', '.join(known)}")
    wanted = [known[name] for name in arguments.scripts]
    wanted = wanted or [*SCRIPTS, *(LONG if arguments.all else [])]
    output = Path(arguments.output).resolve() / f"seed{arguments.seed}"
    output.mkdir(parents=True, exist_ok=True)
    options = SCRIPTS | LONG | TIMES
    seconds = {
        script.split(".")[-1]: run_script(script, options[script], arguments.seed, output)
        for script in wanted
    }
    if arguments.seed == 0:
        write_seconds(seconds)
        for name in seconds:
            for figure in output.glob(f"{name}*.png"):
                shutil.copy(figure, ROOT / "docs" / "figures")
    write_pages(arguments.seed, output)


if __name__ == "__main__":
    main()
