"""Local files that were read before, and what they held: `git status` finds changes the same way.

A file is known by its path, size, times, inode and device. It is taken down only if it had rested
for a while before it was read, so that whatever changed it since has given it another time: a clock
ticks, and two changes within a tick look alike. Whoever sets the modification time back changes the
time of the last change of status.

Nothing is delivered on the strength of this: a shard's writer digests every medium. Where it finds
others than these bytes, the file in this state is struck off for good, by a second row that
contradicts the first: files of features are added to and never changed.
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
from schemas.features import DigestCacheRow

MIN_UNCHANGED_S = 10.0
_INVALIDATED = ""


@dataclass(frozen=True)
class FileState:
    """A file as its folder has it.

    Attributes:
        key: Digest of all that would differ if it were another file or had been changed.
        size_bytes: Its length.
        changed_s: When it or its status was changed last, seconds since 1970.
    """

    key: str
    size_bytes: int
    changed_s: float


def file_state(location: Location) -> FileState | None:
    """A file's state; None for what is no regular file of this machine."""
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
    """What files in a range of hashes held, by the key of their state.

    A state that two rows say different things of has no digest, and is as good as unknown.
    """
    cached: dict[str, DigestCacheRow] = {}
    for row in table.rows(low, high):
        if cached.setdefault(row["state_key"], row) != row:
            cached[row["state_key"]] = _row(row["state_key"], _INVALIDATED, "")
    return cached


def digest_cache_row(state: FileState, digest: str, fmt: Format) -> DigestCacheRow:
    """What a file held, as a row of DIGEST_CACHE_SCHEMA."""
    return _row(state.key, digest, fmt)


def invalidate(
    table: FeatureTable[DigestCacheRow], low: int, high: int, states: Iterable[FileState]
) -> None:
    """Makes files in these states be read again, now and always."""
    table.save(low, high, [_row(state.key, _INVALIDATED, "") for state in states])


def _row(key: str, digest: str, fmt: str) -> DigestCacheRow:
    return {"state_key": key, "media_sha256": digest, "format": fmt}
