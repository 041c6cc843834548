"""Reads dates in the orders that the mapping states, and refuses those that it does not state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.convert import BadValue
from pipelines.catalogue.mapping_form import TableForm
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.values import shorten
from schemas.errors import InputError

_LOCAL_DATE = re.compile(
    r"(?P<a>\d{1,4})[/.-](?P<b>\d{1,2})[/.-](?P<c>\d{1,4})"
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))? ?(?P<half>[AaPp][Mm])?)?"
)
_ISO_START = re.compile(r"\d{4}-\d{2}-\d{2}")
_SERIAL = re.compile(r"\d{5}([.,]\d+)?")
_SERIAL_START = {"excel-1900": datetime(1899, 12, 30), "excel-1904": datetime(1904, 1, 1)}
_FIRST_SERIAL_1900 = 61  # earlier ones are a day off, as Excel counts 29 February 1900


def iso_date(text: str, orders: Sequence[str]) -> str:
    """Returns a date in one of the orders as ISO 8601; any other text as it is."""
    stripped = text.strip(BLANK_CHARACTERS)
    serial = next((order for order in orders if order in _SERIAL_START), None)
    if serial and _SERIAL.fullmatch(stripped):
        return _from_serial(stripped, serial) or text
    match = _LOCAL_DATE.fullmatch(stripped)
    if match is None or _ISO_START.match(stripped):
        return text
    for order in orders:
        if order in ("dmy", "mdy", "ymd"):
            found = _from_parts(match, order)
            if found:
                return found
    return text


def _from_serial(text: str, system: str) -> str | None:
    days = float(text.replace(",", "."))
    if system == "excel-1900" and days < _FIRST_SERIAL_1900:
        return None
    whole, part = divmod(days, 1)
    instant = _SERIAL_START[system] + timedelta(days=whole, seconds=round(part * 86_400))
    return instant.date().isoformat() if not part else instant.isoformat()


def _from_parts(match: re.Match[str], order: str) -> str | None:
    parts = dict(zip(order, (match["a"], match["b"], match["c"]), strict=True))
    if len(parts["y"]) != 4:
        return None  # nobody says which century two digits mean
    try:
        day = date(int(parts["y"]), int(parts["m"]), int(parts["d"]))
        if match["hour"] is None:
            return day.isoformat()
        hour = int(match["hour"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
        second = int(match["second"] or 0)
        return datetime(
            day.year, day.month, day.day, hour, int(match["minute"]), second
        ).isoformat()
    except ValueError:
        return None


def refuse_local_dates(
    bad_values: Sequence[BadValue],
    field: pa.Field[pa.DataType],
    form: TableForm,
    origin: Origin,
) -> None:
    """Refuses a date in an order that is not certain, instead of failing its row.

    Raises:
        InputError: Naming the key of the mapping that states the order.
    """
    if not (pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)):
        return
    if field.name in dict(form.dates):
        return  # the order is stated, so the value is wrong
    for bad in bad_values:
        text = bad.value.strip(BLANK_CHARACTERS) if isinstance(bad.value, str) else ""
        local = _LOCAL_DATE.fullmatch(text) and not _ISO_START.match(text)
        if local or _SERIAL.fullmatch(text):
            order = "excel-1900" if not local else "dmy"
            raise InputError(
                f"A date of the table {origin.table} is not in the order year-month-day",
                f"{origin.locate(bad.row)}: {bad.column} = '{shorten(text)}'",
                f"State the order in mapping.toml: [{origin.section}.dates] {bad.column} = "
                f'"{order}", with the four digits of the year; or write dates as 2026-01-31.',
            )
