"""Judges assets by their measures: which of a deal's `[quality]` terms they do not meet.

A term that is left at its default asks for nothing. An asset without a measure that a term needs
does not meet it: what was not measured is not known to be good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from pipelines.profiles.aspect import aspect_bucket
from pipelines.storage.columns import rows_of
from schemas.measures import MEASURE_NAMES, Measures
from schemas.quality import QualityTerms
from schemas.reasons import Reason

#: The columns of a unit (schemas.unit.UNIT_SCHEMA) that assets are judged by.
MEASURED_COLUMNS = ["width", "height", *MEASURE_NAMES]

_MILLI = 1000


class _Row(Measures):
    width: int
    height: int


@dataclass(frozen=True)
class Unmet:
    """What an asset does not meet.

    Attributes:
        reasons: A reason for each unmet kind of term, in the order of the terms.
        detail: The values seen and asked for, in one line.
    """

    reasons: tuple[Reason, ...]
    detail: str


@dataclass(frozen=True)
class _Limit:
    """A least or largest value of a measure.

    Attributes:
        term: The deal's key, without its section.
        reason: The reason for not meeting it.
        value: Returns an asset's value in thousandths; None if it was not measured.
        named: The measure's name in details.
        is_least: Whether the term is the least value, not the largest.
    """

    term: str
    reason: Reason
    value: Callable[[_Row], int | None]
    named: str
    is_least: bool = field(kw_only=True)


def _clipped(row: _Row) -> int:
    return row["shadows_milli"] + row["highlights_milli"]


_LIMITS = (
    _Limit(
        "min_sharpness",
        Reason.SELECT_BLURRED,
        lambda row: row["sharpness_milli"],
        "sharpness",
        is_least=True,
    ),
    _Limit(
        "min_brightness",
        Reason.SELECT_EXPOSURE,
        lambda row: row["brightness_milli"],
        "brightness",
        is_least=True,
    ),
    _Limit(
        "max_brightness",
        Reason.SELECT_EXPOSURE,
        lambda row: row["brightness_milli"],
        "brightness",
        is_least=False,
    ),
    _Limit("max_clipped", Reason.SELECT_EXPOSURE, _clipped, "black or white", is_least=False),
    _Limit(
        "max_nsfw",
        Reason.SELECT_NSFW,
        lambda row: row["nsfw_milli"],
        "score for nudity and gore",
        is_least=False,
    ),
    _Limit(
        "min_aesthetics",
        Reason.SELECT_AESTHETICS,
        lambda row: row["aesthetics_milli"],
        "score for looks",
        is_least=True,
    ),
    _Limit(
        "max_text_area",
        Reason.SELECT_TEXT,
        lambda row: row["text_area_milli"],
        "text",
        is_least=False,
    ),
)


def is_judged(terms: QualityTerms) -> bool:
    """Tells whether a deal requires anything that assets are judged by here."""
    return terms != QualityTerms()


def find_unmet(rows: pa.Table, terms: QualityTerms) -> dict[int, Unmet]:
    """Returns the assets of a unit that do not meet a deal's terms, by their row.

    Args:
        rows: The unit's assets: at least MEASURED_COLUMNS.
        terms: The deal's terms.
    """
    found = {}
    for at, row in enumerate(rows_of(rows.select(MEASURED_COLUMNS), _Row)):
        faults = list(_faults(row, terms))
        if faults:
            reasons = tuple(dict.fromkeys(reason for reason, _ in faults))
            found[at] = Unmet(reasons, "; ".join(detail for _, detail in faults))
    return found


def _faults(row: _Row, terms: QualityTerms) -> Iterator[tuple[Reason, str]]:
    asked = _asked_limits(terms)
    for limit, bound in asked:
        value = limit.value(row)
        if value is None:
            yield Reason.SELECT_NOT_MEASURED, f"{limit.named} was not measured"
        elif value < bound * _MILLI if limit.is_least else value > bound * _MILLI:
            seen = Decimal(value).scaleb(-3)
            asked_for = (
                f"at least {bound} required" if limit.is_least else f"at most {bound} allowed"
            )
            yield limit.reason, f"{limit.named} {seen}, {asked_for}"
    if terms.watermark == "refuse" and row["watermark"] != "":
        if row["watermark"] is None:
            yield Reason.SELECT_NOT_MEASURED, "a watermark was not looked for"
        else:
            yield Reason.SELECT_WATERMARK, f"taken for a watermark: {row['watermark']}"
    if terms.aspects:
        aspect = aspect_bucket(row["width"], row["height"])
        if aspect not in terms.aspects:
            sides = f"{row['width']} x {row['height']}"
            yield Reason.SELECT_ASPECT, f"{sides} is nearest to {aspect}, which is not listed"


def _asked_limits(terms: QualityTerms) -> list[tuple[_Limit, Decimal]]:
    """Returns the limits that are not the defaults, which any value meets."""
    default = QualityTerms()
    return [
        (limit, getattr(terms, limit.term))
        for limit in _LIMITS
        if getattr(terms, limit.term) != getattr(default, limit.term)
    ]
