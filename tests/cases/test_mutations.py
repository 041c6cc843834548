"""Damage to a place that carries a no lets nothing more pass, unless something says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.catalogue.unstated import LENIENT_COLUMNS
from tests.cases.mutation_run import Screened, search
from tests.cases.mutations import NOES

# What describes a file is compared with it, which screening does not do: test_media_mutations.py.
OF_FILES = {"sha256", "bytes", "width", "height", "duration_ms"}
PARTS = 40


def lost(folder: Path, every: int, start: int) -> list[str]:
    watch, found = search(folder, every, start)
    assert watch.tried.total()
    return [
        f"{item.mutation.what}: {item.mutation.where}: {len(item.assets)} more" for item in found
    ]


def test_what_counts_as_a_lost_no() -> None:
    before = Screened(0, "{}", frozenset("ab"))
    assert Screened(0, "{}", frozenset("abc")).loses_a_no(before)
    assert Screened(0, "{}", frozenset("c")).loses_a_no(before)
    assert not Screened(2, "{}", frozenset("abc")).loses_a_no(before)
    assert not Screened(0, '{"ignored": 1}', frozenset("abc")).loses_a_no(before)
    assert not Screened(0, "{}", frozenset()).loses_a_no(before)
    assert not Screened(0, "{}", frozenset("ab")).loses_a_no(before)


def test_every_lenient_column_is_damaged() -> None:
    grants = {"grant_index"}  # no deal of the demo is about it
    for table, columns in LENIENT_COLUMNS.items():
        assert {column.name for column in columns} - OF_FILES - grants <= set(NOES[table])


@pytest.mark.long
def test_some_places(tmp_path: Path) -> None:
    assert lost(tmp_path, every=701, start=5) == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(PARTS))
def test_every_place(tmp_path: Path, start: int) -> None:
    assert lost(tmp_path, every=PARTS, start=start) == []
