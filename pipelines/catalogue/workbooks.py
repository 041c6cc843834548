"""Accounts for the sheets of workbooks: each is read as a table, empty, or left out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pipelines.catalogue.files import open_file
from pipelines.catalogue.listing import CatalogueFile, ending
from pipelines.catalogue.mapping_values import close_matches
from pipelines.catalogue.plain_form import plain_form
from pipelines.catalogue.spreadsheet import SheetName, sheet_names
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

WORKBOOK_ENDINGS = frozenset({"xlsx", "xlsm"})


@dataclass(frozen=True)
class SheetCounts:
    """The sheets of all workbooks; every other sheet is read.

    Attributes:
        empty: How many have no cell with a value.
        ignored: Those that the mapping leaves out, as `export.xlsx#Old`.
        notes: How many notes on sheets the mapping leaves out, as (`export.xlsx#Sheet1#notes`, 2).
    """

    empty: int = 0
    ignored: tuple[str, ...] = ()
    notes: tuple[tuple[str, int], ...] = ()


NO_SHEETS = SheetCounts()


def split_workbooks(
    files: Iterable[CatalogueFile], patterns: Sequence[str]
) -> tuple[list[CatalogueFile], tuple[str, ...], SheetCounts]:
    """Replaces every workbook by its sheets that have cells.

    Args:
        files: The files that the mapping does not leave out.
        patterns: The mapping's patterns of what is left out.

    Returns:
        The files and sheets, the workbooks of which every sheet is left out, and the counts.

    Raises:
        InputError: If there are notes on a sheet, and neither it nor they are left out.
    """
    found: list[CatalogueFile] = []
    ignored_files: list[str] = []
    ignored: list[str] = []
    notes: list[tuple[str, int]] = []
    empty = 0
    for file in files:
        base = file.name.rpartition("/")[2]
        is_workbook = ending(base) in WORKBOOK_ENDINGS and not base.startswith(("~$", "_", "."))
        if not is_workbook or file.size_bytes == 0:
            found.append(file)
            continue
        try:
            with open_file(file.uri, file.version) as stream:
                names = sheet_names(stream, file.uri)
        except InputError:
            found.append(file)  # reading it says what is wrong, or that nothing reads it
            continue
        empty += sum(not sheet.is_filled for sheet in names)
        notes += _notes_left_out(file, names, patterns)
        sheets = [replace(file, sheet=sheet.name) for sheet in names if sheet.is_filled]
        kept = [s for s in sheets if not any(fnmatchcase(s.full_name, p) for p in patterns)]
        ignored += [sheet.full_name for sheet in sheets if sheet not in kept]
        if sheets and not kept:
            ignored_files.append(file.name)
        found += kept if sheets else [file]
    return found, tuple(ignored_files), SheetCounts(empty, tuple(ignored), tuple(notes))


def _notes_left_out(
    file: CatalogueFile, sheets: Iterable[SheetName], patterns: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Yields the notes that are left out, and refuses others: one may withdraw what a cell says."""
    for sheet in sheets:
        full_name = replace(file, sheet=sheet.name).full_name
        if not sheet.notes or any(fnmatchcase(full_name, p) for p in patterns):
            continue
        notes = f"{full_name}#notes"
        if not any(fnmatchcase(notes, p) for p in patterns):
            first = sheet.notes[0]
            raise InputError(
                "A workbook has notes beside its cells, which are not read",
                f"{file.uri}: {len(sheet.notes):,} on the sheet {sheet.name}, the first on "
                f"{first.where}: '{shorten(first.text)}'",
                "Put what they say in a column of the table and delete them. If they say nothing "
                "that matters, leave them out in mapping.toml: [files] "
                f"ignore = [{_pattern(notes)}].",
            )
        yield notes, len(sheet.notes)


def _pattern(name: str) -> str:
    """Returns the pattern that means a name alone, as TOML has it."""
    return json.dumps(re.sub(r"[\[?*]", r"[\g<0>]", name), ensure_ascii=False)


def choose_sheet(
    sheets: Sequence[CatalogueFile], table: str, stated: str, where: str
) -> CatalogueFile:
    """Returns the sheet of one workbook, or the one file, that holds a table.

    Args:
        sheets: All sheets of a workbook that have cells; or another file.
        table: The table.
        stated: The name of the sheet in the mapping, or "".
        where: The key path of the table's mapping, for messages.

    Raises:
        InputError: If the stated sheet is not there, or several may be meant.
    """
    file = sheets[0]
    if stated:
        names = [sheet.sheet for sheet in sheets]
        exact = [sheet for sheet in sheets if sheet.sheet == stated]
        alike = exact or [s for s in sheets if plain_form(s.sheet) == plain_form(stated)]
        if len(alike) == 1 and file.sheet:
            return alike[0]
        guesses = close_matches(stated, names)
        raise InputError(
            "The mapping names a sheet that is not there",
            f"{file.uri}: {where}.sheet = {stated!r}, but there is {', '.join(names) or 'none'}",
            f"Is it {', '.join(guesses)}?" if guesses else "Correct the name.",
        )
    named = [sheet for sheet in sheets if plain_form(sheet.sheet) == table]
    if len(sheets) > 1 and len(named) != 1:
        every = ", ".join(_pattern(sheet.full_name) for sheet in sheets)
        raise InputError(
            "A workbook has more than one sheet",
            f"{file.uri}: {', '.join(sheet.sheet for sheet in sheets)}",
            f'State which one in mapping.toml: [{where}] sheet = "{sheets[0].sheet}"; or, if '
            f"several are parts of the table: [{where}] files = [{every}].",
        )
    return sheets[0] if len(sheets) == 1 else named[0]


def refuse_unread_sheets(files: Iterable[CatalogueFile], taken: Collection[CatalogueFile]) -> None:
    """Refuses sheets that are not read of workbooks of which another sheet is.

    Raises:
        InputError: If there is one; it names them.
    """
    read = {file.name for file in taken if file.sheet}
    unread = [file for file in files if file.sheet and file.name in read and file not in taken]
    if unread:
        first, name = unread[0], _pattern(unread[0].full_name)
        raise InputError(
            "A sheet of a workbook is not part of any table",
            f"{first.uri}: {', '.join(file.full_name for file in unread)}",
            "Name it in mapping.toml with the other files of its table, such as [mapping.consents] "
            f"files = [{name}]; or leave it out: [files] ignore = [{name}].",
        )
