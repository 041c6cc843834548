"""Writes a shard again without some of its samples: tar, table, stats, embeddings, shots."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.loader_files import shard_stats
from pipelines.format.tar import Member, TarWriter
from pipelines.format.tar_comparison import REMOVED, places_of_row
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor
from pipelines.run.shard_receipt import ShardReceipt
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.tables import json_bytes, parquet_bytes
from schemas import layout
from schemas.errors import InputError
from schemas.manifest import FileRecord, ShardRecord
from schemas.shard_table import ShardRow

_CHUNK_BYTES = 1 << 20


def patch_shard(
    output: PatchOutput, number: int, record: ShardRecord, removed: Collection[str]
) -> ShardReceipt | None:
    """Writes a shard again without some samples; the others keep their order and their bytes.

    Args:
        output: The patched delivery.
        number: The shard's number, by which its embeddings are named.
        record: The shard as it was.
        removed: Keys of the samples that are removed.

    Returns:
        The shard as it is now; None if nothing is left of it, and nothing is written.

    Raises:
        InputError: If the shard does not have all of the samples.
        RunError: If the shard is damaged.
    """
    before = output.before
    table = before.table(layout.shard_table_path(record.name))
    left = without(table, removed)
    check_found(record, len(table) - len(left), removed)
    # What an earlier removal overwrote goes as well.
    overwritten = table["key"].filter(pc.equal(table["status"], pa.scalar(REMOVED)))
    removed = frozenset(removed) | frozenset(values_of(overwritten, str))
    left = without(left, removed)
    if not len(left):
        return None
    tar, md5, members = _copy_samples(output, record, left)
    left = _moved(left, members)
    contents = {
        layout.shard_table_path(record.name): parquet_bytes(left),
        layout.shard_stats_path(record.name): json_bytes(shard_stats(left, tar.bytes)),
        **_embedding_files(before, number, removed),
    }
    files = [output.write(path, data) for path, data in contents.items()]
    shard = ShardRecord(
        name=record.name,
        family=record.family,
        samples=len(left),
        bytes=tar.bytes,
        sha256=tar.sha256,
    )
    return ShardReceipt(shard, number, md5, tuple(files))


def check_found(record: ShardRecord, found: int, removed: Collection[str]) -> None:
    """Raises InputError unless a shard has all of the samples that are to be removed."""
    if found != len(removed):
        raise InputError(
            "A shard does not have all of the samples that are to be removed",
            f"{record.name}: {found} of {len(removed)}",
            "Find the samples in this version, then repeat.",
        )


def without(table: pa.Table, removed: Collection[str]) -> pa.Table:
    """Returns the rows of a table whose keys are not among these."""
    gone = pc.is_in(table["key"], pa.array(sorted(removed), pa.string()))
    return table.filter(pc.invert(gone)).combine_chunks()


def _copy_samples(
    output: PatchOutput, record: ShardRecord, left: pa.Table
) -> tuple[FileRecord, str, list[Member]]:
    """Copies the samples of these rows to the new tar; returns its record, MD5 and members."""
    before, path = output.before, layout.tar_path(record.name)
    places = [place for row in rows_of(left, ShardRow) for place in places_of_row(row)]
    with before.store.open_read(f"{before.delivery}/{path}") as source, output.open(path) as sink:
        with TarWriter(sink) as tar:
            for place in places:
                source.seek(place.offset)
                try:
                    tar.add(place.name, place.length, _chunks(source, place.length))
                except ValueError as error:
                    raise before.damage(path, str(error)) from error
            members = tar.close()
        for member, place in zip(members, places, strict=True):
            if member.sha256 != place.sha256:
                raise before.damage(path, f"member {place.name} has sha256 {member.sha256}")
    written = FileRecord(path=path, bytes=tar.size, sha256=tar.sha256)
    output.add(written)
    return written, tar.md5, members


def _chunks(source: BinaryIO, length: int) -> Iterator[bytes]:
    """Yields the next bytes of a file; fewer if it ends."""
    while length and (data := source.read(min(length, _CHUNK_BYTES))):
        length -= len(data)
        yield data


def _moved(table: pa.Table, members: list[Member]) -> pa.Table:
    """Returns a shard's table with the members' new offsets."""
    offsets = {member.name: member.offset for member in members}
    rows = rows_of(table, ShardRow)
    for row in rows:
        medium, *others = places_of_row(row)
        row["media_offset"] = offsets[medium.name]
        if others:
            row["txt_offset"], row["json_offset"] = (offsets[one.name] for one in others[-2:])
        for extra in row.get("extra_members", ()):
            extra["offset"] = offsets[f"{row['key']}.{extra['ending']}"]
    return pa.Table.from_pylist(rows, schema=table.schema)


def _embedding_files(
    before: Predecessor, number: int, removed: Collection[str]
) -> dict[str, bytes]:
    """Returns a shard's embeddings, their metadata and shots without some samples, by path."""
    path = layout.metadata_path(number)
    if path not in before.listed:
        return {}
    metadata = before.table(path)
    left = without(metadata, removed)
    if not len(left):
        return {}
    gone = frozenset(removed)
    kept = np.array([key not in gone for key in values_of(metadata["key"], str)])
    files = {path: parquet_bytes(left)}
    for vectors in (layout.image_embeddings_path(number), layout.text_embeddings_path(number)):
        files[vectors] = npy_bytes(read_vectors(before, vectors)[kept])
    shots = layout.shots_path(number)
    if shots in before.listed:
        rows = without(before.table(shots), removed)
        if len(rows):
            files[shots] = parquet_bytes(rows)
    return files


def read_vectors(before: Predecessor, path: str) -> npt.NDArray[np.float16]:
    """Returns a matrix of embeddings, [samples, dimensions]."""
    found: npt.NDArray[np.float16] = np.load(io.BytesIO(before.read(path)), allow_pickle=False)
    return found


def npy_bytes(matrix: npt.NDArray[np.float16]) -> bytes:
    """Returns embeddings as a `.npy` file."""
    sink = io.BytesIO()
    np.save(sink, matrix, allow_pickle=False)
    return sink.getvalue()
