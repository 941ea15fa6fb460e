"""tools/refresh.py: what it keeps of what scripts print, and that it changes all or nothing."""

import keras
import pytest

from tools import pages, refresh

SCRIPT = """
import sys
from pathlib import Path

_, *options, _, seed, _, output = sys.argv
Path(output).mkdir(parents=True, exist_ok=True)
Path(output, "some.png").write_text(" ".join([*options, seed]).ljust(100))
print("Answer:", *options, "of seed", seed)
print("Saved", Path(output, "some.png"))
"""


def test_what_is_kept_is_what_a_terminal_shows_in_the_end(capsys):
    """Without bars, times and files; with Keras' own progress bars."""
    print("A table:\n a  \n")
    for unit, values in (("training", []), ("step", [("accuracy", 0.5), ("loss", 0.25)])):
        progress = keras.utils.Progbar(12, unit_name=unit)
        for step in range(1, 13):
            progress.update(step, values)
    print("\nSaved it")
    kept = "A table:\n a\n\n12/12 - accuracy: 0.5000 - loss: 0.2500\n"
    assert refresh.clean(capsys.readouterr().out) == kept


def test_all_is_kept_or_nothing(tmp_path, monkeypatch):
    docs, readme = tmp_path / "docs", tmp_path / "README.md"
    figure = docs / "figures" / "some.png"
    figure.parent.mkdir(parents=True)
    readme.write_text("<!-- printed some_seed0 -->\n<!-- end -->\n")
    (tmp_path / "some.py").write_text(SCRIPT)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "PRINTED", docs / "printed")
    scripts = {"some": "some", "other": "some --a 1", "broken": "broken"}
    monkeypatch.setattr(refresh, "SCRIPTS", scripts)
    monkeypatch.setattr(refresh, "COMMANDS", scripts)

    def run(*arguments):
        command = ["refresh.py", "--output", str(tmp_path / "results"), *arguments]
        monkeypatch.setattr("sys.argv", command)
        refresh.main()
        return {path.name: path.read_text() for path in docs.glob("printed/*")}

    with pytest.raises(SystemExit, match="broken --seed 0 ended with status 1"):
        run()
    monkeypatch.setattr(refresh, "LARGEST_FIGURE", 99)
    with pytest.raises(SystemExit, match="larger than 99 bytes"):
        run("some")
    assert [*docs.rglob("*")] == [figure.parent]
    monkeypatch.setattr(refresh, "LARGEST_FIGURE", 100)
    printed = {
        "some_seed0.txt": "Answer: of seed 0\n",
        "other_seed0.txt": "Answer: --a 1 of seed 0\n",
    }
    assert run("some", "other") == printed
    assert figure.read_text().split() == ["0"]  # not that of the other
    assert "```text\nAnswer: of seed 0\n```" in readme.read_text()
    printed["some_seed1.txt"] = "Answer: --b 2 of seed 1\n"
    assert run("some", "--seed", "1", "--b", "2") == printed
    assert figure.read_text().split() == ["0"]
    with pytest.raises(SystemExit):
        run("another")
