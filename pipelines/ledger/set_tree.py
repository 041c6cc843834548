"""A Merkle tree over a sorted set of commitments: proves that one is in the set, or is not.

The leaves are 32-byte commitments in ascending order, each once; the tree is that of RFC 6962. A
commitment is in the set if it is a leaf. It is not in the set if two leaves are side by side and it
would lie between them. Before the first leaf and after the last one, one neighbour is enough; in an
empty set, the empty root is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.ledger.fast_tree import rows_tree
from pipelines.ledger.merkle import EMPTY_ROOT, HASH_BYTES, ProofError, leaf_hash, node_hash
from pipelines.ledger.range_proof import range_path, verify_range
from pipelines.ledger.tiles import TILE_WIDTH

Rows = npt.NDArray[np.uint8]  # one commitment per row, 32 bytes


@dataclass(frozen=True, slots=True)
class SetProof:
    """A proof that a commitment is in a set, or is not.

    Attributes:
        start: Position of the first of `leaves` in the set.
        leaves: The commitment itself, or its neighbours: two, one or none.
        path: The path of these leaves; see `pipelines.ledger.range_proof`.
    """

    start: int
    leaves: tuple[bytes, ...]
    path: tuple[bytes, ...]


def sorted_rows(commitments: Iterable[bytes]) -> Rows:
    """Returns commitments as rows in ascending order, each once."""
    data = b"".join(commitments)
    return sort_rows(np.frombuffer(data, np.uint8).reshape(-1, HASH_BYTES))


def sort_rows(rows: Rows) -> Rows:
    """Returns rows in ascending order, each once."""
    first = _first_words(rows)
    order = np.argsort(first)
    ordered, first = rows[order], first[order]
    same = np.flatnonzero(first[1:] == first[:-1])
    if not len(same):
        return ordered
    if not np.array_equal(ordered[same], ordered[same + 1]):  # different rows begin alike
        words = np.ascontiguousarray(ordered).view(">u8").astype(np.uint64)
        ordered = ordered[np.lexsort(words.T[::-1])]
        same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
    return np.delete(ordered, same, axis=0)


def merge_rows(known: Rows, added: Rows) -> Rows:
    """Returns the rows of two sorted sets in ascending order, each once."""
    first, new = _first_words(known), _first_words(added)
    at = np.searchsorted(first, new)
    alike = np.flatnonzero(np.searchsorted(first, new, side="right") != at)
    if not np.array_equal(known[at[alike]], added[alike]):  # different rows begin alike
        return sort_rows(np.concatenate([known, added]))
    return np.insert(known, np.delete(at, alike), np.delete(added, alike, axis=0), axis=0)


def _first_words(rows: Rows) -> npt.NDArray[np.uint64]:
    """Returns the first eight bytes of each row as a number."""
    return np.ascontiguousarray(rows[:, :8]).view(">u8").astype(np.uint64)[:, 0]


def set_root(rows: Rows) -> tuple[bytes, bytes]:
    """Returns the root of a sorted set, and the hashes of its blocks, lowest level first."""
    root, levels = rows_tree(rows)
    return root, b"".join(levels)


class StoredSet:
    """A sorted set that is read in parts: neighbours and paths need few of its rows.

    Args:
        size: Number of commitments.
        rows: Returns the commitments from a start to a stop, concatenated.
        blocks: Returns the hashes from a start to a stop of `set_root`'s second result.
    """

    def __init__(
        self, size: int, rows: Callable[[int, int], bytes], blocks: Callable[[int, int], bytes]
    ) -> None:
        self.size = size
        self._rows = rows
        self._blocks = blocks

    def prove(self, commitment: bytes) -> SetProof:
        """Returns the proof that a commitment is in the set or, if it is not, that it is not."""
        at, found = self._find(commitment)
        start, stop = (at, at + 1) if found else (max(0, at - 1), min(self.size, at + 1))
        if start == stop:
            return SetProof(0, (), ())
        leaves = _split(self._rows(start, stop))
        path = range_path(start, stop, self.size, self._range_root)
        return SetProof(start, tuple(leaves), tuple(path))

    def _find(self, commitment: bytes) -> tuple[int, bool]:
        """Returns the position of the first row that is not below a commitment, and if it is it.

        Commitments are evenly spread, so that their value says about where they are.
        """
        low, high = 0, self.size
        reach = 4 * int(self.size**0.5) + TILE_WIDTH
        guess = (int.from_bytes(commitment[:8], "big") * self.size) >> 64
        while low < high:
            first, last = max(low, guess - reach), min(high, guess + reach)
            if first >= last:
                first, last = low, min(high, low + reach)
            rows = _split(self._rows(first, last))
            if rows[0] > commitment and first > low:
                high, guess = first, first - reach
            elif rows[-1] < commitment and last < high:
                low, guess = last, last + reach
            else:
                below = sum(row < commitment for row in rows)
                at = first + below
                return at, below < len(rows) and rows[below] == commitment
        return low, False

    def _range_root(self, start: int, stop: int) -> bytes:
        count = stop - start
        bits = count.bit_length() - 1
        if count != 1 << bits:
            middle = start + (1 << bits)
            return node_hash(self._range_root(start, middle), self._range_root(middle, stop))
        height = bits // 8
        hashes = self._hashes(height, start >> (8 * height), stop >> (8 * height))
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def _hashes(self, height: int, start: int, stop: int) -> list[bytes]:
        if height == 0:
            return [leaf_hash(row) for row in _split(self._rows(start, stop))]
        before = sum(self.size // TILE_WIDTH**lower for lower in range(1, height))
        return _split(self._blocks(before + start, before + stop))


def check_set_proof(proof: SetProof, commitment: bytes, size: int, root: bytes) -> bool:
    """Checks a proof and returns whether the commitment is in the set.

    Raises:
        ProofError: If the proof shows neither.
    """
    if size == 0:
        if root != EMPTY_ROOT or proof != SetProof(0, (), ()):
            raise ProofError("the proof about an empty set is wrong", root.hex())
        return False
    verify_range([leaf_hash(leaf) for leaf in proof.leaves], proof.start, size, proof.path, root)
    if proof.leaves == (commitment,):
        return True
    if not _lies_between(proof, commitment, size):
        raise ProofError(
            "the neighbours do not prove an absence",
            f"{commitment.hex()} is not between the leaves at {proof.start}",
        )
    return False


def _lies_between(proof: SetProof, commitment: bytes, size: int) -> bool:
    if len(proof.leaves) == 2:
        return proof.leaves[0] < commitment < proof.leaves[1]
    if len(proof.leaves) != 1:
        return False
    is_first, is_last = proof.start == 0, proof.start == size - 1
    return (is_first and commitment < proof.leaves[0]) or (is_last and commitment > proof.leaves[0])


def rows_of_set(rows: Rows) -> StoredSet:
    """Returns a set that is in memory."""
    _, blocks = set_root(rows)
    flat = np.ascontiguousarray(rows)
    return StoredSet(
        len(rows),
        lambda start, stop: flat[start:stop].tobytes(),
        lambda start, stop: blocks[start * HASH_BYTES : stop * HASH_BYTES],
    )


def _split(data: bytes | Sequence[int]) -> list[bytes]:
    raw = bytes(data)
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]
