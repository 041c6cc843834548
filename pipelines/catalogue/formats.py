"""Reads Parquet and JSON as batches of raw columns, with a position for every row.

A row that cannot be split into columns (a broken JSON line) is returned as a
malformed row. The rows read are always the rows of the batches plus the malformed rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.catalogue.absent import is_nothing, unnamed_problem
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.json_arrays import StrictDecoder, array_rows
from pipelines.catalogue.lines import LineReader, LineTooLongError
from pipelines.catalogue.values import shorten
from pipelines.storage.columns import Column
from schemas.errors import InputError


@dataclass(frozen=True)
class MalformedRow:
    """A row that could not be split into columns.

    Attributes:
        position: Its line or row number, from 1.
        problem: Why.
        cells: What seem to be its cells, as far as they go.
    """

    position: int
    problem: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawBatch:
    """A batch of rows as read from a file.

    Attributes:
        columns: The requested columns, by their names in the file.
        positions: The line (CSV, JSON) or row (Parquet) of each row, from 1.
        malformed: Rows that could not be split into columns.
        blank_rows: How many rows without any value were skipped.
        header: The names of the cells of malformed rows, in order; empty if they have none.
    """

    columns: dict[str, RawColumn]
    positions: Sequence[int]
    malformed: tuple[MalformedRow, ...]
    blank_rows: int = 0
    header: tuple[str, ...] = ()


JSON_MAX_KEYS = 10_000  # of a file, which no table has
# A row's line or number, and its object or why there is none.
JsonRow: TypeAlias = tuple[int, "dict[str, object] | str"]


def _json_row(decoder: StrictDecoder, line: str) -> dict[str, object] | str:
    """Returns the object on a line, or why the line holds none."""
    try:
        row = decoder.decode(line.strip())
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}: {shorten(line.strip())}"
    return row if isinstance(row, dict) else f"not a JSON object: {shorten(line.strip())}"


def _json_lines(stream: BinaryIO) -> Iterator[JsonRow]:
    """Yields the rows of a file with one object a line; empty lines are skipped."""
    lines, decoder = LineReader(stream), StrictDecoder()
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
            yield lines.consumed[0][0], _json_row(decoder, line)


def json_rows(stream: BinaryIO, kind: str, origin: str) -> Iterator[JsonRow]:
    """Yields the rows of a file, each with its line, or in an array its number."""
    return array_rows(stream, origin) if kind == "json" else _json_lines(stream)


def json_columns(stream: BinaryIO, kind: str, origin: str) -> set[str] | None:
    """Returns the keys of all rows, or None if no row could be read.

    Raises:
        InputError: If there are more keys than a table has columns.
    """
    keys: set[str] | None = None
    for number, row in json_rows(stream, kind, origin):
        if isinstance(row, dict):
            keys = (keys or set()) | row.keys()
        if keys is not None and len(keys) > JSON_MAX_KEYS:
            raise InputError(
                "A table has too many columns",
                f"{origin}:{number}: {len(keys):,} keys so far",
                "Write objects with the same keys in each.",
            )
    return keys


def json_batches(
    found: Iterator[JsonRow], wanted: frozenset[str], batch_rows: int
) -> Iterator[RawBatch]:
    """Reads rows of `json_rows`; empty lines and objects are skipped."""
    rows: list[dict[str, object]] = []
    positions: list[int] = []
    malformed: list[MalformedRow] = []
    blank = 0
    for number, row in found:
        if isinstance(row, dict) and all(map(is_nothing, row.values())):
            blank += 1
        elif isinstance(row, dict) and (problem := unnamed_problem(1, row.get(""))):
            malformed.append(MalformedRow(number, problem))
        elif isinstance(row, dict):
            rows.append(row)
            positions.append(number)
        else:
            malformed.append(MalformedRow(number, row))
        if len(rows) + len(malformed) >= batch_rows:
            yield RawBatch(_json_batch_columns(rows, wanted), positions, tuple(malformed), blank)
            rows, positions, malformed, blank = [], [], [], 0
    if rows or malformed or blank:
        yield RawBatch(_json_batch_columns(rows, wanted), positions, tuple(malformed), blank)


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
        said = str(error).partition("\n")[0].rstrip(". ")
        raise InputError(
            "The file is not a Parquet file", f"{origin}: {said}", "Write the file again."
        ) from error


def _is_nothing(value: pa.Scalar[pa.DataType]) -> bool:
    try:
        return is_nothing(value.as_py())
    except (UnicodeDecodeError, ValueError, OverflowError):  # something that cannot be read
        return False


def _blank_rows(batch: pa.RecordBatch, rows: Sequence[int]) -> list[int]:
    """Returns those of some rows in which no column has a value."""
    found: Sequence[int] = rows
    for column in sorted(batch.columns, key=lambda column: column.null_count):
        if isinstance(found, range):  # nearly always ends here: the first has no nulls
            empty = np.asarray(column.is_null())
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                text: Column = column.fill_null("")
                empty = empty | np.asarray(pc.equal(text, pa.scalar("", column.type)))
            found = np.flatnonzero(empty).tolist()
        found = [row for row in found if _is_nothing(column[row])]
        if not found:
            return []
    return list(found)


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
    unread = [name for name in file.schema_arrow.names if name not in wanted]
    try:
        batches = file.iter_batches(batch_rows, row_groups=list(row_groups), columns=names)
        for index, batch in enumerate(batches):
            positions: Sequence[int] = range(position, position + batch.num_rows)
            position += batch.num_rows
            blank = _blank_rows(batch, range(batch.num_rows)) if names else []
            if blank and unread:  # another column may say something there
                others = file.iter_batches(batch_rows, row_groups=list(row_groups), columns=unread)
                blank = _blank_rows(next(islice(others, index, None)), blank)
            if blank:
                kept = np.setdiff1d(np.arange(batch.num_rows), blank)
                batch, positions = batch.take(kept), [positions[row] for row in kept]
            columns: dict[str, RawColumn] = {name: batch.column(name) for name in names}
            yield RawBatch(columns, positions, (), len(blank))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "A Parquet file is damaged",
            f"{origin}: {str(error).partition(chr(10))[0].rstrip('. ')}",
            "Write the file again.",
        ) from error
