"""A log that grows from its edge has the files of a log written at once, and reads little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.log_edge import LogEdge
from pipelines.ledger.merkle import EMPTY_ROOT, ProofError, leaf_hash
from pipelines.ledger.tiles import entry_bundles, root_from_tiles, tiles
from tests.ledger.merkle_reference import mth


def leaves_of(first: int, last: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(first, last)]


def whole(size: int) -> dict[str, bytes]:
    leaves = leaves_of(0, size)
    return {**dict(tiles(map(leaf_hash, leaves))), **dict(entry_bundles(leaves))}


@given(st.lists(st.integers(0, 300), max_size=6))
def test_steps_give_the_files_of_one_write(steps: list[int]) -> None:
    files: dict[str, bytes] = {}
    size = 0
    for step in steps:
        edge = LogEdge.load(size, files.__getitem__)
        files |= edge.extend(leaves_of(size, size + step))
        size += step
        assert edge.size == size
        assert edge.root() == mth(leaves_of(0, size))
        expected = whole(size)
        assert {path: files[path] for path in expected} == expected
    assert root_from_tiles(size, files.__getitem__) == mth(leaves_of(0, size))


def test_an_append_to_a_large_log_reads_only_its_edge() -> None:
    files, read = whole(70_000), list[str]()

    def reading(path: str) -> bytes:
        read.append(path)
        return files[path]

    edge = LogEdge.load(70_000, reading)
    changed = edge.extend([b"one more"])
    assert sorted(read) == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    ]
    assert "tile/0/273.p/113" in changed and len(changed) == 4
    assert edge.root() == mth([*leaves_of(0, 70_000), b"one more"])


def test_the_edge_of_nothing() -> None:
    files: dict[str, bytes] = {}
    edge = LogEdge.load(0, files.__getitem__)
    assert (edge.root(), edge.extend([])) == (EMPTY_ROOT, {})


@pytest.mark.parametrize("path", ["tile/0/001.p/4", "tile/entries/001.p/4"])
def test_an_altered_edge_is_noticed(path: str) -> None:
    files = whole(260)
    for damaged in (files[path][:-1], files[path][:-1] + b"x", b""):
        with pytest.raises(ProofError):
            LogEdge.load(260, (files | {path: damaged}).__getitem__)
