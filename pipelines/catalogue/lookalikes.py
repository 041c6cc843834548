"""Finds ids that an unknown id may stand for: what spreadsheets and keyboards make of them.

These are offered to people and never used as a match: a guess about rights is none.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from pipelines.catalogue.identifiers import normalise_id

MAX_LOOKALIKES = 3
_MAX_COMPARED = 5_000  # similar spellings are looked for among this many ids at most
_MIN_SIMILARITY = 0.75
_EXCEL_TEXT = re.compile(r'^=?"(.*)"$|^\'(.*)$')  # ="00123" and '00123
_FILE_ENDING = re.compile(r"\.(jpe?g|png|webp|mp4|mov|tiff?|gif|heic|eps|ai|svg|avif)$")
_ZERO_FRACTION = re.compile(r"\.0+$")
_SCIENTIFIC = re.compile(r"^([0-9](?:[.,][0-9]+)?)e\+?([0-9]{1,3})$")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_SEPARATOR = re.compile(r"[\W_]+")
# Letters of other alphabets that look like Latin ones, after case folding.
_CONFUSABLE = str.maketrans(
    {
        **dict(zip("авгеіјкмнорсѕтухԁһԛԝ", "abreijkmhopcstyxdhqw", strict=True)),
        **dict(zip("αβγεικνορτυχ", "abyeikvoptyx", strict=True)),
        **{"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"},
    }
)


def skeleton(text: str) -> str:
    """Returns what is left of an id without case, marks, alphabets, zeros and file endings."""
    text = unicodedata.normalize("NFKC", normalise_id(text))
    wrapped = _EXCEL_TEXT.match(text)
    if wrapped:
        text = wrapped.group(1) if wrapped.group(1) is not None else wrapped.group(2)
    text = text.casefold().translate(_CONFUSABLE)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = _ZERO_FRACTION.sub("", _FILE_ENDING.sub("", text.strip()))
    if scientific := _SCIENTIFIC.match(text):
        return f"{scientific.group(1).replace(',', '.')}e{int(scientific.group(2))}"
    return _SEPARATOR.sub("", _LEADING_ZEROS.sub("", text)) or text


def _rounded(text: str, scientific: str) -> bool:
    """Returns whether a whole number is written like `scientific` by a spreadsheet."""
    mantissa, _, exponent = scientific.partition("e")
    if not text.isdecimal() or len(text) != int(exponent) + 1:
        return False
    digits = len(mantissa.partition(".")[2])
    try:
        shown = f"{Decimal(text):.{digits}E}".casefold().replace("e+", "e")
        return Decimal(shown) == Decimal(scientific)
    except InvalidOperation:
        return False


def find_lookalikes(unknown: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
    """Returns for each id those known ids that it may stand for, the nearest first; never itself.

    Args:
        unknown: Few ids.
        known: All ids there are, read once and not kept.
    """
    by_skeleton: dict[str, list[str]] = {}
    for text in unknown:
        by_skeleton.setdefault(skeleton(text), []).append(text)
    scientific = {key: texts for key, texts in by_skeleton.items() if _SCIENTIFIC.match(key)}
    found: dict[str, list[str]] = {text: [] for texts in by_skeleton.values() for text in texts}
    seen: list[str] = []
    for candidate in known:
        key = skeleton(candidate)
        matches = list(by_skeleton.get(key, ()))
        for pattern, texts in scientific.items():
            matches += texts if _rounded(key, pattern) else ()
        for text in matches:
            is_new = candidate != text and candidate not in found[text]
            if len(found[text]) < MAX_LOOKALIKES and is_new:
                found[text].append(candidate)
        if len(seen) <= _MAX_COMPARED:
            seen.append(candidate)
    if len(seen) <= _MAX_COMPARED:
        for text, alike in found.items():
            if not alike:
                others = [candidate for candidate in seen if candidate != text]
                alike += difflib.get_close_matches(text, others, MAX_LOOKALIKES, _MIN_SIMILARITY)
    return found
