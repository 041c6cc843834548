"""Which files make up which table, and whether their columns will do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.catalogue.files import File
from pipelines.catalogue.mapping import TableMapping, near
from schemas.catalogue import OPTIONAL_TABLES, TABLES, required_columns
from schemas.errors import InputError

# By the ending of a file's name.
FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ENDINGS = ", ".join(FORMATS)


@dataclass(frozen=True)
class TableFiles:
    """A table's files, in the order in which they are read, and their one format."""

    table: str
    format: str
    files: tuple[File, ...]


def _form(table: str, name: str) -> str | None:
    """How a file belongs to a table: alone, as a numbered piece, in its folder, or not at all."""
    if name.startswith(f"{table}/"):
        hidden = name.rpartition("/")[2].startswith(("_", "."))
        return None if hidden else f"the folder {table}/"
    stem, dot, _ = name.rpartition(".")
    if stem == table and dot:
        return name
    return f"{table}-*" if re.fullmatch(rf"{table}-[^/]+", stem) else None


def _ending(name: str) -> str:
    return name[name.rfind(".") :] if "." in name.rpartition("/")[2] else ""


def find_tables(files: Sequence[File], origin: str) -> dict[str, TableFiles]:
    """Sorts a catalogue's files into tables; files that belong to none are left alone.

    Args:
        files: All files, by name.
        origin: The catalogue's address, for messages.

    Raises:
        InputError: If a table is missing, stands there twice, or has a format that is not read.
    """
    found: dict[str, TableFiles] = {}
    for table in TABLES:
        mine = {file: form for file in files if (form := _form(table, file.name)) is not None}
        _refuse_unread(table, files, mine, origin)
        mine = {file: form for file, form in mine.items() if _ending(file.name) in FORMATS}
        if not mine:
            if table not in OPTIONAL_TABLES:
                raise _missing(table, files, origin)
            continue
        formats = sorted({FORMATS[_ending(file.name)] for file in mine})
        if len(formats) > 1 or len(set(mine.values())) > 1:
            names = ", ".join(file.name for file in list(mine)[:6])
            raise InputError(
                f"The table {table} is there more than once",
                f"{origin}: {names}",
                "Leave one format, as one file, as pieces named alike or as one folder.",
            )
        found[table] = TableFiles(table, formats[0], tuple(sorted(mine, key=lambda f: f.name)))
    return found


def _refuse_unread(table: str, files: Sequence[File], mine: dict[File, str], origin: str) -> None:
    """A table in a format that is not read must not pass for a table that is not there."""
    for file in files:
        in_folder = file in mine and "/" in file.name
        named = "/" not in file.name and file.name.lower().split(".")[0] == table
        if (in_folder or named) and (_ending(file.name) not in FORMATS or file not in mine):
            raise InputError(
                f"The table {table} has a format or name that is not read",
                f"{origin}: {file.name}",
                f"Save it as {table} with one of the endings {_ENDINGS}.",
            )


def _missing(table: str, files: Sequence[File], origin: str) -> InputError:
    names = [file.name for file in files]
    guess = near(table, [name.partition("/")[0].partition(".")[0] for name in names])
    hint = f"Is it {', '.join(guess)}? " if guess else ""
    seen = ", ".join(names[:8]) or "nothing"
    return InputError(
        f"The catalogue has no table {table}",
        f"{origin} holds {seen}",
        f"{hint}Put {table}.parquet, {table}.csv or {table}.jsonl there.",
    )


def check_columns(
    table: str, names: Iterable[str], mapping: TableMapping, origin: str
) -> frozenset[str]:
    """Checks the columns of one file.

    Args:
        table: The table's name.
        names: The file's own columns.
        mapping: How they are mapped.
        origin: The file, for messages.

    Returns:
        Columns that nothing reads.

    Raises:
        InputError: If a required or mapped column is not there, or a column is there twice.
    """
    there = list(names)
    twice = sorted({name for name in there if name and there.count(name) > 1})
    if twice:
        raise InputError("A column stands twice", f"{origin}: {', '.join(twice)}", "Rename one.")
    constant = dict(mapping.constants)
    mapped = dict(mapping.columns)
    must = [name for name in required_columns(table) if name not in constant]
    for ours in [*must, *mapped]:
        theirs = mapping.theirs(ours)
        if theirs not in there:
            raise _no_column(table, ours, theirs, there, origin)
    read = {mapping.theirs(ours) for ours in TABLES[table].names if ours not in constant}
    return frozenset(there) - read


def _no_column(table: str, ours: str, theirs: str, there: Sequence[str], origin: str) -> InputError:
    guess = near(theirs, there)
    wanted = f"{table}.{ours}" if ours == theirs else f"{table}.{ours} (mapped to {theirs!r})"
    line = f'[mapping.{table}.columns] {ours} = "{guess[0] if guess else "Their Column"}"'
    hint = f"Near it: {', '.join(guess)}. " if guess else ""
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(there) == 1 and mark in there[0]:
            hint = f"The file seems to be separated by {word}; save it with commas. "
    return InputError(
        f"The table {table} lacks the column {ours}",
        f"{wanted} in {origin}, which has {', '.join(there) or 'no columns'}",
        f"{hint}Add it, or name it in mapping.toml: {line}",
    )
