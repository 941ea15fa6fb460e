"""Make docs/tutorial.ipynb: the tutorial's experiments in one notebook that needs no other file.

    python -m tools.make_notebook

takes the functions from the five scripts at the top level, and the text and the other code from
docs/notebook/story.md. It runs the notebook and saves it with its output. It takes about three
minutes on 2 CPU cores, and needs the packages of tests/requirements.txt, which include a notebook
kernel.
"""

import argparse
import ast
import os
import re
import shutil
import tempfile
from pathlib import Path
from string import Template

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
WORDS = ROOT / "extensions" / "data" / "english_stress.csv.gz"  # for the last part
# Text and code in turn. A line `# NAME from FILE` stands for the code of that name in that file,
# and `# NAME as OTHER from FILE` for the same with another name.
STORY = ROOT / "docs" / "notebook" / "story.md"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def make_cells(n_sequences=1000, n_updates=250, n_runs=3, n_timesteps=10, n_words=8000):
    """Make the cells of the notebook from the story and the scripts, without running them.

    Args:
        n_sequences: training sequences of each model that is trained once.
        n_updates: updates of each model in a comparison.
        n_runs: trainings of each model in a comparison.
        n_timesteps: length of a sequence.
        n_words: words whose stress is learned.

    Returns:
        List of nbformat cells.
    """
    sizes = dict(n_sequences=n_sequences, n_updates=n_updates, n_runs=n_runs)
    sizes |= dict(n_timesteps=n_timesteps, n_words=n_words)
    story = Template(STORY.read_text(encoding="utf-8")).substitute(sizes)
    cells = []
    for text, code in re.findall(r"(.*?)```python\n(.*?)```", story, flags=re.DOTALL):
        code = re.sub(
            r"^# (\w+)(?: as (\w+))? from (\S+)\n", lambda line: get_code(*line.groups()), code
        )
        cells.append(nbformat.v4.new_markdown_cell(text.strip()))
        cells.append(nbformat.v4.new_code_cell(code.strip()))
    for number, cell in enumerate(cells, 1):
        cell.id = f"cell-{number}"  # nbformat draws one at random
    return cells


def get_code(name, other, file):
    """Return the code that defines a function or a constant in one of the five scripts.

    With `other`, which may be None, it has that name instead.

    Raises:
        ValueError: the script defines no such name.
    """
    code = (ROOT / file).read_text(encoding="utf-8")
    for node in ast.parse(code).body:
        names = [ast.unparse(target) for target in getattr(node, "targets", [])]
        if name in [*names, getattr(node, "name", None)]:
            source = ast.get_source_segment(code, node)
            return re.sub(rf"\b{name}\b", other, source, count=1) if other else source
    raise ValueError(f"no {name} in {file}")


def run_cells(cells, files=()):
    """Run cells in a new kernel, in a folder of its own; return a notebook with their outputs.

    Args:
        cells: list of nbformat cells.
        files: paths of what is copied into the folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed.
    """
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    # Whatever is set here: figures in the notebook, no path to our files, a quiet TensorFlow.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for variable in ("MPLBACKEND", "PYTHONPATH"):
        environment.pop(variable, None)
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            shutil.copy(file, folder)
        client = NotebookClient(notebook, timeout=600, record_timing=False)
        client.resources = {"metadata": {"path": folder}}
        client.execute(env=environment)
    notebook.metadata = METADATA  # without the versions that the kernel has added
    notebook.cells[1].outputs = []  # without TensorFlow's messages about this machine
    return notebook


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    nbformat.write(run_cells(make_cells(), [WORDS]), NOTEBOOK)
    print(f"Saved {NOTEBOOK}")
