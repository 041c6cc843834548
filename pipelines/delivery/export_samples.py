"""Reads a delivery's samples whole, each checked digest by digest, for exports to other formats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest, ShardRecord
from schemas.shard_table import EXTRA_MEMBERS

_BATCH_BYTES = 64 << 20
_BATCH_ROWS = 1_024
#: What a row may hold: readers of the formats count in 32 bits.
MAX_SAMPLE_BYTES = 2**31 - 1
# Headers and padding between the members of a sample.
_BETWEEN_BYTES = 1 << 14
_MEMBERS = ("media", "txt", "json")
_PLACES = tuple(f"{name}_{what}" for name in _MEMBERS for what in ("offset", "length"))
_DIGESTS = tuple(f"{name}_sha256" for name in _MEMBERS)
_NEEDED = ("key", "media_member", "status", *_PLACES, *_DIGESTS)
# Columns about the tar and about how it was made, which mean nothing in an export.
_LEFT_OUT = frozenset((*_PLACES, "sha256", "status", "error_message"))


class CheckedSamples:
    """The samples of a delivery, as batches of rows.

    A row has the columns of its shard's table, without those about the tar, and `media`, `txt` and
    `json`, the members' own bytes.

    Args:
        store: The delivery.
        manifest: Its manifest, whose signature was checked.

    Attributes:
        digests: What was read so far: by key, the digests of a sample's members, hex.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self._manifest = manifest
        self._listed = {file.path: file for file in manifest.files}
        self.digests: dict[str, tuple[str, ...]] = {}

    def schema(self) -> pa.Schema:
        """Returns the schema of the batches.

        Raises:
            InputError: If the delivery has no shards.
        """
        if not self._manifest.shards:
            raise InputError(
                "There is nothing to export",
                f"{self._manifest.delivery} has no shards",
                "Give the delivery/ folder of a version with samples.",
            )
        return _schema(self._table(self._manifest.shards[0]))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields all samples in the shards' order, in batches of at most 64 MiB or one sample.

        Raises:
            RunError: If a table or a member is missing or differs from what the manifest says.
        """
        schema = self.schema()
        for shard in self._manifest.shards:
            table = self._table(shard)
            if _schema(table) != schema:
                raise self._damage(layout.shard_table_path(shard.name), "it has other columns")
            live = table.filter(pc.not_equal(table["status"], pa.scalar(REMOVED)))
            if len(live) != shard.samples:
                path = layout.shard_table_path(shard.name)
                raise self._damage(path, f"{len(live)} samples, the manifest says {shard.samples}")
            yield from self._shard(shard, live, schema)
        if len(self.digests) != self._manifest.end.samples:
            raise self._damage(layout.MANIFEST, "its count of samples is not that of its shards")

    def file(self, path: str) -> bytes:
        """Returns a listed file that was checked."""
        return self._checked(self._listed[path])

    def _shard(
        self, shard: ShardRecord, live: pa.Table, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        start = 0
        keys = values_of(live["key"], str)
        numbers = [values_of(live[name], int) for name in _PLACES]
        digests = [values_of(live[name], str) for name in _DIGESTS]
        members: list[tuple[bytes, ...]] = []
        size = 0
        for at, key in enumerate(keys):
            places = [
                (offsets[at], lengths[at])
                for offsets, lengths in zip(numbers[::2], numbers[1::2], strict=True)
            ]
            found = self._members(shard, key, places, tuple(column[at] for column in digests))
            more = sum(map(len, found))
            if members and (size + more > _BATCH_BYTES or len(members) == _BATCH_ROWS):
                yield _batch(live.slice(start, len(members)), members, schema)
                start, members, size = at, [], 0
            members.append(found)
            size += more
        if members:
            yield _batch(live.slice(start, len(members)), members, schema)

    def _members(
        self,
        shard: ShardRecord,
        key: str,
        places: Sequence[tuple[int, int]],
        wanted: tuple[str, ...],
    ) -> tuple[bytes, ...]:
        """Reads a sample's members with one request, and checks each."""
        path = layout.tar_path(shard.name)
        first = min(offset for offset, _ in places)
        end = max(offset + length for offset, length in places)
        whole = sum(length for _, length in places)
        if first < 0 or min(length for _, length in places) < 0 or end > shard.bytes:
            raise self._damage(layout.shard_table_path(shard.name), f"{key} lies outside its tar")
        if end - first > whole + _BETWEEN_BYTES:
            raise self._damage(layout.shard_table_path(shard.name), f"{key} is not in one place")
        if whole > MAX_SAMPLE_BYTES:
            raise InputError(
                "A sample is too large for one row",
                f"{key} in {path}: {whole:,} bytes, at most {MAX_SAMPLE_BYTES:,}",
                "Use the delivery's tars, or `fairshard clips` to cut its films at their shots.",
            )
        if key in self.digests:
            raise self._damage(layout.shard_table_path(shard.name), f"{key} occurs twice")
        try:
            data = self._store.read_range(path, first, end - first)
        except FileNotFoundError as error:
            raise self._damage(path, "missing") from error
        found = tuple(data[offset - first : offset - first + length] for offset, length in places)
        digests = tuple(hashlib.sha256(member).hexdigest() for member in found)
        for name, digest, stated in zip(_MEMBERS, digests, wanted, strict=True):
            if digest != stated:
                text = f"{key}, {name}: sha256 {digest}, its table says {stated}"
                raise self._damage(path, text)
        self.digests[key] = digests
        return found

    def _table(self, shard: ShardRecord) -> pa.Table:
        path = layout.shard_table_path(shard.name)
        record = self._listed.get(path)
        if record is None:
            raise self._damage(path, "not listed in the manifest")
        try:
            table = pq.read_table(pa.BufferReader(self._checked(record)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damage(path, str(error)[:200]) from error
        if EXTRA_MEMBERS in table.column_names:
            raise InputError(
                "Samples with extra members cannot be exported",
                f"{self._manifest.delivery} has the profile {self._manifest.deal.profile}, whose "
                "samples have more members than medium, text and JSON",
                "Use the delivery's tars, whose members all loaders read.",
            )
        if missing := set(_NEEDED) - set(table.column_names):
            raise self._damage(path, f"it has no columns {', '.join(sorted(missing))}")
        return table

    def _checked(self, record: FileRecord) -> bytes:
        try:
            data = self._store.read_bytes(record.path)
        except FileNotFoundError as error:
            raise self._damage(record.path, "missing") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != record.sha256:
            raise self._damage(record.path, f"sha256 {digest}, the manifest says {record.sha256}")
        return data

    def _damage(self, path: str, what: str) -> RunError:
        return RunError(
            "The delivery is damaged",
            f"{self._store.uri}/{path}: {what}",
            "Nothing was exported. `fairshard verify` names everything that is damaged; get these "
            "files again.",
        )


def _schema(table: pa.Table) -> pa.Schema:
    kept: list[pa.Field[pa.DataType]] = [
        field for field in table.schema if field.name not in _LEFT_OUT
    ]
    members: list[pa.Field[pa.DataType]] = [
        pa.field("media", pa.large_binary(), nullable=False),
        pa.field("txt", pa.string(), nullable=False),
        pa.field("json", pa.string(), nullable=False),
    ]
    return pa.schema([*kept, *members])


def _batch(rows: pa.Table, members: list[tuple[bytes, ...]], schema: pa.Schema) -> pa.RecordBatch:
    """Returns rows with their members as one batch."""
    columns = dict(zip(_MEMBERS, zip(*members, strict=True), strict=True))
    combined = rows.combine_chunks()
    arrays = [
        pa.array([one.decode() for one in columns[field.name]], pa.string())
        if field.name in ("txt", "json")
        else pa.array(columns["media"], pa.large_binary())
        if field.name == "media"
        else combined[field.name].combine_chunks()
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
