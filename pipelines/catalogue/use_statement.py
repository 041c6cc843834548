"""Reads a buyer's statement of use: any table, with its columns mapped to ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from pipelines.catalogue.files import find_file
from pipelines.catalogue.inspect import inspect_file
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping_tables import TableMapping
from pipelines.catalogue.part_rows import raw_batches
from pipelines.catalogue.parts import TablePart
from pipelines.catalogue.rows import FailedRow, convert_rows
from pipelines.catalogue.tables import format_of
from pipelines.catalogue.use_ids import odd_ids, restore_ids
from pipelines.catalogue.workbooks import split_workbooks
from schemas.catalogue import USE, table_schema
from schemas.errors import InputError

_IDS = tuple(name for name in table_schema(USE).names if name != "quantity")
#: The row of the file, from 1, in the tables of `read_use_statement`.
POSITION = "position"


@dataclass(frozen=True)
class UseStatement:
    """The rows of a statement.

    Attributes:
        columns: Pairs of our column and the file's, for all that are read.
        unread: The file's columns that are not read.
        tables: Rows that can be read: their position, and the columns of `schemas.catalogue.USE`
            that the file has.
        failed: The others.
    """

    columns: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    tables: tuple[pa.Table, ...]
    failed: tuple[FailedRow, ...]

    @property
    def row_count(self) -> int:
        """The number of rows in the file that are not blank."""
        return sum(map(len, self.tables)) + len(self.failed)


def read_use_statement(path: Path, mapping: TableMapping) -> UseStatement:
    """Reads a statement of use: CSV, JSON Lines, a JSON array, Parquet or a sheet of a workbook.

    Args:
        path: The file.
        mapping: How its columns are mapped, from `load_use_mapping`.

    Raises:
        InputError: If the file is missing, damaged as a whole or in no certain form, or has no
            column that identifies assets.
    """
    file = _chosen_sheet(find_file(path), mapping)
    if format_of(file) is None:
        raise InputError(
            "The statement of use is in no format that is read",
            str(path),
            "Give CSV, JSON Lines, Parquet or a workbook.",
        )
    found = inspect_file(USE, file, mapping)
    names = dict(found.columns)
    if not any(name in names for name in _IDS):
        raise InputError(
            "The statement of use has no column that identifies assets",
            f"{path}: {', '.join(found.unread)}",
            'Map one: [use.columns] asset_id = "…"; or ' + ", ".join(_IDS[1:]) + ".",
        )
    part = TablePart(
        table=USE,
        uri=file.uri,
        format=found.format,
        index=0,
        row_groups=tuple(range(len(found.row_groups or ()))),
        rows=None,
        version=file.version,
        name=file.full_name,
        columns=found.columns,
        partitions=found.partitions,
        dialect=found.dialect,
        sheet=file.sheet,
    )
    tables: list[pa.Table] = []
    failed: list[FailedRow] = []
    for table, failures in _rows(part, replace(mapping, columns=found.columns)):
        tables.append(table)
        failed += failures
    return UseStatement(found.columns, found.unread, tuple(tables), tuple(failed))


def _chosen_sheet(file: CatalogueFile, mapping: TableMapping) -> CatalogueFile:
    files, _, _ = split_workbooks([file], ())
    chosen = [one for one in files if not mapping.sheet or one.sheet == mapping.sheet]
    if len(chosen) != 1:
        sheets = ", ".join(repr(one.sheet) for one in files)
        raise InputError(
            "It is not certain which sheet is meant",
            f"{file.uri} has {sheets}",
            'Name it in the mapping: [use] sheet = "…".',
        )
    return chosen[0]


def _rows(
    part: TablePart, mapping: TableMapping
) -> Iterator[tuple[pa.Table, tuple[FailedRow, ...]]]:
    names = dict(part.columns)
    schema = pa.schema([field for field in table_schema(USE) if field.name in names])
    with_position = schema.append(pa.field(POSITION, pa.int64()))
    for raw in raw_batches(part, mapping, one_line_rows=True):
        # The position goes through the conversion as one more column, so that it stays with rows.
        numbered = replace(
            raw, columns={**raw.columns, POSITION: pa.array(raw.positions, pa.int64())}
        )
        numbered_mapping = replace(mapping, columns=(*mapping.columns, (POSITION, POSITION)))
        rows = convert_rows(numbered, part.name, USE, numbered_mapping, with_position)
        odd = odd_ids(raw, ((ours, theirs) for ours, theirs in part.columns if ours in _IDS))
        yield restore_ids(rows.table, POSITION, odd), rows.failed_rows
