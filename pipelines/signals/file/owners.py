"""Whether two copyright notices may name the same owner."""

from __future__ import annotations

import re
import unicodedata

_DATES = re.compile(
    r"\b(?:1[89]|20)\d\d(?:[-/.:]\d{1,2}[-/.:]\d{1,2}(?:t[\d:.]*z?)?)?\b"
    r"|\b\d{1,2}[-/.]\d{1,2}[-/.](?:1[89]|20)?\d\d\b"
)
_NOTICE_WORDS = re.compile(
    r"©|\(c\)|\bcopyright\b|\bcopr\b|\ball rights reserved\b|\bc(?=\s*\d{4}\b)"
    r"|\balle rechte vorbehalten\b|\btous droits reserves\b|\btodos los derechos reservados\b"
    r"|\btutti i diritti riservati\b|\btodos os direitos reservados\b"
)
_MAX_NOTICE_CHARS = 10_000  # characters that are compared
_MAX_WILD_CHARS = 500  # of a notice with undecodable characters
_BYLINE_BYTES = 32  # the shortest of IIM's bounds on a text
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "\ufffd": "?"}
)
_UMLAUTS = re.compile(r"(?<=[aou])e")
# Where a notice stands says so if its code page is not known: then its letters are guesses.
NOT_UTF8 = "not UTF-8"
_GUESSED = re.compile(r"\\x[89a-f][0-9a-f]|[^\x00-\x7f]")
_WILD = "?"  # an undecodable byte: up to two letters of any kind


def without_guesses(notice: str) -> str:
    """A notice in an unknown code page, with U+FFFD for every letter that was guessed."""
    return _GUESSED.sub("\ufffd", notice)


def same_owner(a: str, b: str) -> bool:
    """Whether two copyright notices may name the same owner; see `_same_words`.

    A name with its parts in the order of registers, such as "García, José", is put in order too.
    """
    return _same_words(a, b) or _same_words(_in_order(a), b) or _same_words(a, _in_order(b))


def _in_order(notice: str) -> str:
    last, comma, first = notice.partition(",")
    return f"{first} {last}" if comma and "," not in first else notice


def _same_words(a: str, b: str) -> bool:
    """Whether two copyright notices may name the same owner.

    What every notice says (copyright, dates, all rights reserved) is dropped, and so are case,
    accents and punctuation; a question mark or U+FFFD in a word may be any letter. Then one must
    hold the other as whole words, or begin with it where IIM's bounds may have cut it. A notice
    that names nobody contradicts none.
    """
    first, second = sorted((_owner_words(a), _owner_words(b)), key=len)
    if not first or (second.startswith(first) and len(first.encode()) >= _BYLINE_BYTES - 4):
        return True
    if _WILD in first or _WILD in second:
        first, second = first[:_MAX_WILD_CHARS], second[:_MAX_WILD_CHARS]
        return _holds_wild(first, second) or _holds_wild(second, first)
    at = second.find(first)
    while at >= 0:
        end = at + len(first)
        if _is_word_boundary(second[at - 1 : at + 1] if at else "") and _is_word_boundary(
            second[end - 1 : end + 1]
        ):
            return True
        at = second.find(first, at + 1)
    return False


def _owner_words(notice: str) -> str:
    decomposed = unicodedata.normalize("NFKD", notice[:_MAX_NOTICE_CHARS]).casefold()
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    text = unicodedata.normalize("NFKC", plain).translate(_LETTERS)
    text = _DATES.sub(" ", _NOTICE_WORDS.sub(" ", text))
    words = re.sub(r"[^\w?]+|_", " ", text).split()
    # Jürgen is also written Juergen; a word of nothing but question marks is no name.
    return " ".join(_UMLAUTS.sub("", word) for word in words if word.strip(_WILD))


def _holds_wild(sought: str, text: str) -> bool:
    """Whether a text holds another as whole words, where either has undecodable letters."""
    reached = {
        at for at in range(len(text)) if _is_word_boundary(text[at - 1 : at + 1] if at else "")
    }
    for char in sought:
        following = set[int]()
        for at in reached:
            if char == _WILD:
                following.add(at)
                for length in (1, 2):
                    piece = text[at : at + length]
                    if len(piece) == length and " " not in piece:
                        following.add(at + length)
            elif at < len(text) and text[at] in (char, _WILD):
                following.add(at + 1)
                # The text's own undecodable byte may be two letters, or none of these.
                if text[at] == _WILD and char != " ":
                    following.add(at)
        reached = following
        if not reached:
            return False
    return any(_is_word_boundary(text[at - 1 : at + 1] if at else "") for at in reached)


def _is_word_boundary(pair: str) -> bool:
    """Whether two neighbours are no part of one word; scripts without case write no spaces."""
    return len(pair) < 2 or any(
        char.upper() == char.lower() and not char.isdigit() for char in pair
    )
