"""A buyer's copy of a delivery: its signed manifest, and the rows of its shards."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.manifest import open_manifest
from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.columns import values_of
from pipelines.verify.signer import read_pinned_keys
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest, ShardRecord
from schemas.shard_table import EXTRA_MEMBERS, ExtraMember

_COLUMNS = (
    *("key", "media_member", "media_offset", "media_length", "media_sha256"),
    *("txt_offset", "txt_length", "txt_sha256", "json_offset", "json_length", "json_sha256"),
)


class ReaderError(RunError):
    """Raised when a copy of a delivery is not what the agency signed, or may not be read."""


class SampleRow(NamedTuple):
    """Where a sample's members are in its shard's tar (bytes), and their digests (hex)."""

    key: str
    media_member: str
    media_offset: int
    media_length: int
    media_sha256: str
    txt_offset: int
    txt_length: int
    txt_sha256: str
    json_offset: int
    json_length: int
    json_sha256: str
    extras: tuple[ExtraMember, ...] = ()


class ShardFile:
    """A shard's tar, open for reading; closed when no sample is left that is to be read from it.

    Attributes:
        record: The shard.
        descriptor: The file's descriptor.
    """

    __slots__ = ("descriptor", "record")

    def __init__(self, record: ShardRecord, descriptor: int) -> None:
        self.record = record
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True)
class ShardRows:
    """The samples of a shard, in the tar's order, with the commitments of their assets."""

    rows: list[SampleRow]
    assets: list[str]


@dataclass(frozen=True)
class Delivery:
    """A copy of a delivery in a folder; make one with `open_delivery`.

    Attributes:
        folder: The folder with the manifest.
        manifest: The manifest, signed by a pinned key.
        manifest_sha256: Digest of its bytes, hex.
        listed: The delivery's files by path.
    """

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    listed: Mapping[str, FileRecord]

    def shards(self, families: Collection[str] = ()) -> list[ShardRecord]:
        """Returns the shards of these families, or all.

        Raises:
            InputError: If there is no shard of one of them.
        """
        known = {shard.family for shard in self.manifest.shards}
        if unknown := sorted(set(families) - known):
            raise InputError(
                "The delivery has no shards of this family",
                f"{', '.join(unknown)}; it has {', '.join(sorted(known))}",
                "Name families that it has, or none for all of them.",
            )
        return [one for one in self.manifest.shards if not families or one.family in families]

    def rows(self, shard: ShardRecord) -> ShardRows:
        """Reads where a shard's samples are; those that were overwritten are left out.

        Raises:
            ReaderError: If the table is missing, altered, or has another number of samples.
        """
        path = layout.shard_table_path(shard.name)
        data = self._read(path)
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            extras = [name for name in (EXTRA_MEMBERS,) if name in file.schema_arrow.names]
            names = [*_COLUMNS, *extras, "asset", "status"]
            table = file.read(columns=names, use_threads=False)
        columns = [table[name].to_pylist() for name in (*_COLUMNS, *extras)]
        assets, states = (values_of(table[name], str) for name in ("asset", "status"))
        rows = list(starmap(SampleRow, zip(*columns, strict=True)))
        if REMOVED in states:
            live = [at for at, state in enumerate(states) if state != REMOVED]
            rows, assets = [rows[at] for at in live], [assets[at] for at in live]
        if len(rows) != shard.samples:
            raise self.damage(path, f"{len(rows)} samples, the manifest says {shard.samples}")
        return ShardRows(rows, assets)

    def open_shard(self, shard: ShardRecord) -> ShardFile:
        """Opens a shard's tar.

        Raises:
            ReaderError: If it is missing or has another length than the manifest says.
        """
        path = layout.tar_path(shard.name)
        try:
            descriptor = os.open(self.folder / path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self.damage(path, error.strerror or "cannot be opened") from error
        opened = ShardFile(shard, descriptor)
        size = os.fstat(descriptor).st_size
        if size != shard.bytes:
            raise self.damage(path, f"{size:,} bytes, the manifest says {shard.bytes:,}")
        return opened

    def _read(self, path: str) -> bytes:
        record = self.listed.get(path)
        if record is None:
            raise self.damage(path, "not in the manifest")
        try:
            data = (self.folder / path).read_bytes()
        except OSError as error:
            raise self.damage(path, error.strerror or "cannot be read") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != record.sha256:
            raise self.damage(path, f"sha256 {digest}, the manifest says {record.sha256}")
        return data

    def damage(self, path: str, what: str) -> ReaderError:
        """Returns the error that a file is not what the agency signed."""
        return ReaderError(
            "A file of the delivery is not what the agency signed",
            f"{self.folder / path}: {what}",
            "If fairshard apply-removals was interrupted, run it again. Otherwise fetch the file "
            "again, and check the copy with fairshard verify.",
        )


def open_delivery(folder: str | Path, vkeys: Collection[str]) -> Delivery:
    """Opens a copy of a delivery, and checks its manifest.

    Args:
        folder: The folder with `MANIFEST.json`.
        vkeys: The agency's verifier keys, or paths of files with them, got from the agency itself.

    Raises:
        InputError: If there is no manifest, or no key is given.
        ManifestError: If the manifest was altered, or is signed by another key.
        ReaderError: If `fairshard apply-removals` has not completed its change of the copy.
    """
    pinned = read_pinned_keys(list(vkeys))
    if pinned is None:
        raise InputError(
            "No key is pinned", "vkeys is empty", "Give the agency's verifier key, or its file."
        )
    root = Path(folder)
    try:
        data = (root / layout.MANIFEST).read_bytes()
    except OSError as error:
        raise InputError(
            "There is no delivery in this folder", str(error), "Give the folder with MANIFEST.json."
        ) from error
    if (root / layout.COPY_STAGING / layout.COPY_READY).exists():
        raise ReaderError(
            "The copy is being changed",
            f"{root / layout.COPY_STAGING}: fairshard apply-removals was interrupted, or runs",
            "Run the same fairshard apply-removals again, which completes it.",
        )
    manifest = open_manifest(data, pinned)
    listed = {file.path: file for file in manifest.files}
    return Delivery(root, manifest, hashlib.sha256(data).hexdigest(), listed)
