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

ROOT = Path(__file__).parent.parent
SMALL = "--timesteps 4 --units 3 --sequences 4"


def run(*command, **settings):
    """Run Python in a process of its own; return it with what it printed."""
    settings = {"stdout": PIPE, "stderr": PIPE, "cwd": ROOT, "text": True} | settings
    return subprocess.run([sys.executable, *command], **settings)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_uv_and_pip_install_the_same():
    assert (ROOT / "requirements.txt").read_text().splitlines() == PROJECT["dependencies"]


def test_the_version_stands_in_one_place():
    """And what users notice of it stands first in CHANGELOG.md."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)", changes, flags=re.MULTILINE)[0] == PROJECT["version"]
    assert "\nversion:" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_both_ruffs_are_the_same():
    """That of the tests, and that of the hook for pre-commit."""
    hook = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    version = re.search(r"rev: v(\S+)", hook).group(1)
    requirements = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8")
    assert f"ruff=={version}\n" in requirements + "\n"


@pytest.mark.parametrize("folder", ["extensions", "benchmarks"])
def test_a_script_started_by_its_path_gives_the_command(folder, tmp_path):
    scripts = [*(ROOT / folder).glob("*.py")]
    scripts = [script for script in scripts if "run(main, " in script.read_text(encoding="utf-8")]
    assert scripts
    for script in scripts:
        process = run(script, "--runs", "1", cwd=tmp_path)
        assert (process.returncode, process.stdout) == (2, "")
        command = f"python -m {folder}.{script.stem}"
        assert process.stderr == f"{script.name}: error: start it in {ROOT} by: {command}\n"


# How a script ends.


def test_a_full_disk(tmp_path):
    """A limit on the size of a file fails a write as a full disk does."""
    resource = pytest.importorskip("resource")  # none on Windows
    for name in ("data_sequence.csv", "data.png"):
        (tmp_path / name).write_text("earlier")

    def fill_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    process = run("data.py", "--output", tmp_path, preexec_fn=fill_disk)
    expected = f"data.py: error: File too large; files in {tmp_path} are as they were\n"
    assert (process.returncode, process.stderr) == (1, expected)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"] * 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_standard_output_is_full(tmp_path):
    with open("/dev/full", "w") as full:
        process = run("-u", "data.py", "--output", tmp_path, stdout=full)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1 and "No space left on device" in process.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--units", "200000"],  # TensorFlow's memory
        ["--timesteps", "20000", "--sequences", "2000000000"],  # NumPy's
    ],
)
def test_too_little_memory(options, tmp_path):
    process = run("bilstm.py", *options, "--output", tmp_path)
    expected = "bilstm.py: error: not enough memory for data or a model of this size\n"
    assert (process.returncode, process.stderr) == (1, expected)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_closed_pipe(tmp_path):
    command = [sys.executable, "-u", "bilstm.py", *SMALL.split(), "--output", tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode < 0  # ended by the signal, as other programs are
    assert not list(tmp_path.iterdir())


# A notebook, with a real kernel.


@pytest.fixture(scope="module")
def run_cell():
    """Return a function that runs a cell in the project's folder and returns its outputs."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=300, allow_errors=True)
    client.resources = {"metadata": {"path": str(ROOT)}}

    def run_cell(source):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        return client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1).outputs

    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    with client.setup_kernel(env=environment):
        yield run_cell


def images(outputs):
    return [output for output in outputs if "image/png" in output.get("data", {})]


def errors(outputs):
    """Return what a cell printed to standard error, and any traceback."""
    return "".join(
        output.get("text", "") if output.output_type == "stream" else "\n".join(output.traceback)
        for output in outputs
        if output.get("name") == "stderr" or output.output_type == "error"
    )


def printed(outputs):
    return "".join(output.text for output in outputs if output.get("name") == "stdout")


def test_a_notebook(run_cell, tmp_path):
    options = f"{SMALL} --output '{tmp_path}'"
    own_plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(plt.get_backend())"
    before = run_cell(own_plot)
    assert len(images(before)) == 1

    outputs = run_cell(f"%run bilstm.py {options}")
    assert not images(outputs) and not errors(outputs)
    assert printed(outputs).rstrip().endswith(f"{tmp_path / 'bilstm_losses.csv'}")

    outputs = run_cell(f"%run data.py --output '{tmp_path}' --show")
    assert len(images(outputs)) == 1 and not errors(outputs)
    outputs = run_cell(f"%run -m extensions.inside_lstm -- {options} --runs 2")
    assert (tmp_path / "inside_lstm.png").exists() and not errors(outputs)

    after = run_cell(own_plot)
    assert len(images(after)) == 1 and printed(after) == printed(before)
    outputs = run_cell("from bilstm import get_bi_lstm_model\nget_bi_lstm_model(4)")
    assert "Sequential" in outputs[0].data["text/plain"]

    outputs = run_cell("%run bilstm.py --units 0")
    assert errors(outputs).startswith("bilstm.py: error: argument --units: '0' is not")
    assert errors(outputs).count("\n") == 1 and not printed(outputs)


INTERRUPTED = """
import os, signal
import {module} as module

def interrupt(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    return function(*arguments, **options)

function, module.{name} = module.{name}, interrupt
%run bilstm.py {options}
module.{name} = function
"""


@pytest.mark.parametrize(
    ("module", "name"), [("common.command_line", "load_keras"), ("keras.utils", "set_random_seed")]
)
def test_a_notebook_outlives_an_interrupt(module, name, run_cell, tmp_path):
    options = f"{SMALL} --output '{tmp_path}'"
    outputs = run_cell(INTERRUPTED.format(module=module, name=name, options=options))
    assert "bilstm.py: interrupted" in errors(outputs) or "KeyboardInterrupt" in errors(outputs)
    assert not list(tmp_path.iterdir())
    outputs = run_cell(f"%run bilstm.py {options}")
    assert not errors(outputs) and "Saved" in printed(outputs)
