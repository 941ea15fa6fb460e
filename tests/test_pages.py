"""README and the pages in docs against the code: links, commands, options, functions, snippets."""

import ast
import importlib
import inspect
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from bilstm import get_bi_lstm_model
from common.command_line import HELP

ROOT = Path(__file__).parent.parent
PAGES = {
    page: page.read_text(encoding="utf-8")
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
}
README = PAGES[ROOT / "README.md"]
TEXT = "\n".join(PAGES.values())
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, flags=re.DOTALL)
CODE = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
FILES = [
    file
    for file in ROOT.rglob("*.py")
    if not any(part.startswith(".") for part in file.relative_to(ROOT).parts)
]
TRIED_ELSEWHERE = {"results/": "test_recordings", "pad_sequences": "test_changes"}
SNIPPETS = [
    block
    for language, block in BLOCKS
    if language == "python" and not any(words in block for words in TRIED_ELSEWHERE)
]
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
COMMANDS = [line for line in (*CODE, *LINES) if line.startswith("python ") and "FOLDER" not in line]


def prose(page):
    return re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    targets = re.findall(r"\]\(([^)]+)\)", prose(page))
    assert len(targets) > 2
    for target in targets:
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            assert re.match(r"https://[\w./-]+$", target), target
            continue
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_pages_are_linked_from_readme_and_back():
    for page in PAGES:
        if page.name != "README.md":
            assert f"]({page.relative_to(ROOT).as_posix()}" in README
            assert re.search(r"\]\((\.\./)?README\.md\)", PAGES[page].split("##")[0])


def test_every_file_is_linked_or_stands_in_a_command():
    for file in FILES:
        names = ("__init__.py", "common.py", "conftest.py")
        if file.name not in names and file.parent.name != "tests":
            path = file.relative_to(ROOT).as_posix()
            module = path.removesuffix(".py").replace("/", ".")
            linked = f"]({path})" in TEXT or f"](../{path})" in TEXT
            assert linked or module in TEXT, path


def test_figures():
    figures = {path.name for path in (ROOT / "docs" / "figures").glob("*.png")}
    shown = set(re.findall(r"\]\((?:docs/)?figures/([^)]+)\)", TEXT))
    refresh = importlib.import_module("docs.refresh")
    refreshed = {script.split(".")[-1] for script in refresh.SCRIPTS | refresh.LONG | refresh.TIMES}
    assert figures == shown
    assert refreshed <= {path.removesuffix(".png") for path in figures}
    assert all((ROOT / "docs" / "figures" / figure).stat().st_size < 250_000 for figure in figures)


def test_refresh_copies_all_figures_or_none(tmp_path, monkeypatch):
    refresh = importlib.import_module("docs.refresh")
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(refresh, "write_pages", lambda seed, output: None)
    monkeypatch.setattr(sys, "argv", ["refresh.py", "--output", str(tmp_path / "new")])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    figure = tmp_path / "docs" / "figures" / "data.png"
    figure.parent.mkdir(parents=True)
    figure.write_text("old")
    monkeypatch.setattr(refresh, "SCRIPTS", {"data": [], "no_such_script": []})
    with pytest.raises(SystemExit, match="no_such_script ended with status 1"):
        refresh.main()
    assert figure.read_text() == "old"
    monkeypatch.setattr(refresh, "SCRIPTS", {"data": []})
    refresh.main()
    assert figure.read_bytes() == (tmp_path / "new" / "seed0" / "data.png").read_bytes()
    assert (tmp_path / "docs" / "summaries" / "seconds.csv").read_text().startswith("script,")
    monkeypatch.setattr(refresh, "LARGEST_FIGURE", 1000)
    with pytest.raises(SystemExit, match="larger than 1,000 bytes"):
        refresh.main()


def test_numbers_on_the_pages_are_those_of_the_summaries(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pages.py", "--check"])
    with pytest.raises(SystemExit) as end:
        importlib.import_module("docs.pages").main()
    assert end.value.code == 0


SETTINGS = {"0.001", "0.003", "0.006", "0.0002", "0.0003", "0.0001"}  # learning rates
OF_OTHERS = {"0.9817"}  # as published


@pytest.mark.parametrize("page", ["README.md", "docs/claims.md", "docs/questions.md"])
def test_no_result_is_typed_by_hand(page):
    text = re.sub(r"]]] -->.*?<!-- \[\[\[end", "", prose(ROOT / page), flags=re.DOTALL)
    assert not re.findall(r".*±\s*\d.*", text)
    assert set(re.findall(r"\b\d\.\d{3,}\b", text)) <= SETTINGS | OF_OTHERS


def script_of(words):
    return words[2] if words[1] == "-m" else words[1].removesuffix(".py").replace("/", ".")


def test_commands(run_script, capsys):
    assert len(COMMANDS) > 15
    for command in COMMANDS:
        words = shlex.split(command)
        script = script_of(words)
        if script in ("pytest", "docs.pages", "docs.compare_seeds"):  # have no options to speak of
            continue
        with pytest.raises(SystemExit):
            run_script(script, "--help")
        text = capsys.readouterr().out
        for word in words:
            if word.startswith("--"):
                assert f"{word} " in text, command


def test_main_commands():
    for line in LINES:
        for file in re.findall(r"[\w/]+\.(?:py|txt)", line):
            assert (ROOT / file).exists(), line


def test_pytest_commands_select_tests():
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")
    )
    selections = [shlex.split(command)[-1] for command in COMMANDS if " -k " in command]
    assert selections
    for selection in selections:
        assert re.search(rf"def test_\w*{selection}", sources)


def test_options():
    options = PAGES[ROOT / "docs" / "options.md"]
    rows = re.findall(r"^\| `--([\w-]+)[^`]*` \| ([^|]+) \|", options, flags=re.MULTILINE)
    table = dict(rows)
    of_one_script = {"data", "label", "scores", "frameworks"}
    of_most = {"seed", "output", "show", *(option.replace("_", "-") for option in HELP)}
    assert set(table) == of_one_script | of_most
    for option, meaning in HELP.items():
        assert table[option.replace("_", "-")].strip() == meaning
    mentioned = {word for code in CODE for word in re.findall(r"--[a-z-]+", code)}
    of_docs = {"--all", "--check", "--with-requirements"}  # of refresh.py, of cog, of uv
    assert mentioned - {"--help"} - of_docs == {f"--{option}" for option in table}


def names_in_the_code():
    """Return every name, attribute, argument and string of the project's code."""
    names = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for field in ("id", "name", "attr", "arg", "value", "module"):
                value = getattr(node, field, None)
                if isinstance(value, str):
                    names.add(value)
    return names


def test_names():
    names = names_in_the_code() | {file.stem for file in FILES}
    identifiers = [code for code in CODE if re.fullmatch(r"[A-Za-z]\w*_\w*", code)]
    assert len(identifiers) > 20
    for identifier in identifiers:
        assert identifier in names, identifier
    functions = [code for code in CODE if re.fullmatch(r"(get|train)_\w+", code)]
    assert set(functions) <= names


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
@pytest.mark.filterwarnings("error::DeprecationWarning:snippet")
@pytest.mark.usefixtures("without_xla")
def test_snippets_run_in_an_empty_folder(snippet, tmp_path, monkeypatch):
    """With the builder pasted in where the snippet says so, and the one file to be copied."""
    paste = "# paste get_bi_lstm_model from bilstm.py here\n"
    shutil.copy(ROOT / "common" / "training.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    snippet = snippet.replace(paste, inspect.getsource(get_bi_lstm_model))
    exec(compile(snippet, "snippet.py", "exec"), {"__name__": "snippet"})
    sys.modules.pop("training", None)
