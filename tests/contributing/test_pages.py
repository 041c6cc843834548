"""What the pages of docs/contributing/ must say besides their blocks."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from tests.contributing.follow import PAGES, ROOT, Block, blocks, edit

MEASURE = "python -m tests.structure --write"
PROTOCOL = "pipelines/storage/store.py"

every_page = pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("add-a-*.md")))


@every_page
def test_the_blocks_fit_the_code(page: str, tmp_path: Path) -> None:
    """The slow tests follow the pages; this finds at once that a page has fallen behind."""
    for block in blocks(page):
        if block.language == "diff":
            (tmp_path / block.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / block.path, tmp_path / block.path)
    assert edit(page, tmp_path)


def test_the_store_has_all_methods() -> None:
    [module] = [block for block in blocks("add-a-store.md") if _is_product(block)]
    wanted = _methods((ROOT / PROTOCOL).read_text(encoding="utf-8"), "Store")
    assert _methods(module.text, "SqliteStore") >= wanted


def _is_product(block: Block) -> bool:
    return block.language == "python" and block.path.startswith("pipelines/")


def _methods(text: str, name: str) -> set[str]:
    """Returns the names of a class's methods and attributes with a type."""
    [found] = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    methods = {node.name for node in found.body if isinstance(node, ast.FunctionDef)}
    attributes = (node.target for node in found.body if isinstance(node, ast.AnnAssign))
    return methods | {node.id for node in attributes if isinstance(node, ast.Name)}


@every_page
def test_a_page_with_a_new_module_says_how_to_measure_it(page: str) -> None:
    """docs/architecture.md counts modules, and a test fails if it is not of this code."""
    made = [block.path for block in blocks(page) if block.language == "python"]
    adds = any(path.startswith(("pipelines/", "schemas/")) for path in made)
    text = (PAGES / page).read_text(encoding="utf-8")
    assert (MEASURE in text) == adds
    assert "make check" in text
