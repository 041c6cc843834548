"""docs/contributing/add-a-rule.md, followed: its tests, then a run that refuses by the rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.contributing.follow import check_style, copy_program, edit, python, run_all
from tests.contributing.library import decisions, delivered, make_library
from tests.end_to_end.command import Demo

pytestmark = pytest.mark.slow  # a copy of the program is changed and checked

PAGE = "add-a-rule.md"
CODE = "source.after_term"


def test_the_page_makes_a_rule(demo: Demo, tmp_path: Path) -> None:
    program = copy_program(tmp_path / "program")
    check_style(program, edit(PAGE, program))
    late, *others = delivered(demo)[:3]
    late["created_at"] = date(2099, 1, 1)
    make_library(demo, program, [late, *others])
    _, tests, _ = run_all(PAGE, program)
    assert " passed" in tests and "failed" not in tests
    assert f"\n| `{CODE}` | screen | refused |" in (program / "docs/rights.md").read_text()
    found = decisions(program)
    assert found[late["asset_id"]]["reasons"] == [CODE]
    assert "created_at=2099-01-01" in found[late["asset_id"]]["detail"]
    assert {found[row["asset_id"]]["outcome"] for row in others} == {"delivered"}

    explain = ["explain", late["asset_id"], "--catalogue", "library", "--deal", "deal.toml"]
    done = python(program, ["-m", "pipelines.cli", *explain, "--as-of", "2026-06-30"])
    assert done.returncode == 0, done.stderr
    assert f"{CODE}: The asset was made after the deal ends" in done.stdout
