"""What README and docs/ say is there: links, files, commands and their flags."""

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from models.pretrained import WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
LOG = "training_runs.md"  # tells of files and flags that are gone since
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SET_UP = (
    "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    " && .venv/bin/python inference.py --demo",
    "python3 -m venv .venv && .venv/bin/pip install -r requirements-dev.txt"
    " && .venv/bin/python -m pytest",
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"(?<![\w./*<-])((?:[\w-]+/)*[\w-]+\.(?:py|md|safetensors))\b")
# python X.py, python -m X, torchrun ... X.py; and the rest of the line, to its comment.
COMMAND = re.compile(r"(?:python|torchrun[^`\n]*?) (?:-m ([\w.]+)|([\w/]+\.py))([^`#|\n]*)")
FLAG = re.compile(r"(?<![\w-])--[a-z]\w*")
NOT_OURS = {"pytest", "venv", "pip"}
TO_BE_WRITTEN = {"X.py", "tests/test_X.py", "mine.safetensors"}


def text_of(document: Path) -> str:
    """With lines that a backslash continues in one."""
    return document.read_text(encoding="utf-8").replace("\\\n", " ")


def anchors_of(document: Path) -> set[str]:
    """A page's headings as GitHub turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def commands_of(document: Path) -> list[tuple[str, str]]:
    """(module, the rest of the line) of each command of ours."""
    found = COMMAND.findall(text_of(document))
    named = ((module or script.removesuffix(".py"), rest) for module, script, rest in found)
    return [(module, rest) for module, rest in named if module not in NOT_OURS]


@cache
def help_of(module: str) -> str:
    """What a command prints of its flags."""
    import contextlib
    import io

    command = importlib.import_module(module)
    if not hasattr(command, "main"):  # a package that runs
        command = importlib.import_module(f"{module}.__main__")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as end:
        command.main(["--help"])
    assert end.value.code == 0
    return said.getvalue()


def exists(name: str, document: Path, line: str) -> bool:
    """A file that the tree holds, beside the page, in a folder that the same line names, or in
    the package of the page's name.

    Weights may be named alone; which are absent in some trees is the table's to say.
    """
    if name.endswith(".safetensors"):
        return Path(name).name in {weights.path.name for weights in WEIGHTS.values()}
    folders = [document.stem, *re.findall(r"((?:[\w-]+/)+)[\w-]*", line)]
    places = (ROOT, document.parent, *(ROOT / folder for folder in folders))
    return any((place / name).exists() for place in places)


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    targets = [link for link in LINK.findall(text_of(document)) if "://" not in link]
    for target in targets:
        file, _, anchor = target.partition("#")
        page = document.parent / file if file else document
        assert page.exists(), target
        assert not anchor or anchor in anchors_of(page), target


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_files_that_are_named_are_there(document):
    if document.name == LOG:
        pytest.skip("a log of what was")
    absent = {
        name
        for line in text_of(document).splitlines()
        for name in NAMED.findall(line)
        if name not in TO_BE_WRITTEN and not exists(name, document, line)
    }
    assert not absent


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_commands_are_there_and_know_their_flags(document):
    if document.name == LOG:
        pytest.skip("a log of what was")
    for module, rest in commands_of(document):
        if module.startswith(("tests.", "benchmarks.")):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
            continue
        known = set(FLAG.findall(help_of(module)))
        assert set(FLAG.findall(rest)) <= known, f"{module}{rest}"


def test_the_two_commands_to_set_up_stand_in_readme_word_for_word():
    lines = [line.strip() for line in (ROOT / "README.md").read_text().splitlines()]
    assert set(SET_UP) <= set(lines)


def test_readme_stays_a_front_door():
    words = re.findall(r"[A-Za-z][\w'-]*", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(words) < 2000  # 1,300 of prose, and names
