"""The files of a log in the format C2SP tlog-tiles: their paths and bytes. Nothing is written here.

A tile has 256 consecutive hashes of one level; level L has the roots of the full subtrees of
256**L leaves. Only the last tile of a level may be narrower; its path then gives its width. The
leaves themselves are in entry bundles, 256 per file, each after its length in two bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipelines.ledger.merkle import HASH_BYTES, ProofError, RootBuilder, full_root
from schemas.errors import InputError

TILE_WIDTH = 256
ENTRIES_PREFIX = "tile/entries/"  # folder of the bundles
_MAX_LEVEL = 63
_MAX_ENTRY_BYTES = 0xFFFF


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile under the log's prefix.

    Args:
        level: 0 for leaf hashes, up to 63.
        index: Number of the tile in its level, from 0.
        width: Number of hashes in it, 1 to 256.

    Raises:
        InputError: If a number is out of range.

    Example:
        >>> tile_path(0, 1234067), tile_path(1, 0, 17)
        ('tile/0/x001/x234/067', 'tile/1/000.p/17')
    """
    if not 0 <= level <= _MAX_LEVEL:
        raise InputError("there is no such tile level", str(level), "Give a level from 0 to 63.")
    return f"tile/{level}/{_tile_suffix(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle under the log's prefix; arguments as for `tile_path`.

    Example:
        >>> entries_path(3, 8)
        'tile/entries/003.p/8'
    """
    return f"{ENTRIES_PREFIX}{_tile_suffix(index, width)}"


def tiles(
    leaf_hashes: Iterable[bytes], builder: RootBuilder | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every tile of a tree: full ones as they fill, partial ones last.

    Only one unfinished tile per level is in memory, however large the tree.

    Args:
        leaf_hashes: The leaf hashes, in order.
        builder: An empty builder, which has the tree's root at the end without hashing it again.

    Raises:
        InputError: If a leaf hash is not 32 bytes long.
    """
    builder = builder or RootBuilder()
    open_tiles: list[list[bytes]] = []
    full_tiles: list[int] = []
    for leaf in leaf_hashes:
        if len(leaf) != HASH_BYTES:
            raise InputError("a leaf hash is not 32 bytes long", leaf.hex(), "Call `leaf_hash`.")
        value, level, is_full = leaf, 0, True
        while is_full:
            if level == len(open_tiles):
                open_tiles.append([])
                full_tiles.append(0)
            tile = open_tiles[level]
            tile.append(value)
            is_full = len(tile) == TILE_WIDTH
            if is_full:
                yield tile_path(level, full_tiles[level]), b"".join(tile)
                value = full_root(tile)
                if level == 0:
                    builder.add(value, TILE_WIDTH)
                open_tiles[level] = []
                full_tiles[level] += 1
                level += 1
    for leaf in open_tiles[0] if open_tiles else ():
        builder.add(leaf)
    for level, tile in enumerate(open_tiles):
        if tile:
            yield tile_path(level, full_tiles[level], len(tile)), b"".join(tile)


def entry_bundles(leaves: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every entry bundle of a log.

    Raises:
        InputError: If a leaf is longer than 65,535 bytes.
    """
    bundle: list[bytes] = []
    index = 0
    for position, leaf in enumerate(leaves):
        if len(leaf) > _MAX_ENTRY_BYTES:
            raise InputError(
                "a leaf is too long for an entry bundle",
                f"entry {position}: {len(leaf)} bytes",
                "Log the sha256 of large data: a leaf has at most 65535 bytes.",
            )
        bundle.append(len(leaf).to_bytes(2, "big") + leaf)
        if len(bundle) == TILE_WIDTH:
            yield entries_path(index), b"".join(bundle)
            bundle = []
            index += 1
    if bundle:
        yield entries_path(index, len(bundle)), b"".join(bundle)


def read_entry_bundle(data: bytes) -> list[bytes]:
    """Return the leaves in an entry bundle.

    Raises:
        ProofError: If the bytes end inside an entry, or there are no or more than 256 entries.
    """
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        stop = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or stop > len(data):
            raise ProofError(
                "an entry bundle ends inside an entry",
                f"entry {len(leaves)} at byte {at} needs {stop - at} bytes, {len(data) - at} left",
                "Fetch it again; if the error remains, the log is damaged.",
            )
        leaves.append(data[start:stop])
        at = stop
    if not 1 <= len(leaves) <= TILE_WIDTH:
        raise ProofError(
            "an entry bundle must hold 1 to 256 entries",
            f"{len(leaves)} entries in {len(data)} bytes",
            "Fetch it again; if the error remains, the log is damaged.",
        )
    return leaves


def leaf_tile_paths(size: int) -> Iterator[tuple[str, int]]:
    """Yield path and number of hashes of every level-0 tile of a tree of `size` leaves."""
    for index in range(size // TILE_WIDTH):
        yield tile_path(0, index), TILE_WIDTH
    if rest := size % TILE_WIDTH:
        yield tile_path(0, size // TILE_WIDTH, rest), rest


def root_from_tiles(size: int, read: Callable[[str], bytes]) -> bytes:
    """Recompute the root of a log from its published tiles, and check them against each other.

    Every level-0 tile is read once. Every tile above is computed from those and must have the
    published bytes. Memory grows with log(size).

    Args:
        size: The tree's size, from a verified checkpoint.
        read: Returns the bytes at a path below the log's prefix.

    Returns:
        The root; the caller compares it with the checkpoint's.

    Raises:
        ProofError: If a tile has the wrong length or does not match those below it.
    """
    builder = RootBuilder()
    for path, data in tiles(_leaf_hashes(size, read), builder):
        if not path.startswith("tile/0/") and read(path) != data:
            raise ProofError(
                "a tile does not match the tiles below it",
                path,
                "The log is damaged or was altered.",
            )
    return builder.root()


def _leaf_hashes(size: int, read: Callable[[str], bytes]) -> Iterator[bytes]:
    for path, width in leaf_tile_paths(size):
        data = read(path)
        if len(data) != width * HASH_BYTES:
            raise ProofError(
                "a tile has the wrong length",
                f"{path}: {len(data)} bytes, expected {width * HASH_BYTES}",
                "Fetch it again; if the error remains, the log is damaged.",
            )
        for at in range(0, len(data), HASH_BYTES):
            yield data[at : at + HASH_BYTES]


def _tile_suffix(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= TILE_WIDTH:
        raise InputError(
            "there is no such tile",
            f"index {index}, width {width}",
            "Give an index of 0 or more and a width from 1 to 256.",
        )
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return "/".join(reversed(groups)) + suffix
