"""An opened catalogue: its tables, the parts in which they are read, and its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from pipelines.catalogue.account import ColumnCounts
from pipelines.catalogue.dialect import Dialect
from pipelines.catalogue.files import open_file, read_blocks
from pipelines.catalogue.inventory import FileCounts
from pipelines.catalogue.listing import CatalogueFile
from pipelines.catalogue.mapping import MAPPING_FILE, CatalogueMapping, TableMapping
from pipelines.catalogue.tables import TableFiles


@dataclass(frozen=True)
class TablePart:
    """A part of a table: consecutive Parquet row groups, or a whole file of another format.

    Attributes:
        table: The table's name.
        uri: A local path or s3:// address.
        format: parquet, csv, jsonl, json (one array) or xlsx.
        index: Its position among the table's parts, from 0.
        row_groups: The row groups to read; empty for other formats.
        rows: How many rows it has, if that is known without reading it.
        version: The file's version when the catalogue was opened; not part of its identity.
        name: The file's name as locators give it, without the folder of its table.
        columns: Pairs of our column and the file's, for all that are read.
        partitions: Columns that the file's folders state, with the value for every row.
        dialect: How a CSV file is written.
        sheet: The sheet of a workbook; "" for the only one.
        joins: Files that add columns to its rows.
    """

    table: str
    uri: str
    format: str
    index: int
    row_groups: tuple[int, ...]
    rows: int | None
    version: str = field(compare=False)
    name: str
    columns: tuple[tuple[str, str], ...]
    partitions: tuple[tuple[str, str], ...]
    dialect: Dialect
    sheet: str = ""
    joins: tuple[Join, ...] = ()


@dataclass(frozen=True)
class Join:
    """A file, or several of one form, that adds columns to the rows of a table.

    Attributes:
        name: The name of its first file, for counts and messages.
        table: The table.
        key: Our column by which its rows are found.
        columns: Our columns that it adds.
        mapping: How it is mapped.
        parts: Its parts.
        united: Those of its columns whose lists are put together if a key has several rows.
    """

    name: str
    table: str
    key: str
    columns: tuple[str, ...]
    mapping: TableMapping
    parts: tuple[TablePart, ...]
    united: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """A catalogue that has all required tables and columns.

    Attributes:
        uri: Its folder or s3:// prefix.
        mapping: How its columns are mapped.
        tables: Its files, by table.
        all_parts: The parts of all tables.
        files: What every file below the catalogue is.
        columns: The columns of each table, read and not read.
        matched_columns: Columns that are read under a name other than theirs, as pairs of
            `assets.column` and the file's name.
        joins: Files that add columns to tables.
        other_files: The files of joins and codes.
    """

    uri: str
    mapping: CatalogueMapping
    tables: tuple[TableFiles, ...]
    all_parts: tuple[TablePart, ...]
    files: FileCounts
    columns: tuple[tuple[str, ColumnCounts], ...]
    matched_columns: tuple[tuple[str, str], ...]
    joins: tuple[Join, ...] = ()
    other_files: tuple[CatalogueFile, ...] = ()

    @property
    def ignored_columns(self) -> tuple[str, ...]:
        """Returns the columns that are not read, as `assets.Column`."""
        return tuple(f"{table}.{name}" for table, count in self.columns for name in count.unread)

    @property
    def joined_columns(self) -> tuple[tuple[str, str], ...]:
        """Returns the columns that joined files add, as pairs of a table and our column."""
        return tuple((join.table, name) for join in self.joins for name in join.columns)

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
        read = [f for table in self.tables for f in table.files] + list(self.other_files)
        files = sorted({f.name: f for f in read}.values(), key=lambda f: f.name)
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
