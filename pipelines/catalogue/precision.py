"""How exactly an instant of a consent was given: with its zone, without it, or as a day only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.convert import RawColumn
from pipelines.storage.columns import Column, without_dictionary
from schemas.catalogue import EXACT, GIVEN_PRECISION, NO_TIME, NO_ZONE
from schemas.rights import Permission

_DAY_US = 86_400_000_000
_EAST_US = 14 * 3_600_000_000  # the zone in which a day begins first
_HAS_ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
# A time of day: programs that know no plain days write midnight, which says no more than the day.
_HAS_TIME = r"[T ][0-9]{2}:[0-9]{2}"


def given_precision(raw: RawColumn | None, instants: Column) -> Column:
    """Returns for each instant EXACT, NO_ZONE or NO_TIME.

    Args:
        raw: The column as read from a file; None if it is absent.
        instants: What it was converted to, in UTC, which is assumed where no zone is given.
    """
    rows = len(instants)
    if raw is None:
        return pa.array(np.full(rows, EXACT, np.int8))
    if isinstance(raw, pa.Array):
        raw = without_dictionary(raw)
        if pa.types.is_date(raw.type):
            return pa.array(np.full(rows, NO_TIME, np.int8))
        if pa.types.is_timestamp(raw.type):
            return _of_times(np.full(rows, raw.type.tz is not None), instants)
        if pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type):
            return _of_texts(raw, instants)
        raw = raw.to_pylist()
    texts = [value if isinstance(value, str) else None for value in raw]
    try:
        return _of_texts(pa.array(texts, pa.string()), instants)
    except UnicodeEncodeError:  # such a cell cannot be read either, and stops the run
        return pa.array(np.full(rows, NO_TIME, np.int8))


def earliest_instants(
    times: npt.NDArray[np.int64], precision: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Returns the earliest instant at which each event can have been given, wherever that was.

    Args:
        times: In µs since 1970, UTC where no zone is given, [n].
        precision: From `given_precision`, [n].
    """
    return np.where(precision == EXACT, times, times - _EAST_US)


def count_later_denials(consents: pa.Table, as_of_us: int) -> int:
    """Counts the events other than a yes that are dated after an instant: they have no effect yet.

    Args:
        consents: As `read_table` returns it.
        as_of_us: The instant, in µs since 1970.
    """
    is_yes = pc.equal(consents.column("value"), pa.scalar(Permission.ALLOW.value))
    denials = consents.filter(~np.asarray(is_yes.fill_null(False)))
    denials = denials.filter(pc.is_valid(denials.column("given_at")))
    times = np.asarray(denials.column("given_at").cast(pa.int64()))
    precision = np.full(len(times), EXACT, np.int64)
    if GIVEN_PRECISION in denials.schema.names:
        precision = np.asarray(denials.column(GIVEN_PRECISION).cast(pa.int64()))
    return int((earliest_instants(times, precision) > as_of_us).sum())


def _of_texts(texts: Column, instants: Column) -> Column:
    trimmed = pc.utf8_trim(texts, characters=BLANK_CHARACTERS)
    zoned = np.ones(len(instants), np.bool_)
    for pattern in (_HAS_ZONE, _HAS_TIME):
        matches = pc.match_substring_regex(trimmed, pattern).fill_null(False)
        zoned &= matches.to_numpy(zero_copy_only=False)
    return _of_times(zoned, instants)


def _of_times(zoned: npt.NDArray[np.bool_], instants: Column) -> Column:
    """Judges times by whether they have a zone; without one, midnight is a day only."""
    us = instants.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    unzoned = np.where(us % _DAY_US == 0, NO_TIME, NO_ZONE)
    return pa.array(np.where(zoned, EXACT, unzoned).astype(np.int8))
