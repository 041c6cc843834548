"""Reads and writes tables, and JSON files beside them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.store import ObjectInfo, Sink, Store
from schemas.canonical import json_bytes as json_bytes
from schemas.errors import RunError

_REMEDY = (
    "It is damaged. Restore it from a copy or, if it is of a run that has not ended, remove the "
    "run with fairshard clean --older-than 0s and run again."
)
_LINE_BYTES = 1 << 16  # many times what a unit's counts need
# Fixed settings for Parquet, so that the same rows give the same bytes.
_PARQUET: dict[str, Any] = {"compression": "zstd", "version": "2.6", "store_schema": True}

Json = Any  # of a file that this program wrote


class DamagedTableError(RunError, pa.ArrowInvalid):
    """A table that this program wrote cannot be read."""


class DamagedJsonError(RunError, ValueError):
    """A JSON file that this program wrote cannot be read."""


def tables_under(store: Store, prefix: str) -> list[ObjectInfo]:
    """Lists the tables under a prefix, without what a desktop leaves in folders (`.DS_Store`)."""
    return [found for found in store.list(prefix) if found.key.endswith(".parquet")]


def records_under(store: Store, prefix: str) -> list[ObjectInfo]:
    """Lists the JSON files under a prefix; see `tables_under`."""
    return [found for found in store.list(prefix) if found.key.endswith(".json")]


@contextmanager
def naming_damage(store: Store, key: str) -> Iterator[None]:
    """Names the file of a table if its bytes cannot be read in the block.

    Raises:
        DamagedTableError: If they cannot.
    """
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:  # which of them depends on where the damage is
        raise DamagedTableError(
            "A table in the output cannot be read",
            f"{store.uri}/{key} ({str(error).splitlines()[0][:100]})",
            _REMEDY,
        ) from error


def table_digest(table: pa.Table) -> str:
    """Returns the sha256 of a table's schema and rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def parquet_bytes(*groups: pa.Table) -> bytes:
    """A table, or tables of one schema, as the bytes of a Parquet file: each is a row group."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, groups[0].schema, **_PARQUET) as writer:
        for group in groups:
            writer.write_table(group)
    return sink.getvalue()


def write_table(store: Store, key: str, table: pa.Table) -> None:
    """Writes a table as Parquet, completely or not at all."""
    store.write_bytes(key, parquet_bytes(table))


class _SinkFile(io.RawIOBase):
    """A sink with the file interface that pyarrow expects."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._sink.write(memoryview(data))


@contextmanager
def open_parquet(store: Store, key: str, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Streams a Parquet table, completely or not at all; each table passed becomes a row group.

    Yields:
        A function that writes the next rows; up to 1,048,576 at a time form one row group.
    """
    with store.open_write(key) as sink:
        file = pa.PythonFile(_SinkFile(sink), mode="w")
        with pq.ParquetWriter(file, schema, **_PARQUET) as writer:
            yield writer.write_table


def read_parquet(store: Store, key: str, columns: list[str] | None = None) -> pa.Table:
    """Reads a Parquet table, or some of its columns.

    These tables are small: threads and datasets of many files would cost more than the reading.

    Raises:
        DamagedTableError: If it is damaged.
    """
    data = store.read_bytes(key)
    with naming_damage(store, key):
        return parquet_columns(data, columns)


def parquet_columns(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Returns a Parquet table, or some of its columns, from the bytes of its file."""
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        return file.read(columns=columns, use_threads=False)


def read_rows(file: pq.ParquetFile, rows: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Returns rows of an open table by number, ascending; only the row groups with them are read.

    Args:
        file: The table.
        rows: Numbers of rows, ascending, from 0.
        columns: The columns.
    """
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    starts, wanted = np.cumsum([0, *sizes]), np.asarray(rows, np.int64)
    group_of = np.searchsorted(starts, wanted, side="right") - 1
    groups = np.unique(group_of)
    before = np.cumsum([0, *(sizes[group] for group in groups)])[: len(groups)]
    inside = wanted - starts[group_of] + before[np.searchsorted(groups, group_of)]
    if not len(groups):
        return file.schema_arrow.empty_table().select(list(columns))
    return file.read_row_groups(groups.tolist(), list(columns)).take(pa.array(inside))


def read_row_groups(data: bytes, name: str, value: str) -> pa.Table:
    """Reads the row groups in which a column of text may have a value; the others are not decoded.

    Args:
        data: The bytes of the table's file.
        name: The column.
        value: The value.
    """
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        metadata = file.metadata
        column = next(i for i in range(metadata.num_columns) if file.schema.column(i).path == name)
        groups = []
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(column).statistics
            if statistics is None or str(statistics.min) <= value <= str(statistics.max):
                groups.append(group)
        return file.read_row_groups(groups, use_threads=False)


def read_json(store: Store, key: str) -> Json:
    """Reads a JSON file that this program wrote.

    Raises:
        DamagedJsonError: If it is damaged.
    """
    data = store.read_bytes(key)
    try:
        return json.loads(data)
    except ValueError as error:
        raise DamagedJsonError(
            "A JSON file in the output cannot be read", f"{store.uri}/{key} ({error})", _REMEDY
        ) from error


def read_first_line(store: Store, key: str) -> bytes:
    """Reads the first line of a file of JSON lines, and few bytes of a long file.

    A file of one indented value, which earlier releases wrote, is read whole.
    """
    first, end, _ = store.read_range(key, 0, _LINE_BYTES).partition(b"\n")
    if end and first != b"{":
        return first
    data = store.read_bytes(key)
    return data if first == b"{" else data.partition(b"\n")[0]


def json_line(value: object) -> bytes:
    """Returns JSON in one line, with sorted keys, without its end."""
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


@dataclass(frozen=True)
class RowBlock:
    """A byte range of a file in the store that holds one group of rows as an Arrow stream.

    Attributes:
        key: The file.
        offset: Where the range begins.
        length: Its length.
        file_bytes: The length of the whole file.
    """

    key: str
    offset: int
    length: int
    file_bytes: int


def write_blocks(
    store: Store, key: str, groups: Iterable[tuple[int, pa.Table]]
) -> Iterator[tuple[int, RowBlock]]:
    """Writes groups of rows one after another to one file.

    Args:
        store: The store to write to.
        key: Key of the file.
        groups: Pairs of a group's number and its rows.

    Yields:
        Pairs of a group's number and its block, once the file is complete.
    """
    written_blocks: list[tuple[int, int, int]] = []
    with store.open_write(key) as sink:
        offset = 0
        for number, table in groups:
            buffer = io.BytesIO()
            with pa.ipc.new_stream(buffer, table.schema) as writer:
                writer.write_table(table)
            data = buffer.getvalue()
            sink.write(data)
            written_blocks.append((number, offset, len(data)))
            offset += len(data)
    for number, start, length in written_blocks:
        yield number, RowBlock(key, start, length, offset)


def read_block(store: Store, block: RowBlock) -> pa.Table:
    """Reads a block's rows, in one request."""
    return rows_of_stream(store.read_range(block.key, block.offset, block.length))


def rows_of_stream(data: bytes) -> pa.Table:
    """Returns the rows of an Arrow stream, as a block has them."""
    return pa.ipc.open_stream(data).read_all()
