"""The table of figures in docs/architecture.md: before the levels were introduced, and today."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.report.reference import fill_section
from tests.structure.figures import ROOT

PAGE = ROOT / "docs" / "architecture.md"
# What `python -m tests.structure --root ../old` prints of 56b11de.
BEFORE = {
    "modules": 289,
    "rooms": 45,
    "arrows between rooms": 249,
    "arrows that are part of a circle of rooms": 55,
    "circles of modules": 1,
    "imports from a level to a higher one": 17,
    "modules that verify reaches": 162,
}


def table(after: Mapping[str, int]) -> str:
    """The table as Markdown.

    Args:
        after: Today's figures; see `figures.figures`.
    """
    rows = [f"| {name} | {BEFORE[name]} | {value} |" for name, value in after.items()]
    return "\n".join(["| | before | after |", "| --- | ---: | ---: |", *rows])


def written(after: Mapping[str, int]) -> str:
    """The page with its table as it should be."""
    return fill_section(PAGE.read_text(encoding="utf-8"), "figures", table(after))
