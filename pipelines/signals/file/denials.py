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

from pipelines.signals.file.denial_words import EVERYWHERE, HARMLESS, LANGUAGES, PHRASES

_NEAR_WORDS = 14
_NEAR_CHARS = 40  # where words are not written apart
_SHOWN_CHARS = 60  # around a match, for people
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|[。！？]|\n\s*\n")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_NO_WORD = re.compile(r"[\W_]+")
_PHRASES_NUMBER = -1  # among the numbers of languages
# "DisallowAITraining" and "#NoToAIArt" are words written together.
_JOINED = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_INITIALS = re.compile(r"\b([a-z]) (?=[a-z]\b)")  # A.I. is AI


def fold(text: str) -> str:
    """A text for comparison: no case, accents, punctuation or invisible characters.

    What remains are words of letters and digits with one space between them.
    """
    if text.isascii():
        plain = text.casefold()
    else:
        decomposed = unicodedata.normalize("NFKD", text.replace("İ", "i")).casefold()
        letters = "".join(
            char for char in decomposed if unicodedata.category(char) not in ("Mn", "Cf")
        )
        plain = unicodedata.normalize("NFKC", letters.translate(_LETTERS))
    return _INITIALS.sub(r"\1", _NO_WORD.sub(" ", plain).strip())


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
        refusal_spans = [match.span() for match in self.refusals.finditer(folded) if use_spans]
        spaces = [at for at, char in enumerate(folded) if char == " "] if refusal_spans else []
        starts = [start for start, _ in refusal_spans]
        for use in use_spans:
            at = bisect_left(starts, use[0])
            # The nearest on either side; one of them may be a part of the use itself.
            for refusal in refusal_spans[max(0, at - 1) : at + 2]:
                first, second = sorted((use, refusal))
                inside = first[0] <= second[0] and second[1] <= first[1]
                if not inside and self._is_near(first[1], second[0], spaces):
                    return first[0], second[1]
        return None

    def _is_near(self, end: int, start: int, spaces: list[int]) -> bool:
        if self.has_spaces:
            return bisect_left(spaces, start) - bisect_left(spaces, end) <= _NEAR_WORDS
        return start - end <= _NEAR_CHARS


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
        phrase = own.search(folded) if phrases else None
        if phrase:
            return phrase[0].strip()
        found = _builtin_denial(folded, is_rights_field)
        if found is None and _JOINED.search(sentence):
            found = _builtin_denial(fold(_JOINED.sub(" ", sentence)), is_rights_field)
        if found is not None:
            return found
    return None


def _builtin_denial(folded: str, is_rights_field: bool) -> str | None:
    numbers = _languages_of(folded)
    if not numbers:
        return None  # most texts hold no word of any
    plain = _without_harmless(folded)
    phrase = _phrase_pattern(PHRASES).search(plain) if _PHRASES_NUMBER in numbers else None
    if phrase:
        return phrase[0].strip()
    for number in sorted(numbers - {_PHRASES_NUMBER}):
        span = _matcher(number).find(plain, is_rights_field)
        if span is not None:
            return plain[span[0] : span[1] + _SHOWN_CHARS]
    return None


def _languages_of(folded: str) -> set[int]:
    """Numbers of the languages of which the text has the first word of a use or phrase."""
    exact, stems = _first_words()
    numbers = set[int]()
    for word in set(folded.split()):
        numbers |= exact.get(word, frozenset())
        for length, words in stems.items():
            numbers |= words.get(word[:length], frozenset())
    if not folded.isascii():
        numbers |= {n for n, one in enumerate(LANGUAGES.values()) if not one.has_spaces}
        numbers.add(_PHRASES_NUMBER)
    return numbers


_Numbers = dict[str, frozenset[int]]


@lru_cache(maxsize=1)
def _first_words() -> tuple[_Numbers, dict[int, _Numbers]]:
    """The languages by the first words of their uses: whole words, and stems by their length."""
    exact: dict[str, set[int]] = {}
    stems: dict[int, dict[str, set[int]]] = {}
    heads = [(_PHRASES_NUMBER, phrase.split()[0]) for phrase in PHRASES]
    for number, words in enumerate(LANGUAGES.values()):
        uses = f"{words.uses},{EVERYWHERE},{words.rights_uses}".split(",")
        heads += [(number, use.split()[0]) for use in uses]
    for number, head in heads:
        word = fold(head).split()[0]
        if head.endswith("*"):
            stems.setdefault(len(word), {}).setdefault(word, set()).add(number)
        else:
            exact.setdefault(word, set()).add(number)
    return _frozen(exact), {length: _frozen(words) for length, words in stems.items()}


def _frozen(words: dict[str, set[int]]) -> _Numbers:
    return {word: frozenset(numbers) for word, numbers in words.items()}


def _without_harmless(folded: str) -> str:
    return _phrase_pattern(HARMLESS).sub(" | ", folded)


@lru_cache(maxsize=len(LANGUAGES))
def _matcher(number: int) -> _Matcher:
    """One language, compiled when a text first has a word of it."""
    words = tuple(LANGUAGES.values())[number]
    uses, refusals = f"{words.uses},{EVERYWHERE}".split(","), words.refusals.split(",")
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
