"""Opens the files of a catalogue: which table each belongs to, and which columns are read of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipelines.catalogue.account import ColumnCounts, count_columns
from pipelines.catalogue.codes import read_codes
from pipelines.catalogue.inspect import InspectedFile, inspect_file
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import CatalogueMapping, JoinMapping, TableMapping
from pipelines.catalogue.part_rows import BATCH_ROWS
from pipelines.catalogue.parts import Join, TablePart
from pipelines.catalogue.tables import TableFiles, find_tables, name_in_table, stated_files
from pipelines.catalogue.workbooks import refuse_unread_sheets
from schemas.catalogue import CODES
from schemas.errors import InputError
from schemas.faults import Faults

PART_ROWS = 4 * BATCH_ROWS  # row groups are joined into one part up to this many rows
JOINED = "joined files"
CODE_FILES = "files of codes"


@dataclass(frozen=True)
class OpenedTables:
    """What is known of a catalogue's tables once their files are opened.

    Attributes:
        mapping: The mapping, with what its files of codes hold.
        tables: The files, by table.
        parts: The parts of all tables.
        columns: The columns, by table or joined file.
        matched: Columns that were matched though their names differ.
        joins: The files that add columns.
        others: The files of joins and of codes, with which of the two they are.
    """

    mapping: CatalogueMapping
    tables: tuple[TableFiles, ...]
    parts: tuple[TablePart, ...]
    columns: tuple[tuple[str, ColumnCounts], ...]
    matched: tuple[tuple[str, str], ...]
    joins: tuple[Join, ...]
    others: tuple[tuple[CatalogueFile, str], ...]


def open_tables(
    files: Sequence[CatalogueFile], mapping: CatalogueMapping, uri: str, faults: Faults
) -> OpenedTables:
    """Opens the tables of a catalogue, without reading rows of them.

    A file with a fault is left out, and the others are opened nevertheless.

    Args:
        files: The files that may belong to tables; a workbook is given sheet by sheet.
        mapping: What is stated about them.
        uri: The catalogue's address, for messages.
        faults: Where faults of single files are kept.

    Raises:
        InputError: If a table is missing, or what a file is is not certain.
    """
    opener = _Opener(files, uri, faults)
    mapped = [(table, opener.with_codes(table, own)) for table, own in mapping.tables]
    mapping = replace(mapping, tables=tuple(mapped))
    claimed = opener.claim_joins(mapping)
    rest = [file for file in files if file not in opener.others]
    tables = find_tables(rest, mapping, uri)
    read = [file for table in tables.values() for file in table.files]
    refuse_unread_sheets(files, {*read, *opener.others})
    joins, unopened = opener.open_joins(claimed)
    faults.attempt(lambda: _check_joins(joins, tables, mapping))
    for table in tables.values():
        own = [join for join in joins if join.table == table.table]
        if table.table not in unopened:  # else columns would seem to be missing
            opener.open_table(table, mapping.for_table(table.table), own)
    return OpenedTables(
        mapping,
        tuple(tables.values()),
        tuple(opener.parts),
        tuple(opener.columns),
        tuple(sorted(opener.matched)),
        tuple(joins),
        tuple(opener.others.items()),
    )


class _Opener:
    """Opens file after file, and keeps what is found."""

    def __init__(self, files: Sequence[CatalogueFile], uri: str, faults: Faults) -> None:
        self._files = files
        self._faults = faults
        self._uri = uri
        sheets = [file.name for file in files if file.sheet]
        self._several = {name for name in sheets if sheets.count(name) > 1}
        self.parts: list[TablePart] = []
        self.columns: list[tuple[str, ColumnCounts]] = []
        self.matched: set[tuple[str, str]] = set()
        self.others: dict[CatalogueFile, str] = {}

    def with_codes(self, table: str, mapping: TableMapping) -> TableMapping:
        """Returns a mapping, and those of its joins, with what the files of codes hold."""
        tables = []
        for column, codes in mapping.codes:
            chosen = stated_files(CODES, codes, self._files, self._uri)
            self.others |= dict.fromkeys(chosen, CODE_FILES)
            parts = [
                part
                for file in chosen
                for part in self._parts_of(CODES, file, inspect_file(CODES, file, codes), 0)
            ]
            tables.append((column, read_codes(parts, codes, table, column)))
        joins = tuple(
            replace(join, mapping=self.with_codes(table, join.mapping)) for join in mapping.joins
        )
        return replace(mapping, code_tables=tuple(tables), joins=joins)

    def claim_joins(
        self, mapping: CatalogueMapping
    ) -> list[tuple[str, JoinMapping, tuple[CatalogueFile, ...]]]:
        """Finds the files of all joins."""
        claimed = []
        for table, own in mapping.tables:
            for join in own.joins:
                chosen = stated_files(table, join.mapping, self._files, self._uri)
                twice = [file.full_name for file in chosen if file in self.others]
                if twice:
                    raise InputError(
                        "The mapping names a file twice",
                        f"{self._uri}: {twice[0]} in {join.mapping.where}",
                        "Name it once.",
                    )
                self.others |= dict.fromkeys(chosen, JOINED)
                claimed.append((table, join, chosen))
        return claimed

    def open_joins(
        self, claimed: Sequence[tuple[str, JoinMapping, tuple[CatalogueFile, ...]]]
    ) -> tuple[list[Join], set[str]]:
        """Opens the files of all joins; also returns the tables of those that have a fault."""
        joins, unopened = [], set()
        for table, join, chosen in claimed:
            opened = self._faults.attempt(partial(self.open_join, table, join, chosen))
            if opened is None:
                unopened.add(table)
            else:
                joins.append(opened)
        return joins, unopened

    def open_join(self, table: str, join: JoinMapping, files: Sequence[CatalogueFile]) -> Join:
        """Opens the files of a join."""
        parts: list[TablePart] = []
        seen = []
        columns: set[str] = set()
        for file in files:
            found = inspect_file(table, file, join.mapping)
            parts += self._parts_of(table, file, found, len(parts))
            seen.append((found.columns, found.unread))
            columns |= {ours for ours, _ in found.columns}
            self.matched |= {(f"{file.full_name}: {ours}", name) for ours, name in found.inexact}
        columns -= {join.key}
        name = files[0].full_name
        if not columns or "given_at" in columns:
            what = "given_at, which cannot be joined" if columns else f"no column but {join.key}"
            raise InputError(
                f"A file that is joined to the table {table} does not add to it",
                f"{files[0].uri}: it has {what}",
                f"Map its columns in mapping.toml: [{join.mapping.where}] columns = "
                '{ status = "…" }.',
            )
        self.columns.append(count_columns(name, seen))
        given, united = tuple(sorted(columns)), tuple(n for n in join.united if n in columns)
        return Join(name, table, join.key, given, join.mapping, tuple(parts), united)

    def open_table(self, table: TableFiles, mapping: TableMapping, joins: Sequence[Join]) -> None:
        """Opens the files of a table."""
        mapping = replace(mapping, joined=tuple(name for join in joins for name in join.columns))
        parts: list[TablePart] = []
        seen = []
        for file in table.files:
            found = self._faults.attempt(partial(inspect_file, table.table, file, mapping))
            if found is None:
                continue
            for join in joins:
                made = mapping.derived.from_file_name
                if join.key not in {*dict(found.columns), *dict(mapping.constants), *made}:
                    lacking = InputError(
                        f"The table {table.table} lacks the key of a joined file",
                        f"{file.full_uri}: {join.key}, by which {join.name} is joined",
                        "Name another key in mapping.toml, or map the column.",
                    )
                    self._faults.add(lacking)
            parts += self._parts_of(table.table, file, found, len(parts))
            seen.append((found.columns, found.unread))
            self.matched |= {(f"{table.table}.{ours}", theirs) for ours, theirs in found.inexact}
        self.parts += [replace(part, joins=tuple(joins)) for part in parts]
        self.columns.append(count_columns(table.table, seen))

    def _parts_of(
        self, table: str, file: CatalogueFile, found: InspectedFile, index: int
    ) -> list[TablePart]:
        """Returns the parts of one file; `index` is that of the first."""
        groups: list[tuple[tuple[int, ...], int | None]] = [((), None)]
        if found.row_groups is not None:
            groups = list(_join_row_groups(found.row_groups))
        name = file.name if file in self.others else name_in_table(file.name)
        return [
            TablePart(
                table=table,
                uri=file.uri,
                format=found.format,
                index=index + i,
                row_groups=row_groups,
                rows=rows,
                version=file.version,
                name=f"{name}#{file.sheet}" if file.name in self._several else name,
                columns=found.columns,
                partitions=found.partitions,
                dialect=found.dialect,
                sheet=file.sheet,
            )
            for i, (row_groups, rows) in enumerate(groups)
        ]


def _check_joins(
    joins: Sequence[Join], tables: dict[str, TableFiles], mapping: CatalogueMapping
) -> None:
    given: dict[tuple[str, str], str] = {}
    for join in joins:
        if join.table not in tables:
            raise InputError(
                "The mapping joins a file to a table that is not there",
                f"{join.name} to {join.table}",
                f"Add the table {join.table}.",
            )
        own = replace(mapping.for_table(join.table), joined=join.columns)
        for column in join.columns:
            if column in own.stated_columns - own.combined:
                raise InputError(
                    "The mapping speaks of a joined column in the section of its table",
                    f"{own.where}: {column}, which {join.name} has",
                    f"Move it to the section {join.mapping.where} of the mapping.",
                )
            other = given.setdefault((join.table, column), join.name)
            if other != join.name:
                raise InputError(
                    "Two joined files have the same column",
                    f"{join.table}.{column} in {other} and {join.name}",
                    "Leave one out: `ignore` in its section of the mapping.",
                )


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
