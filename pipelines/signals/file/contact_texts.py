"""Finds and replaces e-mail addresses, phone numbers and by-lines in free text.

By-lines are names after words such as "photo by". A name that stands alone cannot be told from any
other words, so that a text without findings may still name people. A copyright notice is a
statement about rights and no by-line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, values_of, without_dictionary
from schemas.signal import PersonalKind

_WORD = r"[^\s@＠<>()\[\]{},;:\"'|/\\]"
_EMAIL = re.compile(
    rf"{_WORD}{{1,64}}(?:[@＠]|\s?[\[({{]\s?at\s?[\])}}]\s?){_WORD}{{1,190}}"
    r"(?:\.|\s?[\[({]\s?dot\s?[\])}]\s?)[^\W\d_]{2,24}",
    re.IGNORECASE,
)
# Typographers' hyphens (U+2010 and U+2011) stand in numbers that a word processor wrote.
_DASH = r"\-\u2010\u2011"
_PHONE = re.compile(
    r"(?<![\w+.,\-])(?:"
    rf"(?:\+|00)[1-9](?:[\s().{_DASH}/]{{0,2}}\d){{7,14}}"  # international
    rf"|(?:1[\s.{_DASH}])?\(\d{{3}}\)\s?\d{{3}}[\s.{_DASH}]\d{{4}}"  # North America
    rf"|(?:1[\s.{_DASH}])?[2-9]\d{{2}}[.{_DASH}]\d{{3}}[.{_DASH}]\d{{4}}"
    rf"|8[\s{_DASH}]?\(?\d{{3}}\)?[\s{_DASH}]\d{{3}}[{_DASH}]\d{{2}}[{_DASH}]\d{{2}}"  # Russia
    rf"|\(\d{{2}}\)\s?9\d{{4}}[\s{_DASH}]\d{{4}}"  # Brazil
    rf"|\(?0\d{{1,5}}\)?(?:[\s./{_DASH}]\d{{2,8}}){{1,5}}"  # national, with the leading zero
    r"|0\d{9,11}"
    r")(?!\w)"
    r"|(?<!\w)(?:tel(?:ephone|efone?|efono|éfono)?|tél(?:éphone)?|phone|fone|mobile?|cell|handy|fax"
    r"|tlf|tfn|тел(?:ефон)?|whatsapp|call|ring|text)\b(?:\s(?:number|no|nr)\b)?"
    rf"[\s.:]{{0,3}}(?:\(?\d[\s().{_DASH}/]{{0,2}}){{6,15}}",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{1,2}[./\- ]\d{1,2}[./\- ](?:19|20)\d{2}\b")
#: Digits of a phone number by which it is known again, and the fewest that one has.
PHONE_DIGITS = 7
_MIN_NATIONAL_DIGITS = 9
_BYLINE = re.compile(
    r"(?P<head>(?i:\b(?:photo(?:s|graph|graphs|graphed|graphy)?|pictures?|images?|shots?|videos?|"
    r"films?|filmed|footage|fotos?|fotografien?|fotografía|fotografia|photographie|bilder|aufnahme|"
    r"taken|credits?|courtesy|by-?line)\s*(?:by|of|von|par|por|credit)?)\s*:?\s*)"
    r"(?P<name>[A-ZÀ-ÖØ-ÞĀ-Ž][\w'’.-]*(?:\s+(?:[A-ZÀ-ÖØ-ÞĀ-Ž][\w'’.-]*|van|von|de|da|del|der|di|la|le|"
    r"bin|al)){1,4})"
)
_BY_WORD = re.compile(r"\b(?:by|von|par|por|credits?|courtesy|by-?line)\b|:", re.IGNORECASE)
_EMAIL_REMOVED, _PHONE_REMOVED = "[e-mail removed]", "[phone number removed]"
_NAME_REMOVED = "[name removed]"
# What a text with a finding holds at least; cheap enough for whole columns.
_CANDIDATE = (
    r"(?is)[@！-～]|[\[({]\s?at\s?[\])}]|(?:\p{Nd}.*){6}|\b(?:photo|pict|image|shot|video|film|"
    r"foot|foto|bilder|aufn|taken|credit|courtesy|by-?line)"
)
_MAX_CHARS = 1 << 20
_WIDE = 0xFEE0  # between a wide character and its ASCII form


def personal_kinds(text: str) -> list[PersonalKind]:
    """Returns which kinds of personal data a text holds: contact, name, or none."""
    shown = narrow(text[:_MAX_CHARS])
    found = []
    if _EMAIL.search(shown) or any(_is_number(match) for match in _PHONE.finditer(shown)):
        found.append(PersonalKind.CONTACT)
    if any(_is_byline(match) for match in _BYLINE.finditer(shown)):
        found.append(PersonalKind.NAME)
    return found


def narrow(text: str) -> str:
    """Returns a text of the same length with ASCII for wide characters and for all digits.

    East Asian texts have wide forms of ASCII, and many scripts have digits of their own.
    """
    return text if text.isascii() else "".join(map(_narrow_character, text))


@lru_cache(maxsize=4_096)
def _narrow_character(character: str) -> str:
    if "！" <= character <= "～":
        return chr(ord(character) - _WIDE)
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return " " if character == "\u3000" else character


@dataclass(frozen=True)
class Contacts:
    """E-mail addresses and phone numbers, in forms by which equal ones are equal.

    Attributes:
        emails: In lower case.
        phones: Their last digits, which do not depend on the prefix.
    """

    emails: frozenset[str]
    phones: frozenset[str]


def contacts(texts: Iterable[str]) -> Contacts:
    """Returns the e-mail addresses and phone numbers that texts have."""
    shown = [narrow(text[:_MAX_CHARS]) for text in texts]
    emails = {match[0].casefold() for text in shown for match in _EMAIL.finditer(text)}
    numbers = {
        "".join(filter(str.isdecimal, match[0]))[-PHONE_DIGITS:]
        for text in shown
        for match in _PHONE.finditer(text)
        if _is_number(match)
    }
    return Contacts(frozenset(emails), frozenset(numbers))


def without_personal_data(text: str) -> str:
    """Returns a text with a note in the place of each e-mail address, phone number and by-line."""
    text = _replaced(_EMAIL, text, lambda _: _EMAIL_REMOVED)
    text = _replaced(_PHONE, text, lambda match: _PHONE_REMOVED if _is_number(match) else None)
    return _replaced(
        _BYLINE,
        text,
        lambda match: f"{match['head']}{_NAME_REMOVED}" if _is_byline(match) else None,
    )


def _replaced(
    pattern: re.Pattern[str], text: str, note_for: Callable[[re.Match[str]], str | None]
) -> str:
    """Replaces what matches in the narrow form of a text; what has no note stays as it is."""
    pieces, end = [], 0
    for match in pattern.finditer(narrow(text)):
        if (note := note_for(match)) is not None:
            pieces += [text[end : match.start()], note]
            end = match.end()
    return "".join([*pieces, text[end:]])


def _is_number(match: re.Match[str]) -> bool:
    """Whether a match is a phone number rather than a date or a short number."""
    digits = sum(map(str.isdecimal, match[0]))
    is_national = match[0].lstrip("(").startswith("0") and not match[0].startswith("00")
    if is_national and (digits < _MIN_NATIONAL_DIGITS or _DATE.match(match[0])):
        return False
    return digits >= PHONE_DIGITS or not match[0][:1].isdigit()


def _is_byline(match: re.Match[str]) -> bool:
    """Whether a word before the name says that it is an author's."""
    return _BY_WORD.search(match["head"]) is not None


def holds_personal_data(texts: Column) -> list[int]:
    """Returns the positions of the texts of a column that hold personal data."""
    texts = without_dictionary(texts)
    candidates = pc.match_substring_regex(texts, _CANDIDATE).fill_null(False)
    positions = np.flatnonzero(candidates.to_numpy(zero_copy_only=False)).tolist()
    found = values_of(texts.take(pa.array(positions, pa.int64())), str)
    pairs = zip(positions, found, strict=True)
    return [position for position, text in pairs if personal_kinds(text)]


def kinds_in(texts: Iterable[str | None]) -> set[PersonalKind]:
    """Returns the kinds of personal data in several texts."""
    return {kind for text in texts if text for kind in personal_kinds(text)}
