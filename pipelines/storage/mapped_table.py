"""Joins many tables to one, whose columns for a large one lie in files instead of in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa

from pipelines.storage.columns import Column
from schemas.errors import RunError

_PARTS = "parts.arrow"


def join_tables(parts: Iterable[pa.Table], schema: pa.Schema, rows_in_memory: int) -> pa.Table:
    """Joins tables to one, each column as a single chunk.

    With more rows, columns are written to files that are mapped to memory, so that the system can
    drop them from memory and read them again. The files lie where Python puts temporary files
    (`TMPDIR`). They have no names any more when this returns, so nothing is left of them when the
    process ends, however it ends.

    Args:
        parts: Tables of one schema, in order.
        schema: The schema.
        rows_in_memory: Up to so many rows, the table is in memory.

    Raises:
        RunError: If there is no folder for temporary files, or no space in it.
    """
    remaining = iter(parts)
    first, rows = [], 0
    for part in remaining:
        first.append(part)
        rows += len(part)
        if rows > rows_in_memory:
            return _join_in_folder(chain(first, remaining), schema)
    columns: dict[str, list[Column]] = {name: [] for name in schema.names}
    for part in first:
        for name, arrays in columns.items():
            arrays += part[name].chunks
    first.clear()
    # One column at a time, so that only one of them is held in memory twice.
    return pa.table([_join(columns.pop(field.name), field) for field in schema], schema=schema)


def _join(arrays: list[Column], field: pa.Field[pa.DataType]) -> Column:
    return pa.concat_arrays(arrays or [pa.array([], field.type)])


def _join_in_folder(parts: Iterator[pa.Table], schema: pa.Schema) -> pa.Table:
    watched = _Parts(parts)
    try:
        with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
            return _join_in_files(watched, schema, Path(folder))
    except OSError as error:
        if watched.failed:
            raise
        raise RunError(
            "Columns of the candidates cannot be put into temporary files",
            error.strerror or str(error),
            "Set TMPDIR to a folder on a disk with some 560 bytes for each cleared asset.",
        ) from error


class _Parts:
    """Yields parts, and knows whether an error came from them."""

    def __init__(self, parts: Iterator[pa.Table]) -> None:
        self._parts = parts
        self.failed = False

    def __iter__(self) -> Iterator[pa.Table]:
        try:
            yield from self._parts
        except OSError:
            self.failed = True
            raise


def _join_in_files(parts: Iterable[pa.Table], schema: pa.Schema, folder: Path) -> pa.Table:
    with pa.OSFile(str(folder / _PARTS), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for part in parts:
            writer.write_table(part)
    columns = []
    with pa.memory_map(str(folder / _PARTS)) as source:
        batches = pa.ipc.open_file(source)
        for place, field in enumerate(schema):
            arrays = [
                batches.get_batch(number).column(place)
                for number in range(batches.num_record_batches)
            ]
            columns.append(_mapped(_join(arrays, field), field, folder / f"{place}.arrow"))
    return pa.table(columns, schema=schema)


def _mapped(array: Column, field: pa.Field[pa.DataType], path: Path) -> Column:
    """Writes an array to a file, and returns it as it is mapped from there."""
    schema = pa.schema([field])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch([array], schema=schema))
    batch: pa.RecordBatch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    return batch.column(0)
