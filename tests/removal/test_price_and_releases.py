"""Removals by a real release, and prices that do not tell what a removed asset counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.removal.test_revoke import WORDS

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


@pytest.fixture(scope="module")
def considered(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """c-1 has three assets, c-2 one and another that is considered; the minimum is 3.00 of 6.00."""
    made = library(tmp_path_factory.mktemp("considered") / "library")
    made.add_contributor("c-2")
    made.add(3, side=600)
    other = [{"contributor_id": "c-2", "share_bp": 10_000}]
    made.add(1, side=600, contributors=other)
    made.add(1, side=64, contributors=other)  # too small, but considered
    made.deal += 'base = "considered"\nminimum = "3.00"\n'
    assert made.package().code == 0
    return made


def test_what_a_removed_asset_counts_is_known_with_a_minimum(
    considered: SmallLibrary, tmp_path: Path
) -> None:
    """c-1 gets 3.00 for three assets, c-2 the minimum of 3.00 for two, one of them delivered."""
    made = considered.copied_to(tmp_path / "library")
    revoke = ["revoke", "--out", made.out, *WORDS, "--money", "reverse", "--json"]
    for asset, taken in (("a-0", 1_00), ("a-3", 1_50)):
        done = in_process(*revoke, "--asset", asset)
        assert done.code == 0, done.err
        [deal] = done.json["deals"]
        assert [one["taken_minor"] for one in deal["corrections"]] == [taken]
    paid = pay(made)
    # a-0 and a-3 have stopped: of equal halves, c-1 has two thirds left, c-2 a half.
    assert paid == {"c-1": 4_00, "c-2": 3_00}


def pay(made: SmallLibrary) -> dict[str, int]:
    """Shares later revenue of 7.00."""
    words = ["--delivery", "small/v0001", "--amount", "7.00", "--currency", "USD"]
    words += ["--source", "licences", "--period", "2027", "--name", "later", "--date", "2026-12-31"]
    done = in_process("pay", "--out", made.out, *words, "--agency-share", "0", "--json")
    assert done.code == 0, done.err
    return {one["contributor_id"]: one["credit_minor"] for one in done.json["credits"]}


def test_a_contributor_who_leaves_earns_nothing_for_what_was_considered(
    considered: SmallLibrary, tmp_path: Path
) -> None:
    made = considered.copied_to(tmp_path / "library")
    done = in_process("revoke", "--out", made.out, *WORDS, "--contributor", "c-2")
    assert done.code == 0, done.err
    assert pay(made) == {"c-1": 7_00, "c-2": 0}
