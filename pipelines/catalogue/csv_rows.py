"""Reads CSV as batches of raw columns, with the line of every row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS, is_nothing, unnamed_problem
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.dialect import Dialect
from pipelines.catalogue.formats import MalformedRow, RawBatch
from pipelines.catalogue.lines import LineReader, LineTooLongError
from pipelines.catalogue.second_table import second_header
from pipelines.catalogue.values import shorten

# Line ends that are none to the reader of lines: a quote may hold rows that end with them.
_OTHER_LINE_END = re.compile(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass
class _Rows:
    """The rows of a batch so far."""

    wanted: list[tuple[int, str]]
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    malformed: list[MalformedRow] = field(default_factory=list)
    blank: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.malformed)

    def batch(self) -> RawBatch:
        columns: dict[str, RawColumn] = {}
        transposed = list(zip(*self.rows, strict=True))
        for i, name in self.wanted:
            values: RawColumn = transposed[i] if self.rows else ()
            try:
                columns[name] = pa.array(values, pa.string())
            except UnicodeEncodeError:
                columns[name] = values
        malformed, header = tuple(self.malformed), tuple(self.header)
        return RawBatch(columns, self.positions, malformed, self.blank, header)


def csv_batches(
    stream: BinaryIO,
    dialect: Dialect,
    wanted: frozenset[str],
    batch_rows: int,
    one_line_rows: bool,
    quote_is_stated: bool,
) -> Iterator[RawBatch]:
    """Reads a CSV file with a header, otherwise as RFC 4180 in the given dialect.

    A quote that is never closed, or is followed by text, makes only its own line malformed, not
    the lines after it. So does a cell over several lines that are rows themselves.

    Args:
        stream: The file.
        dialect: How it is written.
        wanted: The columns to return, by their names in the file.
        batch_rows: The maximum number of rows in a batch.
        one_line_rows: Whether any cell that runs over lines makes its row malformed.
        quote_is_stated: Whether the mapping states the quote; otherwise a row that may be meant
            with quotes of the other kind is malformed.
    """
    lines = dialect.lines(stream)
    names: list[str] = []
    while not any(names):
        header = next(dialect.rows(lines), None)
        if header is None:
            return
        names = [name.strip(BLANK_CHARACTERS) for name in header]
    columns = [(i, name) for i, name in enumerate(names) if name in wanted]
    unnamed = [i for i, name in enumerate(names) if not name]
    current, yielded = _Rows(columns, names), False
    for row in _csv_records(lines, dialect, len(names), one_line_rows, quote_is_stated):
        if row is None:
            current.blank += 1  # after the last row too, so a full batch waits for the next row
            continue
        if len(current) >= batch_rows:
            yield current.batch()
            current, yielded = _Rows(columns, names), True
        if isinstance(row, MalformedRow):
            current.malformed.append(row)
        elif problem := next(filter(None, (unnamed_problem(i, row[i]) for i in unnamed)), ""):
            line = lines.consumed[0][0]
            current.malformed.append(MalformedRow(line, problem, tuple(row)))
        else:
            current.rows.append(row)
            current.positions.append(lines.consumed[0][0])
    if len(current) or (current.blank and not yielded):
        yield current.batch()


def _csv_records(
    lines: LineReader,
    dialect: Dialect,
    width: int,
    one_line_rows: bool,
    quote_is_stated: bool,
) -> Iterator[list[str] | MalformedRow | None]:
    """Yields each row, None for a row without any value."""
    reader = dialect.rows(lines)
    while True:
        lines.consumed.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = _first_cells(lines, dialect)
            yield MalformedRow(lines.push_back_continuation(), f"not CSV: {error}", cells)
            continue
        except LineTooLongError as error:
            if lines.consumed:  # an open quote led to the overlong line
                yield MalformedRow(lines.push_back_continuation(), "not CSV: a quote is not closed")
            yield MalformedRow(error.args[0], "a line of more than 16 MiB")
            reader = dialect.rows(lines)
            continue
        if is_nothing(row[0] if row else "") and all(map(is_nothing, row)):
            yield None
            continue
        over = len(lines.consumed)
        if over > 1 and (one_line_rows or _swallows_rows(lines, dialect, width)):
            cells = _first_cells(lines, dialect)
            opened = lines.push_back_continuation()
            problem = f"a quote opens here and is not closed before line {opened + over - 1}"
            yield MalformedRow(opened, problem, cells)
            continue
        if _holds_rows(row, lines, dialect, width, one_line_rows):
            problem = "a cell holds line ends of another kind than the file's, so rows may be in it"
            yield MalformedRow(lines.consumed[0][0], problem)
            continue
        if problem := second_header(row):
            yield MalformedRow(lines.consumed[0][0], problem, tuple(row))
            continue
        if len(row) != width:
            shown = shorten(",".join(row))
            problem = f"{len(row)} columns where the header has {width}: {shown}"
            yield MalformedRow(lines.consumed[0][0], problem, tuple(row))
            continue
        line = "".join(text for _, text in lines.consumed)
        if not quote_is_stated and _seems_misquoted(row, line, dialect):
            problem = "its cells may be in quotes of another kind; state the quote in the mapping"
            yield MalformedRow(lines.consumed[0][0], problem)
            continue
        yield row


def _seems_misquoted(row: list[str], line: str, dialect: Dialect) -> bool:
    """Whether a quoted cell may consist of several cells in quotes of the other kind.

    In `'a;"b';deny;'c";d'`, read with double quotes, the second of three cells holds the last part
    of one cell, a whole cell and the first part of another.
    """
    other = "'" if dialect.quote == '"' else '"'
    end, start = other + dialect.separator, dialect.separator + other
    if end not in line or start not in line:
        return False
    texts = [cell.strip(BLANK_CHARACTERS) for cell in row]
    return (
        any(end in text and start in text for text in texts)
        and any(text.startswith(other) and (text == other or text[-1] != other) for text in texts)
        and any(text.endswith(other) and (text == other or text[0] != other) for text in texts)
    )


def _first_cells(lines: LineReader, dialect: Dialect) -> tuple[str, ...]:
    """What seem to be the cells of a row whose quotes are broken, from its first line alone."""
    cells = lines.consumed[0][1].rstrip("\r\n").split(dialect.separator)
    return tuple(cell.strip(f"{BLANK_CHARACTERS}{dialect.quote}") for cell in cells)


def _holds_rows(
    row: list[str], lines: LineReader, dialect: Dialect, width: int, one_line_rows: bool
) -> bool:
    """Whether a cell has line ends of another kind than the file's, with rows between them."""
    if not any(_OTHER_LINE_END.search(text.rstrip("\r\n")) for _, text in lines.consumed):
        return False
    separators = 1 if one_line_rows else max(width - 1, 1)
    return any(
        piece.count(dialect.separator) >= separators
        for cell in row
        for piece in _OTHER_LINE_END.split(cell)[1:]
    )


def _swallows_rows(lines: LineReader, dialect: Dialect, width: int) -> bool:
    """Whether a line inside a quoted cell has as many separators as a row, and so is one."""
    if width == 1:
        return False
    return any(text.count(dialect.separator) >= width - 1 for _, text in lines.consumed[1:])
