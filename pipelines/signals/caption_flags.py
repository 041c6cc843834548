"""Flags captions of models that name a person, an e-mail address or a phone number.

What the contributor's own texts say as well is not flagged: they named it. A name of a person is
found by these rules, and by no others:

1. a first name from `first_names.txt`, unless a word beside it makes it a place (Victoria Falls);
   names that are words as well (Rose, Mark) count only if another capitalised word follows;
2. a title or an occupation and a capitalised word (Dr. Okafor, singer Aurora Aksnes);
3. two capitalised words after a word that introduces a name (named, called, by, portrait of);
4. in a text in lower case, as models often write, a first name that is no word as well, unless the
   next word makes it a place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from pipelines.signals.file.contact_texts import PHONE_DIGITS, Contacts, contacts, narrow

_NAMES_FILE = Path(__file__).parent / "first_names.txt"
_BARE_NUMBER = re.compile(r"(?<![\d.,])\d{9,15}(?![\d.,]\d)")
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")
# Words that link parts of one name.
_PARTICLES = frozenset("van von de da del della der den di du la le bin ibn al el ben mac".split())
_TITLES = frozenset(
    "mr mrs ms miss dr doctor prof professor sir dame lord lady president senator minister king "
    "queen prince princess pope saint captain general judge mayor chancellor governor sheikh "
    "actor actress singer rapper footballer musician politician composer author painter "
    "photographer athlete chef comedian pianist guitarist director activist journalist "
    "herr frau madame monsieur mme señor señora señorita signor signora senhor senhora".split()
)
# Titles with which streets and places are named, too: they need a first name after them.
_ALSO_PLACES = frozenset("king queen prince princess lord lady saint president general".split())
_INTRODUCTIONS = frozenset("named called by featuring starring".split())
# With one of these after it, a name is that of a place or a thing.
_PLACES = frozenset(
    "airport alley arena avenue avenues bay beach boulevard bridge building canal canyon castle "
    "cathedral chapel church city coast college county creek desert dome drive falls fjord forest "
    "garden gardens gate glacier hall harbor harbour hill hills hospital hotel house island "
    "islands lake lane library mall market memorial monument mountain mountains museum palace park "
    "peninsula pier plaza point port province ranch range region reserve ridge river road school "
    "sea shore square stadium station statue strait street temple terminal theatre theater tower "
    "town university valley village waterfall zoo state national airlines motors day eve".split()
)


# With one of these before it, too: San Francisco, Fort William.
_PLACE_BEGINNINGS = frozenset("san santa santo são saint st fort port mount lake cape new".split())


class CaptionFlag(StrEnum):
    """What a caption names that the contributor's texts do not."""

    PERSON = "person"
    EMAIL = "email"
    PHONE = "phone"


def caption_flags(text: str, own_texts: Iterable[str]) -> list[CaptionFlag]:
    """Returns what a model's caption names that the contributor's texts do not.

    Args:
        text: The model's caption.
        own_texts: Title, description and keywords.
    """
    names, found = _named_in(unicodedata.normalize("NFC", text))
    if not (names or found.emails or found.phones):
        return []
    own = list(own_texts)
    own_words = {_plain(word) for one in own for word in _WORD.findall(_without_accents(one))}
    flags = []
    if any(not set(map(_without_accents, name)) <= own_words for name in names):
        flags.append(CaptionFlag.PERSON)
    known = _contacts(own)
    if found.emails - known.emails:
        flags.append(CaptionFlag.EMAIL)
    if found.phones - known.phones:
        flags.append(CaptionFlag.PHONE)
    return flags


@lru_cache(maxsize=4_096)  # models repeat themselves, above all captions of tags
def _named_in(text: str) -> tuple[tuple[tuple[str, ...], ...], Contacts]:
    return tuple(person_names(text)), _contacts([text])


def _contacts(texts: list[str]) -> Contacts:
    """Returns what `contacts` finds, and numbers without any separator.

    In a contributor's text those are as often the number of a picture, but no caption of a model
    has one to give.
    """
    found = contacts(texts)
    bare = {
        number[-PHONE_DIGITS:] for text in texts for number in _BARE_NUMBER.findall(narrow(text))
    }
    return Contacts(found.emails, found.phones | bare)


def person_names(text: str) -> Iterator[tuple[str, ...]]:
    """Yields the names of people that a text has by the rules above, as lower-case words."""
    for sentence in re.split(r"[.,!?;:\n]+(?=\s|$)", _without_title_dots(text)):
        words = _WORD.findall(sentence)
        is_lower = not any(word[0].isupper() for word in words[1:])
        at = 0
        while at < len(words):
            length = _name_length(words, at)
            if not length and is_lower:
                length = _lower_name_length(words, at)
            if length:
                yield tuple(_plain(word) for word in words[at : at + length])
            at += length or 1


def _without_title_dots(text: str) -> str:
    """Returns a text in which titles and initials do not end a sentence."""
    text = re.sub(r"\b(mr|mrs|ms|dr|prof|st)\.(?=\s)", r"\1", text, flags=re.IGNORECASE)
    return re.sub(r"\b([^\W\d_])\.(?=\s?[^\W\d_])", r"\1 ", text)


def _name_length(words: list[str], at: int) -> int:
    """Returns how many words the name that begins at a word has; 0 if none does."""
    word, before = words[at], words[at - 1].casefold() if at else ""
    if not word[0].isupper() or before in _PLACE_BEGINNINGS:
        return 0
    length = _capitalised(words, at)
    following = words[at + length].casefold() if at + length < len(words) else ""
    if any(one.casefold() in _PLACES for one in words[at + 1 : at + length]) or (
        following in _PLACES and length < 3
    ):
        return 0
    plain, doubtful = _first_names()
    first = _plain(word)
    if first in plain or (first in doubtful and length > 1):  # 1
        return length
    if before in _TITLES - _ALSO_PLACES:  # 2
        return length
    is_introduced = before in _INTRODUCTIONS or (
        before == "of" and at > 1 and words[at - 2].casefold() in ("portrait", "photo", "picture")
    )
    return length if is_introduced and length > 1 else 0  # 3


def _capitalised(words: list[str], at: int) -> int:
    """Returns the number of words from one on that are capitalised, or particles between them."""
    end = at + 1
    while end < len(words):
        skipped = end
        while skipped < len(words) and words[skipped].casefold() in _PARTICLES:
            skipped += 1
        if skipped >= len(words) or not words[skipped][0].isupper():
            break
        end = skipped + 1
    return end - at


def _lower_name_length(words: list[str], at: int) -> int:
    plain, _ = _first_names()
    if _plain(words[at]) not in plain:  # 4
        return 0
    following = words[at + 1].casefold() if at + 1 < len(words) else ""
    return 0 if following in _PLACES else 1


def _without_accents(text: str) -> str:
    """Returns a text in which letters have no accents, which models and people may leave out."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _plain(word: str) -> str:
    return word.casefold().removesuffix("'s").removesuffix("’s")


@lru_cache(maxsize=1)
def _first_names() -> tuple[frozenset[str], frozenset[str]]:
    """Returns the first names in lower case: those that are nothing else, and those that are."""
    plain: set[str] = set()
    doubtful: set[str] = set()
    for line in _NAMES_FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("*"):
            doubtful.update(line[1:].casefold().split())
        elif not line.startswith("#"):
            plain.update(line.casefold().split())
    return frozenset(plain - doubtful), frozenset(doubtful)
