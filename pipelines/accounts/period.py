"""The period of a statement: a year, a quarter, a month, or from one day to another."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from schemas.errors import InputError

_YEAR = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})))?")


@dataclass(frozen=True)
class Period:
    """Days of deliveries to include; a delivery's day is that of its run's `as_of`, in UTC.

    Attributes:
        name: As given, safe as a part of a path; `all` for all time.
        first: First day; None for all time.
        last: Last day; None for all time.
    """

    name: str
    first: date | None
    last: date | None

    def includes(self, day: date) -> bool:
        """Returns whether a day is in the period."""
        return self.first is None or self.last is None or self.first <= day <= self.last


def parse_period(text: str) -> Period:
    """Reads `2026`, `2026-Q3`, `2026-07` or `2026-07-01..2026-09-15`; empty means all time.

    Raises:
        InputError: If the text is none of these, or the last day is before the first.
    """
    if not text:
        return Period("all", None, None)
    try:
        first, last = _days(text)
    except ValueError as error:
        raise InputError(
            "Not a period",
            f"--period {text!a}"[:80],
            "Write 2026, 2026-Q3, 2026-07 or 2026-07-01..2026-09-15.",
        ) from error
    if last < first:
        raise InputError(
            "The period ends before it begins", f"--period {text}", "Write the first day first."
        )
    return Period(text, first, last)


def _days(text: str) -> tuple[date, date]:
    start, dots, end = text.partition("..")
    if dots:
        days = date.fromisoformat(start), date.fromisoformat(end)
        if (start, end) != tuple(day.isoformat() for day in days):
            raise ValueError(text)
        return days
    match = _YEAR.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(text)
    year, quarter, month = match.groups()
    months = (int(month),) * 2 if month else (1, 12)
    if quarter:
        months = int(quarter) * 3 - 2, int(quarter) * 3
    first, last = date(int(year), months[0], 1), date(int(year), months[1], 1)
    return first, last.replace(day=monthrange(last.year, last.month)[1])
