"""Make anew every figure that README and the pages show, with the command that stands beside it.

    python docs/refresh.py

Ends with status 1, and no figure changed, if a script fails. It takes about 25 minutes on 2 CPU
cores. What each script prints goes to `results/<script>.txt`, its figure and tables beside that.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = [
    "data",
    "lstm_forward",
    "bilstm",
    "compare_directions",
    "compare_merge_modes",
    "extensions.compare_learning_rates",
    "extensions.train_to_the_end",
    "extensions.inside_lstm",
    "extensions.compare_cells",
    "extensions.compare_variants",
    "extensions.long_memory",
    "extensions.compare_sizes",
    "extensions.find_smaller_model",
    "extensions.compare_depths",
    "extensions.compare_outputs",
    "extensions.variable_length",
    "extensions.classify_recordings",
    "extensions.sine_to_cosine",
    "benchmarks.update_cost",
    "docs.overview",
]
LARGEST_FIGURE = 250_000  # bytes


def make_figure(script):
    """Run a script with its default options; return the path of its figure.

    Raises:
        SystemExit: the script failed, or its figure is too large.
    """
    results = ROOT / "results"
    results.mkdir(exist_ok=True)
    name = script.split(".")[-1]
    start = time.perf_counter()
    with open(results / f"{name}.txt", "w", encoding="utf-8") as output:
        process = subprocess.run(
            [sys.executable, "-m", script, "--output", results], cwd=ROOT, stdout=output
        )
    if process.returncode != 0:
        sys.exit(f"refresh.py: error: {script} ended with status {process.returncode}")
    figure = results / f"{name}.png"
    if figure.stat().st_size > LARGEST_FIGURE:
        sys.exit(f"refresh.py: error: {figure} is larger than {LARGEST_FIGURE:,} bytes")
    print(f"{script}: {time.perf_counter() - start:.0f} seconds", flush=True)
    return figure


def main():
    figures = [make_figure(script) for script in SCRIPTS]
    for figure in figures:
        shutil.copy(figure, ROOT / "docs" / "figures")


if __name__ == "__main__":
    main()
