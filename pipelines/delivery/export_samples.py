"""Reads a delivery's samples whole, each checked digest by digest, for exports to other formats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.format.tar_comparison import REMOVED
from pipelines.profiles import load_profile
from pipelines.storage.columns import Column, values_of
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest, ShardRecord
from schemas.shard_table import EXTRA_MEMBERS, ExtraMember

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
_LEFT_OUT = frozenset((*_PLACES, "sha256", "status", "error_message", EXTRA_MEMBERS))


def column_of(ending: str) -> str:
    """Returns the column of an extra member: its ending, with _ for the dots Lance refuses."""
    return ending.replace(".", "_")


def extra_columns(schema: pa.Schema) -> list[str]:
    """Returns the columns of an export that have the bytes of extra members."""
    return [one.name for one in schema if one.type == pa.large_binary() and one.name != "media"]


class CheckedSamples:
    """The samples of a delivery, as batches of rows.

    A row has the columns of its shard's table, without those about the tar, and `media`, `txt` and
    `json`, the members' own bytes. Each extra member of the deal's profile has a column of its
    bytes, named after its ending (`boxes_json` of `boxes.json`), and one of its digest
    (`boxes_json_sha256`).

    Args:
        store: The delivery.
        manifest: Its manifest, whose signature was checked.

    Attributes:
        digests: What was read so far: by key, the digests of a sample's media, text, JSON and
            extra members, hex.
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self._manifest = manifest
        self._listed = {file.path: file for file in manifest.files}
        self._extras = load_profile(manifest.deal.profile).extras
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
        return self._schema(self._table(self._manifest.shards[0]))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields all samples in the shards' order, in batches of at most 64 MiB or one sample.

        Raises:
            RunError: If a table or a member is missing or differs from what the manifest says.
        """
        schema = self.schema()
        for shard in self._manifest.shards:
            table = self._table(shard)
            if self._schema(table) != schema:
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
        extras = self._extras_of(shard, live)
        members: list[tuple[bytes, ...]] = []
        size = 0
        for at, key in enumerate(keys):
            places = [
                (offsets[at], lengths[at])
                for offsets, lengths in zip(numbers[::2], numbers[1::2], strict=True)
            ]
            wanted = [column[at] for column in digests]
            for extra in extras[at]:
                places.append((extra["offset"], extra["length"]))
                wanted.append(extra["sha256"])
            found = self._members(shard, key, places, wanted)
            more = sum(map(len, found))
            if members and (size + more > _BATCH_BYTES or len(members) == _BATCH_ROWS):
                yield self._batch(live.slice(start, len(members)), members, schema)
                start, members, size = at, [], 0
            members.append(found)
            size += more
        if members:
            yield self._batch(live.slice(start, len(members)), members, schema)

    def _extras_of(self, shard: ShardRecord, live: pa.Table) -> list[list[ExtraMember]]:
        """Returns the extra members of a shard's samples: those of the profile, in its order."""
        if EXTRA_MEMBERS not in live.column_names:
            return [[] for _ in range(len(live))]
        found = cast("list[list[ExtraMember]]", live[EXTRA_MEMBERS].to_pylist())
        for key, own in zip(values_of(live["key"], str), found, strict=True):
            endings = tuple(one["ending"] for one in own)
            if endings != self._extras:
                text = (
                    f"{key} has the extra members {', '.join(endings) or 'none'}, "
                    f"its profile {', '.join(self._extras)}"
                )
                raise self._damage(layout.shard_table_path(shard.name), text)
        return found

    def _members(
        self,
        shard: ShardRecord,
        key: str,
        places: Sequence[tuple[int, int]],
        wanted: Sequence[str],
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
        names = (*_MEMBERS, *self._extras)
        for name, digest, stated in zip(names, digests, wanted, strict=True):
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
        needed = (*_NEEDED, EXTRA_MEMBERS) if self._extras else _NEEDED
        if missing := set(needed) - set(table.column_names):
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

    def _schema(self, table: pa.Table) -> pa.Schema:
        kept: list[pa.Field[pa.DataType]] = [
            field for field in table.schema if field.name not in _LEFT_OUT
        ]
        columns = [column_of(ending) for ending in self._extras]
        members: list[pa.Field[pa.DataType]] = [
            pa.field("media", pa.large_binary(), nullable=False),
            *(pa.field(name, pa.large_binary(), nullable=False) for name in columns),
            pa.field("txt", pa.string(), nullable=False),
            pa.field("json", pa.string(), nullable=False),
            *(pa.field(f"{name}_sha256", pa.string(), nullable=False) for name in columns),
        ]
        return pa.schema([*kept, *members])

    def _batch(
        self, rows: pa.Table, members: list[tuple[bytes, ...]], schema: pa.Schema
    ) -> pa.RecordBatch:
        """Returns rows with their members as one batch."""
        media, texts, records, *extras = zip(*members, strict=True)
        made: dict[str, Column] = {
            "media": pa.array(media, pa.large_binary()),
            "txt": pa.array([one.decode() for one in texts], pa.string()),
            "json": pa.array([one.decode() for one in records], pa.string()),
        }
        keys = values_of(rows["key"], str)
        for number, (ending, data) in enumerate(zip(self._extras, extras, strict=True), 3):
            made[column_of(ending)] = pa.array(data, pa.large_binary())
            digests = [self.digests[key][number] for key in keys]
            made[f"{column_of(ending)}_sha256"] = pa.array(digests, pa.string())
        combined = rows.combine_chunks()
        arrays = [
            made[field.name] if field.name in made else combined[field.name].combine_chunks()
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
