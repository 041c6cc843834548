"""Converts single catalogue values to their column's type; the reference for all file formats.

`pipelines.catalogue.convert` does the same for whole columns at once. Where the two could differ,
it calls these functions, so that a value means the same in CSV, JSON and Parquet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS, blanks_around, is_absent_item
from schemas.catalogue import CONTRIBUTOR_SHARE

TRUE_WORDS = ("true", "1", "yes")
FALSE_WORDS = ("false", "0", "no")
INTEGER_PATTERN = r"^[+-]?[0-9]{1,19}(\.0+)?$"  # programs that know floats only write `2.0`
# May be a number of thousands, or a float with three decimals.
THOUSANDS_PATTERN = r"^[+-]?[1-9][0-9]{0,2}\.000$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
INSTANT_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"  # PostgreSQL writes +00
)
# Date columns that may hold an instant, which is reduced to the day in its own zone: a shoot's day
# is the day where the picture was taken, and a notice's where it was sent. Where rights begin or
# end, a time of day is refused instead: rounding it could extend the rights.
COLUMNS_TAKING_INSTANT_AS_DAY = frozenset({"created_at", "notice_at"})

_COMMA_PATTERN = r"^[+-]?[0-9]{1,19}(,[0-9]+)+$"
_COMMA = (
    "not a whole number, unless the mapping states what the comma is, "
    '[mapping.TABLE.csv] decimal = ","'
)
_NO_SHARE = (
    "a contributor without a share, which is written c-1:6000;c-2:4000; if each row has one "
    "contributor alone, state it in the mapping: sole_contributor = true"
)

_INTEGER_RANGE: dict[pa.DataType, int] = {pa.int32(): 2**31, pa.int64(): 2**63}
_MIDNIGHT = time(0)


def shorten(value: object, limit: int = 80) -> str:
    """Returns the value as one line of text for a message, cut to `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = text[: limit + 1]
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate from a JSON escape, not from bytes
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def parse_text(value: object, blanks: str = BLANK_CHARACTERS) -> str | None:
    """Reads a text; blank is null. Whole numbers are accepted as ids.

    Raises:
        ValueError: If it is not a text or not valid Unicode.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not a text")
    text = str(value).strip(blanks)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("not valid UTF-8") from error
    return text or None


def parse_integer(value: object, kind: pa.DataType) -> int | None:
    """Reads a whole number.

    Raises:
        ValueError: If it is not a whole number or does not fit its column.
    """
    if isinstance(value, bool):
        raise ValueError("not a whole number")
    if isinstance(value, float | Decimal):
        if math.isnan(value):
            return None  # pandas turns a null among integers into NaN
        if not math.isfinite(value) or value != int(value):
            raise ValueError("not a whole number")
        value = int(value)
    if isinstance(value, str):
        value = value.strip(BLANK_CHARACTERS)
        if not value:
            return None
        if not re.match(INTEGER_PATTERN, value):
            raise ValueError(_COMMA if re.match(_COMMA_PATTERN, value) else "not a whole number")
        if re.match(THOUSANDS_PATTERN, value):
            raise ValueError(
                f"{value.partition('.')[0]} or {value.replace('.', '')}: the mapping must state "
                'what the point is, [mapping.TABLE.csv] decimal = "." if it comes before a fraction'
            )
        value = int(value.partition(".")[0])
    if not isinstance(value, int):
        raise ValueError("not a whole number")
    limit = _INTEGER_RANGE[kind]
    if not -limit <= value < limit:
        raise ValueError("number out of range")
    return value


def parse_boolean(value: object) -> bool | None:
    """Reads true, false, 1, 0, yes or no, in any case.

    Raises:
        ValueError: If it is not one of these.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip(BLANK_CHARACTERS).lower()
        if not word:
            return None
        if word in TRUE_WORDS or word in FALSE_WORDS:
            return word in TRUE_WORDS
    raise ValueError("not one of true, false, 1, 0, yes, no")


def parse_instant(value: object) -> datetime | None:
    """Reads an ISO 8601 instant; the default zone is UTC and the default time midnight.

    Raises:
        ValueError: If it is not an instant.
    """
    if isinstance(value, str):
        value = value.strip(BLANK_CHARACTERS)
        if not value:
            return None
        if not re.match(INSTANT_PATTERN, value) and not re.match(DATE_PATTERN, value):
            raise ValueError("not an ISO 8601 instant such as 2026-01-31T12:00:00Z")
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"not an instant: {error}") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, _MIDNIGHT)
    if not isinstance(value, datetime):
        raise ValueError("not an ISO 8601 instant such as 2026-01-31T12:00:00Z")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("instant out of range") from error


def parse_date(value: object, column: str) -> date | None:
    """Reads an ISO date. An instant is accepted at midnight UTC, or in a column that allows it.

    There it is the day in the instant's own zone.

    Raises:
        ValueError: If it is not a date.
    """
    try:
        instant = parse_instant(value)
    except ValueError as error:
        raise ValueError("not a date such as 2026-01-31") from error
    if instant is None:
        return None
    if column in COLUMNS_TAKING_INSTANT_AS_DAY:
        return _local_day(value, instant)
    if instant.time() != _MIDNIGHT:
        raise ValueError("a date without a time of day is expected here")
    return instant.date()


def _local_day(value: object, instant: datetime) -> date:
    """Returns the day of an instant as it was written, whatever day that is in UTC."""
    if isinstance(value, str):
        return date.fromisoformat(value.strip(BLANK_CHARACTERS)[:10])
    return value.date() if isinstance(value, datetime) else instant.date()


def parse_list(value: object, column: str) -> list[str] | None:
    """Reads a list of texts, or text separated by `;`. Blank and absent items are dropped.

    Raises:
        ValueError: If it is not a list, or an item is null or not a text.
    """
    if isinstance(value, str):
        if not value.strip(BLANK_CHARACTERS):
            return None
        value = value.split(";")
    if not isinstance(value, list):
        raise ValueError("not a list of texts")
    items = [
        item
        for item in map(parse_text, value)
        if item is not None and not is_absent_item(item, column)
    ]
    if value and not items:
        # An empty list of territories means the world; a list of blanks does not.
        raise ValueError("a list of blanks only")
    return items


def parse_contributors(value: object) -> list[dict[str, object]] | None:
    """Reads splits: a list of objects, or text such as `c-1:6000;c-2:4000`.

    Raises:
        ValueError: If it is neither, or a contributor lacks an id or a share.
    """
    if isinstance(value, str):
        if not value.strip(BLANK_CHARACTERS):
            return None
        pairs = [item.rpartition(":") for item in value.split(";") if item.strip(BLANK_CHARACTERS)]
        if not all(colon for _, colon, _ in pairs):
            raise ValueError(_NO_SHARE)
        value = [{"contributor_id": name, "share_bp": share} for name, _, share in pairs]
    if not isinstance(value, list):
        raise ValueError("not a list of contributors such as c-1:6000;c-2:4000")
    result: list[dict[str, object]] = []
    for item in value:
        if not isinstance(item, dict):
            raise ValueError("not a list of contributors such as c-1:6000;c-2:4000")
        name, share = item.get("contributor_id"), item.get("share_bp")
        contributor_id = None if name is None else parse_text(name)
        if contributor_id is None or is_absent_item(contributor_id, "contributor_id"):
            raise ValueError("a contributor without an id")
        share_bp = None if share is None else parse_integer(share, pa.int32())
        if share_bp is None:
            raise ValueError("a contributor without a share")
        result.append({"contributor_id": contributor_id, "share_bp": share_bp})
    return result


def value_parser(field: pa.Field[pa.DataType]) -> Callable[[object], object]:
    """Returns the function that reads one value of a column."""
    kind = field.type
    if pa.types.is_boolean(kind):
        return parse_boolean
    if pa.types.is_integer(kind):
        return lambda value: parse_integer(value, kind)
    if pa.types.is_date(kind):
        return lambda value: parse_date(value, field.name)
    if pa.types.is_timestamp(kind):
        return parse_instant
    if pa.types.is_list(kind):
        if kind == pa.list_(CONTRIBUTOR_SHARE):
            return parse_contributors
        return lambda value: parse_list(value, field.name)
    return lambda value: parse_text(value, blanks_around(field.name))
