"""Judges one text in a file: refusals in plain language, licences, generators, evidence."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.signals.file.denials import find_denial
from pipelines.signals.file.generators import GENERATED, TextRole, generator_of
from pipelines.signals.file.licence_names import licences_by_code, licences_in_words
from pipelines.signals.file.metadata_blocks import printable
from schemas.rights import PURPOSES, Permission
from schemas.signal import (
    AssertionKind,
    FileAssertion,
    Origin,
    Reading,
    ReadingFault,
    Signal,
    raw_sha256,
)

_MAX_TEXT_CHARS = 1 << 20
_MAX_KEPT_CHARS = 1000
_CODE_PAGES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "mac_roman"),
    *("cp932", "gb18030", "big5", "cp949", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be"),
    *("iso8859_5", "mac_cyrillic", "cp866", "cp437", "cp852"),
)
# Shorter ones are not searched, but for the shortest refusal if it stands alone.
_SHORTEST_REFUSAL = r"(?i:no[ _-]?ai[.!]?)"
_RUNS = re.compile(
    rb"[\t\n\r\x20-\x7e\x80-\xff]{6,}"
    rb"|(?<![\x20-\x7e\x80-\xff])" + _SHORTEST_REFUSAL.encode() + rb"(?![\x20-\x7e\x80-\xff])"
)
# In numbers and compressed data, every few bytes look like a short word or a mark. Language has few
# marks and longer words; in markup, which has many, most letters are in long words of one case.
_WORDS = re.compile(r"[^\W\d_]+")
_MARKS = re.compile(r"""[^\w\s"':;.,/-]""")  # others than those of sentences
_MOST_MARKS, _MOST_MARKS_IN_MARKUP = 0.2, 0.4  # of all characters
_MOST_UNREADABLE = 0.15  # of all characters: accents of a code page
_LEAST_MEAN_WORD = 2.3  # letters, so that "no AI use" is language
# A character of three bytes in UTF-8 is a syllable or a word, and rare in numbers: three letters.
_SYLLABLES = re.compile("[\u0800-\uffff]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")  # between letters of a word
_LONG_WORD = 6  # letters
_LEAST_IN_LONG_WORDS = 0.4  # of all letters
_MOST_BYTES_BETWEEN = 4  # texts that belong together, such as a length or padding
_APART = ".\n"  # ends a sentence
_WIDE_RUNS = (
    ("utf-16-be", re.compile(rb"(?:\0[\t\n\r\x20-\x7e]){4,}")),
    ("utf-16-le", re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){4,}")),
)
# Longer words are data in base64, not language.
_MIN_CHARS_PER_SPACE = 200


@dataclass(frozen=True)
class TextField:
    """One text in a file.

    Attributes:
        key: The name of the field: a PNG keyword, an EXIF tag, an XMP property.
        where: Where it stands, for people; begins with what it is written in.
        text: The text.
        role: What the field is for.
        sha256: Digest of the bytes it was read from, hex.
        is_kept: Whether it is evidence even if it refuses nothing.
        other_readings: What it may say in other encodings; searched for refusals alone.
    """

    key: str
    where: str
    text: str
    role: TextRole
    sha256: str
    is_kept: bool = False
    other_readings: tuple[str, ...] = ()


def read_text_field(field: TextField, phrases: Sequence[str]) -> Reading:
    """What one text states: a denial of every purpose, licences, a generator, or nothing.

    Args:
        field: The text.
        phrases: The deal's own denial phrases.
    """
    text = field.text.strip("\0 \t\r\n")
    if not (text or any(field.other_readings)) or _is_data(text):
        return Reading()
    if len(text) > _MAX_TEXT_CHARS:
        detail = f"a text of {len(text)} characters is more than is read"
        return Reading(faults=(ReadingFault(Origin.FILE, field.where, detail, field.sha256),))
    digest = field.sha256
    claims: list[FileAssertion] = []
    if field.is_kept:
        kept = printable(text, _MAX_KEPT_CHARS)
        claims.append(FileAssertion(AssertionKind.TEXT, kept, field.where, digest))
    generator = generator_of(field.key, text, field.role)
    if generator:
        where = f"{field.where} ({printable(generator)})"
        claims.append(FileAssertion(AssertionKind.SOURCE_TYPE, GENERATED, where, digest))
    is_rights_field = field.role is TextRole.RIGHTS
    licences = licences_in_words(text) if is_rights_field else licences_by_code(text)
    claims += [FileAssertion(AssertionKind.LICENCE, code, field.where, digest) for code in licences]
    denial = None
    plain = html.unescape(text) if "&" in text else text
    for reading in (text, *((plain,) if plain != text else ()), *field.other_readings):
        denial = denial or find_denial(reading, is_rights_field, phrases)
    if denial is None:
        return Reading(claims=tuple(claims))
    said = printable(f"{text} [{denial}]" if len(text) > 200 else text or denial)
    signals = [
        Signal(Origin.FILE, purpose, Permission.DENY, "", field.where, digest, "", said)
        for purpose in PURPOSES
    ]
    return Reading(tuple(signals), tuple(claims))


def unknown_part(where: str, raw: bytes) -> TextField:
    """What may be language in a part that no reader knows, in UTF-8 or, if it is ASCII, UTF-16."""
    others = tuple(filter(None, (_language(raw, runs, name) for name, runs in _WIDE_RUNS)))
    text = _language(raw, _RUNS, "utf-8")
    return TextField("", where, text, TextRole.PROSE, raw_sha256(raw), other_readings=others)


def _language(raw: bytes, runs: re.Pattern[bytes], encoding: str) -> str:
    """The runs that are language. Those that lie side by side, as name and value do, are one text.

    Of others, what one ends with says nothing of what the next begins with.
    """
    text, end = "", 0
    for run in runs.finditer(raw):
        found = run[0].decode(encoding, "replace")
        if _is_language(found):
            is_next = run.start() - end <= _MOST_BYTES_BETWEEN
            text += f"{'' if not text else chr(10) if is_next else _APART}{found}"
            end = run.end()
    return text


def _is_language(run: str) -> bool:
    run = _INVISIBLE.sub("", run)
    words = _WORDS.findall(run)
    if not words or run.count("\ufffd") > _MOST_UNREADABLE * len(run):
        return False
    if re.fullmatch(_SHORTEST_REFUSAL, run.strip()):
        return True
    marks = len(_MARKS.findall(run))
    letters = sum(len(word) + 2 * len(_SYLLABLES.findall(word)) for word in words)
    if marks <= _MOST_MARKS * len(run) and letters >= _LEAST_MEAN_WORD * len(words):
        return True
    in_long_words = sum(len(word) for word in words if _is_long(word))
    is_markup = marks <= _MOST_MARKS_IN_MARKUP * len(run)
    return is_markup and in_long_words >= _LEAST_IN_LONG_WORDS * letters


def _is_long(word: str) -> bool:
    return len(word) >= _LONG_WORD and (word.islower() or word.isupper() or word.istitle())


def _is_data(text: str) -> bool:
    sample = text[:20_000]
    is_long_worded = len(sample) > _MIN_CHARS_PER_SPACE * (1 + len(sample.split()))
    return len(sample) > 2000 and is_long_worded and sample.isascii()


def other_decodings(raw: bytes) -> tuple[str, ...]:
    """A text that is not UTF-8 in every code page that it may be in; one of 7 bits in JIS's."""
    if b"\x1b$" in raw and raw.isascii():
        return (raw.decode("iso2022_jp", "replace"),)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        texts = []
        for encoding in _CODE_PAGES:
            with contextlib.suppress(UnicodeDecodeError):
                texts.append(raw.decode(encoding))
        return tuple(dict.fromkeys(texts))
    return ()


def decode_text(raw: bytes) -> str:
    """Bytes in an unknown encoding as text: UTF-8, or UTF-16 by its mark or zeros, else Latin-1."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    odd, even = raw[1::2].count(0), raw[::2].count(0)
    if len(raw) > 4 and max(odd, even) > len(raw) // 4:
        return raw.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
