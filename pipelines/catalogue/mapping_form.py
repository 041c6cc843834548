"""The keys of a mapping that state how a table is written: dialect, dates and lists."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import pyarrow as pa

from pipelines.catalogue.mapping_values import check_known, require_section, text_value
from schemas.catalogue import CONTRIBUTOR_SHARE
from schemas.errors import InputError

FORM_SECTIONS = ("csv", "dates", "lists", "prefixes", "sole_contributor", "header_row")
DATE_ORDERS = ("dmy", "mdy", "ymd", "excel-1900", "excel-1904")
_CONTRADICTIONS = (frozenset({"dmy", "mdy"}), frozenset({"excel-1900", "excel-1904"}))
_MOST_ABOVE_HEADER = 1_000
_CSV_KEYS = ("encoding", "separator", "quote", "decimal")


@dataclass(frozen=True)
class TableForm:
    """How a table is written, as far as the mapping states it; "" is not stated.

    Attributes:
        encoding: A name that Python knows, such as `cp1252`.
        separator: The character between cells.
        quote: The character around cells.
        decimal: The character before a fraction.
        dates: By our column, the orders its dates are in, of `DATE_ORDERS`.
        lists: By our column, the texts that separate the items of a list.
        prefixes: By our column, what to put before every text, such as the folder of media.
        sole_contributor: Whether a contributor without a share has all of it.
        header_row: The line of a CSV file, or the row of a sheet, that has the names of the
            columns, from 1; 0 for the first that is not blank.
    """

    encoding: str = ""
    separator: str = ""
    quote: str = ""
    decimal: str = ""
    dates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    prefixes: tuple[tuple[str, str], ...] = ()
    sole_contributor: bool = False
    header_row: int = 0


NOTHING_STATED = TableForm()


def parse_form(raw: dict[str, object], schema: pa.Schema, where: str) -> TableForm:
    """Parses the keys `FORM_SECTIONS` of a table's mapping.

    Raises:
        InputError: If a key or value is unknown.
    """
    sections = {
        key: require_section(raw.get(key, {}), f"{where}.{key}")
        for key in ("csv", "dates", "lists", "prefixes")
    }
    for key in sections["csv"]:
        check_known(key, _CSV_KEYS, f"{where}.csv.{key}")
    texts = {key: text_value(value, f"{where}.csv.{key}") for key, value in sections["csv"].items()}
    if "encoding" in texts:
        _check_encoding(texts["encoding"], f"{where}.csv.encoding")
    for key in ("separator", "quote", "decimal"):
        if len(texts.get(key, ".")) != 1:
            raise InputError(
                "The mapping requires one character here",
                f"{where}.csv.{key} = {texts[key]!r}",
                r"Write a tab as \t.",
            )
    return TableForm(
        **texts,
        dates=_parse_dates(sections["dates"], schema, f"{where}.dates"),
        lists=_parse_lists(sections["lists"], schema, f"{where}.lists"),
        prefixes=_parse_prefixes(sections["prefixes"], schema, f"{where}.prefixes"),
        sole_contributor=_parse_sole(raw.get("sole_contributor", False), schema, where),
        header_row=_parse_header_row(raw["header_row"], where) if "header_row" in raw else 0,
    )


def _parse_header_row(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST_ABOVE_HEADER:
        raise InputError(
            "The mapping requires the number of a row here",
            f"{where}.header_row = {value!r}",
            f"Give a whole number from 1 to {_MOST_ABOVE_HEADER:,}: the row with the names of the "
            "columns, as a spreadsheet or an editor numbers it.",
        )
    return value


def _parse_prefixes(
    raw: dict[str, object], schema: pa.Schema, where: str
) -> tuple[tuple[str, str], ...]:
    columns = tuple(field.name for field in schema if pa.types.is_string(field.type))
    for name in raw:
        check_known(name, columns, f"{where}.{name}")
    return tuple(
        (name, text_value(value, f"{where}.{name}")) for name, value in sorted(raw.items())
    )


def _parse_sole(value: object, schema: pa.Schema, where: str) -> bool:
    key = f"{where}.sole_contributor"
    if "contributors" not in schema.names and value is not False:
        raise InputError("The mapping has an unknown key", key, "Only assets have contributors.")
    if not isinstance(value, bool):
        raise InputError("The mapping requires true or false here", f"{key} = {value!r}", "")
    return value


def _check_encoding(name: str, where: str) -> None:
    try:
        # Only an encoding of text: Python also has codecs such as `rot13`.
        known = bool("a".encode(name)) and codecs.lookup(name) is not None
    except (LookupError, UnicodeError):
        known = False
    if not known:
        raise InputError(
            "The mapping names an unknown encoding",
            f"{where} = {name!r}",
            "Use utf-8, utf-16, cp1252, mac-roman or another name that Python knows.",
        )


def _parse_dates(
    raw: dict[str, object], schema: pa.Schema, where: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    columns = tuple(
        field.name
        for field in schema
        if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)
    )
    result = []
    for name, value in sorted(raw.items()):
        check_known(name, columns, f"{where}.{name}")
        orders = value if isinstance(value, list) else [value]
        bad = [order for order in orders if order not in DATE_ORDERS]
        if bad or not orders:
            raise InputError(
                "The mapping has an unknown order of dates",
                f"{where}.{name} = {value!r}",
                f"Allowed: {', '.join(DATE_ORDERS)}, or a list of these.",
            )
        if any(len(pair & set(orders)) > 1 for pair in _CONTRADICTIONS):
            raise InputError(
                "The mapping states two orders that contradict each other",
                f"{where}.{name} = {value!r}",
                "Keep one.",
            )
        result.append((name, tuple(str(order) for order in orders)))
    return tuple(result)


def _parse_lists(
    raw: dict[str, object], schema: pa.Schema, where: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    columns = tuple(field.name for field in schema if pa.types.is_list(field.type))
    result = []
    for name, value in sorted(raw.items()):
        check_known(name, columns, f"{where}.{name}")
        marks = value if isinstance(value, list) and value else [value]
        separators = tuple(text_value(mark, f"{where}.{name}") for mark in marks)
        if schema.field(name).type == pa.list_(CONTRIBUTOR_SHARE) and ":" in separators:
            raise InputError(
                "The shares of contributors cannot be separated by colons",
                f"{where}.{name} = {value!r}",
                "A colon separates an id from its basis points.",
            )
        result.append((name, separators))
    return tuple(result)
