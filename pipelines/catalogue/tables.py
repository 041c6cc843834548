"""Decides which table each file of a catalogue belongs to.

A file is part of a table if its name or folder says so beyond doubt, or if the mapping says so.
Every other file must hold no rows, be a medium, or be left out by the mapping; see `leftovers`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import unquote

from pipelines.catalogue.compressed import COMPRESSIONS, plain_name
from pipelines.catalogue.listing import CatalogueFile, ending
from pipelines.catalogue.mapping import CatalogueMapping, TableMapping
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.workbooks import choose_sheet
from schemas.catalogue import OPTIONAL_TABLES, TABLES
from schemas.errors import InputError
from schemas.faults import Faults

# Formats by file name ending.
FORMAT_BY_ENDING = {"parquet": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
FORMAT_BY_ENDING |= {"tsv": "csv", "txt": "csv", "tab": "csv", "json": "json"}
FORMAT_BY_ENDING |= {"xlsx": "xlsx", "xlsm": "xlsx"}
_TEXT_FORMATS = frozenset({"csv", "jsonl", "json"})  # which may be compressed
_ENDINGS = ", ".join(f".{name}" for name in FORMAT_BY_ENDING)
# What browsers and file managers append to the name of a second copy.
_COPY = re.compile(r" ?\(\d+\)$| - Copy( \(\d+\))?$| copy( \d+)?$", re.IGNORECASE)
_SUBFOLDER = re.compile(r"[A-Za-z_][^/=]*=[^/]*|\d+")
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableFiles:
    """A table's files, in reading order."""

    table: str
    files: tuple[CatalogueFile, ...]


def format_of(file: CatalogueFile) -> str | None:
    """Returns the format of a table's file by its ending: parquet, csv, jsonl, json or xlsx."""
    name = plain_name(file.name)
    kind = FORMAT_BY_ENDING.get(ending(name))
    return kind if name == file.name or kind in _TEXT_FORMATS else None


def partition_columns(name: str) -> tuple[tuple[str, str], ...]:
    """Returns the columns that the folders of a file state, as in `consents/year=2026/part.csv`."""
    folders = name.split("/")[1:-1]
    pairs = [folder.split("=", 1) for folder in folders if "=" in folder]
    return tuple(
        (unquote(key), "" if value == _NULL_PARTITION else unquote(value)) for key, value in pairs
    )


def name_in_table(name: str) -> str:
    """Returns a file's name as locators give it: without the folder of its table."""
    return name.split("/", 1)[1] if "/" in name else name


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(("_", "."))


def belongs_to_table(table: str, name: str) -> bool:
    """Whether a file belongs to a table by its name or folder."""
    return _placement(table, name) is not None


def _placement(table: str, name: str) -> str | None:
    """Returns how a file belongs to a table: alone, as a piece, in a folder, or None."""
    folder, slash, inner = name.partition("/")
    if slash:
        if folder != table and not (folder.startswith(f"{table}.") and ending(folder) != ""):
            return None
        if folder != table and ending(folder) not in FORMAT_BY_ENDING:
            return None
        subfolders = inner.split("/")[:-1]
        known = all(_SUBFOLDER.fullmatch(subfolder) for subfolder in subfolders)
        return f"the folder {folder}/" if known and not _is_hidden(name) else None
    name = plain_name(name)
    stem, dot, _ = name.rpartition(".")
    if not dot:
        return None
    if stem == table or _COPY.search(stem):
        return name if _COPY.sub("", stem) == table or stem.startswith(f"{table}-") else None
    piece = re.fullmatch(rf"{table}([-_. ])[^/]+", stem)
    return f"{table}{piece[1]}*" if piece else None


def find_tables(
    files: Sequence[CatalogueFile], mapping: CatalogueMapping, origin: str
) -> dict[str, TableFiles]:
    """Assigns a catalogue's files to tables.

    Args:
        files: All files that are not media, sorted by name, without those the mapping ignores.
        mapping: What the mapping states about files.
        origin: The catalogue's address, for messages.

    Raises:
        InputError: If a table is missing, exists twice, or has an unsupported format.
    """
    found: dict[str, TableFiles] = {}
    faults = Faults()
    stated: dict[str, tuple[CatalogueFile, ...]] = {}
    for table in TABLES:
        own = mapping.for_table(table)
        chosen = faults.attempt(partial(stated_files, table, own, files, origin))
        stated[table] = chosen or ()
    faults.report()
    taken: dict[CatalogueFile, str] = {}
    for table, chosen in stated.items():
        for file in chosen:
            if file in taken:
                raise InputError(
                    "The mapping names a file for two tables",
                    f"{origin}: {file.full_name} for {taken[file]} and {table}",
                    "Name it for one, and save the other's columns as a file or sheet of its own.",
                )
            taken[file] = table
    free = [file for file in files if file not in taken]
    for table in TABLES:
        if stated[table]:
            found[table] = TableFiles(table, stated[table])
            continue
        own = mapping.for_table(table)
        candidates = faults.attempt(partial(_conventional_files, table, own, free, origin))
        if candidates:
            found[table] = TableFiles(table, tuple(candidates))
        elif candidates is not None and table not in OPTIONAL_TABLES:
            faults.add(_missing_table_error(table, files, origin))
    faults.report()
    return found


def stated_files(
    table: str, mapping: TableMapping, files: Sequence[CatalogueFile], origin: str
) -> tuple[CatalogueFile, ...]:
    """Returns the files that the mapping names for a table; each pattern must match one.

    A pattern such as `export.xlsx#Pictures` names a sheet, so that a table may have several.

    Raises:
        InputError: If one is not there or in a format that is not read.
    """
    chosen: dict[str, list[CatalogueFile]] = {}
    single: dict[CatalogueFile, None] = {}  # sheets that are named with their workbook
    for pattern in mapping.files:
        matching = [file for file in files if fnmatchcase(file.name, pattern)]
        sheets = [file for file in files if file.sheet and fnmatchcase(file.full_name, pattern)]
        if not matching and sheets:
            single |= dict.fromkeys(sheets)
            continue
        if not matching:
            names = [name for file in files for name in {file.name: 0, file.full_name: 0}]
            guesses = close_matches(pattern, names)
            book, mark, _ = pattern.partition("#")
            is_sheet = bool(mark) and any(file.name == book for file in files)
            raise InputError(
                f"The mapping names a sheet of the table {table} that is not there or has no cells"
                if is_sheet
                else f"The mapping names a file of the table {table} that is not there",
                f"{origin}: {mapping.where}.files = {pattern!r}",
                f"Is it {', '.join(guesses)}?" if guesses else "Correct the name.",
            )
        for file in matching:
            if format_of(file) is None:
                raise _format_error(table, file, origin)
            if file not in chosen.setdefault(file.name, []):
                chosen[file.name].append(file)
    single |= {
        choose_sheet(chosen[name], table, mapping.sheet, mapping.where): None for name in chosen
    }
    return tuple(sorted(single, key=lambda file: (file.name, file.sheet)))


def _conventional_files(
    table: str, mapping: TableMapping, files: Sequence[CatalogueFile], origin: str
) -> list[CatalogueFile]:
    """Returns the files that belong to a table by their names or those of their sheets."""
    placed = {
        file: placement for file in files if (placement := _placement(table, file.name)) is not None
    }
    sheets: dict[str, list[CatalogueFile]] = {}
    for file in placed:
        sheets.setdefault(file.name, []).append(file)
    for found in sheets.values():
        if found[0].sheet or mapping.sheet:
            chosen = choose_sheet(found, table, mapping.sheet, mapping.where)
            for file in found:
                if file != chosen:
                    del placed[file]
    placed |= {file: file.full_name for file in _named_sheets(table, files)}
    _refuse_unreadable(table, files, placed, origin)
    candidates = {
        file: placement for file, placement in placed.items() if format_of(file) is not None
    }
    formats = {format_of(file) for file in candidates}
    stems = {plain_name(file.name).rpartition(".")[0] + file.sheet for file in candidates}
    several = len(formats) > 1 or len(set(candidates.values())) > 1
    if several or len(stems) < len(candidates):  # `consents-1.csv` and `consents-1.csv.gz`
        names = ", ".join(file.full_name for file in list(candidates)[:6])
        raise InputError(
            f"The table {table} exists more than once",
            f"{origin}: {names}",
            "Keep one format: one file, files with the same name prefix, or one folder. Or name "
            f'the files in mapping.toml: [mapping.{table}] files = ["…"].',
        )
    return sorted(candidates, key=lambda file: file.name)


def _named_sheets(table: str, files: Sequence[CatalogueFile]) -> list[CatalogueFile]:
    """Returns the sheets that have a table's name, of workbooks that are not the file of one."""
    sheets: dict[str, list[CatalogueFile]] = {}
    for file in files:
        if file.sheet:
            sheets.setdefault(file.name, []).append(file)
    return [
        sheet
        for name, found in sheets.items()
        for sheet in found
        if plain_form(sheet.sheet) == table
        and _placement(table, name) is None
        and (len(found) > 1 or not any(_placement(other, name) for other in TABLES))
    ]


def _refuse_unreadable(
    table: str, files: Sequence[CatalogueFile], placed: dict[CatalogueFile, str], origin: str
) -> None:
    """Refuses a table in an unsupported format, so that it is not taken for absent."""
    names = {file.name for file in placed}  # of a workbook, not every sheet is placed
    for file in files:
        piece = file in placed and "/" not in file.name
        in_folder = file in placed and "/" in file.name and file.size_bytes > 0
        named = "/" not in file.name and file.name.lower().split(".")[0] == table
        if (in_folder or named or piece) and (format_of(file) is None or file.name not in names):
            raise _format_error(table, file, origin)


def _format_error(table: str, file: CatalogueFile, origin: str) -> InputError:
    return InputError(
        f"The table {table} has an unsupported format or name",
        f"{origin}: {file.name}",
        f"Save it as {table} with one of the endings {_ENDINGS}; the text ones may be compressed: "
        f"{', '.join(f'.{name}' for name in COMPRESSIONS)}.",
    )


def _missing_table_error(table: str, files: Sequence[CatalogueFile], origin: str) -> InputError:
    names = [file.name for file in files]
    guesses = close_matches(table, [name.partition("/")[0].partition(".")[0] for name in names])
    hint = f"Is it {', '.join(guesses)}? " if guesses else ""
    below = {
        folder
        for folder, slash, base in (name.rpartition("/") for name in names)
        if slash and base.lower().split(".")[0] == table
    }
    if len(below) == 1:
        hint = f"Are the tables in the folder below? Then give {origin}/{below.pop()}. "
    listing = ", ".join(file.full_name for file in files[:8]) or "nothing"
    first = next((file.full_name for file in files if file.sheet), "")
    sheet = f', or of a workbook with several sheets, such as ["{first}"]' if first else ""
    if len(names) > 8:
        listing += f" and {len(names) - 8:,} more"
    return InputError(
        f"The catalogue has no table {table}",
        f"{origin} holds {listing}",
        f"{hint}Put {table} there with one of the endings {_ENDINGS}, or name its files in "
        f'mapping.toml: [mapping.{table}] files = ["…"]{sheet}.',
    )
