"""The files of a delivery against its manifest: listed, there, of their size, of their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.storage.store import ObjectInfo, Store
from pipelines.verify.report import Report
from pipelines.verify.shard import told_otherwise
from schemas import layout
from schemas.manifest import FileRecord, Manifest

_CHUNK_BYTES = 1 << 20


@dataclass
class Files:
    """A delivery's files as they were found.

    Attributes:
        listed: What the manifest lists, by path.
        found: What lies there, by path; the manifest is left out.
        due: Paths by the digest that they should have.
        read: Digest of every file that was read, hex, by path.
    """

    listed: Mapping[str, FileRecord]
    found: Mapping[str, ObjectInfo]
    due: Mapping[str, str]
    read: dict[str, str] = field(default_factory=dict)

    def whose(self, path: str) -> Callable[[str], str]:
        """For one path: which other path should have some digest, or ""."""
        return lambda sha256: other if (other := self.due.get(sha256, "")) != path else ""

    def is_sound(self, path: str, record: FileRecord) -> bool:
        """Whether a file was read and is as listed."""
        return self.read.get(path) == record.sha256

    def sound_copy(self, path: str, trusted: frozenset[str]) -> str:
        """Where the bytes of a listed file lie: in its place, under another name, or ""."""
        wanted = self.listed[path].sha256 if path in self.listed else ""
        if path in trusted or (wanted and self.read.get(path) == wanted):
            return path
        return next((other for other, seen in self.read.items() if seen == wanted), "")


def survey(store: Store, manifest: Manifest, report: Report) -> Files:
    """Lists the delivery and notes what is missing and what is there besides."""
    listed = {file.path: file for file in manifest.files}
    if len(listed) != len(manifest.files):
        report.note(layout.MANIFEST, "a file is listed twice")
    found = {item.key: item for item in store.list("") if item.key != layout.MANIFEST}
    for path in sorted(found.keys() - listed.keys()):
        report.note(path, "not listed in the manifest")
    tars = {f"shards/{shard.name}.tar" for shard in manifest.shards}
    for path in listed:
        if path not in found and path not in tars:
            report.note(path, "missing")
    for shard in manifest.shards:
        path = f"shards/{shard.name}.tar"
        if path not in listed:
            report.note(path, "a shard of the manifest is not among its files")
        elif (listed[path].bytes, listed[path].sha256) != (shard.bytes, shard.sha256):
            report.note(layout.MANIFEST, f"it says two things of {path}")
    due = {file.sha256: file.path for file in manifest.files}
    return Files(listed, found, due)


def check_file(store: Store, files: Files, path: str, report: Report) -> bool:
    """Reads one listed file and compares it with the manifest; a missing one was named already."""
    record = files.listed[path]
    digest, size = hashlib.sha256(), 0
    try:
        with store.open_read(path) as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        if path in files.found:
            report.note(path, "it went away while the delivery was read")
        return False
    files.read[path] = seen = digest.hexdigest()
    fault = told_otherwise(size, seen, record.bytes, record.sha256, files.whose(path))
    if fault:
        report.note(path, fault)
    return not fault


def check_sizes(files: Files, report: Report) -> None:
    """Compares sizes alone, as the store lists them."""
    for path, record in files.listed.items():
        if path in files.found and files.found[path].size_bytes != record.bytes:
            size = files.found[path].size_bytes
            report.note(path, f"{size:,} bytes, the manifest says {record.bytes:,}")
