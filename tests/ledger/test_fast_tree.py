"""Hashing many leaves at once gives the roots of RFC 6962."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.fast_tree import (
    block_levels,
    hash_pairs,
    hash_rows,
    hashes_tree,
    tiles_of,
)
from pipelines.ledger.merkle import EMPTY_ROOT, full_root, leaf_hash
from pipelines.ledger.tiles import tiles
from tests.ledger.merkle_reference import mth


def rows_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"row %d" % number).digest() for number in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 1_000])
def test_roots_are_those_of_the_definition(size: int) -> None:
    rows = rows_of(size)
    hashes = hash_rows(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32))
    assert hashes == b"".join(leaf_hash(row) for row in rows)
    assert hashes_tree(hashes)[0] == mth(rows)


def test_the_empty_tree() -> None:
    assert hashes_tree(b"")[0] == EMPTY_ROOT
    assert block_levels(b"") == []


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40))
def test_parents(hashes: list[bytes]) -> None:
    even = hashes[: len(hashes) // 2 * 2]
    parents = [full_root(even[at : at + 2]) for at in range(0, len(even), 2)]
    assert hash_pairs(b"".join(even)) == b"".join(parents)


def test_levels_have_the_roots_of_whole_blocks() -> None:
    hashes = [leaf_hash(row) for row in rows_of(66_000)]
    first, second = block_levels(b"".join(hashes))
    assert len(first) == 32 * 257 and len(second) == 32
    assert first[32 * 3 : 32 * 4] == full_root(hashes[768:1024])
    assert second == full_root(hashes[:65_536])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_793])
def test_tiles_are_those_made_leaf_by_leaf(size: int) -> None:
    hashes = [leaf_hash(row) for row in rows_of(size)]
    root, levels = hashes_tree(bytearray(b"".join(hashes)))
    assert root == hashes_tree(b"".join(hashes))[0]
    assert dict(tiles_of(b"".join(hashes), levels)) == dict(tiles(hashes))
