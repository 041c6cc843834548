"""What the pages of docs/contributing/ must say besides their blocks."""

from __future__ import annotations

import pytest

from tests.contributing.follow import PAGES, blocks

MEASURE = "python -m tests.structure --write"


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("add-a-*.md")))
def test_a_page_with_a_new_module_says_how_to_measure_it(page: str) -> None:
    """docs/architecture.md counts modules, and a test fails if it is not of this code."""
    made = [block.path for block in blocks(page) if block.language == "python"]
    adds = any(path.startswith(("pipelines/", "schemas/")) for path in made)
    text = (PAGES / page).read_text(encoding="utf-8")
    assert (MEASURE in text) == adds
    assert "make check" in text
