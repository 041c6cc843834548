"""docs/contributing/add-a-signal.md, followed: the conformance table, then a run that refuses."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.contributing.follow import check_style, copy_program, edit, run_all
from tests.contributing.library import DEAL, decisions, delivered, make_library
from tests.end_to_end.command import Demo, tables

PAGE = "add-a-signal.md"
SIGNATURE_AND_HEADER = 8 + 25


def add_text(path: Path, keyword: bytes, text: bytes) -> None:
    """Puts a text behind the header of a PNG file."""
    data, body = path.read_bytes(), b"tEXt" + keyword + b"\0" + text
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    path.write_bytes(data[:SIGNATURE_AND_HEADER] + chunk + data[SIGNATURE_AND_HEADER:])


def test_the_page_extends_the_conformance_table(tmp_path: Path) -> None:
    program = copy_program(tmp_path / "program")
    edit(PAGE, program)
    [printed] = run_all(PAGE, program, "pytest")
    assert " passed" in printed and "failed" not in printed


@pytest.mark.slow  # a copy of the program is checked and run
def test_the_page_makes_a_signal(demo: Demo, tmp_path: Path) -> None:
    program = copy_program(tmp_path / "program")
    check_style(program, edit(PAGE, program))
    rows = [row for row in delivered(demo) if row["media_uri"].endswith(".png")][:3]
    for row in rows:
        row |= {"sha256": None, "bytes": None}
    make_library(demo, program, rows)
    denied, allowed, silent = rows
    add_text(program / "library" / denied["media_uri"], b"AI-Training", b"no")
    add_text(program / "library" / allowed["media_uri"], b"AI-Training", b"yes")
    tests, _ = run_all(PAGE, program)
    assert " passed" in tests and "failed" not in tests
    found = decisions(program)
    assert found[denied["asset_id"]]["reasons"] == ["file.denied"]
    assert "PNG tEXt AI-Training=no" in found[denied["asset_id"]]["detail"]
    for row in (allowed, silent):
        assert found[row["asset_id"]]["outcome"] == "delivered"
    said = tables(program / "out" / DEAL / "v0001" / "agency" / "signals").to_pylist()
    values = {(row["asset_id"], row["purpose"], row["value"]) for row in said}
    assert values >= {
        (denied["asset_id"], "train_nongen", "deny"),
        (allowed["asset_id"], "train_nongen", "allow"),
    }
