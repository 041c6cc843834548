"""Hashes many leaves and nodes of an RFC 6962 tree at once, with little Python per hash.

Hashes lie one after another in one `bytes` object, 32 bytes each, so that ten million of them take
320 MB and no object each. A *block* is 256 consecutive leaves, as in a tile: the hashes of whole
blocks, of whole blocks of blocks and so on are enough to make any proof by hashing a few blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipelines.ledger.merkle import HASH_BYTES, RootBuilder
from pipelines.ledger.tiles import TILE_WIDTH, tile_path

_CHUNK = 4_096  # rows per step, so that the copies with their prefix stay in the processor's cache
_BLOCKS_AT_ONCE = 256
_BLOCK_BYTES = TILE_WIDTH * HASH_BYTES


def hash_rows(rows: npt.NDArray[np.uint8]) -> bytes:
    """Returns the leaf hashes of rows of equal length, `sha256(0x00 ‖ row)`, concatenated.

    Args:
        rows: One leaf per row.
    """
    return hash_prefixed(rows, 0)


def hash_pairs(hashes: bytes) -> bytes:
    """Returns the parents of an even number of hashes, concatenated."""
    pairs = np.frombuffer(hashes, np.uint8).reshape(-1, 2 * HASH_BYTES)
    return hash_prefixed(pairs, 1)


def hash_prefixed(rows: npt.NDArray[np.uint8], prefix: int) -> bytes:
    """Returns `sha256(prefix ‖ row)` of rows of equal length, concatenated."""
    parts = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        width = chunk.shape[1] + 1
        framed = np.empty((len(chunk), width), np.uint8)
        framed[:, 0] = prefix
        framed[:, 1:] = chunk
        data, sha = framed.tobytes(), hashlib.sha256
        ends = range(0, len(data), width)
        parts.append(b"".join([sha(data[at : at + width]).digest() for at in ends]))
    return b"".join(parts)


def block_levels(leaf_hashes: bytes) -> list[bytes]:
    """Returns the hashes of whole blocks, of whole blocks of blocks and so on, lowest first.

    Level `i` of the list has the roots of full subtrees of `256 ** (i + 1)` leaves.

    Args:
        leaf_hashes: The leaf hashes, concatenated.
    """
    levels = []
    hashes = leaf_hashes
    while whole := len(hashes) // HASH_BYTES // TILE_WIDTH:
        hashes = hashes[: whole * TILE_WIDTH * HASH_BYTES]
        for _ in range(TILE_WIDTH.bit_length() - 1):
            hashes = hash_pairs(hashes)
        levels.append(hashes)
    return levels


def root_of_levels(levels: list[bytes], rest: bytes) -> bytes:
    """Returns the root of a tree.

    Args:
        levels: The hashes of its whole blocks; see `block_levels`.
        rest: The hashes of the leaves after the last whole block, concatenated.
    """
    builder = RootBuilder()
    for height in range(len(levels), 0, -1):
        done = builder.size // TILE_WIDTH**height
        for value in _split(levels[height - 1][done * HASH_BYTES :]):
            builder.add(value, TILE_WIDTH**height)
    for value in _split(rest):
        builder.add(value)
    return builder.root()


def hashes_tree(leaf_hashes: bytes | bytearray) -> tuple[bytes, list[bytes]]:
    """Returns the root of a tree of these leaf hashes, and the hashes of its whole blocks.

    Beside the leaf hashes, only those of blocks are in memory.

    Args:
        leaf_hashes: The leaf hashes, concatenated.
    """
    whole, step = len(leaf_hashes) // _BLOCK_BYTES * _BLOCK_BYTES, _BLOCKS_AT_ONCE * _BLOCK_BYTES
    lowest = bytearray()
    for start in range(0, whole, step):
        lowest += block_levels(bytes(leaf_hashes[start : min(start + step, whole)]))[0]
    levels = [bytes(lowest), *block_levels(bytes(lowest))] if whole else []
    return root_of_levels(levels, bytes(leaf_hashes[whole:])), levels


def tiles_of(leaf_hashes: bytes | bytearray, levels: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yields path and bytes of every tile of a tree, as `pipelines.ledger.tiles.tiles` does.

    Args:
        leaf_hashes: The leaf hashes, concatenated.
        levels: The hashes of whole blocks, from `hashes_tree`.
    """
    for level, hashes in enumerate((leaf_hashes, *levels)):
        for number, start in enumerate(range(0, len(hashes), _BLOCK_BYTES)):
            tile = hashes[start : start + _BLOCK_BYTES]
            yield tile_path(level, number, len(tile) // HASH_BYTES), bytes(tile)


def rows_tree(rows: npt.NDArray[np.uint8]) -> tuple[bytes, list[bytes]]:
    """Returns the root of a tree over rows, and the hashes of its whole blocks.

    Beside the rows, only the hashes of blocks are in memory.

    Args:
        rows: One leaf per row.
    """
    whole, lowest = len(rows) // TILE_WIDTH * TILE_WIDTH, bytearray()
    step = _BLOCKS_AT_ONCE * TILE_WIDTH
    for start in range(0, whole, step):
        lowest += block_levels(hash_rows(rows[start : min(start + step, whole)]))[0]
    levels = [bytes(lowest), *block_levels(bytes(lowest))] if whole else []
    return root_of_levels(levels, hash_rows(rows[whole:])), levels


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
