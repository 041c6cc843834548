"""Inspects one file of a table: its dialect, and which of its columns are read."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.catalogue import formats
from pipelines.catalogue.compressed import open_unpacked
from pipelines.catalogue.dialect import Dialect, find_dialect
from pipelines.catalogue.encoding import refuse_wide_json
from pipelines.catalogue.headers import ColumnMatch, match_columns
from pipelines.catalogue.json_arrays import find_json_form
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.spreadsheet import sheet_header
from pipelines.catalogue.tables import format_of, partition_columns
from schemas.errors import InputError

_HEAD_BYTES = 64


@dataclass(frozen=True)
class InspectedFile:
    """What is known of a file before its rows are read.

    Attributes:
        format: parquet, csv, jsonl, json (one array) or xlsx.
        columns: Pairs of our column and the file's, for all that are read.
        unread: The file's columns that are not read.
        inexact: Pairs of columns that were matched though their names differ.
        partitions: Columns that the file's folders state, with their values.
        dialect: How a CSV file is written.
        row_groups: The number of rows of each row group of a Parquet file, else None.
    """

    format: str
    columns: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    inexact: tuple[tuple[str, str], ...]
    partitions: tuple[tuple[str, str], ...]
    dialect: Dialect
    row_groups: tuple[int, ...] | None


def inspect_file(table: str, file: CatalogueFile, mapping: TableMapping) -> InspectedFile:
    """Inspects a file without reading its rows, except for JSON, whose rows have the keys.

    Raises:
        InputError: If its dialect is not certain, or its columns do not fit the table.
    """
    head = read_head(table, file, mapping)
    names = head.names
    partitions = partition_columns(file.name) if "/" in file.name else ()
    match = _match(table, names, partitions, mapping, file.full_uri)
    return InspectedFile(
        head.format,
        match.columns,
        match.unread,
        match.inexact,
        partitions,
        head.dialect,
        head.row_groups,
    )


@dataclass(frozen=True)
class FileHead:
    """What the beginning of a file says, or for JSON all of it.

    Attributes:
        format: As in `InspectedFile`.
        names: The names of its columns; None for JSON without a readable object.
        dialect: How a CSV file is written.
        row_groups: As in `InspectedFile`.
    """

    format: str
    names: list[str] | None
    dialect: Dialect
    row_groups: tuple[int, ...] | None


def read_head(table: str, file: CatalogueFile, mapping: TableMapping) -> FileHead:
    """Reads how a file is written and what its columns are called, without judging them.

    Raises:
        InputError: If its dialect is not certain.
    """
    kind = format_of(file)
    if kind is None:
        raise ValueError(f"{file.name} is not a table")  # `find_tables` refuses it
    if mapping.form.header_row and kind not in ("csv", "xlsx"):
        raise InputError(
            "The mapping says which row is the header, and the file has none",
            f"{file.uri}, {mapping.where}.header_row = {mapping.form.header_row}",
            "Take the key out: it is for CSV files and workbooks.",
        )
    dialect, row_groups = Dialect(), None
    names: list[str] | None
    if kind == "csv":
        dialect, names = find_dialect(
            lambda: open_unpacked(file.uri, file.version), table, mapping, file.uri
        )
    else:
        if kind in ("json", "jsonl"):
            with open_unpacked(file.uri, file.version) as stream:
                refuse_wide_json(stream.read(_HEAD_BYTES), file.uri)
        if kind == "json":
            with open_unpacked(file.uri, file.version) as stream:
                kind = find_json_form(stream, file.uri)
        with open_unpacked(file.uri, file.version) as stream:
            if kind == "parquet":
                parquet = formats.open_parquet(stream, file.uri)
                names = parquet.schema_arrow.names
                meta = parquet.metadata
                row_groups = tuple(meta.row_group(i).num_rows for i in range(meta.num_row_groups))
            elif kind == "xlsx":
                names = sheet_header(stream, file.uri, file.sheet, mapping.form.header_row)
            else:
                keys = formats.json_columns(stream, kind, file.uri)
                names = None if keys is None else sorted(keys)
    return FileHead(kind, names, dialect, row_groups)


def _match(
    table: str,
    names: list[str] | None,
    partitions: tuple[tuple[str, str], ...],
    mapping: TableMapping,
    origin: str,
) -> ColumnMatch:
    # A JSON file without a readable object has no columns to check and no good rows.
    if names is None:
        return ColumnMatch((), (), ())
    stated = [name for name, _ in partitions]
    match = match_columns(table, [*names, *(n for n in stated if n not in names)], mapping, origin)
    twice = sorted(set(names) & set(stated) & {theirs for _, theirs in match.columns})
    if twice:
        raise InputError(
            "A column is both in a file and in the name of its folder",
            f"{origin}: {', '.join(twice)}",
            "Keep one.",
        )
    return match
