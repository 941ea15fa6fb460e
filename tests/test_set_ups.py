"""Where the scripts run, and how they end: versions, notebooks, full disks, closed pipes."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from subprocess import PIPE

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
SMALL = "--timesteps 4 --units 3 --sequences 4"
# As of a user who has set nothing: not what tests/conftest.py sets.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("KERAS_", "MPL", "TF_", "XLA_"))
}


def run(*command, **settings):
    """Run Python in a process of its own; return it with what it printed."""
    settings = {"stdout": PIPE, "stderr": PIPE, "text": True} | settings
    settings |= {"cwd": ROOT, "env": ENVIRONMENT}
    return subprocess.run([sys.executable, *command], **settings)


def test_versions_agree():
    """Of uv and pip; of the project and its changes; of ruff in the tests and in the hook."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (ROOT / "requirements.txt").read_text().splitlines() == project["dependencies"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (.*)", changes, flags=re.MULTILINE)[1] == project["version"]
    hook = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    ruff = re.search(r"rev: v(\S+)", hook)[1]
    assert f"ruff=={ruff}\n" in (ROOT / "tests" / "requirements.txt").read_text() + "\n"


# How a script ends.


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_standard_output_is_full(tmp_path):
    with open("/dev/full", "w") as full:
        process = run("data.py", "--output", tmp_path, stdout=full)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1 and "No space left on device" in process.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_closed_pipe(tmp_path):
    command = [sys.executable, "-u", "bilstm.py", *SMALL.split(), "--output", tmp_path]
    settings = {"stdout": PIPE, "stderr": PIPE, "cwd": ROOT, "env": ENVIRONMENT}
    with subprocess.Popen(command, **settings) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode < 0  # ended by the signal, as other programs are
    assert not list(tmp_path.iterdir())


# A notebook, with a real kernel.


@pytest.fixture(scope="module")
def run_cell():
    """Return a function that runs a cell in the project's folder and returns its outputs.

    Returns what it printed to standard output, what to standard error or as a traceback, and the
    number of its figures.
    """
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=300, allow_errors=True)
    client.resources = {"metadata": {"path": str(ROOT)}}

    def run_cell(source):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        outputs = client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1).outputs
        texts = {"stdout": "", "stderr": ""}
        for output in outputs:
            if output.output_type == "error":
                texts["stderr"] += "\n".join(output.traceback)
            elif output.output_type == "stream":
                texts[output.name] += output.text
        return *texts.values(), sum("image/png" in output.get("data", {}) for output in outputs)

    with client.setup_kernel(env=ENVIRONMENT):
        yield run_cell


def test_a_notebook(run_cell, tmp_path):
    options = f"{SMALL} --output '{tmp_path}'"
    own_plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(plt.get_backend())"
    before = run_cell(own_plot)
    assert before[1:] == ("", 1)
    printed, *others = run_cell(f"%run bilstm.py {options}")
    assert printed.rstrip().endswith(f"{tmp_path / 'bilstm_losses.csv'}") and others == ["", 0]
    assert run_cell(f"%run data.py --output '{tmp_path}' --show")[1:] == ("", 1)
    assert run_cell(f"%run -m extensions.inside_lstm -- {options} --runs 2")[1] == ""
    assert run_cell(own_plot) == before
    printed, errors, _ = run_cell("%run bilstm.py --units 0")
    assert errors.startswith("bilstm.py: error: argument --units: '0' is not")
    assert errors.count("\n") == 1 and not printed
    call = "from bilstm import get_bi_lstm_model\nprint(get_bi_lstm_model(4).layers)"
    assert "Bidirectional" in run_cell(call)[0]


INTERRUPTED = """
import os, signal
import keras

def interrupt(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    return function(*arguments, **options)

function, keras.utils.set_random_seed = keras.utils.set_random_seed, interrupt
%run bilstm.py {options}
keras.utils.set_random_seed = function
"""


def test_a_notebook_outlives_an_interrupt(run_cell, tmp_path):
    options = f"{SMALL} --output '{tmp_path}'"
    _, errors, _ = run_cell(INTERRUPTED.format(options=options))
    assert errors.strip() == "bilstm.py: interrupted"
    assert not list(tmp_path.iterdir())
    printed, errors, _ = run_cell(f"%run bilstm.py {options}")
    assert not errors and "Saved" in printed
