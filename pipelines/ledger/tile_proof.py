"""Proves single leaves of a log from its published tiles, without reading all of them."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.ledger.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    ProofError,
    consistency_path,
    inclusion_path,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from pipelines.ledger.tiles import TILE_WIDTH, entries_path, read_entry_bundle, tile_path
from schemas.errors import InputError

_LEVELS_BITS = 8  # a tile's hashes are the roots of 256 times as many leaves as the one below


class PublishedLog:
    """A published log, whose tiles and entries are read on demand, each once.

    Args:
        size: The tree's size, from a verified checkpoint.
        root_hash: Its root, from the same checkpoint.
        read: Returns the bytes at a path below the log's prefix.

    Attributes:
        read_paths: The paths that were read.
    """

    def __init__(self, size: int, root_hash: bytes, read: Callable[[str], bytes]) -> None:
        self.size = size
        self.read_paths: set[str] = set()
        self._root = root_hash
        self._read = read
        self._cache: dict[str, bytes] = {}
        self._bundles: dict[str, list[bytes]] = {}
        self._roots: dict[tuple[int, int], bytes] = {}  # of ranges that many proofs share

    def leaf(self, index: int) -> bytes:
        """Returns the leaf at an index as published, without checking it.

        Raises:
            InputError: If the index is outside the tree.
            ProofError: If its entry bundle is malformed or too short.
        """
        path = self.bundle_path(index)
        if path not in self._bundles:
            self._bundles[path] = read_entry_bundle(self._bytes(path))
        leaves, at = self._bundles[path], index % TILE_WIDTH
        if at >= len(leaves):
            raise ProofError("an entry bundle is too short", f"{path}: {len(leaves)} entries")
        return leaves[at]

    def bundle_path(self, index: int) -> str:
        """Returns the path of the bundle that holds a leaf."""
        if not 0 <= index < self.size:
            raise InputError(
                "there is no such leaf",
                f"index {index}, size {self.size}",
                "Give an index from 0 to below the size.",
            )
        number = index // TILE_WIDTH
        return entries_path(number, min(TILE_WIDTH, self.size - number * TILE_WIDTH))

    def check(self, leaf_hash: bytes, index: int) -> None:
        """Checks that a leaf is in the log at an index.

        Raises:
            ProofError: If the tiles do not prove it, or one has the wrong length.
        """
        self.prove(leaf_hash, index)

    def prove(self, leaf_hash: bytes, index: int) -> list[bytes]:
        """Returns the inclusion proof of a leaf at an index, lowest hash first, after checking it.

        Raises:
            ProofError: If the tiles do not prove it, or one has the wrong length.
        """
        if not 0 <= index < self.size:
            raise ProofError("the leaf is outside the log", f"index {index}, size {self.size}")
        proof = self.path(index)
        verify_inclusion(leaf_hash, index, self.size, proof, self._root)
        return proof

    def path(self, index: int) -> list[bytes]:
        """Returns the inclusion proof of a leaf, lowest hash first, without checking it."""
        return inclusion_path(index, self.size, self._shared_root)

    def consistency(self, old_size: int) -> list[bytes]:
        """Returns the proof that the log only grew since it had fewer leaves, after checking it.

        Raises:
            ProofError: If the tiles do not prove it, or one has the wrong length.
        """
        proof = consistency_path(old_size, self.size, self._range_root)
        verify_consistency(old_size, self.size, proof, self.prefix_root(old_size), self._root)
        return proof

    def prefix_root(self, size: int) -> bytes:
        """Returns the root that the log had when it had fewer leaves, without checking it."""
        return self._range_root(0, size) if size else EMPTY_ROOT

    def _shared_root(self, start: int, stop: int) -> bytes:
        """Returns the root of a range; those of a tile or more are kept for later proofs."""
        if stop - start < TILE_WIDTH:
            return self._range_root(start, stop)
        if (start, stop) not in self._roots:
            self._roots[start, stop] = self._range_root(start, stop)
        return self._roots[start, stop]

    def _range_root(self, start: int, stop: int) -> bytes:
        """Returns the root of an RFC 6962 subtree; a full one needs only one tile's hashes."""
        count = stop - start
        bits = count.bit_length() - 1
        if count != 1 << bits:
            middle = start + (1 << bits)
            return node_hash(self._range_root(start, middle), self._range_root(middle, stop))
        level, within = divmod(bits, _LEVELS_BITS)
        first = start >> (_LEVELS_BITS * level)
        number, at = divmod(first, TILE_WIDTH)
        available = (self.size >> (_LEVELS_BITS * level)) - number * TILE_WIDTH
        path = tile_path(level, number, min(TILE_WIDTH, available))
        data = self._bytes(path)
        hashes = data[at * HASH_BYTES : (at + (1 << within)) * HASH_BYTES]
        if len(hashes) != HASH_BYTES << within:
            raise ProofError("a tile has the wrong length", f"{path}: {len(data)} bytes")
        return root(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES))

    def _bytes(self, path: str) -> bytes:
        if path not in self._cache:
            self.read_paths.add(path)
            self._cache[path] = self._read(path)
        return self._cache[path]
