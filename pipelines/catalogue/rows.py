"""Converts raw rows to the schema of their table and separates rows with bad values."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.codes import decode_values, refuse_unknown_items
from pipelines.catalogue.convert import (
    BadValue,
    RawColumn,
    convert_column,
    map_list_items,
    map_values,
)
from pipelines.catalogue.form import apply_form
from pipelines.catalogue.formats import RawBatch
from pipelines.catalogue.local_dates import refuse_local_dates
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.precision import given_precision
from pipelines.catalogue.values import shorten
from pipelines.catalogue.vocabulary import respell
from pipelines.storage.columns import Column
from schemas.catalogue import CONTRIBUTOR_SHARE, GIVEN_PRECISION, TABLES
from schemas.errors import InputError
from schemas.faults import Faults
from schemas.reasons import Reason


@dataclass(frozen=True)
class FailedRow:
    """A row that is left out as a failed asset.

    Attributes:
        asset_id: The asset's id, or if that is unreadable a locator such as `assets.csv:17`.
        reason: A code of `schemas.reasons.Reason`.
        detail: The row's locator, the column, the value and what is wrong with it.
        column: Our column that has the value, or "" if the row as a whole cannot be read.
    """

    asset_id: str
    reason: str
    detail: str
    column: str = ""


def yes_or_no_hint(table: str, where: str, failed: FailedRow) -> str:
    """Returns how the mapping states the agency's words for yes and no, or "" elsewhere.

    Args:
        table: The table whose columns the row has.
        where: The section of the mapping that describes the file.
        failed: The row that cannot be read.
    """
    column = failed.column
    if not column or not pa.types.is_boolean(TABLES[table].field(column).type):
        return ""
    return (
        " If it is the agency's word for yes or no, map it in mapping.toml: "
        f'[{where}.values.{column}] "Their word" = "yes".'
    )


@dataclass(frozen=True)
class ConvertedRows:
    """Rows in their table's schema.

    Attributes:
        table: The good rows.
        failed_rows: The others, as failed assets.
        unread: Those of the others that have columns, with null for each bad value.
        notes: What was done to cells.
    """

    table: pa.Table
    failed_rows: tuple[FailedRow, ...]
    unread: pa.Table
    notes: CellNotes


def convert_rows(
    raw: RawBatch,
    name: str,
    table_name: str,
    mapping: TableMapping,
    schema: pa.Schema | None = None,
) -> ConvertedRows:
    """Converts raw rows to a table's schema and separates those with a bad value.

    Args:
        raw: Rows as read from the file.
        name: The file's name, for locators.
        table_name: The table that they belong to.
        mapping: How its columns are mapped; `columns` has all columns that are read.
        schema: Some of the table's columns, if only these are meant; the id or key is the first.
    """
    schema = TABLES[table_name] if schema is None else schema
    notes = CellNotes()
    columns, every_bad_value = _convert_fields(raw, schema, table_name, mapping, name, notes)
    bad_values: dict[int, BadValue] = {}
    for bad in every_bad_value:
        bad_values.setdefault(bad.row, bad)  # an asset has the first bad column of its row
    table = pa.table(columns, schema=schema.remove_metadata())
    if table_name == "consents" and "given_at" in schema.names:
        origin = Origin(table_name, name, raw.positions, mapping.where)
        given = raw_values(raw, schema.field("given_at"), mapping, origin)
        precision = given_precision(given, table.column("given_at").combine_chunks())
        table = table.append_column(GIVEN_PRECISION, precision)
    failed_rows = [
        FailedRow(
            f"{name}:{malformed.position}",
            Reason.ROW_UNREADABLE,
            f"{name}:{malformed.position}: {malformed.problem}",
        )
        for malformed in raw.malformed
    ]
    unread = table.slice(0, 0)
    if raw.malformed and table_name == "assets":
        unread = _seeming_rows(raw, mapping)
    if bad_values:
        ids = columns[0]  # the id is a table's first column
        # Of other tables each bad value is reported, since none of them may be left out.
        told = bad_values.values() if table_name == "assets" else every_bad_value
        for bad in sorted(told, key=lambda bad: bad.row):
            locator = f"{name}:{raw.positions[bad.row]}"
            asset_id = ids[bad.row].as_py() if table_name == "assets" else None
            detail = _bad_value_detail(locator, bad)
            failed_rows.append(
                FailedRow(asset_id or locator, Reason.ROW_UNREADABLE, detail, bad.column)
            )
        good = [i not in bad_values for i in range(table.num_rows)]
        unread = pa.concat_tables([unread, table.take(pa.array(sorted(bad_values)))])
        table = table.filter(pa.array(good, pa.bool_()))
    return ConvertedRows(table, tuple(failed_rows), unread, notes)


def _convert_fields(
    raw: RawBatch,
    schema: pa.Schema,
    table_name: str,
    mapping: TableMapping,
    file_name: str,
    notes: CellNotes,
) -> tuple[list[Column], list[BadValue]]:
    """Converts all columns.

    Raises:
        InputError: If the form of some is not certain, such as the order of dates; it names all.
    """
    columns: list[Column] = []
    bad_values: list[BadValue] = []
    faults = Faults()
    for field in schema:
        try:
            column, found = _convert_field(raw, field, table_name, mapping, file_name, notes)
        except InputError as error:
            faults.add(error)
            continue
        columns.append(column)
        bad_values += found
    faults.report()
    return columns, bad_values


def _seeming_rows(raw: RawBatch, mapping: TableMapping) -> pa.Table:
    """Returns what malformed rows seem to say of where their files are, and null for all else.

    They are failed assets; but a no may stand in them, which holds for copies of the file.
    """
    schema = TABLES["assets"].remove_metadata()
    theirs, prefixes = dict(mapping.columns), dict(mapping.form.prefixes)
    rows = []
    for malformed in raw.malformed:
        cells = dict(zip(raw.header, malformed.cells, strict=False))
        row: dict[str, str] = {}
        for ours in ("asset_id", "media_uri", "sha256"):
            text = cells.get(theirs.get(ours, ""), "").strip(BLANK_CHARACTERS)
            if text and not any("\ud800" <= character <= "\udfff" for character in text):
                row[ours] = prefixes.get(ours, "") + text
        if "media_uri" in row:
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema)


def raw_values(
    raw: RawBatch, field: pa.Field[pa.DataType], mapping: TableMapping, origin: Origin
) -> RawColumn | None:
    """Returns a column in our form, with the agency's values mapped; None if it is absent."""
    name = field.name
    constant = dict(mapping.constants).get(name)
    if constant is not None:
        return pa.array([constant] * len(raw.positions), pa.string())
    theirs = dict(mapping.columns).get(name)
    values = None if theirs is None else raw.columns.get(theirs)
    if values is None:
        return None
    if name in mapping.joined:
        return values  # was converted when its file was read
    values = apply_form(values, field, mapping.form, origin)
    codes = dict(mapping.code_tables).get(name)
    if codes is not None and not pa.types.is_list(field.type):
        return decode_values(values, name, codes, origin)
    pairs = dict(mapping.values).get(name)
    return map_values(values, pairs) if pairs and not pa.types.is_list(field.type) else values


def _convert_field(
    raw: RawBatch,
    field: pa.Field[pa.DataType],
    table_name: str,
    mapping: TableMapping,
    file_name: str,
    notes: CellNotes,
) -> tuple[Column, list[BadValue]]:
    name, rows = field.name, len(raw.positions)
    constant = dict(mapping.constants).get(name)
    if constant is not None:
        constant_column, bad_values = convert_column(
            pa.array([constant], pa.string()), field, table=table_name
        )
        constant_column = respell(constant_column, name)[0]
        if bad_values:
            raise InputError("The mapping's constant is empty", f"{name} = {constant!r}", "")
        return constant_column.take(pa.array([0] * rows, pa.int32())), []
    origin = Origin(table_name, file_name, raw.positions, mapping.where)
    values = raw_values(raw, field, mapping, origin)
    if values is None:
        values = pa.nulls(rows)
    codes = dict(mapping.code_tables).get(name)
    pairs = codes.pairs if codes else dict(mapping.values).get(name)
    is_list = pa.types.is_list(field.type)
    column, bad_values = convert_column(values, field, notes, table_name)
    refuse_local_dates(bad_values, field, mapping.form, origin)
    if codes and is_list:
        refuse_unknown_items(column, name, codes, origin)
    if pairs and is_list and field.type != pa.list_(CONTRIBUTOR_SHARE):
        column = map_list_items(column, pairs)
    column, respelled = respell(column, name)
    notes.respelled[f"{table_name}.{name}"] += respelled
    return column, bad_values


def _bad_value_detail(locator: str, bad: BadValue) -> str:
    return f"{locator}: {bad.column} = '{shorten(bad.value)}': {bad.problem}"
