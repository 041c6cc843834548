"""Checks that a sheet's rows and cells are in order: openpyxl drops those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO

_BLOCK_BYTES = 1 << 20
_LONGEST_TAG_BYTES = 1 << 12
_NUMBERED = re.compile(rb'<(?:\w+:)?(row|c)\s(?:[^<>]*?\s)?r="([A-Z]*)([0-9]+)"')


def check_order(source: IO[bytes]) -> None:
    """Reads a sheet's XML and refuses what is out of order or there twice.

    Raises:
        ValueError: If a row follows one with the same number or a larger one, a cell one of the
            same column or a later one, or a cell is in another row than it says.
    """
    row, column = 0, (0, b"")
    for kind, letters, digits in _numbered(source):
        number = int(digits)
        if kind == b"row":
            if number <= row:
                raise ValueError(f"row {number} comes after row {row}")
            row, column = number, (0, b"")
            continue
        place = (len(letters), letters)
        if (row and number != row) or place <= column:
            where = f"cell {letters.decode()}{number}"
            raise ValueError(f"{where} comes after cell {column[1].decode()} of row {row}")
        column = place


def _numbered(source: IO[bytes]) -> Iterable[tuple[bytes, bytes, bytes]]:
    rest = b""
    while block := source.read(_BLOCK_BYTES):
        text = rest + block
        end = 0
        for found in _NUMBERED.finditer(text):
            end = found.end()
            yield found[1], found[2], found[3]
        rest = text[max(end, len(text) - _LONGEST_TAG_BYTES) :]
