"""Compares a delivery's files with its manifest: which exist, their sizes and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.manifest import checksums_record
from pipelines.storage.store import ObjectInfo, Store
from pipelines.verify.report import Report
from pipelines.verify.shard import describe_mismatch
from schemas import layout
from schemas.manifest import FileRecord, Manifest

_CHUNK_BYTES = 1 << 20


@dataclass
class DeliveryFiles:
    """A delivery's files, as listed and as found.

    Attributes:
        listed: The manifest's file records, by path.
        found: The objects that exist, by path, without the manifest.
        path_by_sha256: Paths by the digest that the file should have.
        read: Digest of every file that was read, hex, by path.
    """

    listed: Mapping[str, FileRecord]
    found: Mapping[str, ObjectInfo]
    path_by_sha256: Mapping[str, str]
    read: dict[str, str] = field(default_factory=dict)

    def owner_finder(self, path: str) -> Callable[[str], str]:
        """Returns a function that finds the path, other than this one, of a digest, or ""."""
        return lambda sha256: (
            other if (other := self.path_by_sha256.get(sha256, "")) != path else ""
        )

    def is_sound(self, path: str, record: FileRecord) -> bool:
        """Returns whether a file was read and has the listed digest."""
        return self.read.get(path) == record.sha256

    def sound_copy(self, path: str, trusted: frozenset[str]) -> str:
        """Returns where a listed file's bytes are: its own path, another path, or ""."""
        wanted = self.listed[path].sha256 if path in self.listed else ""
        if path in trusted or (wanted and self.read.get(path) == wanted):
            return path
        return next((other for other, actual in self.read.items() if actual == wanted), "")


def survey_files(store: Store, manifest: Manifest, report: Report) -> DeliveryFiles:
    """Lists the delivery and reports files that are missing or not listed in the manifest."""
    listed = {file.path: file for file in manifest.files}
    if len(listed) != len(manifest.files):
        report.add_problem(layout.MANIFEST, "a file is listed twice")
    found = {item.key: item for item in store.list("") if item.key != layout.MANIFEST}
    strays = {stray.key: stray.what for stray in store.strays()}
    for path in sorted({*strays, *(found.keys() - listed.keys())}):
        report.add_problem(path, _describe_extra(strays.get(path, ""), path in listed))
    tars = {f"shards/{shard.name}.tar" for shard in manifest.shards}
    for path in listed:
        if path not in found and path not in tars:
            report.add_problem(path, "missing")
    if len(tars) != len(manifest.shards):
        report.add_problem(layout.MANIFEST, "a shard is listed twice")
    needed = [*(layout.shard_table_path(shard.name) for shard in manifest.shards), layout.LOG_VKEY]
    if _is_current(store, manifest, found):
        needed += [*layout.RIGHTS_FILES, layout.SAMPLES_TABLE, layout.SIZES]
    for path in needed:
        if path not in listed:  # nothing else would be compared with it
            report.add_problem(path, "not listed in the manifest, and every delivery has it")
    for shard in manifest.shards:
        path = f"shards/{shard.name}.tar"
        if path not in listed:
            report.add_problem(path, "a shard of the manifest is not among its files")
        elif (listed[path].bytes, listed[path].sha256) != (shard.bytes, shard.sha256):
            report.add_problem(layout.MANIFEST, f"it has two different records of {path}")
    if layout.SHA256SUMS not in listed:
        report.add_problem(layout.SHA256SUMS, "not listed in the manifest")
    elif listed[layout.SHA256SUMS] != checksums_record(manifest.files):
        report.add_problem(layout.SHA256SUMS, "its digests do not match the manifest")
    path_by_sha256 = {file.sha256: file.path for file in manifest.files}
    return DeliveryFiles(listed, found, path_by_sha256)


def _is_current(store: Store, manifest: Manifest, found: Collection[str]) -> bool:
    """Returns whether a shard's table has columns that earlier releases did not write.

    With those columns came files that every delivery has: a manifest that lists none of them would
    otherwise look like one of an earlier release.
    """
    for shard in manifest.shards:
        path = layout.shard_table_path(shard.name)
        if path in found:
            with suppress(pa.ArrowException, OSError, ValueError), store.open_read(path) as source:
                if "split" in pq.ParquetFile(source).schema_arrow.names:
                    return True
    return False


def _describe_extra(stray: str, is_listed: bool) -> str:
    if not stray:
        return "not listed in the manifest"
    return f"{stray}, not the file itself" if is_listed else f"{stray}, not part of the delivery"


def check_file(store: Store, files: DeliveryFiles, path: str, report: Report) -> bool:
    """Compares one listed file with the manifest; a missing one was reported before."""
    record = files.listed[path]
    digest, size = hashlib.sha256(), 0
    try:
        with store.open_read(path) as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        if path in files.found:
            report.add_problem(path, "it disappeared while the delivery was being read")
        return False
    files.read[path] = actual = digest.hexdigest()
    fault = describe_mismatch(size, actual, record.bytes, record.sha256, files.owner_finder(path))
    if fault:
        report.add_problem(path, fault)
    return not fault


def check_sizes(files: DeliveryFiles, report: Report) -> None:
    """Compares only the sizes, as the store lists them."""
    for path, record in files.listed.items():
        if path in files.found and files.found[path].size_bytes != record.bytes:
            size = files.found[path].size_bytes
            report.add_problem(path, f"{size:,} bytes, the manifest says {record.bytes:,}")
