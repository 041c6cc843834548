"""Reads a sheet of an XLSX workbook as batches of raw columns, with the number of every row.

Formulas are not evaluated: the value that the spreadsheet stored for one counts, and a formula
without it stops the run.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TYPE_CHECKING, BinaryIO

from pipelines.catalogue.absent import BLANK_CHARACTERS, unnamed_problem
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.files import read_blocks
from pipelines.catalogue.formats import MalformedRow, RawBatch
from pipelines.catalogue.second_table import second_header
from pipelines.catalogue.sheet_notes import SheetNote, sheet_notes
from pipelines.catalogue.sheet_order import check_order
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

if TYPE_CHECKING:  # openpyxl is imported where there is a workbook
    from openpyxl import Workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_UNPACKED_BYTES = 2**30
_FORMULA, _ERROR = "f", "e"
# What openpyxl and the modules below it raise on a damaged file, besides an error of its own;
# SyntaxError is that of its XML.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OSError,
    EOFError,
    SyntaxError,
)


@dataclass(frozen=True)
class _Row:
    """A row of a sheet; `position` is its number there, from 1."""

    position: int
    values: list[object]


@dataclass
class _Rows:
    wanted: list[tuple[int, str]]
    rows: list[_Row] = field(default_factory=list)
    malformed: list[MalformedRow] = field(default_factory=list)
    blank: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.malformed)

    def batch(self) -> RawBatch:
        columns: dict[str, RawColumn] = {
            name: [row.values[index] for row in self.rows] for index, name in self.wanted
        }
        positions = [row.position for row in self.rows]
        return RawBatch(columns, positions, tuple(self.malformed), self.blank)


@dataclass(frozen=True)
class SheetName:
    """A sheet of a workbook.

    Attributes:
        name: Its name.
        is_filled: Whether it has any cell with a value.
        notes: What is written on it beside its cells.
    """

    name: str
    is_filled: bool
    notes: tuple[SheetNote, ...] = ()


def sheet_names(stream: BinaryIO, origin: str) -> list[SheetName]:
    """Returns all sheets of a workbook, hidden ones too.

    Raises:
        InputError: If the workbook cannot be read.
    """
    with _reading(origin):
        data = _unpackable(stream, origin)
        workbook = _open_workbook(data, computed=True)
        try:
            with zipfile.ZipFile(data) as archive:
                found = [
                    SheetName(
                        str(sheet.title),
                        _is_filled(sheet),
                        tuple(sheet_notes(archive, sheet._worksheet_path)),
                    )
                    for sheet in workbook.worksheets
                ]
            found += [SheetName(str(sheet.title), False) for sheet in workbook.chartsheets]
            _check_sheets(workbook, data)
            return found
        finally:
            workbook.close()


def sheet_header(stream: BinaryIO, origin: str, sheet: str, header_row: int = 0) -> list[str]:
    """Reads the column names from the first row that is not blank; empty if there is none.

    Args:
        stream: The file.
        origin: The file, for messages.
        sheet: The sheet; "" for the only one.
        header_row: The first row that is read, from 1; 0 for all.

    Raises:
        InputError: If the workbook cannot be read, or has several sheets and none is named.
    """
    rows = _rows(stream, origin, sheet, header_row)
    return _names(next((row for row in rows if not _is_blank(row)), None))


def sheet_batches(
    stream: BinaryIO,
    origin: str,
    wanted: frozenset[str],
    batch_rows: int,
    sheet: str,
    header_row: int = 0,
) -> Iterator[RawBatch]:
    """Reads the rows below the header.

    Args:
        stream: The file.
        origin: The file, for messages.
        wanted: The columns to return, by their names in the file.
        batch_rows: The maximum number of rows in a batch.
        sheet: The sheet; "" for the only one.
        header_row: The row with the names of the columns, from 1; 0 for the first with a cell.

    Raises:
        InputError: If the workbook is damaged, or a cell holds an error or a formula without a
            value.
    """
    rows = _rows(stream, origin, sheet, header_row)
    names = _names(next((row for row in rows if not _is_blank(row)), None))
    width = len(names)
    wanted_columns = [(i, name) for i, name in enumerate(names) if name in wanted]
    current, yielded = _Rows(wanted_columns), False
    for row in rows:
        if _is_blank(row):
            current.blank += 1
            continue
        if len(current) >= batch_rows:
            yield current.batch()
            current, yielded = _Rows(wanted_columns), True
        beyond = [value for value in row.values[width:] if value is not None]
        problem = second_header(row.values)
        if beyond and not problem:
            problem = f"a cell to the right of the header's last column: {shorten(beyond[0])}"
        unnamed = (unnamed_problem(i, v) for i, v in enumerate(row.values[:width]) if not names[i])
        problem = problem or next(filter(None, unnamed), "")
        if problem:
            current.malformed.append(MalformedRow(row.position, problem))
        else:
            row.values.extend([None] * (width - len(row.values)))
            current.rows.append(row)
    if len(current) or (current.blank and not yielded):
        yield current.batch()


def _names(row: _Row | None) -> list[str]:
    if row is None:
        return []
    names = ["" if v is None else str(v).strip(BLANK_CHARACTERS) for v in row.values]
    while names and not names[-1]:
        names.pop()
    return names


def _is_blank(row: _Row) -> bool:
    return not any(
        value.strip(BLANK_CHARACTERS) if isinstance(value, str) else value is not None
        for value in row.values
    )


@contextmanager
def _reading(origin: str) -> Iterator[None]:
    """Turns the errors of a damaged workbook into one."""
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        yield
    except (*_DAMAGED, InvalidFileException) as error:
        raise InputError(
            "A workbook cannot be read", f"{origin}: {error}", "Save the table as CSV or Parquet."
        ) from error


def _unpackable(stream: BinaryIO, origin: str) -> io.BytesIO:
    data = io.BytesIO(b"".join(read_blocks(stream)))
    with zipfile.ZipFile(data) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputError(
            "A workbook is too large",
            f"{origin}: {unpacked:,} bytes unpacked, at most {MAX_UNPACKED_BYTES:,}",
            "Save the table as CSV or Parquet.",
        )
    return data


def _open_workbook(data: io.BytesIO, *, computed: bool) -> Workbook:
    """Opens a workbook, with the stored values of formulas, or with formulas and fonts in texts."""
    from openpyxl import load_workbook

    return load_workbook(data, read_only=True, data_only=computed, rich_text=not computed)


def _check_sheets(workbook: Workbook, data: io.BytesIO) -> None:
    """Refuses a workbook that lists sheets that openpyxl does not show."""
    with zipfile.ZipFile(data) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"xl/workbook\d*\.xml", name)]
        listed = re.findall(rb"<(?:\w+:)?sheet\s", b"".join(map(archive.read, names)))
    if listed and len(listed) != len(workbook.worksheets) + len(workbook.chartsheets):
        raise ValueError("it has sheets of another kind than cells and charts")


def _rows(stream: BinaryIO, origin: str, sheet: str, first: int) -> Iterator[_Row]:
    """Yields the rows of a sheet, or of the only one that has any, with the stored values."""
    with _reading(origin):
        rows = _stored_rows(_unpackable(stream, origin), origin, sheet)
        yield from (row for row in rows if row.position >= first)


def _stored_rows(data: io.BytesIO, origin: str, sheet_name: str) -> Iterator[_Row]:
    stored = _open_workbook(data, computed=True)
    written = _open_workbook(data, computed=False)
    try:
        _check_sheets(stored, data)
        name = sheet_name or _only_sheet(stored, origin)
        for sheet in (stored[name], written[name]):
            sheet.reset_dimensions()  # a wrong one would cut rows off, or make them endless
        with stored[name]._get_source() as source:
            check_order(source)
        struck = _struck_styles(stored)
        pairs = zip(stored[name].iter_rows(), written[name].iter_rows(), strict=True)
        for position, (values, sources) in enumerate(pairs, start=1):
            row = _Row(position, [_value(cell.value) for cell in values])
            for index, source in enumerate(sources):
                stands = row.values[index] if index < len(row.values) else None
                if source.data_type == _FORMULA and stands is None:
                    raise _cell_error("a formula without a stored value", position, index, origin)
                if values[index].data_type == _ERROR:
                    raise _cell_error(f"the error {stands}", position, index, origin)
                if stands is not None and (
                    (struck and values[index]._style_id in struck) or _is_struck(source.value)
                ):
                    raise InputError(
                        "A cell of a workbook is struck out, which may take it back",
                        f"{origin}: row {position}, column {index + 1} holds {shorten(stands)}",
                        "Say it in a column, such as a consent of the value deny, or delete the "
                        "row; or, if it stands, take the line through it away.",
                    )
            yield row
    finally:
        stored.close()
        written.close()


def _struck_styles(workbook: Workbook) -> frozenset[int]:
    """Returns the styles of cells with a line through them."""
    fonts = [bool(font.strike) for font in workbook._fonts]
    styles = enumerate(workbook._cell_styles)
    return frozenset(number for number, style in styles if fonts[style.fontId])


def _is_struck(text: object) -> bool:
    """Whether a part of a cell's text has a line through it."""
    from openpyxl.cell.rich_text import CellRichText, TextBlock

    return isinstance(text, CellRichText) and any(
        isinstance(part, TextBlock) and bool(part.font.strike) for part in text
    )


def _value(value: object) -> object:
    """Returns a cell's value; a day, which Excel keeps as its midnight, is a date."""
    if isinstance(value, datetime) and value.time() == time(0):
        return value.date()
    return value


def _is_filled(sheet: ReadOnlyWorksheet) -> bool:
    sheet.reset_dimensions()
    if any(v is not None for row in sheet.iter_rows(values_only=True) for v in row):
        return True
    with sheet._get_source() as source:
        check_order(source)  # openpyxl finds nothing in a sheet of another form either
    return False


def _only_sheet(workbook: object, origin: str) -> str:
    sheets = getattr(workbook, "worksheets", [])
    filled = []
    for sheet in sheets:
        if _is_filled(sheet):
            filled.append(str(sheet.title))
    charts: Sequence[object] = getattr(workbook, "chartsheets", [])
    if len(filled) > 1:
        raise InputError(
            "A workbook has more than one sheet",
            f"{origin}: {', '.join(filled)}",
            f'State which one in mapping.toml: sheet = "{filled[0]}".',
        )
    if not filled and not sheets:
        raise InputError("A workbook has no sheet", f"{origin}: {len(charts)} charts", "")
    return filled[0] if filled else str(sheets[0].title)


def _cell_error(what: str, position: int, index: int, origin: str) -> InputError:
    return InputError(
        "A cell of a workbook has no value",
        f"{origin}: row {position}, column {index + 1} holds {what}",
        "Open the workbook, let it be calculated and save it, or save the table as CSV.",
    )
