"""README and the pages in docs: results as printed, links, commands, options, names, snippets."""

import ast
import inspect
import re
import shlex
import shutil
import sys

import keras
import pandas as pd
import pytest

from bilstm import get_bi_lstm_model
from common.command_line import OPTIONS
from tools import pages, refresh

ROOT = pages.ROOT
PAGES = {
    page: page.read_text(encoding="utf-8")
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
}
PROSE = {page: re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL) for page in PAGES}
TEXT = "\n".join(PAGES.values())
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.DOTALL)
CODE = re.findall(r"`([^`]+)`", "\n".join(PROSE.values()))
FILES = [file for file in ROOT.rglob("*.py") if "/." not in file.as_posix()]
TRIED_ELSEWHERE = {"results/": "test_classify_recordings", "pad_sequences": "test_changes"}
NOT_TRIED = ["read_excel"]  # would need openpyxl
SNIPPETS = [
    block
    for language, block in BLOCKS
    if language == "python" and not any(words in block for words in [*TRIED_ELSEWHERE, *NOT_TRIED])
]
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
COMMANDS = [line for line in (*CODE, *LINES) if line.startswith("python ") and "FOLDER" not in line]


# What the scripts print.


def test_pages_show_what_the_scripts_have_printed():
    """If this fails, run `python -m tools.pages`."""
    assert pages.fill_pages(check=True) == []


@pytest.mark.parametrize(
    "name", ["README.md", "docs/claims.md", "docs/questions.md", "docs/speed.md"]
)
def test_no_result_is_typed_by_hand(name):
    text = PROSE[ROOT / name]
    assert "```text" not in pages.MARKED.sub("", PAGES[ROOT / name])
    assert not re.findall(r".*±\s*\d.*", text)
    assert not re.findall(r"^\|.*\| *[-+]?[\d.,]+%? *\|", text, flags=re.MULTILINE)
    published = {"0.9817"}
    learning_rates = {"0.0001", "0.0002", "0.002", "0.0003", "0.001", "0.003", "0.006", "0.016"}
    without_links = re.sub(r"\]\(.*?\)", "", text)
    assert set(re.findall(r"\b\d\.\d{3,}\b", without_links)) <= learning_rates | published


def test_what_is_kept_fits_a_page():
    printed = {file.stem: file.read_text(encoding="utf-8") for file in pages.PRINTED.glob("*")}
    kept = {name.rpartition("_seed")[0] for name in printed}
    assert {*refresh.SCRIPTS, *refresh.LONG} <= kept <= set(refresh.COMMANDS)
    for name, text in printed.items():
        assert max(map(len, text.splitlines())) <= 80, name
        assert not re.search(r"[\r\x08\x1b]|/(home|root|tmp|Users)/|\\Users", text), name


def test_a_page_is_filled(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PRINTED", tmp_path)
    printed = "First, ± 1:\n  loss\na  0.1\n\nSecond:\nb  0.2\n\nSecond (again)\n"
    (tmp_path / "some_seed0.txt").write_text(printed, encoding="utf-8")
    (tmp_path / "some_seed1.txt").write_text("b  0.3\n", encoding="utf-8")
    page = "Before.\n<!-- {} -->\n{}<!-- end -->\nAfter.\n"
    for marker, shown in {
        "printed some_seed0": printed,
        "printed some_seed0: Second:; First": "Second:\nb  0.2\n\nFirst, ± 1:\n  loss\na  0.1\n",
        "lines some_seed0: Second; loss": "  loss\nSecond:\nSecond (again)\n",
        "lines some: b": f"b  0.2\n{pages.SEED_1}b  0.3\n```\n\n</details>\n",
    }.items():
        filled = page.format(
            marker, f"```text\n{shown}```\n".replace("</details>\n```", "</details>")
        )
        assert pages.fill(page.format(marker, "")) == filled == pages.fill(filled)
        assert pages.fill(page.format(marker, "```text\nold\n```\n")) == filled
    for marker, block, problem in [
        ("printed other", "", "no docs/printed/other_seed0.txt"),
        ("printed some_seed0: First; x", "", "0 parts of some_seed0.txt .* 'x'"),
        ("printed some_seed0: Second", "", "2 parts of some_seed0.txt .* 'Second'"),
        ("printed some_seed0", "Typed.\n", "marker <!-- printed some_seed0 --> is not followed"),
        ("lines some_seed0: a -->\n<!-- printed some_seed0", "", "marker <!-- lines some_seed0"),
    ]:
        with pytest.raises(ValueError, match=problem):
            pages.fill(page.format(marker, block))


# Links.


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", PROSE[page], flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    targets = re.findall(r"\]\(([^)]+)\)", PROSE[page])
    assert len(targets) > 2
    for target in targets:
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            assert re.match(r"https://[\w./-]+$", target), target
            continue
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target
    if page.name != "README.md":
        assert f"]({page.relative_to(ROOT).as_posix()}" in PAGES[ROOT / "README.md"]
        assert re.search(r"\]\((\.\./)?README\.md\)", PAGES[page].split("##")[0])


def test_every_file_is_linked_or_stands_in_a_command():
    for file in FILES:
        path = file.relative_to(ROOT).as_posix()
        if file.name != "__init__.py" and not path.startswith("tests"):
            linked = f"]({path})" in TEXT or f"](../{path})" in TEXT
            assert linked or path.removesuffix(".py").replace("/", ".") in TEXT, path


def test_every_figure_is_shown():
    figures = {path.name: path.stat().st_size for path in (ROOT / "docs/figures").iterdir()}
    assert set(figures) == set(re.findall(r"\]\((?:docs/)?figures/([^)]+)\)", TEXT))
    assert max(figures.values()) <= refresh.LARGEST_FIGURE


# Commands, options and names.


def test_commands(run_script, capsys):
    assert len(COMMANDS) > 15
    for words in map(shlex.split, COMMANDS):
        script = words[2] if words[1] == "-m" else words[1].removesuffix(".py").replace("/", ".")
        if script in ("pytest", "venv"):
            continue
        with pytest.raises(SystemExit):
            run_script(script, "--help")
        text = capsys.readouterr().out
        for option in words:
            assert not option.startswith("--") or re.search(rf"{option}\b", text), words


def test_lines_to_type():
    for line in LINES:
        for file in re.findall(r"[\w/]+\.(?:py|txt)", line):
            assert (ROOT / file).exists() or "site-packages" in line, line
    tests = "".join(file.read_text(encoding="utf-8") for file in FILES if "tests" in file.parts)
    selections = [shlex.split(command)[-1] for command in COMMANDS if " -k " in command]
    assert selections and all(re.search(rf"def test_\w*{words}", tests) for words in selections)


def test_options():
    options = PAGES[ROOT / "docs" / "options.md"]
    rows = re.findall(r"^\| `--([\w-]+)[^`]*` \| ([^|]+?) \|", options, flags=re.MULTILINE)
    table = {option.replace("-", "_"): meaning for option, meaning in rows}
    assert {name: table[name] for name in OPTIONS} == {name: OPTIONS[name][1] for name in OPTIONS}
    mentioned = {word for code in CODE for word in re.findall(r"--[a-z-]+", code)}
    of_others = {"--help", "--all", "--check", "--with-requirements"}  # of our tools, and of uv
    assert mentioned - of_others == {f"--{option}" for option, _ in rows}


def test_names_are_those_of_the_code():
    names = {file.stem for file in FILES}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            values = (
                getattr(node, field, None) for field in ("id", "name", "attr", "arg", "value")
            )
            names |= {value for value in values if isinstance(value, str)}
    of_pages = {code for code in CODE if re.fullmatch(r"[A-Za-z]\w*_\w*", code)}
    assert len(of_pages) > 20
    assert of_pages <= names


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
@pytest.mark.filterwarnings("error::DeprecationWarning:snippet")
@pytest.mark.usefixtures("without_xla")
def test_snippets_run_in_an_empty_folder(snippet, tmp_path, monkeypatch):
    """With the builder pasted in where the snippet says so, and the one file to be copied."""
    paste = "# paste get_bi_lstm_model from bilstm.py here\n"
    shutil.copy(ROOT / "common" / "training.py", tmp_path)
    shutil.copytree(ROOT / "extensions" / "data", tmp_path / "extensions" / "data")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "first.csv").write_text("kind,x\nup,1\nup,2\n")
    (tmp_path / "ucr.tsv").write_text("1\t0.5\t0.6\n2\t0.7\t\n")
    (tmp_path / "words.conll").write_text("a up\nb up\n\nc down\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    snippet = snippet.replace(paste, inspect.getsource(get_bi_lstm_model))
    exec(compile(snippet, "snippet.py", "exec"), {"__name__": "snippet"})
    sys.modules.pop("training", None)
    if (tmp_path / "mine.csv").exists():
        steps = pd.read_csv("mine.csv")
        shown = steps[["recording", "kind"]].astype(str).to_numpy().tolist()
        assert shown in (
            [["first", "up"]] * 2,
            [["0", "1"], ["1", "2"], ["0", "1"]],
            [["0", "up"], ["0", "up"], ["1", "down"]],
        )


OWN_DATA = PAGES[ROOT / "docs" / "own_data.md"].split("## Which layer, which loss?")[1]
ROWS = re.findall(r"^\| (.*(?:True|False).*) \|$", OWN_DATA, flags=re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=[row.split(" | ")[0] for row in ROWS])
@pytest.mark.usefixtures("without_xla")
def test_each_row_of_which_layer_and_which_loss(row):
    """The page's program, with the changes that the row names, learns its labels."""
    assert len(ROWS) == 4
    _, returns, layer, loss, shape, predicted = (cell.strip("`") for cell in row.split(" | "))
    predicted = predicted if predicted[0] in ".[" else f" {predicted}"
    code = OWN_DATA.split("```python\n")[1].split("```")[0]
    for old, new in {
        "return_sequences=True": f"return_sequences={returns}",
        'Dense(3, "softmax")': layer.replace("k", "3"),
        "sparse_categorical_crossentropy": loss,
        "verbose=0).argmax(-1)": f"verbose=0){predicted}",
        "model = keras": {
            "(n, steps, 1)": "y = (y == 2)[..., None].astype(int)",
            "(n, steps)": "",
            "(n,)": "y = y[:, -1]" + (" == 2" if layer[6] == "1" else ""),
        }[shape]
        + "\nmodel = keras",
    }.items():
        assert code.count(old) == 1
        code = code.replace(old, new)
    names = {"__name__": "snippet"}
    keras.utils.set_random_seed(0)
    exec(compile(code.replace("verbose=2", "verbose=0"), "snippet.py", "exec"), names)
    assert names["classes"].shape == names["y"][:100].shape
    assert (names["classes"] == names["y"][:100]).mean() > 0.85
