"""Finds the dialect of a CSV file where it is certain, and else names the mapping key to state it.

Nothing is guessed: the encoding is certain by a byte order mark or because the whole file is valid
UTF-8; separator and quotes are certain if the header has the table's columns with them alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.encoding import find_encoding, open_text, stated_encoding
from pipelines.catalogue.header_faults import title_row_hint
from pipelines.catalogue.headers import find_columns, has_required
from pipelines.catalogue.lines import LineReader, LineTooLongError
from pipelines.catalogue.mapping import TableMapping
from schemas.errors import InputError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_HEAD_BYTES = 2**20
_SAMPLE_ROWS = 100
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        encoding: Of its text.
        newline: What ends a line: a line feed, or a carriage return alone.
        separator: Between cells.
        quote: Around cells.
        skipped_lines: Lines before the header.
    """

    encoding: str = "utf-8"
    newline: str = "\n"
    separator: str = ","
    quote: str = '"'
    skipped_lines: int = 0

    def lines(self, stream: BinaryIO) -> LineReader:
        """Returns the lines of a file, at its header."""
        reader = LineReader(open_text(stream, self.encoding, self.newline))
        for _ in range(self.skipped_lines):
            next(reader, None)
        reader.consumed.clear()
        return reader

    def rows(self, lines: LineReader) -> Iterator[list[str]]:
        """Splits lines into cells; see `csv.reader` for its errors."""
        return csv.reader(lines, strict=True, delimiter=self.separator, quotechar=self.quote)


def find_dialect(
    open_stream: Callable[[], BinaryIO], table: str, mapping: TableMapping, origin: str
) -> tuple[Dialect, list[str]]:
    """Finds the dialect of a CSV file, and its header.

    Args:
        open_stream: Opens the file at its beginning, unbuffered.
        table: The table that the file is a part of.
        mapping: What is stated about the table.
        origin: The file, for messages.

    Raises:
        InputError: If the dialect is not certain; it names the key of the mapping.
    """
    form = mapping.form
    with open_stream() as stream:
        head = stream.read(_HEAD_BYTES) or b""
    encoding = stated_encoding(head, form.encoding, origin) or find_encoding(
        open_stream, head, f"{mapping.where}.csv", origin
    )
    dialect = Dialect(encoding, _newline(head.decode(encoding, "replace")))
    with open_stream() as stream:
        first = next(iter(dialect.lines(stream)), "").strip(BLANK_CHARACTERS)
    sep_line = _SEP_LINE.fullmatch(first)
    separators: Sequence[str] = [form.separator] if form.separator else list(SEPARATORS)
    if sep_line:
        dialect = replace(dialect, skipped_lines=1)
        separators = [sep_line[1]]
        if form.separator and form.separator != sep_line[1]:
            raise InputError(
                "The mapping and the file name different separators",
                f"{origin}: {first!r}, {mapping.where}.csv.separator = {form.separator!r}",
                "Correct the mapping.",
            )
    if form.header_row > 1:
        dialect = replace(dialect, skipped_lines=max(dialect.skipped_lines, form.header_row - 1))
    quotes = [form.quote] if form.quote else ['"', "'"]
    candidates = [
        replace(dialect, separator=separator, quote=quote)
        for quote in quotes
        for separator in separators
    ]
    chosen, names = _choose(candidates, open_stream, table, mapping, origin)
    if chosen.separator != "," and not (form.separator or sep_line):
        _check_sample(chosen, names, open_stream, table, mapping, origin)
    return chosen, names


def _newline(text: str) -> str:
    return "\r" if "\r" in text and "\n" not in text else "\n"


def read_header(dialect: Dialect, stream: BinaryIO, origin: str) -> list[str]:
    """Reads the column names from the first row that is not blank; empty if there is none.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        for row in dialect.rows(dialect.lines(stream)):
            names = [name.strip(BLANK_CHARACTERS) for name in row]
            if any(names):
                return names
    except (csv.Error, LineTooLongError) as error:
        raise InputError("The header cannot be read", f"{origin}: {error}", "") from error
    return []


def _choose(
    candidates: Sequence[Dialect],
    open_stream: Callable[[], BinaryIO],
    table: str,
    mapping: TableMapping,
    origin: str,
) -> tuple[Dialect, list[str]]:
    """Returns the only dialect in which the header has all required columns.

    If there is none, the one that comes nearest is returned, so that the missing columns are named
    beside those that are there.
    """
    headers: list[tuple[Dialect, list[str]]] = []
    problem: InputError | None = None
    for candidate in candidates:
        try:
            with open_stream() as stream:
                headers.append((candidate, read_header(candidate, stream, origin)))
        except InputError as error:
            problem = problem or error
    fitting = [
        (dialect, names)
        for dialect, names in headers
        if has_required(table, names, mapping) and not any(map(_is_quoted, names))
    ]
    if not fitting:
        if problem is not None and len(headers) < len(candidates):
            raise problem
        return max(headers, key=lambda read: _likeness(read[1], table, mapping))
    different = {tuple(names) for _, names in fitting}
    if len(different) > 1:
        marks = ", ".join(repr(dialect.separator) for dialect, _ in fitting)
        raise InputError(
            "The separator of a table is not certain",
            f"{origin}: {marks}",
            f'State it in mapping.toml: [{mapping.where}.csv] separator = ",".',
        )
    return fitting[0]


def _likeness(names: Sequence[str], table: str, mapping: TableMapping) -> tuple[int, int]:
    """Returns how many of the table's columns a header has, and how many columns in all."""
    return len(find_columns(table, names, mapping)), len(names)


def _has_text(cell: str) -> bool:
    return bool(cell.strip(BLANK_CHARACTERS))


def _is_quoted(name: str) -> bool:
    return len(name) > 1 and name[0] == name[-1] and name[0] in "'\""


def _check_sample(
    dialect: Dialect,
    names: Sequence[str],
    open_stream: Callable[[], BinaryIO],
    table: str,
    mapping: TableMapping,
    origin: str,
) -> None:
    """Checks that the first rows are as wide as the header.

    Raises:
        InputError: If they are not.
    """
    with open_stream() as stream:
        lines = dialect.lines(stream)
        try:
            rows = [
                (lines.consumed[-1][0], row) for row in islice(dialect.rows(lines), 1, _SAMPLE_ROWS)
            ]
        except (csv.Error, LineTooLongError):
            return  # the rows are judged one by one when they are read
    filled = (numbered for numbered in rows if any(map(_has_text, numbered[1])))
    odd = next((numbered for numbered in filled if len(numbered[1]) != len(names)), None)
    if odd is not None:
        word = SEPARATORS[dialect.separator]
        hint = title_row_hint(mapping.where) if sum(map(bool, names)) == 1 else ""
        raise InputError(
            f"The table {table} seems to be separated by {word}, which is not certain",
            f"{origin}: the row that ends in line {odd[0]:,} has {len(odd[1])} cells, the header "
            f"{len(names)}",
            f"{hint}Put lists with such a separator in quotes, or state it in mapping.toml: "
            f"[{mapping.where}.csv] separator = {dialect.separator!r}.",
        )
