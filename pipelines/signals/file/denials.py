"""Finds refusals of AI training and text and data mining in plain language.

A use and a refusal of one language, at most `_NEAR_WORDS` words apart, are a denial, whatever
stands between them: it is meant to find too many rather than too few, because a signed agreement
lifts what was found and nothing brings back what was missed. In fields that are not about rights,
such as a description, both must stand in one sentence. The words are in `denial_words.py`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines.signals.file.denial_words import HARMLESS, LANGUAGES, PHRASES, LanguageWords

_NEAR_WORDS = 14
_NEAR_CHARS = 40  # where words are not written apart
_SHOWN_CHARS = 60  # around a match, for people
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|[。！？]|\n\s*\n")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_INITIALS = re.compile(r"\b([a-z]) (?=[a-z]\b)")  # A.I. is AI


def fold(text: str) -> str:
    """A text for comparison: no case, accents, punctuation or invisible characters.

    What remains are words of letters and digits with one space between them.
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("İ", "i")).casefold()
    letters = "".join(char for char in decomposed if unicodedata.category(char) not in ("Mn", "Cf"))
    words = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", letters.translate(_LETTERS)))
    return _INITIALS.sub(r"\1", words.strip())


@dataclass(frozen=True)
class _Matcher:
    """One language, compiled."""

    uses: re.Pattern[str]
    rights_uses: re.Pattern[str]
    refusals: re.Pattern[str]
    has_spaces: bool

    def find(self, folded: str, is_rights_field: bool) -> tuple[int, int] | None:
        """Start and end of a use and a refusal near each other."""
        uses = self.rights_uses if is_rights_field else self.uses
        use_spans = [match.span() for match in uses.finditer(folded)]
        if not use_spans:
            return None
        refusal_spans = [match.span() for match in self.refusals.finditer(folded)]
        spaces = [at for at, char in enumerate(folded) if char == " "] if self.has_spaces else []
        for use in use_spans:
            for refusal in refusal_spans:
                first, second = sorted((use, refusal))
                if self.has_spaces:
                    distance = bisect_left(spaces, second[0]) - bisect_left(spaces, first[1])
                    near = distance <= _NEAR_WORDS
                else:
                    near = second[0] - first[1] <= _NEAR_CHARS
                if near and not (first[0] <= second[0] and second[1] <= first[1]):
                    return first[0], second[1]
        return None


def find_denial(text: str, is_rights_field: bool, phrases: Sequence[str] = ()) -> str | None:
    """The part of a text that refuses the use of the work for AI; None if nothing does.

    Args:
        text: The text, as it was written.
        is_rights_field: Whether the field is about rights, so that shorter hints suffice.
        phrases: Phrases that are denials besides the built-in ones.
    """
    own = _phrase_pattern(tuple(phrases))
    for sentence in [text] if is_rights_field else _SENTENCE_END.split(text):
        folded = fold(sentence)
        if len(folded) < 2:
            continue
        phrase = own.search(folded) if phrases else None
        phrase = phrase or _phrase_pattern(PHRASES).search(_without_harmless(folded))
        if phrase:
            return phrase[0].strip()
        plain = _without_harmless(folded)
        for matcher in _matchers():
            span = matcher.find(plain, is_rights_field)
            if span is not None:
                return plain[max(0, span[0]) : min(len(plain), span[1] + _SHOWN_CHARS)]
    return None


def _without_harmless(folded: str) -> str:
    return _phrase_pattern(HARMLESS).sub(" | ", folded)


@lru_cache(maxsize=1)
def _matchers() -> tuple[_Matcher, ...]:
    return tuple(_matcher(words) for words in LANGUAGES.values())


def _matcher(words: LanguageWords) -> _Matcher:
    uses, refusals = words.uses.split(","), words.refusals.split(",")
    return _Matcher(
        _words_pattern(uses, words.has_spaces),
        _words_pattern([*uses, *words.rights_uses.split(",")], words.has_spaces),
        _words_pattern(refusals, words.has_spaces),
        words.has_spaces,
    )


@lru_cache(maxsize=64)
def _phrase_pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return _words_pattern(phrases, has_spaces=all(phrase.isascii() for phrase in phrases))


def _words_pattern(words: Iterable[str], has_spaces: bool) -> re.Pattern[str]:
    """Any of some words or phrases; without boundaries where words are not written apart."""
    alternatives = []
    for word in dict.fromkeys(words):
        parts = [
            re.escape(fold(part)) + (r"\w*" if part.endswith("*") else "") for part in word.split()
        ]
        pattern = " ".join(part for part in parts if part)
        if pattern:
            # An ASCII word among letters of another script is a word of its own.
            edges = (r"(?<![^\W_])", r"(?![^\W_])") if has_spaces else ("(?<![a-z])", "(?![a-z])")
            is_word = has_spaces or word.strip().isascii()
            alternatives.append(f"{edges[0]}{pattern}{edges[1]}" if is_word else pattern)
    return re.compile("|".join(alternatives) or r"(?!)")
