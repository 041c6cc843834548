"""Absent values: blanks, and the words that databases and programs write for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, numbers_in, values_of

_Values = TypeVar("_Values", bound="Column | Sequence[object]")

# Stripped from both ends of every text: an id with a stray blank would not match its consents.
# Blanks of every width, line and paragraph ends, and characters that show nothing. Of the controls
# only those that fill, separate or end: a database that writes a bit as a byte writes yes as 1.
BLANK_CHARACTERS = "".join(
    map(
        chr,
        (
            *(0, 0x1A, *range(0x09, 0x0E), *range(0x1C, 0x21)),
            *range(0x80, 0xA1),
            *(0xAD, 0x61C, 0x1680, 0x180E),
            *range(0x2000, 0x2010),
            *range(0x2028, 0x2030),
            *range(0x205F, 0x2070),
            *(0x3000, 0xFEFF),
        ),
    )
)
# Stripped from an asset's own id; whatever else is dropped from one is counted.
PLAIN_BLANKS = " \t\r\n\v\f\u00a0"
ABSENT_WORDS = frozenset(
    {"null", "\\n", "n/a", "-", "--", "–", "—", "none", "nan", "nat"}
    | {"<na>", "<null>", "(null)", "#n/a"}
)
# Here `none` may be meant as a no (no permission, no country), so that only Python's own `None` is
# taken as absent.
_NONE_MAY_BE_A_NO = frozenset({"licence_code", "territories_in", "ml_use", "value", "purposes"})
# What stands where an agreement would be named, and names none: it must not lift a file's denial.
_NO_AGREEMENT = ABSENT_WORDS | {"0", "0.0", "false", "no", "na", "unknown", "pending", "tbd", "x"}
# Lists of words, in which any word may be meant.
FREE_WORDS = frozenset({"keywords"})
_LONGEST_PADDED = 64  # bytes; a longer text is not looked at


def is_absent(text: str, column: str) -> bool:
    """Returns whether a cell's text means that nothing is given in a column."""
    text = text.strip(BLANK_CHARACTERS)
    return not text or _is_absent_word(text, column)


def is_nothing(value: object) -> bool:
    """Returns whether a value gives nothing whatever its column: null, blank or an absent word."""
    if isinstance(value, str):
        return is_absent(value, "")
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def is_absent_item(text: str, column: str) -> bool:
    """Returns whether an item of a list means nothing; a keyword may be any word."""
    return column not in FREE_WORDS and _is_absent_word(text.strip(BLANK_CHARACTERS), column)


def blanks_around(column: str) -> str:
    """Returns the characters that are stripped from both ends of a column's texts."""
    return PLAIN_BLANKS if column == "asset_id" else BLANK_CHARACTERS


@cache
def _none_may_be_a_no(column: str) -> bool:
    return column in _NONE_MAY_BE_A_NO or column.startswith("grant_")


def _is_absent_word(text: str, column: str) -> bool:
    word = text.casefold()
    if column == "agreement_ref":
        names_one = any(map(str.isalnum, word)) and word not in _NO_AGREEMENT
        return bool(word) and not names_one
    return word in ABSENT_WORDS and (
        word != "none" or text == "None" or not _none_may_be_a_no(column)
    )


def drop_absent(raw: _Values, column: str) -> tuple[_Values, int]:
    """Replaces absent words in a column as read from a file.

    Args:
        raw: The values. Only texts are looked at, not the items of lists.
        column: The column's name.

    Returns:
        The values, null where a word stood for nothing, and how many those were.
    """
    if isinstance(raw, pa.Array):
        dropped, count = drop_absent_texts(raw, column)
        return cast("_Values", dropped), count
    found = [
        isinstance(value, str)
        and bool(value)
        and _is_absent_word(value.strip(BLANK_CHARACTERS), column)
        for value in raw
    ]
    if not any(found):
        return raw, 0
    kept = [None if gone else value for gone, value in zip(found, raw, strict=True)]
    return cast("_Values", kept), sum(found)


def drop_absent_texts(raw: Column, column: str) -> tuple[Column, int]:
    """Does the same for an array."""
    if isinstance(raw, pa.DictionaryArray):
        distinct, found = drop_absent_texts(raw.dictionary, column)
        if not found:
            return raw, 0
        kept = pc.take(distinct, raw.indices)
        return kept, int(kept.null_count - raw.null_count)
    if not pa.types.is_string(raw.type):
        if pa.types.is_large_string(raw.type) or pa.types.is_string_view(raw.type):
            return drop_absent_texts(raw.cast(pa.string()), column)
        return raw, 0
    candidates = _candidates(raw, column)
    if not len(candidates):
        return raw, 0
    texts = values_of(raw.take(candidates).cast(pa.binary()), bytes)
    absent = {
        text
        for text in set(texts)
        if _is_absent_word(text.decode("utf-8", "surrogateescape").strip(BLANK_CHARACTERS), column)
    }
    if not absent:
        return raw, 0
    rows = [row for row, text in zip(candidates.tolist(), texts, strict=True) if text in absent]
    mask = np.zeros(len(raw), np.bool_)
    mask[rows] = True
    dropped: Column = pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), raw)
    return dropped, len(rows)


def _candidates(texts: Column, column: str) -> npt.NDArray[np.int64]:
    """Returns the rows whose first and last octets may belong to an absent word."""
    if len(texts) == 0:
        return np.zeros(0, np.int64)
    offsets = numbers_in(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    sizes = np.diff(offsets)
    rows = np.flatnonzero((sizes > 0) & (sizes <= _LONGEST_PADDED))
    if texts.null_count:
        rows = rows[pc.is_valid(texts).to_numpy(zero_copy_only=False)[rows]]
    if not len(rows):
        return rows
    if column == "agreement_ref":  # in a small table
        return rows
    octets = numbers_in(texts.buffers()[2], np.uint8)
    first, last = octets[offsets[:-1][rows]], octets[offsets[1:][rows] - 1]
    return rows[_octet_table(False)[first] & _octet_table(True)[last]]


@cache
def _octet_table(last: bool) -> npt.NDArray[np.bool_]:
    """Returns which octets begin or end an absent word or a blank around it."""
    table = np.zeros(256, np.bool_)
    table[0x80:] = True  # dashes and wide blanks
    table[[ord(blank) for blank in BLANK_CHARACTERS if blank.isascii()]] = True
    for word in ABSENT_WORDS:
        for spelled in (word, word.upper()):
            table[spelled.encode()[-1 if last else 0]] = True
    return table


def unnamed_problem(index: int, value: object) -> str:
    """Returns what is wrong with a cell of a column without a name, or "".

    It may take back what the row says. The first column may hold the numbers of rows, as pandas
    and R write them.

    Args:
        index: The column, from 0.
        value: The cell.
    """
    if is_nothing(value) or (index == 0 and str(value).strip(BLANK_CHARACTERS).isdigit()):
        return ""
    shown = "".join(c if c.isprintable() else "?" for c in str(value)[:80])
    return f"a cell of a column without a name: {shown!r}; name it in the header"
