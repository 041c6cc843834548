"""docs/contributing/add-a-store.md, followed: the contract, then a delivery in the new store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contributing.follow import check_style, copy_program, edit, run_all
from tests.contributing.library import delivered, make_library
from tests.end_to_end.command import Demo

pytestmark = pytest.mark.slow  # a copy of the program is changed and checked

PAGE = "add-a-store.md"


def test_the_page_makes_a_store(demo: Demo, tmp_path: Path) -> None:
    program = copy_program(tmp_path / "program")
    check_style(program, edit(PAGE, program))
    rows = delivered(demo)[:3]
    make_library(demo, program, rows)
    tests, packaged, verified = run_all(PAGE, program)
    assert "7 passed" in tests
    assert "sqlite://out.db/demo-images/v0001/delivery" in packaged
    assert "\nOK: sqlite://out.db/" in verified
    assert f"{len(rows)} samples" in verified
    with closing(sqlite3.connect(program / "out.db")) as database:
        keys = [key for (key,) in database.execute("SELECT key FROM objects")]
    assert "demo-images/v0001/delivery/MANIFEST.json" in keys
    assert any(key.endswith(".tar") for key in keys)
