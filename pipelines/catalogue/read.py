"""Reads a catalogue's tables into Arrow batches that conform to `schemas.catalogue`.

A row of `assets` that cannot be read becomes a failed row and the other rows continue: rows read
are rows returned plus failed rows. In the other tables such a row stops the run, since losing a
withdrawal of consent could deliver an asset that must not be delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from pipelines.catalogue import formats
from pipelines.catalogue.account import ColumnCounts, TableCount, count_columns
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.csv_rows import csv_batches
from pipelines.catalogue.files import list_catalogue, open_file, read_blocks
from pipelines.catalogue.form import refuse_other_quotes
from pipelines.catalogue.inspect import InspectedFile, inspect_file
from pipelines.catalogue.inventory import count_files, split_ignored
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import MAPPING_FILE, CatalogueMapping, TableMapping, parse_mapping
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.parts import Catalogue, TablePart
from pipelines.catalogue.rows import FailedRow, convert_rows
from pipelines.catalogue.spreadsheet import sheet_batches
from pipelines.catalogue.tables import find_tables, name_in_table
from pipelines.storage.columns import values_of
from schemas.catalogue import TABLES
from schemas.errors import InputError

__all__ = [
    "Catalogue",
    "FailedRow",
    "TableBatch",
    "TablePart",
    "open_catalogue",
    "read_batches",
    "read_table",
]

BATCH_ROWS = 65_536
PART_ROWS = 4 * BATCH_ROWS  # row groups are joined into one part up to this many rows


@dataclass(frozen=True)
class TableBatch:
    """A batch of rows of one table.

    Attributes:
        table: The good rows; the schema is exactly that of `schemas.catalogue.TABLES`.
        failed_rows: Rows that could not be read. Rows read are `table.num_rows + len(failed_rows)`.
        part_index: The part's index.
        batch_index: Its position in the part, from 0.
        unread: Failed rows that have columns, with null for each value that could not be read.
        notes: What reading did to cells.
        blank_rows: How many rows without any value were skipped.
    """

    table: pa.Table
    failed_rows: tuple[FailedRow, ...]
    part_index: int
    batch_index: int
    unread: pa.Table
    notes: CellNotes
    blank_rows: int


def open_catalogue(uri: str, mapping: CatalogueMapping | None = None) -> Catalogue:
    """Opens a catalogue: finds its tables and checks their columns without reading rows.

    Args:
        uri: A folder or s3://bucket/prefix.
        mapping: How its columns are mapped; by default `mapping.toml` next to the tables.

    Raises:
        InputError: If it cannot be listed or read, or a required table or column is missing.
    """
    listing = list_catalogue(uri)
    if mapping is None:
        mapping = _find_mapping(listing.files)
    files, ignored_files = split_ignored(listing.files, mapping.ignored_files)
    tables = find_tables(files, mapping, uri)
    all_parts: list[TablePart] = []
    columns: list[tuple[str, ColumnCounts]] = []
    matched: set[tuple[str, str]] = set()
    for table in tables.values():
        parts: list[TablePart] = []
        seen = []
        for file in table.files:
            found = inspect_file(table.table, file, mapping.for_table(table.table))
            parts += _parts_of(table.table, file, found, len(parts))
            seen.append((found.columns, found.unread))
            matched |= {(f"{table.table}.{ours}", theirs) for ours, theirs in found.inexact}
        all_parts += parts
        columns.append(count_columns(table.table, seen))
    files_counted = count_files(
        listing,
        [(table.table, table.files) for table in tables.values()],
        ignored_files,
        lambda: _media_uris(all_parts, mapping),
        uri,
    )
    return Catalogue(
        uri,
        mapping,
        tuple(tables.values()),
        tuple(all_parts),
        files_counted,
        tuple(columns),
        tuple(sorted(matched)),
    )


def _find_mapping(files_found: Sequence[CatalogueFile]) -> CatalogueMapping:
    for file in files_found:
        if file.name == MAPPING_FILE:
            with open_file(file.uri, file.version) as stream:
                return parse_mapping(b"".join(read_blocks(stream)), file.uri)
    return CatalogueMapping()


def _parts_of(table: str, file: CatalogueFile, found: InspectedFile, index: int) -> list[TablePart]:
    """Returns the parts of one file; `index` is that of the first."""
    groups: list[tuple[tuple[int, ...], int | None]] = [((), None)]
    if found.row_groups is not None:
        groups = list(_join_row_groups(found.row_groups))
    return [
        TablePart(
            table=table,
            uri=file.uri,
            format=found.format,
            index=index + i,
            row_groups=row_groups,
            rows=rows,
            version=file.version,
            name=name_in_table(file.name),
            columns=found.columns,
            partitions=found.partitions,
            dialect=found.dialect,
        )
        for i, (row_groups, rows) in enumerate(groups)
    ]


def _media_uris(parts: Sequence[TablePart], mapping: CatalogueMapping) -> Iterator[str]:
    for part in parts:
        if part.table == "assets":
            for batch in read_batches(part, mapping):
                yield from values_of(batch.table.column("media_uri"), str)


def _join_row_groups(counts: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Groups neighbouring row groups up to `PART_ROWS` rows; a larger one is on its own."""
    run: list[int] = []
    for group, rows in enumerate(counts):
        if run and sum(counts[i] for i in run) + rows > PART_ROWS:
            yield tuple(run), sum(counts[i] for i in run)
            run = []
        run.append(group)
    if run:
        yield tuple(run), sum(counts[i] for i in run)


def read_batches(
    part: TablePart, mapping: CatalogueMapping | None, batch_rows: int = BATCH_ROWS
) -> Iterator[TableBatch]:
    """Reads a part, with one batch in memory at a time.

    Args:
        part: One of `Catalogue.parts`.
        mapping: The catalogue's mapping.
        batch_rows: The maximum number of rows in a batch.

    Raises:
        InputError: If the file has changed or is damaged as a whole, or a row of a table other
            than `assets` cannot be read.
    """
    # The columns were matched when the file was inspected.
    table_mapping = replace(
        (mapping or CatalogueMapping()).for_table(part.table), columns=part.columns
    )
    wanted = frozenset(theirs for _, theirs in part.columns)
    stated = frozenset(name for name, _ in part.partitions)
    with open_file(part.uri, part.version) as stream:
        batches: Iterator[formats.RawBatch]
        read = wanted - stated
        if part.format == "parquet":
            batches = formats.parquet_batches(stream, part.uri, read, batch_rows, part.row_groups)
        elif part.format == "csv":
            one_line_rows = part.table != "assets"
            batches = csv_batches(stream, part.dialect, read, batch_rows, one_line_rows)
        elif part.format == "xlsx":
            batches = sheet_batches(stream, part.uri, read, batch_rows)
        else:
            batches = formats.json_batches(stream, part.uri, read, batch_rows)
        for index, raw in enumerate(batches):
            if part.format == "csv":
                _check_quotes(raw, part, table_mapping)
            raw = _add_partitions(raw, part, wanted)
            rows = convert_rows(raw, part.name, part.table, table_mapping)
            if rows.failed_rows and part.table != "assets":
                raise _row_error(part.table, rows.failed_rows[0])
            yield TableBatch(
                rows.table,
                rows.failed_rows,
                part.index,
                index,
                rows.unread,
                rows.notes,
                raw.blank_rows,
            )


def _row_error(table: str, failed: FailedRow) -> InputError:
    remedy = "Correct the row: no row of this table may be left out."
    column = failed.column
    if column and pa.types.is_boolean(TABLES[table].field(column).type):
        remedy += (
            " If it is the agency's word for yes or no, map it in mapping.toml: "
            f'[mapping.{table}.values.{column}] "Their word" = "yes".'
        )
    return InputError(f"A row of the table {table} cannot be read", failed.detail, remedy)


def _check_quotes(raw: formats.RawBatch, part: TablePart, mapping: TableMapping) -> None:
    origin = Origin(part.table, part.name, raw.positions)
    for ours, theirs in part.columns:
        if theirs in raw.columns:
            refuse_other_quotes(raw.columns[theirs], ours, part.dialect.quote, mapping.form, origin)


def _add_partitions(
    raw: formats.RawBatch, part: TablePart, wanted: frozenset[str]
) -> formats.RawBatch:
    """Adds the columns that the file's folders state."""
    columns: dict[str, RawColumn] = {
        name: pa.repeat(pa.scalar(value), len(raw.positions))
        for name, value in part.partitions
        if name in wanted
    }
    return replace(raw, columns=raw.columns | columns) if columns else raw


def read_table(
    catalogue: Catalogue,
    name: str,
    notes: CellNotes | None = None,
    counts: dict[str, TableCount] | None = None,
) -> pa.Table:
    """Reads a whole small table; an absent optional table is returned empty.

    Args:
        catalogue: The catalogue.
        name: The table.
        notes: Where to add what reading did to cells.
        counts: Where to add how many rows were read.

    Raises:
        InputError: If one of its rows cannot be read.
    """
    tables = []
    rows = blank_rows = 0
    for part in catalogue.parts(name):
        for batch in read_batches(part, catalogue.mapping):
            if batch.failed_rows:
                raise InputError(
                    f"A row of the table {name} cannot be read", batch.failed_rows[0].detail, ""
                )
            if notes is not None:
                notes.add(batch.notes)
            tables.append(batch.table)
            rows += batch.table.num_rows
            blank_rows += batch.blank_rows
    if counts is not None:
        counts[name] = TableCount(rows, 0, blank_rows)
    return pa.concat_tables(tables) if tables else TABLES[name].empty_table()
