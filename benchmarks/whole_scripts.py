"""How long do whole scripts take, beside the same experiments in PyTorch and JAX?

    python -m benchmarks.whole_scripts

runs the four scripts of the tutorial and lesson 10's recipe, each in a process of its own, in three
rounds: about 3 minutes on 2 CPU cores. PyTorch and JAX take turns with them if a Python that has
them (`pip install torch numpy pandas matplotlib`) is named:

    python -m benchmarks.whole_scripts --python-pytorch PATH --python-jax PATH

They need one of their own each, since TensorFlow takes longer to load where it finds JAX. All
programs print the test loss and write a figure and the losses. With all three it takes about 8
minutes. Close other programs first. Infinity means that a process failed, or did not end within
five minutes.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from common.command_line import make_parser, read_options, run
from common.files import save
from extensions.shared.report import print_block

ROOT = Path(__file__).parents[1]
LIMIT = 300  # seconds
RECIPE = "--units 50 --sequences 50000 --batch-size 10"
DIRECTIONS = "lstm_forw lstm_back lstm_back_aligned bilstm_con"
MERGE_MODES = "bilstm_sum bilstm_mul bilstm_ave bilstm_con"
COMMANDS = {  # ours, and what the programs in PyTorch and JAX take to do the same
    "lstm_forward": ("lstm_forward", "lstm_forw"),
    "bilstm": ("bilstm", "bilstm_con"),
    "lesson 10's recipe": (f"bilstm {RECIPE}", f"bilstm_con {RECIPE}"),
    "compare_directions": ("compare_directions", f"{DIRECTIONS} --sequences 250 --runs 30"),
    "compare_merge_modes": ("compare_merge_modes", f"{MERGE_MODES} --sequences 250 --runs 30"),
}


def measure(command):
    """Return the seconds that a process takes, infinity if it fails or does not end."""
    start = time.perf_counter()
    try:
        subprocess.run(command, cwd=ROOT, timeout=LIMIT, check=True, stdout=subprocess.DEVNULL)
    except subprocess.SubprocessError:
        return np.inf
    return time.perf_counter() - start


def describe(values):
    """Return the median of some rounds (smallest-largest), as str."""
    return f"{values.median():.3g} ({values.min():.3g}-{values.max():.3g})"


def main(options):
    programs = {"Keras": [sys.executable, "-m"]}
    if options.python_pytorch:
        programs["PyTorch"] = [options.python_pytorch, "-m", "benchmarks.with_pytorch"]
    if options.python_jax:
        programs["JAX"] = [options.python_jax, "-m", "benchmarks.with_jax"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n_round in range(1, options.runs + 1):
            for script, (ours, theirs) in COMMANDS.items():
                for framework, program in programs.items():
                    arguments = ours if framework == "Keras" else theirs
                    settings = ["--seed", str(options.seed), "--output", folder]
                    seconds = measure([*program, *arguments.split(), *settings])
                    print(f"Round {n_round}: {script}, {framework}: {seconds:.1f} s", flush=True)
                    rows.append((script, framework, n_round, seconds))
    table = pd.DataFrame(rows, columns=["script", "framework", "round", "seconds"])
    seconds = table.groupby(["script", "framework"], sort=False).seconds
    heading = f"Seconds of whole scripts, median (smallest-largest) of {options.runs} rounds:"
    print_block(heading, seconds.agg(describe).unstack(sort=False).rename_axis(None))
    medians = seconds.median().replace(np.inf, np.nan).unstack(sort=False)
    looks = {"rot": 10, "fontsize": 8, "figsize": (8, 4.5), "colormap": "cividis", "xlabel": ""}
    title = f"How long does a whole script take? (median of {options.runs} rounds)"
    axes = medians.plot.bar(title=title, ylabel="seconds", **looks)
    save(options, axes.figure, seconds=table)


if __name__ == "__main__":
    absent = ("timesteps", "units", "sequences", "batch_size", "learning_rate")
    parser = make_parser(__file__, __doc__, {"runs": "rounds"}, **dict.fromkeys(absent), runs=3)
    parser.add_argument("--python-pytorch", metavar="PATH", help="a Python that has PyTorch")
    parser.add_argument("--python-jax", metavar="PATH", help="a Python that has JAX")
    run(main, read_options(parser))
