"""A Merkle tree whose nodes have sums: one path shows what somebody gets and what all get together.

    leaf = (sum, sha256(0x00 ‖ sum ‖ data))
    node = (sum of both, sha256(0x01 ‖ left sum ‖ left hash ‖ right sum ‖ right hash))

A sum is a whole number from 0 to 2**63 - 1, written in 8 bytes, big-endian. Both children's sums
are hashed and none is negative, so a root's total cannot be less than the sum of the leaves that
people find in it. The tree's shape is that of RFC 6962, section 2.1.

A path reveals the sum of each subtree beside it: that of the neighbouring leaf, of the next two
leaves, of the next four and so on. It reveals no ids. The caller decides which leaves are
neighbours; see `pool_sums`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.ledger.fast_tree import hash_prefixed, hash_rows
from pipelines.ledger.merkle import HASH_BYTES, ProofError
from schemas.errors import InputError

MAX_SUM = 2**63 - 1

Sums = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint8]


class SumNode(NamedTuple):
    """A node: the sum of the leaves below it, in minor units, and its hash of 32 bytes."""

    minor: int
    hash: bytes


def sum_leaf(minor: int, data: bytes) -> SumNode:
    """Returns the leaf of an amount.

    Args:
        minor: The amount in minor units.
        data: Whose it is, such as a commitment.

    Raises:
        InputError: If the amount is negative or larger than `MAX_SUM`.
    """
    if not 0 <= minor <= MAX_SUM:
        raise InputError(
            "an amount cannot be a leaf of a sum tree",
            f"{minor} minor units",
            f"It must be from 0 to {MAX_SUM}.",
        )
    return SumNode(minor, hashlib.sha256(b"\x00" + minor.to_bytes(8, "big") + data).digest())


def leaf_hashes(sums: Sums, data: Hashes) -> Hashes:
    """Returns the hashes of many leaves whose data has 32 bytes, as `sum_leaf` makes them.

    Raises:
        InputError: If an amount is negative.
    """
    if len(sums) and int(sums.min()) < 0:
        sum_leaf(int(sums.min()), b"")
    minor = sums.astype(">i8").view(np.uint8).reshape(-1, 8)
    hashed = hash_rows(np.hstack([minor, data]))
    return np.frombuffer(hashed, np.uint8).reshape(-1, HASH_BYTES)


def sum_node(left: SumNode, right: SumNode) -> SumNode:
    """Returns the node above two others.

    Raises:
        ProofError: If a sum is negative or the total exceeds `MAX_SUM`, or a hash has another
            length than 32 bytes.
    """
    total = left.minor + right.minor
    if min(left.minor, right.minor) < 0 or total > MAX_SUM:
        raise ProofError("a sum is out of range", f"{left.minor} and {right.minor} minor units")
    if not len(left.hash) == len(right.hash) == HASH_BYTES:
        raise ProofError("a hash in a sum tree is not 32 bytes long", f"{left.hash.hex()[:80]}")
    both = b"".join(
        (b"\x01", left.minor.to_bytes(8, "big"), left.hash, right.minor.to_bytes(8, "big"))
    )
    return SumNode(total, hashlib.sha256(both + right.hash).digest())


class SumTree:
    """All nodes of a tree, in memory: about 80 bytes for each leaf.

    Args:
        sums: The leaves' amounts in order, one or more, as `sum_leaf` takes them.
        hashes: The leaves' hashes, one per row.

    Attributes:
        root: The total and the root's hash.

    Raises:
        InputError: If there are no leaves.
        ProofError: If the total exceeds `MAX_SUM`.
    """

    def __init__(self, sums: Sums, hashes: Hashes) -> None:
        if not len(sums):
            raise InputError("a sum tree needs a leaf", "0 leaves", "Give one amount or more.")
        total = sum(sums.tolist())
        if total > MAX_SUM:
            raise ProofError("a sum is out of range", f"{total} minor units in all")
        self._levels = [(sums, hashes)]
        while len(self._levels[-1][0]) > 1:
            self._levels.append(_level_above(*self._levels[-1]))
        self.root = self._node(len(self._levels) - 1, 0)

    @classmethod
    def of(cls, leaves: Sequence[SumNode]) -> SumTree:
        """Returns the tree of leaves from `sum_leaf`."""
        hashes = np.frombuffer(b"".join([leaf.hash for leaf in leaves]), np.uint8)
        sums = np.array([leaf.minor for leaf in leaves], np.int64)
        return cls(sums, hashes.reshape(-1, HASH_BYTES))

    def _node(self, level: int, at: int) -> SumNode:
        sums, hashes = self._levels[level]
        return SumNode(int(sums[at]), hashes[at].tobytes())

    def path(self, index: int) -> list[SumNode]:
        """Returns the siblings from a leaf to the root, lowest first.

        Raises:
            InputError: If there is no such leaf.
        """
        size = len(self._levels[0][0])
        if not 0 <= index < size:
            raise InputError(
                "there is no such leaf",
                f"index {index}, {size} leaves",
                "Give an index from 0 to below the number of leaves.",
            )
        siblings = []
        for level, (sums, _) in enumerate(self._levels[:-1]):
            if index ^ 1 < len(sums):
                siblings.append(self._node(level, index ^ 1))
            index >>= 1
        return siblings


def _level_above(sums: Sums, hashes: Hashes) -> tuple[Sums, Hashes]:
    """Returns the nodes above a level. An odd last node has no sibling and moves up as it is."""
    pairs = len(sums) // 2
    texts = np.empty((pairs, 2 * (8 + HASH_BYTES)), np.uint8)
    for first, side in ((0, 0), (8 + HASH_BYTES, 1)):
        minor = sums[side : 2 * pairs : 2].astype(">i8").view(np.uint8)
        texts[:, first : first + 8] = minor.reshape(pairs, 8)
        texts[:, first + 8 : first + 8 + HASH_BYTES] = hashes[side : 2 * pairs : 2]
    above = np.frombuffer(hash_prefixed(texts, 1), np.uint8).reshape(-1, HASH_BYTES)
    totals = sums[0 : 2 * pairs : 2] + sums[1 : 2 * pairs : 2]
    rest = slice(2 * pairs, None)
    return np.concatenate([totals, sums[rest]]), np.concatenate([above, hashes[rest]])


def check_sum(leaf: SumNode, index: int, size: int, path: Sequence[SumNode], root: SumNode) -> None:
    """Checks that a leaf is part of a total.

    Args:
        leaf: The leaf, computed by the checker from the amount.
        index: Its position, from 0.
        size: Number of leaves.
        path: Siblings from the leaf to the root.
        root: The total and the root's hash, from whoever signs them.

    Raises:
        ProofError: If the path does not show this.
    """
    if not 0 <= index < size:
        raise ProofError("the leaf is outside the sum tree", f"index {index}, size {size}")
    node, last, siblings = leaf, size - 1, list(path)
    while last:
        if index ^ 1 <= last:
            if not siblings:
                raise ProofError("the path in the sum tree is too short", f"{len(path)} nodes")
            sibling = siblings.pop(0)
            node = sum_node(sibling, node) if index & 1 else sum_node(node, sibling)
        index, last = index >> 1, last >> 1
    if siblings:
        raise ProofError("the path in the sum tree is too long", f"{len(path)} nodes")
    if node != root:
        raise ProofError(
            "the amount is not part of the total",
            f"computed {node.minor} and {node.hash.hex()}, "
            f"stated {root.minor} and {root.hash.hex()}",
        )
