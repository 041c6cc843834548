"""Converts columns of single values to the catalogue's types if every value is clearly valid."""

from __future__ import annotations

from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.stored_ids import as_text_storage
from pipelines.catalogue.values import (
    COLUMNS_TAKING_INSTANT_AS_DAY,
    DATE_PATTERN,
    FALSE_WORDS,
    INTEGER_PATTERN,
    THOUSANDS_PATTERN,
    TRUE_WORDS,
)
from pipelines.storage.columns import Column, without_dictionary

UTC_US = pa.timestamp("us", tz="UTC")
_WHOLE_PATTERN = r"^[+-]?[0-9]+$"
# Hours and minutes as Python takes them; anything else is for the slow path.
_CLOCK_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME_PATTERN = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK_PATTERN}:[0-5][0-9](\.[0-9]{{1,6}})?"
_INSTANT_WITHOUT_ZONE = rf"^{_TIME_PATTERN}$"
_INSTANT = rf"^{_TIME_PATTERN}(Z|[+-]{_CLOCK_PATTERN})?$"
_INSTANT_WITH_ZONE = rf"^{_TIME_PATTERN}(Z|[+-]{_CLOCK_PATTERN})$"


class NeedsSlowPathError(Exception):
    """The fast path cannot convert a value of the column, so the slow path must."""


def normalise_encoding(raw: Column) -> Column:
    """Removes storage encodings: dictionaries, wide offsets, finer or zoneless times."""
    kind = raw.type
    if pa.types.is_dictionary(kind):
        return normalise_encoding(without_dictionary(raw))
    if isinstance(raw, pa.ExtensionArray) or pa.types.is_fixed_size_binary(kind):
        return as_text_storage(raw)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return raw.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return raw.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind != UTC_US:
        # Nanoseconds are truncated; a time without a zone is taken as UTC.
        return raw.cast(pa.timestamp("us", tz=kind.tz), safe=kind.unit != "ns").cast(UTC_US)
    return raw


def require_all(mask: Column) -> None:
    """Raises NeedsSlowPathError unless the mask is true wherever it is not null."""
    if pc.all(mask).as_py() is False:
        raise NeedsSlowPathError


def text_column(raw: Column, blanks: str = BLANK_CHARACTERS) -> Column:
    """Converts to texts without surrounding blanks; a blank text becomes null."""
    if pa.types.is_integer(raw.type) or pa.types.is_boolean(raw.type):
        return raw.cast(pa.string())
    raw = as_text_storage(raw)
    if not pa.types.is_string(raw.type):
        raise NeedsSlowPathError
    raw.validate(full=True)  # Parquet may hold invalid UTF-8
    trimmed = pc.utf8_trim(raw, characters=blanks)
    texts: Column = pc.if_else(
        pc.equal(trimmed, pa.scalar("")), pa.scalar(None, pa.string()), trimmed
    )
    return texts


def integer_column(raw: Column, kind: pa.DataType) -> Column:
    """Converts to whole numbers of the type `kind`."""
    if pa.types.is_string(raw.type):
        raw = text_column(raw)
        require_all(pc.match_substring_regex(raw, INTEGER_PATTERN))
        if pc.all(pc.match_substring_regex(raw, _WHOLE_PATTERN)).as_py() is False:
            require_all(pc.invert(pc.match_substring_regex(raw, THOUSANDS_PATTERN)))
            raw = pc.replace_substring_regex(raw, r"\.0+$", "")
        return raw.cast(kind)
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), pa.scalar(None, raw.type), raw)
        require_all(pc.less(pc.abs(raw), pa.scalar(2.0**53)))
        return raw.cast(kind)
    if pa.types.is_integer(raw.type) or pa.types.is_decimal(raw.type):
        return raw.cast(kind)
    raise NeedsSlowPathError


def boolean_column(raw: Column) -> Column:
    """Converts to booleans; numbers other than 0 and 1 need the slow path."""
    if pa.types.is_boolean(raw.type):
        return raw
    if pa.types.is_integer(raw.type):
        require_all(pc.is_in(raw, value_set=pa.array([0, 1, None], raw.type)))
        return pc.equal(raw, pa.scalar(1, raw.type))
    words = pc.utf8_lower(text_column(raw)) if pa.types.is_string(raw.type) else None
    if words is None:
        raise NeedsSlowPathError
    known_words = pa.array([*TRUE_WORDS, *FALSE_WORDS, None], pa.string())
    require_all(pc.is_in(words, value_set=known_words))
    is_true = pc.is_in(words, value_set=known_words[: len(TRUE_WORDS)])
    bools: Column = pc.if_else(pc.is_valid(words), is_true, pa.scalar(None, pa.bool_()))
    return bools


def date_column(raw: Column, column: str) -> Column:
    """Converts to dates."""
    if pa.types.is_date(raw.type):
        return raw.cast(pa.date32())
    if pa.types.is_string(raw.type):
        raw = text_column(raw)
        if column in COLUMNS_TAKING_INSTANT_AS_DAY:
            raw = _day_as_written(raw)
        require_all(pc.match_substring_regex(raw, DATE_PATTERN))
        _refuse_year_zero(raw)
        return raw.cast(pa.date32())
    if pa.types.is_timestamp(raw.type):
        day = pc.floor_temporal(raw, unit="day")
        if column not in COLUMNS_TAKING_INSTANT_AS_DAY:
            require_all(pc.equal(day, raw))
        return day.cast(pa.timestamp("us")).cast(pa.date32())
    raise NeedsSlowPathError


def _refuse_year_zero(texts: Column) -> None:
    """Leaves texts with the year 0, which only Arrow knows, to the slow path."""
    require_all(pc.invert(pc.starts_with(texts, "0000")))


def _day_as_written(texts: Column) -> Column:
    """Returns the day of instants, which is the day in the zone that each is written in."""
    is_instant = pc.match_substring_regex(texts, _INSTANT).fill_null(False)
    day: Column = pc.if_else(is_instant, pc.utf8_slice_codeunits(texts, 0, 10), texts)
    return day


def local_times(raw: Column) -> Column:
    """Returns instants as the clock of the column's own zone shows them, without a zone."""
    if pa.types.is_timestamp(raw.type) and raw.type.tz is not None:
        return cast("Column", pc.call_function("local_timestamp", [raw]))
    return raw


def instant_column(raw: Column) -> Column:
    """Converts to instants in UTC with microsecond precision."""
    if pa.types.is_timestamp(raw.type):
        return raw
    if pa.types.is_date(raw.type):
        return raw.cast(pa.timestamp("us")).cast(UTC_US)
    if not pa.types.is_string(raw.type):
        raise NeedsSlowPathError
    raw = text_column(raw)
    _refuse_year_zero(raw)
    if pc.all(pc.match_substring_regex(raw, _INSTANT_WITH_ZONE)).as_py() is not False:
        return raw.cast(UTC_US)
    require_all(pc.match_substring_regex(raw, _INSTANT_WITHOUT_ZONE))
    return raw.cast(pa.timestamp("us")).cast(UTC_US)
