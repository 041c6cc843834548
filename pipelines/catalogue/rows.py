"""Raw rows into the schema of their table; rows with a bad value are set aside."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipelines.catalogue.convert import Fault, Raw, convert_column, map_items, map_values
from pipelines.catalogue.formats import RawBatch
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.values import shorten
from schemas.catalogue import CONTRIBUTOR_SHARE, TABLES
from schemas.errors import InputError
from schemas.reasons import Reason


@dataclass(frozen=True)
class DeadRow:
    """A row to be left out, as a dead letter.

    Attributes:
        asset_id: The asset's id, or where it is not readable a locator such as `assets.csv:17`.
        reason: A code of `schemas.reasons.Reason`.
        detail: Where it stands, the column, the value and what is wrong with it.
    """

    asset_id: str
    reason: str
    detail: str


def convert_rows(
    raw: RawBatch, name: str, table_name: str, mapped: TableMapping
) -> tuple[pa.Table, tuple[DeadRow, ...]]:
    """Brings raw rows into a table's schema and sets aside those with a bad value.

    Args:
        raw: Rows as the file gave them.
        name: The file's name, for locators.
        table_name: The table that they belong to.
        mapped: How its columns are mapped.
    """
    schema = TABLES[table_name]
    faults: dict[int, Fault] = {}
    columns = []
    for our_field in schema:
        column, bad = _column(raw, our_field, mapped)
        columns.append(column)
        for fault in bad:
            faults.setdefault(fault.row, fault)  # the first column at fault speaks for the row
    table = pa.table(columns, schema=schema.remove_metadata())
    dead = [
        DeadRow(
            f"{name}:{lost.place}",
            Reason.ROW_UNREADABLE,
            f"{name}:{lost.place}: {lost.why}",
        )
        for lost in raw.lost
    ]
    if faults:
        ids = columns[0]  # the table's id stands first
        for row in sorted(faults):
            place = f"{name}:{raw.places[row]}"
            known = ids[row].as_py() if table_name == "assets" else None
            dead.append(DeadRow(known or place, Reason.ROW_UNREADABLE, _detail(place, faults[row])))
        good = [i not in faults for i in range(table.num_rows)]
        table = table.filter(pa.array(good, pa.bool_()))
    return table, tuple(dead)


def _column(
    raw: RawBatch, our_field: pa.Field, mapped: TableMapping
) -> tuple[pa.Array, list[Fault]]:
    name, rows = our_field.name, len(raw.places)
    constant = dict(mapped.constants).get(name)
    if constant is not None:
        one, faults = convert_column(pa.array([constant], pa.string()), our_field)
        if faults:
            raise InputError("The mapping's constant is empty", f"{name} = {constant!r}", "")
        return one.take(pa.array([0] * rows, pa.int32())), []
    values: Raw | None = raw.columns.get(mapped.theirs(name))
    if values is None:
        values = pa.nulls(rows)
    pairs = dict(mapped.values).get(name)
    is_list = pa.types.is_list(our_field.type)
    if pairs and not is_list:
        values = map_values(values, pairs)
    column, faults = convert_column(values, our_field)
    if pairs and is_list and our_field.type.value_type != CONTRIBUTOR_SHARE:
        column = map_items(column, pairs)
    return column, faults


def _detail(place: str, fault: Fault) -> str:
    return f"{place}: {fault.column} = '{shorten(fault.value)}': {fault.why}"
