"""Finds the datelines of editorial captions, such as `PARIS, FRANCE - MAY 3, 2020: …`.

A dateline on an asset that is marked creative is a contradiction: one of the two is wrong, and the
asset counts as neither. What a dateline says of place and day is a proposal for a person.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.notes import MAX_PROPOSALS, CellNotes

_MONTHS = "january february march april may june july august september october november december"
_MONTH = r"[A-Za-z]{3,9}\.?"
# Shutterstock: MAY 3 2020; iStock: May 3, 2020 or 3 May 2020 or 05/03/2020; Pond5: 2020, May 03.
_DATE = (
    rf"(?:circa )?(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{1,2}}\.? {_MONTH},? \d{{4}}"
    rf"|\d{{4}},? {_MONTH} \d{{1,2}}|{_MONTH},? \d{{4}}|\d{{1,4}}[/.-]\d{{1,2}}[/.-]\d{{1,4}})"
)
# RE2, which pyarrow uses, and Python's `re` read this alike.
_DATELINE = rf"^\s*[^:\n]{{2,90}}?\s*[-–—]\s*{_DATE}\s*[:\-–—]"
_PARTS = re.compile(
    rf"^\s*(?P<place>[^:\n]{{2,90}}?)\s*[-–—]\s*(?P<date>{_DATE})\s*[:\-–—]", re.IGNORECASE
)
_WORDS = re.compile(r"[A-Za-z]+|\d+")
CONTRADICTED = "creative, but the caption has an editorial dateline"


@dataclass(frozen=True)
class Dateline:
    """What the dateline of a caption says.

    Attributes:
        place: As written.
        date: As written.
        day: The day, or None if it is not certain.
    """

    place: str
    date: str
    day: datetime.date | None


def read_dateline(caption: str) -> Dateline | None:
    """Returns the dateline at the beginning of a caption, or None."""
    match = _PARTS.match(caption)
    if match is None or not _is_date(match["date"]):
        return None
    return Dateline(match["place"].strip(), match["date"], _day(match["date"]))


def _is_date(text: str) -> bool:
    words = [word for word in _WORDS.findall(text) if not word.isdigit()]
    months = [word for word in words if _month(word)]
    return bool(months) or (not words and text.count(text.strip("0123456789")[:1]) >= 2)


def _month(word: str) -> int:
    names = _MONTHS.split()
    found = [i for i, name in enumerate(names, 1) if name.startswith(word.casefold())]
    return found[0] if len(word) >= 3 and len(found) == 1 else 0


def _day(text: str) -> datetime.date | None:
    """Returns the day that a date states; the order of days and months in figures is not known."""
    words = _WORDS.findall(text)
    months = [_month(word) for word in words if _month(word)]
    years = [int(word) for word in words if word.isdigit() and len(word) == 4]
    days = [int(word) for word in words if word.isdigit() and len(word) <= 2]
    if not (len(months) == len(years) == len(days) == 1) or "circa" in text.casefold():
        return None
    try:
        return datetime.date(years[0], months[0], days[0])
    except ValueError:
        return None


def contradict_creative(assets: pa.Table, notes: CellNotes) -> pa.Table:
    """Takes the class from assets that are marked creative and have an editorial caption.

    Args:
        assets: Rows of assets.
        notes: Where datelines are counted, with the first proposals.

    Returns:
        The rows; where both are said, `licence_class` is a text that is no class.
    """
    found = np.zeros(len(assets), np.bool_)
    for name in ("title", "description"):
        found |= _may_have_dateline(assets.column(name))
    rows: npt.NDArray[np.int64] = np.flatnonzero(found)
    if not len(rows):
        return assets
    said = assets.select(["asset_id", "title", "description", "licence_class"]).take(rows)
    classes = assets.column("licence_class").to_pylist()
    for at, row in zip(rows.tolist(), said.to_pylist(), strict=True):
        dateline = read_dateline(row["title"] or "") or read_dateline(row["description"] or "")
        if dateline is None:
            continue
        notes.datelines["editorial captions"] += 1
        if len(notes.proposals) < MAX_PROPOSALS:
            day = dateline.day.isoformat() if dateline.day else f"{dateline.date!r}, day not clear"
            notes.proposals.append(f"{row['asset_id']}: place {dateline.place!r}, date {day}")
        if row["licence_class"] == "creative":
            notes.datelines["of assets marked creative"] += 1
            classes[at] = CONTRADICTED
    at = assets.schema.get_field_index("licence_class")
    return assets.set_column(at, assets.schema.field(at), pa.array(classes, pa.string()))


def _may_have_dateline(texts: pa.ChunkedArray[pa.StringScalar]) -> npt.NDArray[np.bool_]:
    matches = pc.match_substring_regex(texts, _DATELINE, ignore_case=True)
    return np.asarray(matches.fill_null(False).to_numpy(), np.bool_)
