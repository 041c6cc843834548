"""Reads the raw rows of a part, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from pipelines.catalogue import formats
from pipelines.catalogue.compressed import open_unpacked
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.csv_rows import csv_batches
from pipelines.catalogue.form import refuse_other_quotes
from pipelines.catalogue.formats import RawBatch
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.parts import TablePart
from pipelines.catalogue.spreadsheet import sheet_batches

BATCH_ROWS = 65_536


def raw_batches(
    part: TablePart, mapping: TableMapping, one_line_rows: bool, batch_rows: int = BATCH_ROWS
) -> Iterator[RawBatch]:
    """Reads a part, with one batch in memory at a time.

    Args:
        part: The part.
        mapping: How it is mapped.
        one_line_rows: Whether a cell of CSV that runs over lines makes its row malformed.
        batch_rows: The maximum number of rows in a batch.

    Raises:
        InputError: If the file has changed or is damaged as a whole.
    """
    wanted = frozenset(theirs for _, theirs in part.columns)
    read = wanted - frozenset(name for name, _ in part.partitions)
    with open_unpacked(part.uri, part.version) as stream:
        batches: Iterator[RawBatch]
        if part.format == "parquet":
            batches = formats.parquet_batches(stream, part.uri, read, batch_rows, part.row_groups)
        elif part.format == "csv":
            stated = bool(mapping.form.quote)
            batches = csv_batches(stream, part.dialect, read, batch_rows, one_line_rows, stated)
        elif part.format == "xlsx":
            batches = sheet_batches(
                stream, part.uri, read, batch_rows, part.sheet, mapping.form.header_row
            )
        else:
            found = formats.json_rows(stream, part.format, part.uri)
            batches = formats.json_batches(found, read, batch_rows)
        for raw in batches:
            if part.format == "csv":
                _check_quotes(raw, part, mapping)
            yield _add_partitions(raw, part, wanted)


def _check_quotes(raw: RawBatch, part: TablePart, mapping: TableMapping) -> None:
    origin = Origin(part.table, part.name, raw.positions, mapping.where)
    for ours, theirs in part.columns:
        if theirs in raw.columns:
            refuse_other_quotes(raw.columns[theirs], ours, part.dialect.quote, mapping.form, origin)


def _add_partitions(raw: RawBatch, part: TablePart, wanted: frozenset[str]) -> RawBatch:
    """Adds the columns that the file's folders state."""
    columns: dict[str, RawColumn] = {
        name: pa.repeat(pa.scalar(value), len(raw.positions))
        for name, value in part.partitions
        if name in wanted
    }
    return replace(raw, columns=raw.columns | columns) if columns else raw
