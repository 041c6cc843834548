"""Writes `SHA256SUMS`: the delivery's digests, for `sha256sum -c`.

There is one line per file, in the manifest's order: digest, two spaces, path. It does not list
itself or the manifest, which is written later and lists it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from schemas import layout
from schemas.manifest import FileRecord


def checksums(files: Iterable[FileRecord]) -> bytes:
    """Returns the bytes of `SHA256SUMS` for a delivery's files, without a line for itself."""
    return "".join(
        f"{file.sha256}  {file.path}\n" for file in files if file.path != layout.SHA256SUMS
    ).encode()


def checksums_record(files: Iterable[FileRecord]) -> FileRecord:
    """Returns the manifest's record of the `SHA256SUMS` of these files."""
    data = checksums(files)
    digest = hashlib.sha256(data).hexdigest()
    return FileRecord(path=layout.SHA256SUMS, bytes=len(data), sha256=digest)
