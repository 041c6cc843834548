"""Damage to a place that carries a no lets nothing more pass, unless something says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.mutations import Screened, search

# What nobody can see in the catalogue alone: that a row or a value was there before.
UNSEEN = frozenset({"delete row", "delete cell"})
# Names of people that no other table has: another name is another person, and may be right.
FREE_NAMES = ("releases.subject_ref", "releases.witness_ref", ", subject_ref", ", witness_ref")


def lost(folder: Path, every: int, start: int) -> list[str]:
    tried, found = search(folder, every, start)
    assert tried.total()
    return [
        f"{item.mutation.what}: {item.mutation.where}: {len(item.assets)} more"
        for item in found
        if item.mutation.what not in UNSEEN
        and not (
            item.mutation.what.startswith("garble")
            and any(name in item.mutation.where for name in FREE_NAMES)
        )
    ]


def test_what_counts_as_a_lost_no() -> None:
    before = Screened(0, "{}", frozenset("a"))
    assert Screened(0, "{}", frozenset("ab")).loses_a_no(before)
    assert not Screened(2, "{}", frozenset("ab")).loses_a_no(before)
    assert not Screened(0, '{"ignored": 1}', frozenset("ab")).loses_a_no(before)
    assert not Screened(0, "{}", frozenset()).loses_a_no(before)
    assert not Screened(0, "{}", frozenset("a")).loses_a_no(before)


@pytest.mark.long
def test_some_places(tmp_path: Path) -> None:
    assert lost(tmp_path, every=701, start=5) == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(16))
def test_every_place(tmp_path: Path, start: int) -> None:
    assert lost(tmp_path, every=16, start=start) == []
