"""How long does a whole script take, and how does this machine compare with that of the pages?

    python -m benchmarks.whole_scripts

runs the four scripts of the tutorial and lesson 10's recipe, each in a process of its own. It
prints how long they take here and on the machine that the pages report, and the ratio of the two.
Close other programs first. It takes about a minute on 2 CPU cores.

    python -m benchmarks.whole_scripts --frameworks --runs 3

trains the same models in PyTorch and in JAX as well, if they are installed (`pip install torch
jax`), and does all that in three rounds: about 8 minutes. A process that does not end within five
minutes is stopped, and counted.
"""

import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common.command_line import make_parser, read_options, run
from common.files import save
from common.results import count, with_interval

ROOT = Path(__file__).parents[1]
LIMIT = 300  # seconds
LOADING = "import alone"
SCRIPTS = [
    LOADING,
    "lstm_forward",
    "bilstm",
    "bilstm --units 50 --sequences 50000 --batch-size 10",
    "compare_directions",
    "compare_merge_modes",
]
PACKAGES = {"Keras": "tensorflow", "PyTorch": "torch", "JAX": "jax"}
PROGRAMS = {"Keras": "", "PyTorch": "benchmarks.with_pytorch ", "JAX": "benchmarks.with_jax "}
IMPORTS = {
    "Keras": "from common.startup import load_keras; load_keras(1)",  # as all scripts do
    "PyTorch": "import torch",
    "JAX": "import jax",
}


def get_command(script, framework, seed, output):
    """Return the command that runs one of SCRIPTS, or does the same in another framework."""
    if script == LOADING:
        return [sys.executable, "-c", IMPORTS[framework]]
    program = (PROGRAMS[framework] + script).split()
    return [sys.executable, "-m", *program, "--seed", str(seed), "--output", str(output)]


def measure_process(command, **settings):
    """Run a process; return its seconds, or NaN, and how it ended: "ended", or what went wrong."""
    start = time.perf_counter()
    try:
        process = subprocess.run(
            command, cwd=ROOT, timeout=LIMIT, capture_output=True, text=True, **settings
        )
    except subprocess.TimeoutExpired:
        return np.nan, f"no end in {LIMIT} s"
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        reason = process.stderr.strip().splitlines() or [f"status {process.returncode}"]
        return np.nan, f"failed ({reason[-1]})"
    return seconds, "ended"


def find_frameworks(wanted):
    """Return those of some frameworks that are installed, and say which are absent."""
    found = []
    for framework in wanted:
        if importlib.util.find_spec(PACKAGES[framework]) is None:
            print(f"{framework}: absent ({PACKAGES[framework]} is not installed)")
        else:
            found.append(framework)
    return found


def describe_machine():
    """Return a dict of str: the processor, its cores, the month, the versions of packages."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line for line in lines if line.startswith("model name")).split(": ")[1]
    except (OSError, StopIteration):  # not Linux, or not an x86
        processor = platform.processor() or platform.machine()
    versions = {"Python": platform.python_version()}
    for name in ("tensorflow", "keras", "torch", "jax"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    cores = str(os.cpu_count())
    return {"processor": processor, "cores": cores, "month": time.strftime("%B %Y")} | versions


def describe_seconds(rows):
    """Return the median of some rounds (smallest to largest), and how many did not end."""
    words, seconds = [], rows.seconds.dropna()
    if len(seconds):
        words.append(f"{seconds.median():.1f}")
    if len(seconds) > 1:
        words[0] += f" ({seconds.min():.1f} to {seconds.max():.1f})"
    for outcome, number in rows.outcome[rows.seconds.isna()].value_counts().items():
        words.append(f"{number} of {len(rows)}: {outcome}")
    return "; ".join(words)


def tabulate(seconds):
    """Return the seconds in words, a DataFrame: a row for each script, a column each framework."""
    words = {
        framework: {script: describe_seconds(rows) for script, rows in table.groupby("script")}
        for framework, table in seconds.groupby("framework", sort=False)
    }
    return pd.DataFrame(words).reindex(seconds.script.unique())


def get_medians(seconds):
    """Return the median seconds of the scripts in Keras that ended, a Series."""
    ours = seconds[(seconds.framework == "Keras") & (seconds.script != LOADING)]
    return ours.groupby("script", sort=False).seconds.median().dropna()


def compare_machines(seconds, folder):
    """Say how many times as long this machine takes as that of the pages.

    Args:
        seconds: measured here.
        folder: where the seconds of the machine of the pages are, and its name.
    """
    try:
        theirs = get_medians(pd.read_csv(folder / "whole_scripts_seconds.csv"))
        machine = pd.read_csv(folder / "whole_scripts_machine.csv", dtype=str).iloc[0]
    except FileNotFoundError:
        return "There are no times of another machine to compare with."
    name = f"{machine.processor}, {machine.cores} cores, {machine.month}"
    both = pd.DataFrame({"here": get_medians(seconds), "there": theirs}).dropna()
    if both.empty:
        return f"No script has ended on this machine; on that of the pages ({name}) all did."
    here, there = both.sum()
    return (
        f"{count(len(both), 'script')}: {here:.0f} seconds here, {there:.0f} on the machine of the"
        f" pages ({name}).\nThis machine takes {here / there:.1f} times as long as that one:"
        " multiply the times on the pages by that."
    )


def read_losses(folder):
    """Return the mean test loss of each model over the runs, that one sees that all train alike.

    Args:
        folder: with a folder of each framework, which has the scores that its processes saved.

    Returns:
        A DataFrame of str with the columns script, model, framework and loss.
    """
    rows = [
        (script, model, framework, with_interval(scores.loss))
        for script in ("compare_directions", "compare_merge_modes")
        for framework in PACKAGES
        if (file := folder / framework / f"{script}_scores.csv").exists()
        for model, scores in pd.read_csv(file).groupby("model", sort=False)
    ]
    return pd.DataFrame(rows, columns=["script", "model", "framework", "loss"])


def main(options):
    frameworks = find_frameworks(PACKAGES if options.frameworks else ["Keras"])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for framework in frameworks:
            (folder / framework).mkdir()
            # Outside the clock: from now on the files of its packages are in memory.
            measure_process(get_command(LOADING, framework, options.seed, folder))
        for n_round in range(1, options.runs + 1):
            for script in SCRIPTS:
                for framework in frameworks:
                    command = get_command(script, framework, options.seed, folder / framework)
                    row = script, framework, n_round, *measure_process(command)
                    print(f"Round {n_round}: {framework}, {script}: {row[3]:.1f} s, {row[4]}")
                    sys.stdout.flush()
                    rows.append(row)
        losses = read_losses(folder)
    seconds = pd.DataFrame(rows, columns=["script", "framework", "round", "seconds", "outcome"])
    print(f"Seconds of whole processes, median (smallest to largest), {options.runs} rounds:")
    print(tabulate(seconds).to_string())
    if options.frameworks:
        print("Mean test loss; the frameworks should agree to within their intervals:")
        of_all = losses.pivot(index=["script", "model"], columns="framework", values="loss")
        print(of_all.to_string())
    print(compare_machines(seconds, ROOT / "docs" / "summaries"))
    tables = {"seconds": seconds, "machine": pd.DataFrame([describe_machine()])}
    save(options, draw(seconds), **tables, losses=losses)


def draw(seconds):
    """Draw the median of each script in each framework, and the range of all rounds."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    styles = {"Keras": ("o", "#0b2a4a"), "PyTorch": ("s", "#c1440e"), "JAX": ("^", "#2a8c82")}
    scripts = seconds.script.unique()
    for number, (framework, rows) in enumerate(seconds.groupby("framework", sort=False)):
        of_script = rows.groupby("script").seconds
        median, low, high = (of_script.agg(of).reindex(scripts) for of in ("median", "min", "max"))
        marker, color = styles[framework]
        style = {"fmt": marker, "color": color, "capsize": 4, "label": framework}
        y = np.arange(len(scripts)) + 0.2 * number  # side by side
        axes.errorbar(median, y, xerr=[median - low, high - median], **style)
    labels = [script.replace(" --", "\n--", 1) for script in scripts]
    axes.set_yticks(np.arange(len(scripts)) + 0.1 * number, labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds from the start of the process to its end")
    axes.set_title(f"Whole scripts: median and range of {count(seconds['round'].max(), 'round')}")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    absent = ("timesteps", "units", "sequences", "batch_size", "learning_rate")
    parser = make_parser(__file__, __doc__, {"runs": "rounds"}, **dict.fromkeys(absent), runs=1)
    parser.add_argument("--frameworks", action="store_true", help="PyTorch and JAX as well")
    run(main, read_options(parser))
