"""Finds the files of each table and checks their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.catalogue.files import CatalogueFile
from pipelines.catalogue.mapping import TableMapping, close_matches
from schemas.catalogue import OPTIONAL_TABLES, TABLES, required_columns
from schemas.errors import InputError

# Formats by file name ending.
FORMAT_BY_ENDING = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ENDINGS = ", ".join(FORMAT_BY_ENDING)


@dataclass(frozen=True)
class TableFiles:
    """A table's files, in reading order, and their common format."""

    table: str
    format: str
    files: tuple[CatalogueFile, ...]


def _placement(table: str, name: str) -> str | None:
    """Returns how a file belongs to a table: alone, as a numbered piece, in a folder, or None."""
    if name.startswith(f"{table}/"):
        hidden = name.rpartition("/")[2].startswith(("_", "."))
        return None if hidden else f"the folder {table}/"
    stem, dot, _ = name.rpartition(".")
    if stem == table and dot:
        return name
    return f"{table}-*" if re.fullmatch(rf"{table}-[^/]+", stem) else None


def _ending(name: str) -> str:
    return name[name.rfind(".") :] if "." in name.rpartition("/")[2] else ""


def find_tables(files: Sequence[CatalogueFile], origin: str) -> dict[str, TableFiles]:
    """Assigns a catalogue's files to tables; files that belong to none are ignored.

    Args:
        files: All files, sorted by name.
        origin: The catalogue's address, for messages.

    Raises:
        InputError: If a table is missing, exists twice, or has an unsupported format.
    """
    found: dict[str, TableFiles] = {}
    for table in TABLES:
        candidates = {
            file: placement
            for file in files
            if (placement := _placement(table, file.name)) is not None
        }
        _refuse_unreadable(table, files, candidates, origin)
        candidates = {
            file: placement
            for file, placement in candidates.items()
            if _ending(file.name) in FORMAT_BY_ENDING
        }
        if not candidates:
            if table not in OPTIONAL_TABLES:
                raise _missing_table_error(table, files, origin)
            continue
        formats = sorted({FORMAT_BY_ENDING[_ending(file.name)] for file in candidates})
        if len(formats) > 1 or len(set(candidates.values())) > 1:
            names = ", ".join(file.name for file in list(candidates)[:6])
            raise InputError(
                f"The table {table} exists more than once",
                f"{origin}: {names}",
                "Keep one format: one file, files with the same name prefix, or one folder.",
            )
        found[table] = TableFiles(
            table, formats[0], tuple(sorted(candidates, key=lambda f: f.name))
        )
    return found


def _refuse_unreadable(
    table: str, files: Sequence[CatalogueFile], candidates: dict[CatalogueFile, str], origin: str
) -> None:
    """Refuses a table in an unsupported format, so that it is not taken for absent."""
    for file in files:
        in_folder = file in candidates and "/" in file.name
        named = "/" not in file.name and file.name.lower().split(".")[0] == table
        if (in_folder or named) and (
            _ending(file.name) not in FORMAT_BY_ENDING or file not in candidates
        ):
            raise InputError(
                f"The table {table} has an unsupported format or name",
                f"{origin}: {file.name}",
                f"Save it as {table} with one of the endings {_ENDINGS}.",
            )


def _missing_table_error(table: str, files: Sequence[CatalogueFile], origin: str) -> InputError:
    names = [file.name for file in files]
    guesses = close_matches(table, [name.partition("/")[0].partition(".")[0] for name in names])
    hint = f"Is it {', '.join(guesses)}? " if guesses else ""
    listing = ", ".join(names[:8]) or "nothing"
    return InputError(
        f"The catalogue has no table {table}",
        f"{origin} holds {listing}",
        f"{hint}Put {table}.parquet, {table}.csv or {table}.jsonl there.",
    )


def check_columns(
    table: str, names: Iterable[str], mapping: TableMapping, origin: str
) -> frozenset[str]:
    """Checks the columns of one file.

    Args:
        table: The table's name.
        names: The file's column names.
        mapping: How they are mapped.
        origin: The file, for messages.

    Returns:
        Columns that are not read.

    Raises:
        InputError: If a required or mapped column is missing, or a column appears twice.
    """
    present = list(names)
    repeated = sorted({name for name in present if name and present.count(name) > 1})
    if repeated:
        raise InputError(
            "A column appears twice", f"{origin}: {', '.join(repeated)}", "Rename one."
        )
    constant = dict(mapping.constants)
    mapped = dict(mapping.columns)
    required = [name for name in required_columns(table) if name not in constant]
    for ours in [*required, *mapped]:
        theirs = mapping.agency_column(ours)
        if theirs not in present:
            raise _missing_column_error(table, ours, theirs, present, origin)
    read = {mapping.agency_column(ours) for ours in TABLES[table].names if ours not in constant}
    return frozenset(present) - read


def _missing_column_error(
    table: str, ours: str, theirs: str, present: Sequence[str], origin: str
) -> InputError:
    guesses = close_matches(theirs, present)
    wanted = f"{table}.{ours}" if ours == theirs else f"{table}.{ours} (mapped to {theirs!r})"
    line = f'[mapping.{table}.columns] {ours} = "{guesses[0] if guesses else "Their Column"}"'
    hint = f"Similar columns: {', '.join(guesses)}. " if guesses else ""
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(present) == 1 and mark in present[0]:
            hint = f"The file seems to be separated by {word}; save it with commas. "
    return InputError(
        f"The table {table} lacks the column {ours}",
        f"{wanted} in {origin}, which has {', '.join(present) or 'no columns'}",
        f"{hint}Add it, or name it in mapping.toml: {line}",
    )
