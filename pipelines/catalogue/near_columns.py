"""Tells which of our columns the name of a file's column resembles."""

from __future__ import annotations

import difflib

from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.plain_form import plain_form
from schemas.catalogue import table_schema

_NEAR_RATIO = 0.85
_MIN_CONTAINED = 5  # characters of a name that may be found inside another
# These hold no rights: a name that merely contains one of them, such as `title_de`, is let pass.
_FREE_TEXT = frozenset(
    "title description keywords language category created_at display_name country currency "
    "payee_ref media_type weight width height bytes sha256 duration_ms".split()
)


def near_column(table: str, name: str, mapping: TableMapping) -> str | None:
    """Returns which of our columns a name resembles, or None."""
    theirs = _british(plain_form(name))
    if not theirs:
        return None
    for ours in table_schema(table).names:
        plain, mapped = (
            _british(plain_form(other)) for other in (ours, mapping.agency_column(ours))
        )
        if any(theirs == other or _resembles(theirs, other) for other in (plain, mapped) if other):
            return ours
        if ours not in _FREE_TEXT and _contains(theirs, plain):
            return ours
    return None


def _contains(theirs: str, ours: str) -> bool:
    """Whether a name contains one of ours, or is most of it."""
    if len(theirs) < len(ours):
        return len(theirs) >= _MIN_CONTAINED and len(theirs) >= 0.6 * len(ours) and theirs in ours
    return len(ours) >= _MIN_CONTAINED and ours in theirs


def _resembles(one: str, other: str) -> bool:
    """Whether two names differ by a slip: one edit, two in a longer name, or a likeness of 85 %."""
    if min(len(one), len(other)) < _MIN_CONTAINED:
        return _distance(one, other) <= 1 and min(len(one), len(other)) >= 4
    allowed = 1 if min(len(one), len(other)) < 8 else 2
    if abs(len(one) - len(other)) <= allowed and _distance(one, other) <= allowed:
        return True
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= _NEAR_RATIO


def _distance(one: str, other: str) -> int:
    """Returns the number of letters inserted, deleted or replaced."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def _british(plain: str) -> str:
    return plain.replace("license", "licence")
