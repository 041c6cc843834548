"""Checks that a sheet's rows and cells are in order: openpyxl drops those that are not."""

from __future__ import annotations

import re
from typing import IO

from pipelines.catalogue.sheet_xml import feed, new_parser

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHEETS = frozenset({f"{_MAIN} worksheet", f"{_MAIN} chartsheet", f"{_MAIN} dialogsheet"})
_ROW, _CELL = f"{_MAIN} row", f"{_MAIN} c"
_STRIKE = f"{_MAIN} strike"  # of a part of a text that stands in the sheet itself
_ROW_NUMBER = re.compile("[1-9][0-9]*")
_BEFORE_A = ord("A") - 1
_CELL_PLACE = re.compile("([A-Za-z]{1,3})([1-9][0-9]*)")


def check_order(source: IO[bytes]) -> None:
    """Reads a sheet's XML and refuses what is out of order, there twice or nowhere.

    Raises:
        ValueError: If a row follows one with the same number or a larger one, a cell one of the
            same column or a later one, a cell is in another row than it says, a text is struck out,
            or the XML is not a sheet's.
    """
    parser = new_parser()
    parser.StartElementHandler = _Places().start
    feed(parser, source)


class _Places:
    """Where the last row and the last cell of a sheet are."""

    def __init__(self) -> None:
        self._is_sheet = False
        self._row = 0
        self._column = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == _CELL:
            self._add_cell(attributes.get("r"))
        elif tag == _ROW:
            self._add_row(attributes.get("r"))
        elif tag == _STRIKE and attributes.get("val", "1") not in ("0", "false"):
            raise ValueError(f"a text in row {self._row} is struck out, which may take it back")
        elif not self._is_sheet:
            if tag not in _SHEETS:
                raise ValueError(f"a sheet begins with {tag!r}, which is not read")
            self._is_sheet = True

    def _add_row(self, stated: str | None) -> None:
        if stated is not None and _ROW_NUMBER.fullmatch(stated) is None:
            raise ValueError(f"{stated!r} is not the number of a row")
        number = self._row + 1 if stated is None else int(stated)
        if number <= self._row:
            raise ValueError(f"row {number} comes after row {self._row}")
        self._row, self._column = number, 0

    def _add_cell(self, stated: str | None) -> None:
        if stated is None:
            self._column += 1
            return
        found = _CELL_PLACE.fullmatch(stated)
        if found is None:
            raise ValueError(f"{stated!r} is not the place of a cell")
        column = 0
        for letter in found[1].upper():
            column = 26 * column + ord(letter) - _BEFORE_A
        if int(found[2]) != self._row or column <= self._column:
            last = f"column {self._column} of row {self._row}"
            raise ValueError(f"cell {stated} comes after {last}")
        self._column = column
