"""Proves that consecutive leaves are in an RFC 6962 tree at a position, with one path for all.

The path has the roots of the subtrees beside the leaves, from left to right. For one leaf these are
the hashes of its inclusion proof in another order; for two neighbours, most hashes are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipelines.ledger.merkle import HASH_BYTES, ProofError, node_hash

_MAX_SIZE = 2**48


def range_path(
    start: int, stop: int, size: int, range_root: Callable[[int, int], bytes]
) -> list[bytes]:
    """Returns the path of the leaves from `start` to `stop`.

    Args:
        start: Position of the first leaf.
        stop: Position after the last leaf.
        size: The tree's size.
        range_root: Returns the root of the leaves from a start to a stop.
    """
    beside = _beside(0, size, start, stop)
    return [range_root(low, high) for low, high in beside]


def _beside(low: int, high: int, start: int, stop: int) -> Iterator[tuple[int, int]]:
    if high <= start or low >= stop:
        yield low, high
    elif high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        yield from _beside(low, middle, start, stop)
        yield from _beside(middle, high, start, stop)


def verify_range(
    leaf_hashes: Sequence[bytes], start: int, size: int, path: Sequence[bytes], root_hash: bytes
) -> None:
    """Checks that leaves are in a tree, one after another from a position on.

    Args:
        leaf_hashes: Their hashes, at least one.
        start: Position of the first.
        size: The tree's size.
        path: The result of `range_path`.
        root_hash: The tree's root.

    Raises:
        ProofError: If the path does not show this.
    """
    stop = start + len(leaf_hashes)
    if not leaf_hashes or not 0 <= start < stop <= size <= _MAX_SIZE:
        raise ProofError("the leaves are outside the tree", f"{start} to {stop}, size {size}")
    if any(len(value) != HASH_BYTES for value in (*leaf_hashes, *path)):
        raise ProofError("a hash in the proof is not 32 bytes long", f"{len(path)} hashes")
    if len(path) != sum(1 for _ in _beside(0, size, start, stop)):
        raise ProofError("the path has the wrong length", f"{len(path)} hashes")
    rest = iter(path)

    def subtree(low: int, high: int) -> bytes:
        if high <= start or low >= stop:
            return next(rest)
        if high - low == 1:
            return leaf_hashes[low - start]
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        left = subtree(low, middle)
        return node_hash(left, subtree(middle, high))

    computed = subtree(0, size)
    if computed != root_hash:
        raise ProofError(
            "the leaves are not in the tree",
            f"computed {computed.hex()}, claimed {root_hash.hex()}",
        )
