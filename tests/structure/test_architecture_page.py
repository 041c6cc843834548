"""docs/architecture.md names what is there: folders and levels, functions, figures."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.structure.figures import ROOT, figures, levels, read_modules
from tests.structure.page import PAGE, table, written
from tests.structure.picture import rows

TEXT = PAGE.read_text(encoding="utf-8")
OPENING = TEXT.partition("\n## ")[0]
# What commands make that pages tell the reader to run.
MADE = {"schemas/profiles/square-image.json"}
NAMED = re.compile(r"`((?:pipelines|schemas|tests|infra|docs)/[^`\s:]+?\.\w+)(?::([\w.]+))?`")


def defines(path: Path, name: str) -> bool:
    """Whether a module defines a function, a class, a constant, or a method as `Class.method`."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [node for node in body if part in names_of(node)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def names_of(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_every_file_and_function_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    made = set(re.findall(r'^```\w+ title="([^"]+)"', text, re.MULTILINE))
    for path, name in NAMED.findall(text):
        if {"<", "*"} & set(path) or path in made | MADE:
            continue
        assert (ROOT / path).is_file(), f"{page.name} names {path}"
        assert not name or defines(ROOT / path, name), f"{page.name} names {path}:{name}"


def test_the_check_of_names_notices_what_is_not_there() -> None:
    path = ROOT / "pipelines/format/tar.py"
    assert defines(path, "TarWriter.add") and defines(path, "header") and defines(path, "BLOCK")
    assert not defines(path, "TarWriter.nothing")
    assert not defines(path, "add")
    assert NAMED.findall("`schemas/deal.py` `pipelines/a/b.py:C.d`") == [
        ("schemas/deal.py", ""),
        ("pipelines/a/b.py", "C.d"),
    ]


def test_the_way_of_an_asset_is_told_by_functions() -> None:
    _, _, way = TEXT.partition("## One asset's way")
    steps = [name for _, name in NAMED.findall(way.partition("\n## ")[0]) if name]
    assert len(steps) >= 25


@pytest.mark.long
def test_the_table_of_figures_is_of_this_code() -> None:
    assert written(figures(read_modules(ROOT))) == TEXT, "python -m tests.structure --write"


@pytest.mark.long
def test_the_table_of_figures_notices_a_change() -> None:
    found = figures(read_modules(ROOT))
    assert table(found | {"rooms": found["rooms"] + 1}) not in TEXT
    assert table(found) in TEXT


def test_every_folder_has_its_line_and_its_level() -> None:
    told = {}
    for folder, level in re.findall(r"^\| `([^`]+)` \| (\w+) \|", TEXT, re.MULTILINE):
        assert folder not in told
        told[folder] = level
    expected = {}
    for title, names in rows().items():
        for name in names:
            path = name.replace(".", "/")
            expected[f"{path}.py" if (ROOT / f"{path}.py").is_file() else f"{path}/"] = title
    assert told == expected
    listed = {
        title: set(re.findall(r"`([\w.]+)/?`", cells))
        for title, cells in re.findall(r"^\| (\w+) \| [^|`]+ \| (`.+) \|$", OPENING, re.MULTILINE)
    }
    short = {
        title: {name.removeprefix("pipelines.").replace("cli", "cli.py") for name in names}
        for title, names in rows().items()
    }
    assert listed == short
    assert sum(map(len, short.values())) == sum(map(len, levels()))
