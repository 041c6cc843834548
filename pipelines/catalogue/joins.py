"""Adds columns to a table from another file, whose rows are found by a key.

Keys are spelled and compared as the table's own column is. Two rows of the file with one key must
say the same, and a row of the table without a row in the file has nothing in these columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.convert import convert_column
from pipelines.catalogue.formats import RawBatch
from pipelines.catalogue.join_watch import JoinWatch
from pipelines.catalogue.made_columns import derive_columns
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.mapping_tables import COMBINED
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.part_rows import raw_batches
from pipelines.catalogue.parts import Catalogue, Join, TablePart
from pipelines.catalogue.rows import convert_rows, raw_values, yes_or_no_hint
from pipelines.catalogue.values import shorten
from pipelines.catalogue.vocabulary import respell
from pipelines.storage.columns import Column
from schemas.catalogue import TABLES
from schemas.errors import InputError

# Values that limit nothing, by column; in a column that is in neither list any value may limit.
_HARMLESS: dict[str, frozenset[object]] = {
    "status": frozenset({"active"}),
    "licence_class": frozenset({"creative"}),
    "people_count": frozenset({0}),
    "digital_source_type": frozenset({"digitalCapture"}),
    **dict.fromkeys(("ml_use", "value"), frozenset({"allow"})),
    **dict.fromkeys(("exclusive", "minors", "minor", "sensitive", "property"), frozenset({False})),
    **dict.fromkeys(
        ("subject_signed", "photographer_signed", "guardian_signed"), frozenset({True})
    ),
    **dict.fromkeys(
        (name for name in TABLES["assets"].names if name.startswith("grant_")), frozenset({"allow"})
    ),
}
_WITHOUT_RIGHTS = frozenset(
    "media_uri media_type contributors licence_model title description keywords language category "
    "created_at sha256 bytes width height duration_ms weight display_name country currency "
    "payee_ref agency_share purpose agreement_ref kind subject_ref witness_ref signed_at "
    "biometric_rider shoot_from shoot_until".split()
)


@dataclass(frozen=True)
class JoinedRows:
    """The rows of a join, one for each key.

    Attributes:
        table: The key and the columns, in the table's types.
        is_no: Which rows may limit what is allowed.
        count: How many rows were read; used are those with a key of their own.
        notes: What reading did to cells.
    """

    table: pa.Table
    is_no: npt.NDArray[np.bool_]
    count: TableCount
    notes: CellNotes


def load_join(join: Join) -> JoinedRows:
    """Reads the rows of a join, which stay in memory like the small tables.

    Raises:
        InputError: If a row cannot be read, or two rows with one key differ.
    """
    return _load(join, tuple(part.version for part in join.parts))


@lru_cache(maxsize=8)
def _load(join: Join, versions: tuple[str, ...]) -> JoinedRows:
    del versions  # a file that has changed is another one
    fields = TABLES[join.table]
    schema = pa.schema(
        [
            fields.field(join.key).with_nullable(False),
            *(fields.field(name).with_nullable(True) for name in join.columns),
        ]
    )
    tables = [schema.empty_table()]
    notes, blank = CellNotes(), 0
    for part in join.parts:
        mapping = replace(join.mapping, columns=part.columns)
        for read in raw_batches(part, mapping, one_line_rows=True):
            raw, made = derive_columns(read, mapping, join.table)
            rows = convert_rows(raw, part.name, join.table, made, schema)
            if rows.failed_rows:
                failed = rows.failed_rows[0]
                raise InputError(
                    f"A row of {join.name}, which is joined to {join.table}, cannot be read",
                    failed.detail,
                    "Correct the row: no row of this file may be left out."
                    + yes_or_no_hint(join.table, join.mapping.where, failed),
                )
            notes.add(rows.notes)
            blank += raw.blank_rows
            tables.append(rows.table.select(schema.names).cast(schema))
    table = pa.concat_tables(tables).combine_chunks()
    distinct = _distinct(table, join)
    count = TableCount(len(distinct), 0, blank, repeated=len(table) - len(distinct))
    return JoinedRows(distinct, _may_limit(distinct, join), count, notes)


def _distinct(table: pa.Table, join: Join) -> pa.Table:
    """Returns the first row of each key, with the items of all its rows in the united columns.

    Raises:
        InputError: If two rows with one key differ in another column.
    """
    keys = table.column(join.key).combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, row_to_key = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(table):
        return table
    repeated = np.setdiff1d(np.arange(len(table)), first)
    again = table.take(repeated).to_pylist()
    before = table.take(first[row_to_key[repeated]]).to_pylist()
    for one, other in zip(before, again, strict=True):
        for name in join.columns:
            if name not in join.united and one[name] != other[name]:
                raise InputError(
                    f"A key of {join.name}, which is joined to {join.table}, has two values",
                    f"{join.key} = '{shorten(str(one[join.key]))}': {name} is "
                    f"{shorten(one[name])} and {shorten(other[name])}",
                    "Keep one row for each key.",
                )
    for name in join.united:
        table = _unite(table, name, first, row_to_key)
    return table.take(np.sort(first))


def _unite(
    table: pa.Table, name: str, first: npt.NDArray[np.int64], row_to_key: npt.NDArray[np.int64]
) -> pa.Table:
    """Gives the first row of each key the items of all its rows, in their order."""
    lists: list[list[str] | None] = table.column(name).to_pylist()
    items: dict[int, dict[str, None]] = {}
    for row, key in enumerate(row_to_key.tolist()):
        items.setdefault(key, {}).update(dict.fromkeys(lists[row] or ()))
    for key, row in enumerate(first.tolist()):
        lists[row] = list(items[key]) or None
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    return table.set_column(at, field, pa.array(lists, field.type))


def _may_limit(table: pa.Table, join: Join) -> npt.NDArray[np.bool_]:
    """Returns which rows have a value that may limit what is allowed."""
    found = np.zeros(len(table), np.bool_)
    for name in join.columns:
        if name not in _WITHOUT_RIGHTS:
            harmless = _HARMLESS.get(name, frozenset()) | {None}
            values = table.column(name).combine_chunks().to_pylist()
            found |= [isinstance(v, list) or v not in harmless for v in values]
    return found


def add_joined(
    raw: RawBatch, part: TablePart, mapping: TableMapping
) -> tuple[RawBatch, TableMapping]:
    """Adds the columns of a part's joins to its raw rows.

    Args:
        raw: Rows as read from the file.
        part: The part.
        mapping: How its own columns are mapped.

    Returns:
        The rows, and the mapping that has the columns that were added.
    """
    if not part.joins:
        return raw, mapping
    columns = dict(raw.columns)
    names = list(mapping.columns)
    for number, join in enumerate(part.joins):
        joined = load_join(join).table
        field = TABLES[part.table].field(join.key)
        values = raw_values(raw, field, mapping, Origin(part.table, part.name, raw.positions))
        if values is None:
            values = pa.nulls(len(raw.positions))
        keys, _ = convert_column(values, field, table=part.table)
        rows = pc.index_in(
            keys, value_set=joined.column(join.key).combine_chunks(), skip_nulls=True
        )
        for name in join.columns:
            theirs = f"\0{number} {name}"  # no column of a file has this name
            column = joined.column(name).combine_chunks().take(rows)
            if name in COMBINED and name in dict(mapping.columns):
                column = _combined(raw, name, mapping, part, column, join.name)
            columns[theirs] = column
            names.append((name, theirs))
    given = tuple(name for join in part.joins for name in join.columns)
    return replace(raw, columns=columns), replace(mapping, columns=tuple(names), joined=given)


def _combined(
    raw: RawBatch,
    name: str,
    mapping: TableMapping,
    part: TablePart,
    joined: Column,
    file: str,
) -> Column:
    """Returns what the table says in a column, or else a joined file.

    Releases are put together. Two different texts become one that is no value of the column.
    """
    field = TABLES[part.table].field(name).with_nullable(True)
    values = raw_values(raw, field, mapping, Origin(part.table, part.name, raw.positions))
    own, bad = convert_column([] if values is None else values, field, table=part.table)
    if bad:
        raise InputError(
            f"A value of the table {part.table} cannot be read",
            f"{part.name}:{raw.positions[bad[0].row]}: {name} = '{shorten(bad[0].value)}'",
            f"Correct it, or take the column {name} out of {part.name} or {file}.",
        )
    if pa.types.is_list(field.type):
        pairs = zip(own.to_pylist(), joined.to_pylist(), strict=True)
        lists = [list(dict.fromkeys([*(one or ()), *(two or ())])) or None for one, two in pairs]
        together: Column = pa.array(lists, field.type)
        return together
    own = respell(own, name)[0]
    texts = [
        f"{one} in {part.name}, {two} in {file}" if one and two and one != two else one or two
        for one, two in zip(own.to_pylist(), joined.to_pylist(), strict=True)
    ]
    said: Column = pa.array(texts, field.type)
    return said


def watch_joins(
    catalogue: Catalogue, small_tables: Mapping[str, pa.Table], notes: CellNotes
) -> list[JoinWatch]:
    """Reads all joins of a catalogue, to find which of their rows reach nothing.

    Args:
        catalogue: The catalogue.
        small_tables: The tables other than assets.
        notes: Where to add what reading did to cells.

    Raises:
        InputError: If a row cannot be read, or two rows with one key differ.
    """
    watches = []
    for join in catalogue.joins:
        rows = load_join(join)
        notes.add(rows.notes)
        table = small_tables.get(join.table)
        known = None if table is None else table.column(join.key).combine_chunks()
        keys = rows.table.column(join.key).combine_chunks()
        watches.append(
            JoinWatch(join.name, join.table, join.key, keys, rows.is_no, rows.count, known)
        )
    return watches
