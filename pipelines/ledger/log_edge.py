"""Extends a log from its right edge: what an append reads and hashes does not grow with the log.

The *edge* of a log is the hashes of the last, partial tile of each level and the last, partial
bundle of entries. They give the root, and new leaves turn them into the tiles to write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.ledger.merkle import HASH_BYTES, ProofError, RootBuilder, full_root, leaf_hash
from pipelines.ledger.tiles import TILE_WIDTH, entries_path, entry_bundles, read_entry_bundle
from pipelines.ledger.tiles import tile_path as path_of


class LogEdge:
    """The right edge of a log.

    Attributes:
        size: Number of leaves so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._tiles: list[list[bytes]] = []  # per level, the hashes of the partial tile
        self._bundle: list[bytes] = []  # leaves of the partial bundle

    @classmethod
    def load(cls, size: int, read: Callable[[str], bytes]) -> LogEdge:
        """Reads the edge of a published log.

        Args:
            size: The log's size, from a verified checkpoint.
            read: Returns the bytes at a path below the log's prefix.

        Raises:
            ProofError: If a tile or bundle is malformed, or the two do not agree. The caller
                compares `root` with the checkpoint's.
        """
        edge = cls()
        edge.size = size
        level, count = 0, size
        while count:
            index, width = divmod(count, TILE_WIDTH)
            data = read(path_of(level, index, width)) if width else b""
            if len(data) != width * HASH_BYTES:
                raise ProofError("a tile has the wrong length", path_of(level, index, width))
            edge._tiles.append([data[at : at + 32] for at in range(0, len(data), HASH_BYTES)])
            level, count = level + 1, index
        index, width = divmod(size, TILE_WIDTH)
        if width:
            path = entries_path(index, width)
            edge._bundle = read_entry_bundle(read(path))
            if [leaf_hash(leaf) for leaf in edge._bundle] != edge._tiles[0]:
                raise ProofError("entries of the log do not match its tiles", path)
        return edge

    def root(self) -> bytes:
        """Returns the root."""
        builder = RootBuilder()
        for level in range(len(self._tiles) - 1, -1, -1):
            for value in self._tiles[level]:
                builder.add(value, TILE_WIDTH**level)
        return builder.root()

    def extend(self, leaves: Sequence[bytes]) -> dict[str, bytes]:
        """Appends leaves and returns the tiles and bundles that change, by path.

        Raises:
            InputError: If a leaf is longer than 65,535 bytes.
        """
        files: dict[str, bytes] = {}
        first = self.size // TILE_WIDTH
        bundles = list(entry_bundles([*self._bundle, *leaves]))
        for offset, (path, data) in enumerate(bundles):
            width = len(read_entry_bundle(data))
            files[entries_path(first + offset, width)] = data
            self._bundle = read_entry_bundle(data) if ".p/" in path else []
        for leaf in leaves:
            self._add(leaf_hash(leaf), files)
        count = self.size
        for level, hashes in enumerate(self._tiles):
            if hashes and leaves:
                files[path_of(level, count // TILE_WIDTH, len(hashes))] = b"".join(hashes)
            count //= TILE_WIDTH
        return files

    def _add(self, value: bytes, files: dict[str, bytes]) -> None:
        """Adds a leaf hash; files that become full are added to `files`."""
        self.size += 1
        level, count = 0, self.size
        while True:
            if level == len(self._tiles):
                self._tiles.append([])
            self._tiles[level].append(value)
            if len(self._tiles[level]) < TILE_WIDTH:
                return
            count //= TILE_WIDTH
            files[path_of(level, count - 1)] = b"".join(self._tiles[level])
            value = full_root(self._tiles[level])
            self._tiles[level] = []
            level += 1
