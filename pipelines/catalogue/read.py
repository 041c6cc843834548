"""Reads a catalogue's tables into Arrow batches that conform to `schemas.catalogue`.

A row of `assets` that cannot be read becomes a failed row and the other rows continue: rows read
are rows returned plus failed rows. In the other tables such a row stops the run, since losing a
withdrawal of consent could deliver an asset that must not be delivered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.choice import AS_FOUND, MappingChoice, choose_mapping
from pipelines.catalogue.consent_default import add_default
from pipelines.catalogue.datelines import contradict_creative
from pipelines.catalogue.file_name_ids import refuse_repeated_names
from pipelines.catalogue.files import list_catalogue
from pipelines.catalogue.inventory import count_files, split_ignored
from pipelines.catalogue.joins import add_joined
from pipelines.catalogue.made_columns import derive_columns
from pipelines.catalogue.mapping import CatalogueMapping
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.opening import OpenedTables, open_tables
from pipelines.catalogue.part_rows import BATCH_ROWS, raw_batches
from pipelines.catalogue.parts import Catalogue, TablePart
from pipelines.catalogue.row_faults import row_faults
from pipelines.catalogue.rows import FailedRow, convert_rows
from pipelines.catalogue.unstated import count_unstated
from pipelines.catalogue.workbooks import split_workbooks
from pipelines.storage.columns import Column, values_of
from schemas.catalogue import TABLES
from schemas.faults import Faults

__all__ = [
    "Catalogue",
    "FailedRow",
    "TableBatch",
    "TablePart",
    "open_catalogue",
    "read_batches",
    "read_table",
]


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


def open_catalogue(uri: str, mapping: CatalogueMapping | MappingChoice = AS_FOUND) -> Catalogue:
    """Opens a catalogue: finds its tables and checks their columns without reading rows.

    Args:
        uri: A folder or s3://bucket/prefix.
        mapping: How its columns are mapped, or which mapping a command chose; by default
            `mapping.toml` next to the tables.

    Raises:
        InputError: If it cannot be listed or read, or a required table or column is missing.
    """
    listing = list_catalogue(uri)
    if isinstance(mapping, MappingChoice):
        mapping = choose_mapping(mapping, listing.files, uri)
    kept, ignored_files = split_ignored(listing.files, mapping.ignored_files)
    files, ignored_books, sheets = split_workbooks(kept, mapping.ignored_files)
    faults = Faults()
    opened = open_tables(files, mapping, uri, faults)
    if faults:
        find_form_faults(opened.parts, opened.mapping, faults)
        faults.report()
    if names_are_ids(opened):
        refuse_repeated_names(lambda: _asset_ids(opened.parts, opened.mapping), uri)
    files_counted = count_files(
        listing,
        [(table.table, table.files) for table in opened.tables],
        opened.others,
        ignored_files + ignored_books,
        lambda columns: _texts_in(columns, opened),
        uri,
    )
    return Catalogue(
        uri,
        opened.mapping,
        opened.tables,
        opened.parts,
        replace(files_counted, sheets=sheets),
        opened.columns,
        opened.matched,
        opened.joins,
        tuple(file for file, _ in opened.others),
    )


def find_form_faults(parts: Iterable[TablePart], mapping: CatalogueMapping, faults: Faults) -> None:
    """Reads the first rows of each part, for faults that other faults would hide until then."""
    for part in parts:
        faults.attempt(partial(next, read_batches(part, mapping), None))


def names_are_ids(opened: OpenedTables) -> bool:
    """Whether assets have no other id than the names of their files."""
    if "asset_id" not in opened.mapping.for_table("assets").derived.from_file_name:
        return False
    given = {ours for part in opened.parts if part.table == "assets" for ours, _ in part.columns}
    given |= {name for join in opened.joins if join.table == "assets" for name in join.columns}
    return "asset_id" not in given


def _asset_ids(parts: Iterable[TablePart], mapping: CatalogueMapping) -> Iterator[Column]:
    for part in parts:
        if part.table == "assets":
            for batch in read_batches(part, mapping):
                for table in (batch.table, batch.unread):
                    yield table.column("asset_id").combine_chunks().drop_null()


def _texts_in(columns: Sequence[str], opened: OpenedTables) -> Iterator[str]:
    """Yields the values of assets in columns of text; a column that no file has is not read."""
    parts = [part for part in opened.parts if part.table == "assets"]
    given = {ours for part in parts for ours, _ in part.columns}
    given |= {name for join in opened.joins if join.table == "assets" for name in join.columns}
    given.add("media_uri")  # required, from wherever it comes
    present = [name for name in columns if name in given]
    for part in parts if present else ():
        for batch in read_batches(part, opened.mapping):
            for name in present:
                yield from values_of(batch.table.column(name).drop_null(), str)


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
    for batch in _batches(part, mapping, batch_rows):
        if batch.failed_rows and part.table != "assets":
            raise row_faults(part.table, batch.failed_rows)
        yield batch


def _batches(
    part: TablePart, mapping: CatalogueMapping | None, batch_rows: int = BATCH_ROWS
) -> Iterator[TableBatch]:
    """Reads a part, also of a table none of whose rows may fail."""
    # The columns were matched when the file was inspected.
    own = (mapping or CatalogueMapping()).for_table(part.table)
    own = replace(own, columns=part.columns)
    found = raw_batches(part, own, part.table != "assets", batch_rows)
    for index, read in enumerate(found):
        read, table_mapping = derive_columns(read, own, part.table)
        raw, table_mapping = add_joined(read, part, table_mapping)
        rows = convert_rows(raw, part.name, part.table, table_mapping)
        table = rows.table
        if own.derived.editorial_captions:
            table = contradict_creative(table, rows.notes)
        yield TableBatch(
            table,
            rows.failed_rows,
            part.index,
            index,
            rows.unread,
            rows.notes,
            raw.blank_rows,
        )


def read_table(
    catalogue: Catalogue,
    name: str,
    notes: CellNotes | None = None,
    counts: dict[str, TableCount] | None = None,
) -> pa.Table:
    """Reads a whole small table; an absent optional table is returned empty.

    If the mapping has a default of consents, it is added for every contributor.

    Args:
        catalogue: The catalogue.
        name: The table.
        notes: Where to add what reading did to cells.
        counts: Where to add how many rows were read.

    Raises:
        InputError: If one of its rows cannot be read.
    """
    tables = []
    failed: list[FailedRow] = []
    rows = blank_rows = 0
    empty: Counter[str] = Counter()
    for part in catalogue.parts(name):
        for batch in _batches(part, catalogue.mapping):
            failed += batch.failed_rows
            if notes is not None:
                notes.add(batch.notes)
            tables.append(batch.table)
            rows += batch.table.num_rows
            if counts is not None:
                empty.update(count_unstated(name, batch.table))
            blank_rows += batch.blank_rows
    if failed:
        raise row_faults(name, failed)
    if counts is not None:
        counts[name] = TableCount(rows, 0, blank_rows, empty=tuple(empty.items()))
    table = pa.concat_tables(tables) if tables else TABLES[name].empty_table()
    default = catalogue.mapping.for_table(name).default
    if default is None:
        return table
    people = read_table(catalogue, "contributors").column("contributor_id").combine_chunks()
    return add_default(table, values_of(people, str), default)
