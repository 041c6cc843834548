"""Reads a catalogue's tables into Arrow batches that conform to `schemas.catalogue`.

A row of `assets` that cannot be read becomes a failed row and the other rows continue: rows read
are rows returned plus failed rows. In the other tables such a row stops the run, since losing a
withdrawal of consent could deliver an asset that must not be delivered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from pipelines.catalogue import formats
from pipelines.catalogue.files import CatalogueFile, list_files, open_file, read_blocks
from pipelines.catalogue.lines import LineReader
from pipelines.catalogue.mapping import MAPPING_FILE, CatalogueMapping, TableMapping, parse_mapping
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.rows import FailedRow, convert_rows
from pipelines.catalogue.tables import TableFiles, check_columns, find_tables
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
class TablePart:
    """A part of a table: consecutive Parquet row groups, or a whole CSV or JSON file.

    Attributes:
        table: The table's name.
        uri: A local path or s3:// address.
        format: parquet, csv or jsonl.
        index: Its position among the table's parts, from 0.
        row_groups: The row groups to read; empty for other formats.
        rows: How many rows it has, if that is known without reading it.
        version: The file's version when the catalogue was opened; not part of its identity.
    """

    table: str
    uri: str
    format: str
    index: int
    row_groups: tuple[int, ...]
    rows: int | None
    version: str = field(compare=False)

    @property
    def name(self) -> str:
        """Returns the file's name without its folder."""
        return self.uri.rpartition("/")[2]


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
    """

    table: pa.Table
    failed_rows: tuple[FailedRow, ...]
    part_index: int
    batch_index: int
    unread: pa.Table
    notes: CellNotes


@dataclass(frozen=True)
class Catalogue:
    """A catalogue that has all required tables and columns.

    Attributes:
        uri: Its folder or s3:// prefix.
        mapping: How its columns are mapped.
        tables: Its files, by table.
        all_parts: The parts of all tables.
        ignored_columns: Columns that are not read, as `assets.Column`.
    """

    uri: str
    mapping: CatalogueMapping
    tables: tuple[TableFiles, ...]
    all_parts: tuple[TablePart, ...]
    ignored_columns: tuple[str, ...]

    def parts(self, table: str) -> list[TablePart]:
        """Returns the parts of a table, in order; empty if an optional table is absent."""
        return [part for part in self.all_parts if part.table == table]

    @property
    def rows(self) -> int | None:
        """Returns how many assets the catalogue has, or None if its format does not tell."""
        counts = [part.rows for part in self.parts("assets")]
        return None if None in counts else sum(count or 0 for count in counts)

    @cached_property
    def digest(self) -> str:
        """Returns the SHA-256 over the mapping and each table file's name, length and SHA-256.

        Raises:
            InputError: If a file cannot be read or has changed.
        """
        files = sorted((f for table in self.tables for f in table.files), key=lambda f: f.name)
        lines = [f"{f.name}\0{f.size_bytes}\0{_sha256(f)}\n" for f in files]
        source = self.mapping.source
        lines.append(f"{MAPPING_FILE}\0{len(source)}\0{hashlib.sha256(source).hexdigest()}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(file: CatalogueFile) -> str:
    sha256 = hashlib.sha256()
    with open_file(file.uri, file.version) as stream:
        for block in read_blocks(stream):
            sha256.update(block)
    return sha256.hexdigest()


def open_catalogue(uri: str, mapping: CatalogueMapping | None = None) -> Catalogue:
    """Opens a catalogue: finds its tables and checks their columns without reading rows.

    Args:
        uri: A folder or s3://bucket/prefix.
        mapping: How its columns are mapped; by default `mapping.toml` next to the tables.

    Raises:
        InputError: If it cannot be listed or read, or a required table or column is missing.
    """
    files_found = list_files(uri)
    if mapping is None:
        mapping = _find_mapping(files_found)
    tables = find_tables(files_found, uri)
    all_parts: list[TablePart] = []
    ignored: set[str] = set()
    for table in tables.values():
        parts: list[TablePart] = []
        for file in table.files:
            found, unused = _inspect_file(table, file, mapping.for_table(table.table), len(parts))
            parts += found
            ignored |= {f"{table.table}.{name}" for name in unused}
        all_parts += parts
    return Catalogue(uri, mapping, tuple(tables.values()), tuple(all_parts), tuple(sorted(ignored)))


def _find_mapping(files_found: list[CatalogueFile]) -> CatalogueMapping:
    for file in files_found:
        if file.name == MAPPING_FILE:
            with open_file(file.uri, file.version) as stream:
                return parse_mapping(b"".join(read_blocks(stream)), file.uri)
    return CatalogueMapping()


def _inspect_file(
    table: TableFiles, file: CatalogueFile, mapping: TableMapping, index: int
) -> tuple[list[TablePart], frozenset[str]]:
    """Returns the parts of one file, and its columns that are not read."""
    with open_file(file.uri, file.version) as stream:
        if table.format == "parquet":
            parquet = formats.open_parquet(stream, file.uri)
            unused = check_columns(table.table, parquet.schema_arrow.names, mapping, file.uri)
            counts = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
            parts = [
                TablePart(table.table, file.uri, "parquet", index + i, groups, rows, file.version)
                for i, (groups, rows) in enumerate(_join_row_groups(counts))
            ]
            return parts, unused
        names: list[str] | None
        if table.format == "csv":
            names = formats.csv_header(LineReader(stream), file.uri)
        else:
            keys = formats.json_columns(stream)
            names = None if keys is None else sorted(keys)
    # A JSON Lines file without a readable object has no columns to check and no good rows.
    unused = frozenset() if names is None else check_columns(table.table, names, mapping, file.uri)
    return [TablePart(table.table, file.uri, table.format, index, (), None, file.version)], unused


def _join_row_groups(counts: list[int]) -> Iterator[tuple[tuple[int, ...], int]]:
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
    table_mapping = (mapping or CatalogueMapping()).for_table(part.table)
    wanted = frozenset(table_mapping.agency_column(name) for name in TABLES[part.table].names)
    with open_file(part.uri, part.version) as stream:
        batches: Iterator[formats.RawBatch]
        if part.format == "parquet":
            batches = formats.parquet_batches(stream, part.uri, wanted, batch_rows, part.row_groups)
        elif part.format == "csv":
            batches = formats.csv_batches(stream, part.uri, wanted, batch_rows)
        else:
            batches = formats.json_batches(stream, part.uri, wanted, batch_rows)
        for index, raw in enumerate(batches):
            rows = convert_rows(raw, part.name, part.table, table_mapping)
            if rows.failed_rows and part.table != "assets":
                raise InputError(
                    f"A row of the table {part.table} cannot be read",
                    rows.failed_rows[0].detail,
                    "Correct the row: no row of this table may be left out.",
                )
            yield TableBatch(
                rows.table, rows.failed_rows, part.index, index, rows.unread, rows.notes
            )


def read_table(catalogue: Catalogue, name: str, notes: CellNotes | None = None) -> pa.Table:
    """Reads a whole small table; an absent optional table is returned empty.

    Args:
        catalogue: The catalogue.
        name: contributors, consents or releases.
        notes: Where to add what reading did to cells.

    Raises:
        InputError: If one of its rows cannot be read.
    """
    tables = []
    for part in catalogue.parts(name):
        for batch in read_batches(part, catalogue.mapping):
            if batch.failed_rows:
                raise InputError(
                    f"A row of the table {name} cannot be read", batch.failed_rows[0].detail, ""
                )
            if notes is not None:
                notes.add(batch.notes)
            tables.append(batch.table)
    return pa.concat_tables(tables) if tables else TABLES[name].empty_table()
