"""Overwrites samples of a shard in place: the tar keeps its length, and the others their offsets.

The three members of a sample become one, from its first header to the end of its padding. Its name
says that it was removed and has no ending, which is what readers leave out by their own rules; its
data are bytes that are no picture, no text and no JSON. Its rows stay where they are, without
anything of the sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.loader_files import shard_stats
from pipelines.format.tar import BLOCK, FILLER, header, tombstone_name
from pipelines.format.tar_comparison import REMOVED, filler_sha256
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor
from pipelines.removal.shards import check_found, npy_bytes, read_vectors
from pipelines.run.shard_receipt import ShardReceipt
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.tables import json_bytes, parquet_bytes
from schemas import layout
from schemas.manifest import FileRecord, ShardRecord
from schemas.shard_table import ShardRow

_CHUNK_BYTES = 1 << 20
# `caption_model` tells which samples have rows in the tables of embeddings.
_KEPT = ("shard", "family", "media_type", "profile", "deal_id", "caption_source", "caption_model")


def overwrite_shard(
    output: PatchOutput, number: int, record: ShardRecord, removed: Collection[str]
) -> ShardReceipt | None:
    """Writes a shard again with some samples overwritten; see `shards.patch_shard`."""
    before, gone = output.before, frozenset(removed)
    found = before.table(layout.shard_table_path(record.name))
    rows = rows_of(found, ShardRow)
    names = {
        row["key"]: tombstone_name(number, at) for at, row in enumerate(rows) if row["key"] in gone
    }
    check_found(record, len(names), removed)
    blank = [_tombstone(row, names[row["key"]], found.schema) for row in rows if row["key"] in gone]
    by_name = {row["key"]: row for row in blank}
    rows = [by_name[names[row["key"]]] if row["key"] in gone else row for row in rows]
    table = pa.Table.from_pylist(rows, schema=found.schema)
    live = table.filter(pc.not_equal(table["status"], pa.scalar(REMOVED)))
    if not len(live):
        return None
    tar, md5 = _overwrite_tar(output, record, blank)
    contents = {
        layout.shard_table_path(record.name): parquet_bytes(table),
        layout.shard_stats_path(record.name): json_bytes(shard_stats(live, tar.bytes)),
        **_embedding_files(before, number, names),
    }
    files = [output.write(path, data) for path, data in contents.items()]
    shard = record.model_copy(update={"samples": len(live), "sha256": tar.sha256})
    return ShardReceipt(shard, number, md5, tuple(files))


def _tombstone(row: ShardRow, name: str, schema: pa.Schema) -> ShardRow:
    """Returns the row of an overwritten sample in a table of these columns."""
    start = row["media_offset"]
    end = row["json_offset"] + row["json_length"] + -row["json_length"] % BLOCK
    blank = {field.name: _blank_value(field.type) for field in schema}
    digest = filler_sha256(end - start)
    made = blank | {
        **{column: value for column, value in row.items() if column in _KEPT},
        "key": name,
        "media_member": name,
        "media_offset": start,
        "media_length": end - start,
        "media_sha256": digest,
        "sha256": digest,
        "txt_offset": end,
        "json_offset": end,
        "status": REMOVED,
        "error_message": REMOVED,
    }
    return cast("ShardRow", made)


def _blank_value(kind: pa.DataType) -> object:
    """Returns what a column of a type has for an overwritten sample."""
    if pa.types.is_list(kind):
        return []
    if pa.types.is_date(kind):
        return None
    if pa.types.is_string(kind):
        return ""
    return False if pa.types.is_boolean(kind) else 0


def _overwrite_tar(
    output: PatchOutput, record: ShardRecord, blank: list[ShardRow]
) -> tuple[FileRecord, str]:
    """Copies a tar with some samples overwritten; returns its record and MD5."""
    before, path = output.before, layout.tar_path(record.name)
    original, sha256 = hashlib.sha256(), hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    with before.store.open_read(f"{before.delivery}/{path}") as source, output.open(path) as sink:
        at = 0
        for start, stop, piece in _pieces(record.bytes, blank):
            while at < stop and (data := source.read(min(stop - at, _CHUNK_BYTES))):
                original.update(data)
                written = data if piece is None else piece[at - start :][: len(data)]
                written = written.ljust(len(data), FILLER)
                at += len(data)
                for digest in (sha256, md5):
                    digest.update(written)
                sink.write(written)
        if source.read(1) or original.hexdigest() != record.sha256:
            raise before.damage(path, f"sha256 {original.hexdigest()}")
    written_record = FileRecord(path=path, bytes=record.bytes, sha256=sha256.hexdigest())
    output.add(written_record)
    return written_record, md5.hexdigest()


def _pieces(size: int, blank: list[ShardRow]) -> Iterator[tuple[int, int, bytes | None]]:
    """Yields the parts of a tar: first byte, end, and what it begins with if it is overwritten."""
    at = 0
    for row in blank:
        start = row["media_offset"] - BLOCK
        if start > at:
            yield at, start, None
        at = row["media_offset"] + row["media_length"]
        yield start, at, header(row["key"], row["media_length"])
    yield at, size, None


def _embedding_files(before: Predecessor, number: int, names: dict[str, str]) -> dict[str, bytes]:
    """Returns a shard's embeddings, metadata and shots with blank rows for some samples."""
    path = layout.metadata_path(number)
    if path not in before.listed:
        return {}
    metadata = before.table(path)
    gone = np.array([key in names for key in values_of(metadata["key"], str)])
    if not gone.any():
        return {name: before.read(name) for name in _listed(before, number)}
    files = {path: parquet_bytes(_blanked(metadata, names, ("shard",)))}
    for vectors in (layout.image_embeddings_path(number), layout.text_embeddings_path(number)):
        matrix = read_vectors(before, vectors).copy()
        matrix[gone] = 0
        files[vectors] = npy_bytes(matrix)
    shots = layout.shots_path(number)
    if shots in before.listed:
        files[shots] = parquet_bytes(_blanked(before.table(shots), names, ("shot",)))
    return files


def _listed(before: Predecessor, number: int) -> list[str]:
    paths = (
        layout.metadata_path(number),
        layout.image_embeddings_path(number),
        layout.text_embeddings_path(number),
        layout.shots_path(number),
    )
    return [path for path in paths if path in before.listed]


def _blanked(table: pa.Table, names: dict[str, str], kept: tuple[str, ...]) -> pa.Table:
    """Returns a table in which rows of removed samples have their new key and nothing else."""
    rows = table.to_pylist()
    for row in rows:
        if row["key"] not in names:
            continue
        name = names[row["key"]]
        for column, value in row.items():
            if column == "key":
                row[column] = name
            elif column == "image_path":
                row[column] = f"{row['shard']}.tar/{name}"
            elif isinstance(value, list):
                row[column] = [0.0] * len(value)
            elif column not in kept:
                row[column] = _blank_value(table.schema.field(column).type)
    return pa.Table.from_pylist(rows, schema=table.schema)
