"""Cache of local files' digests by file state, so that unchanged files need not be read again.

As with `git status`, a file's state is its path, size, times, inode and device. A file enters the
cache only if it had been unchanged for a while before it was read, so that any later change gives
it another time: clocks tick, and two changes within one tick look alike. Setting the modification
time back changes the status change time (ctime).

No delivery relies on this cache: the shard writer digests every media file. If it finds other
bytes, it invalidates the file's state for good by adding a second row that contradicts the first,
since feature files are only added to and never changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.features.store import FeatureTable
from pipelines.fetch.locate import FileLocation, Location
from pipelines.media.formats import Format
from schemas.file_features import DigestCacheRow

MIN_UNCHANGED_S = 10.0
_INVALIDATED = ""


@dataclass(frozen=True)
class FileState:
    """The state of a local file according to its file system.

    Attributes:
        key: Digest of everything that would differ for another or a changed file.
        size_bytes: The file's size.
        changed_s: When the file or its status last changed, seconds since 1970.
    """

    key: str
    size_bytes: int
    changed_s: float


def file_state(location: Location) -> FileState | None:
    """Returns a file's state; None if the location is not a regular file on this machine."""
    if not isinstance(location, FileLocation):
        return None
    try:
        status = os.lstat(location.path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    identity = (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )
    text = "\0".join([location.path, *map(str, identity)])
    key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return FileState(key, status.st_size, max(status.st_mtime, status.st_ctime))


def load_digest_cache(
    table: FeatureTable[DigestCacheRow], low: int, high: int
) -> dict[str, DigestCacheRow]:
    """Loads the cached digests of files in a range of hashes, by the key of the file's state.

    A state with two contradictory rows has no digest and counts as unknown.
    """
    cached: dict[str, DigestCacheRow] = {}
    for row in table.rows(low, high):
        if cached.setdefault(row["state_key"], row) != row:
            cached[row["state_key"]] = _row(row["state_key"], _INVALIDATED, "")
    return cached


def digest_cache_row(state: FileState, digest: str, fmt: Format) -> DigestCacheRow:
    """Returns a file's state and digest as a row of DIGEST_CACHE_SCHEMA."""
    return _row(state.key, digest, fmt)


def invalidate(
    table: FeatureTable[DigestCacheRow], low: int, high: int, states: Iterable[FileState]
) -> None:
    """Invalidates files in these states permanently, so that every run reads them again."""
    table.save(low, high, [_row(state.key, _INVALIDATED, "") for state in states])


def _row(key: str, digest: str, fmt: str) -> DigestCacheRow:
    return {"state_key": key, "media_sha256": digest, "format": fmt}
