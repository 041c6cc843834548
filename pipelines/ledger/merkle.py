"""The Merkle tree of RFC 6962, section 2.1: roots, proofs, and their verification.

Hashes are 32 raw bytes. A tree is given by its leaf hashes, never by the leaves themselves, so that
proofs can be made and verified with hashes alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from schemas.errors import RunError

HASH_BYTES = 32

#: The root of a tree without leaves.
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(RunError):
    """Raised when a proof or a log does not show what it claims."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: `sha256(0x00 ‖ data)`."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: `sha256(0x01 ‖ left ‖ right)`."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class RootBuilder:
    """Computes the root of leaves that arrive one by one, in memory that grows with log(size)."""

    def __init__(self) -> None:
        self.size = 0
        # Roots of the full subtrees so far, largest first: one for each set bit of the size.
        self._roots: list[bytes] = []

    def add(self, subtree: bytes, leaves: int = 1) -> None:
        """Append one leaf hash, or the root of a full subtree.

        Args:
            subtree: The hash.
            leaves: Number of leaves it represents: a power of two that divides the size so far.
        """
        carry = subtree
        bits = self.size // leaves
        while bits & 1:
            carry = node_hash(self._roots.pop(), carry)
            bits >>= 1
        self._roots.append(carry)
        self.size += leaves

    def root(self) -> bytes:
        """Return the root of the leaves so far; more may follow."""
        if not self._roots:
            return EMPTY_ROOT
        result = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            result = node_hash(left, result)
        return result


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of a tree of these leaf hashes."""
    builder = RootBuilder()
    for leaf in leaf_hashes:
        builder.add(leaf)
    return builder.root()


def full_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a full tree, whose number of leaves is a power of two."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes
) -> None:
    """Check that a leaf is in a tree, as in RFC 9162, section 2.1.3.2.

    Args:
        leaf: The leaf hash.
        index: The leaf's position, from 0.
        size: The tree's size.
        proof: The inclusion proof.
        root_hash: The tree's root.

    Raises:
        ProofError: If the proof does not show this.
    """
    if not 0 <= index < size:
        raise ProofError(
            "the inclusion proof is for a leaf outside the tree", f"index {index}, size {size}"
        )
    _check_hashes([leaf, *proof])
    node, last = index, size - 1
    result = leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long", f"{len(proof)} hashes")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while node and not node & 1:  # On the right edge there is no sibling at these levels.
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError("the inclusion proof is too short", f"{len(proof)} hashes")
    _check_root("the leaf is not in the tree", result, root_hash)


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root_hash: bytes
) -> None:
    """Check that a tree was only appended to, as in RFC 9162, section 2.1.4.2.

    A proof from size 0 is refused, as in other verifiers: every tree extends the empty one, so such
    a proof would show nothing.

    Args:
        old_size: Size of the old tree, one or more.
        size: Size of the new tree.
        proof: The consistency proof.
        old_root: Root of the old tree.
        root_hash: Root of the new tree.

    Raises:
        ProofError: If the proof does not show this.
    """
    if not 1 <= old_size <= size:
        raise ProofError(
            "there is no consistency proof between these sizes", f"{old_size} and {size}"
        )
    _check_hashes(proof)
    if old_size == size:
        if proof:
            raise ProofError("a proof between equal sizes must be empty", f"{len(proof)} hashes")
        _check_root("two roots of the same size differ", old_root, root_hash)
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError("the consistency proof is empty", f"sizes {old_size} and {size}")
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_result = result = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long", f"{len(proof)} hashes")
        if node & 1 or node == last:
            old_result = node_hash(sibling, old_result)
            result = node_hash(sibling, result)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError("the consistency proof is too short", f"{len(proof)} hashes")
    _check_root("the old root is not in the tree", old_result, old_root)
    _check_root("the new root does not follow", result, root_hash)


def inclusion_path(index: int, size: int, range_root: Callable[[int, int], bytes]) -> list[bytes]:
    """Return the inclusion proof of a leaf, lowest hash first.

    Args:
        index: The leaf's position, from 0.
        size: The tree's size.
        range_root: Returns the root of the leaves from a start to a stop.
    """
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split_point(stop - start)
        if index < middle:
            proof.append(range_root(middle, stop))
            stop = middle
        else:
            proof.append(range_root(start, middle))
            start = middle
    return proof[::-1]


def consistency_path(
    old_size: int, size: int, range_root: Callable[[int, int], bytes]
) -> list[bytes]:
    """Return the proof that a tree was only appended to, RFC 6962, section 2.1.2.

    Args:
        old_size: Number of leaves before, more than 0.
        size: Number of leaves now.
        range_root: Returns the root of the leaves from a first index to before another.

    Raises:
        ValueError: If the sizes are not in this order.
    """
    if not 0 < old_size <= size:
        raise ValueError(f"no consistency proof from size {old_size} to {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while old_size != stop:  # the old leaves end inside [start, stop)
        middle = start + _split_point(stop - start)
        if old_size <= middle:
            path.append(range_root(middle, stop))
            stop = middle
        else:
            path.append(range_root(start, middle))
            start = middle
    if start:  # otherwise the reader knows this root: it is the old one
        path.append(range_root(start, stop))
    return path[::-1]


def _split_point(count: int) -> int:
    """Return the largest power of two below `count`, which is two or more."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError("a hash in the proof is not 32 bytes long", f"{len(value)} bytes")


def _check_root(what: str, computed: bytes, claimed: bytes) -> None:
    if computed != claimed:
        raise ProofError(what, f"computed {computed.hex()}, claimed {claimed.hex()}")
