"""docs/tutorial.ipynb: made from today's scripts, and runs with no file of ours."""

import nbformat
import pytest

from tools import make_notebook


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(make_notebook.NOTEBOOK, as_version=4)


def test_is_made_from_the_scripts(committed):
    """If this fails, run `python -m tools.make_notebook`."""
    cells = make_notebook.make_cells()
    assert [cell.source for cell in committed.cells] == [cell.source for cell in cells]
    assert [cell.cell_type for cell in cells] == ["markdown", "code"] * (len(cells) // 2)


def test_outputs(committed):
    nbformat.validate(committed)
    assert make_notebook.NOTEBOOK.stat().st_size < 1_000_000
    outputs = [output for cell in committed.cells for output in cell.get("outputs", [])]
    printed = [output.text for output in outputs if output.output_type == "stream"]
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert not any("/" in text or "arning" in text for text in printed)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
    assert sum("text/html" in output.get("data", {}) for output in outputs) == 3


ALONE = """
import importlib.util
import os

modules = "data lstm_forward bilstm compare_directions compare_merge_modes common".split()
print(os.listdir("."), [name for name in modules if importlib.util.find_spec(name)])
"""
AS_THE_TUTORIAL_TRAINS = """
keras.utils.set_random_seed(0)
again = get_lstm_model(n_timesteps)
expected = [again.fit(X[[i]], y[[i]], verbose=0).history["loss"][0] for i in range(len(X))]
print(np.abs(once["lstm_forw"] - expected).max() < 1e-5)
"""


def test_runs_in_an_empty_folder():
    cells = make_notebook.make_cells(n_sequences=3, n_updates=2, n_runs=1, n_timesteps=2)
    [trained] = [i for i, cell in enumerate(cells) if '"lstm_forw": train_model(' in cell.source]
    cells.insert(trained + 1, nbformat.v4.new_code_cell(AS_THE_TUTORIAL_TRAINS))
    cells.append(nbformat.v4.new_code_cell(ALONE))
    made = make_notebook.run_cells(cells)
    assert made.cells[-1].outputs[0].text == "[] []\n"
    assert made.cells[trained + 1].outputs[0].text == "True\n"
    told = "".join(
        output.get("text", "") for cell in made.cells for output in cell.get("outputs", [])
    )
    assert "Copy english_stress.csv.gz from extensions/data beside this notebook" in told
