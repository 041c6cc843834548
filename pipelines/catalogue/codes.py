"""Values of columns that a file lists: pairs of the agency's code and ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import BLANK_CHARACTERS, is_absent
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.lookalikes import find_lookalikes
from pipelines.catalogue.mapping_tables import CodeTable, TableMapping
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.part_rows import raw_batches
from pipelines.catalogue.parts import TablePart
from pipelines.catalogue.scalars import normalise_encoding
from pipelines.catalogue.values import shorten
from pipelines.storage.columns import Column, list_items, values_of
from schemas.catalogue import TABLES
from schemas.errors import InputError


def read_codes(
    parts: Sequence[TablePart], mapping: TableMapping, table: str, column: str
) -> CodeTable:
    """Reads a file of codes.

    Args:
        parts: The parts of the file.
        mapping: How it is mapped.
        table: The table that uses it.
        column: The column whose values it lists.

    Raises:
        InputError: If a row cannot be read, or a code is listed with two values.
    """
    is_list = pa.types.is_list(TABLES[table].field(column).type)
    pairs: dict[str, str] = {}
    for part in parts:
        names = dict(part.columns)
        for raw in raw_batches(part, replace(mapping, columns=part.columns), one_line_rows=True):
            origin = Origin(part.table, part.name, raw.positions, mapping.where)
            if raw.malformed:
                bad = raw.malformed[0]
                raise _code_error("cannot be read", f"{part.name}:{bad.position}: {bad.problem}")
            codes, values = (_texts(raw.columns[names[name]]) for name in ("code", "value"))
            for row, (code, value) in enumerate(zip(codes, values, strict=True)):
                if not code or (is_list and not value):
                    raise _code_error("lacks a code or a value", origin.locate(row))
                if pairs.setdefault(code, value) != value:
                    both = f"{code!r} is {pairs[code]!r} and {value!r}"
                    raise _code_error("is listed twice", f"{origin.locate(row)}: {both}")
    return CodeTable(parts[0].name if parts else "", tuple(pairs.items()))


def _code_error(what: str, where: str) -> InputError:
    return InputError(f"A row of a file of codes {what}", where, "Correct the file.")


def _texts(values: RawColumn) -> list[str]:
    try:
        listed = values.to_pylist() if isinstance(values, pa.Array) else values
    except UnicodeDecodeError as error:
        raise InputError("A code is not valid UTF-8", str(error), "Correct the file.") from error
    return [_code(value) for value in listed]


def _code(value: object) -> str:
    """Returns a value as a code: whole numbers as a file of text would have them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip(BLANK_CHARACTERS)


def decode_values(raw: RawColumn, column: str, codes: CodeTable, origin: Origin) -> RawColumn:
    """Replaces the codes of a column of single values.

    Raises:
        InputError: If one is not listed.
    """
    known = dict(codes.pairs)
    if isinstance(raw, pa.Array):
        try:
            encoded = normalise_encoding(raw).dictionary_encode()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(
                f"A column of codes of the table {origin.table} cannot be read",
                f"{origin.file}: {column}: {error}",
                "Write the codes as text.",
            ) from error
        distinct = _texts(encoded.dictionary)
        if all(code in known or is_absent(code, column) for code in distinct):
            ours: Column = pa.array([known.get(code, code) for code in distinct], pa.string())
            return ours.take(encoded.indices)
        raw = encoded.dictionary_decode().to_pylist()
    texts = [_code(value) for value in raw]
    _refuse_unknown(texts, known, column, codes, origin, range(len(texts)))
    return [known.get(text, text) for text in texts]


def refuse_unknown_items(column: Column, name: str, codes: CodeTable, origin: Origin) -> None:
    """Checks the items of a column of text lists; `map_list_items` replaces them.

    Raises:
        InputError: If one is not listed.
    """
    known = dict(codes.pairs)
    rows = values_of(pc.list_parent_indices(column), int)
    _refuse_unknown(_texts(list_items(column)), known, name, codes, origin, rows)


def _refuse_unknown(
    texts: Iterable[str],
    known: dict[str, str],
    column: str,
    codes: CodeTable,
    origin: Origin,
    rows: Sequence[int],
) -> None:
    for row, text in zip(rows, texts, strict=True):
        if text not in known and not is_absent(text, column):
            alike = find_lookalikes([text], known)[text]
            hint = f"Is it {', '.join(map(repr, alike))}? " if alike else ""
            raise InputError(
                f"A code of the table {origin.table} is not in its file of codes",
                f"{origin.locate(row)}: {column} = '{shorten(text)}', not in {codes.file}",
                f"{hint}Add it there, with its meaning.",
            )
