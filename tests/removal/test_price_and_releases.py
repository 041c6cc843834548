"""Removals by a real release, and prices that do not tell what a removed asset counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.removal.test_revoke import WORDS, files

pytestmark = pytest.mark.long


def library(folder: Path) -> SmallLibrary:
    folder.mkdir()
    return SmallLibrary(folder)


def test_a_release_removes_the_assets_that_rest_on_it(tmp_path: Path) -> None:
    """R-1 is of a-1 and a-2, R-2 of a-2 alone; nothing of a-0 and a-3 changes."""
    made = library(tmp_path / "library")
    made.add(4, side=600)
    kinds = {"people_count": 1, "minors": False, "created_at": "2024-05-01"}
    made.rows[1] |= kinds | {"release_ids": ["R-1"]}
    made.rows[2] |= kinds | {"people_count": 2, "release_ids": ["R-1", "R-2"]}
    signed = {"kind": "model", "signed_at": "2025-01-01", "ml_use": "allow", "minor": False}
    signed |= {"subject_signed": True, "photographer_signed": True, "biometric_rider": True}
    signed |= {"shoot_from": "2024-04-01", "shoot_until": "2024-06-01"}
    rows = [
        {"release_id": name, "subject_ref": f"person {name}", **signed} for name in ("R-1", "R-2")
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (made.folder / "catalogue/releases.jsonl").write_text(text, encoding="utf-8")
    done = made.package("--json")
    assert done.code == 0, done.err
    assert done.json["samples"] == 4, done.json
    for number, (release, gone) in enumerate((("R-2", 1), ("R-1", 1)), 2):
        removed = in_process(
            "revoke", "--out", made.out, *WORDS, "--release", release, "--deal", "small", "--json"
        )
        assert removed.code == 0, removed.err
        [deal] = removed.json["deals"]
        assert deal["patched"] == {f"small/v{number - 1:04d}": f"v{number:04d}"}
        assert deal["samples"][f"small/v{number - 1:04d}"] == gone


def test_a_price_that_does_not_tell_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    made = library(tmp_path / "library")
    made.add_contributor("c-2")
    made.add(3, side=600)
    other = [{"contributor_id": "c-2", "share_bp": 10_000}]
    made.add(1, side=600, contributors=other)
    made.add(1, side=64, contributors=other)  # too small, but considered
    made.deal += 'base = "considered"\nminimum = "3.00"\n'
    assert made.package().code == 0
    before = files(made.folder)
    revoke = ["revoke", "--out", made.out, *WORDS, "--asset", "a-0"]
    for words in (["--money", "reverse", "--recurring", "keep"], ["--money", "keep"], []):
        refused = in_process(*revoke, *words)
        assert refused.code == 2 and "--money keep and --recurring keep" in refused.err
        assert files(made.folder) == before
    done = in_process(*revoke, "--money", "keep", "--recurring", "keep")
    assert done.code == 0, done.err
    assert "small/v0001: 1 sample" in done.out.splitlines()[3]
    assert in_process(*revoke).code == 0  # it is named already, so nothing is asked of the price
