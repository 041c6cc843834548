"""Reads Parquet, CSV and JSON Lines as batches of raw columns, with a position for every row.

A row that cannot be split into columns (a ragged CSV row, a broken JSON line) is returned as a
malformed row. The rows read are always the rows of the batches plus the malformed rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.lines import LineReader, LineTooLongError
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

JSON_SAMPLE_LINES = 1000  # lines of JSON that are read to find its columns


@dataclass(frozen=True)
class MalformedRow:
    """A row that could not be split into columns; `position` is its line or row number, from 1."""

    position: int
    problem: str


@dataclass(frozen=True)
class RawBatch:
    """A batch of rows as read from a file.

    Attributes:
        columns: The requested columns, by their names in the file.
        positions: The line (CSV, JSON) or row (Parquet) of each row, from 1.
        malformed: Rows that could not be split into columns.
    """

    columns: dict[str, RawColumn]
    positions: Sequence[int]
    malformed: tuple[MalformedRow, ...]


def csv_header(lines: LineReader, origin: str) -> list[str]:
    """Reads the column names from the first row of a CSV file; empty for a file without rows.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        header = next((row for row in csv.reader(lines, strict=True) if row), [])
    except (csv.Error, LineTooLongError) as error:
        raise InputError("The header cannot be read", f"{origin}: {error}", "") from error
    return [name.strip(BLANK_CHARACTERS) for name in header]


def csv_batches(
    stream: BinaryIO, origin: str, wanted: frozenset[str], batch_rows: int
) -> Iterator[RawBatch]:
    """Reads a CSV file with a header: commas, double quotes and line endings as in RFC 4180.

    A quote that is never closed, or is followed by text, makes only its own line malformed, not
    the lines after it.
    """
    lines = LineReader(stream)
    names = csv_header(lines, origin)
    wanted_columns = [(i, name) for i, name in enumerate(names) if name in wanted]
    rows: list[list[str]] = []
    positions: list[int] = []
    malformed: list[MalformedRow] = []
    for row in _csv_records(lines, len(names)):
        if isinstance(row, MalformedRow):
            malformed.append(row)
        else:
            rows.append(row)
            positions.append(lines.consumed[0][0])
        if len(rows) + len(malformed) >= batch_rows:
            yield _csv_batch(rows, positions, malformed, wanted_columns)
            rows, positions, malformed = [], [], []
    if rows or malformed:
        yield _csv_batch(rows, positions, malformed, wanted_columns)


def _csv_records(lines: LineReader, width: int) -> Iterator[list[str] | MalformedRow]:
    reader = csv.reader(lines, strict=True)
    while True:
        lines.consumed.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield MalformedRow(lines.push_back_continuation(), f"not CSV: {error}")
            continue
        except LineTooLongError as error:
            if lines.consumed:  # an open quote led to the overlong line
                yield MalformedRow(lines.push_back_continuation(), "not CSV: a quote is not closed")
            yield MalformedRow(error.args[0], "a line of more than 16 MiB")
            reader = csv.reader(lines, strict=True)
            continue
        if not row:
            continue
        if len(row) != width:
            shown = shorten(",".join(row))
            problem = f"{len(row)} columns where the header has {width}: {shown}"
            yield MalformedRow(lines.consumed[0][0], problem)
            continue
        yield row


def _csv_batch(
    rows: list[list[str]],
    positions: list[int],
    malformed: list[MalformedRow],
    wanted_columns: list[tuple[int, str]],
) -> RawBatch:
    columns: dict[str, RawColumn] = {}
    transposed = list(zip(*rows, strict=True))
    for i, name in wanted_columns:
        values: RawColumn = transposed[i] if rows else ()
        try:
            columns[name] = pa.array(values, pa.string())
        except UnicodeEncodeError:
            columns[name] = values
    return RawBatch(columns, positions, tuple(malformed))


def _object_with_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key appears twice")
    return record


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not valid JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_with_unique_keys, parse_constant=_refuse_constant
)


def _json_row(line: str) -> dict[str, object] | str:
    """Returns the object on a line, or why the line holds none."""
    try:
        row = _DECODER.decode(line.strip())
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}: {shorten(line.strip())}"
    return row if isinstance(row, dict) else f"not a JSON object: {shorten(line.strip())}"


def _json_rows(stream: BinaryIO) -> Iterator[tuple[int, dict[str, object] | str]]:
    lines = LineReader(stream)
    while True:
        lines.consumed.clear()
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLongError as error:
            yield error.args[0], "a line of more than 16 MiB"
            continue
        if line.strip():
            yield lines.consumed[0][0], _json_row(line)


def json_columns(stream: BinaryIO) -> set[str] | None:
    """Returns the keys in the first lines, or None if no line could be read."""
    keys: set[str] | None = None
    for number, row in _json_rows(stream):
        if isinstance(row, dict):
            keys = (keys or set()) | row.keys()
        if number >= JSON_SAMPLE_LINES:
            break
    return keys


def json_batches(
    stream: BinaryIO, origin: str, wanted: frozenset[str], batch_rows: int
) -> Iterator[RawBatch]:
    """Reads a file with one JSON object per line; empty lines are skipped."""
    del origin
    rows: list[dict[str, object]] = []
    positions: list[int] = []
    malformed: list[MalformedRow] = []
    for number, row in _json_rows(stream):
        if isinstance(row, dict):
            rows.append(row)
            positions.append(number)
        else:
            malformed.append(MalformedRow(number, row))
        if len(rows) + len(malformed) >= batch_rows:
            yield RawBatch(_json_batch_columns(rows, wanted), positions, tuple(malformed))
            rows, positions, malformed = [], [], []
    if rows or malformed:
        yield RawBatch(_json_batch_columns(rows, wanted), positions, tuple(malformed))


def _json_batch_columns(
    rows: list[dict[str, object]], wanted: frozenset[str]
) -> dict[str, RawColumn]:
    return {name: [row.get(name) for row in rows] for name in sorted(wanted)}


def open_parquet(stream: BinaryIO, origin: str) -> pq.ParquetFile:
    """Opens a Parquet file.

    Raises:
        InputError: If it is not a Parquet file.
    """
    try:
        # INT96 is read as nanoseconds otherwise, which end in 2262: 9999-12-31 would wrap around.
        return pq.ParquetFile(stream, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "The file is not a Parquet file", f"{origin}: {error}", "Write the file again."
        ) from error


def parquet_batches(
    stream: BinaryIO,
    origin: str,
    wanted: frozenset[str],
    batch_rows: int,
    row_groups: Sequence[int],
) -> Iterator[RawBatch]:
    """Reads row groups of a Parquet file.

    Raises:
        InputError: If the file is damaged, since its rows cannot be told apart then.
    """
    file = open_parquet(stream, origin)
    meta = file.metadata
    position = 1 + sum(meta.row_group(i).num_rows for i in range(min(row_groups, default=0)))
    names = [name for name in file.schema_arrow.names if name in wanted]
    try:
        for batch in file.iter_batches(batch_rows, row_groups=list(row_groups), columns=names):
            columns: dict[str, RawColumn] = {name: batch.column(name) for name in names}
            yield RawBatch(columns, range(position, position + batch.num_rows), ())
            position += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "A Parquet file is damaged", f"{origin}: {error}", "Write the file again."
        ) from error
