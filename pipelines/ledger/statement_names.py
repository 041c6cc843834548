"""File names of statements: safe on every system, and different for different contributors."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

#: Combining marks, which follow their letter in a decomposed text.
_MARKS = frozenset(map(chr, range(0x300, 0x370)))

#: Letters that Unicode does not decompose: those with a stroke, ligatures, and others of their own.
_LETTERS = {
    **dict(zip("ŁłØøĐđĦħŦŧƁɓƄƅƉƊɖɗƵƶıȷĿŀ", "LlOoDdHhTtBbBbDDddZzijLl", strict=True)),
    **{"Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "ẞ": "SS", "ß": "ss", "Ĳ": "IJ", "ĳ": "ij"},
    **{"Þ": "Th", "þ": "th", "Ð": "D", "ð": "d", "Ŋ": "Ng", "ŋ": "ng", "ĸ": "k", "ſ": "s"},
}


def statement_filename(contributor_id: str, clash: bool = False) -> str:
    """Returns a file name, without extension, that is safe on every system, for any id.

    Args:
        contributor_id: The id, which may contain any characters.
        clash: Whether the id shares its name with another on systems that ignore case; see
            `statement_filenames`.

    Returns:
        The id itself if it is plain: 1 to 64 letters, digits, `_`, `-` and `.`, not beginning or
        ending with `.`, and not a name that Windows reserves. Otherwise a readable beginning with
        Latin letters transliterated (`Łukasz` is `Lukasz`), `~` and the sha256 of the id.
        Different ids have different names: no plain id contains a `~`.
    """
    plain = (
        _PLAIN_NAME.fullmatch(contributor_id)
        and not contributor_id.endswith(".")
        and not _RESERVED_NAME.fullmatch(contributor_id)
    )
    if plain and not clash:
        return contributor_id
    return f"{_readable(_transliterated(contributor_id))}~{_digest(contributor_id)}"


def _readable(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:40]


def _digest(contributor_id: str) -> str:
    return hashlib.sha256(contributor_id.encode("utf-8", "surrogatepass")).hexdigest()


def _transliterated(text: str) -> str:
    """Returns a text with Latin letters in place of those with marks, strokes and ligatures."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(_LETTERS.get(c, c) for c in apart if c not in _MARKS)


def possible_filenames(contributor_id: str) -> tuple[str, ...]:
    """Returns the names that a contributor's statement may have, without extension.

    An id that clashes with another has the longer name. Versions that were published before
    letters were transliterated have names with `_` in their place.
    """
    plain, long = statement_filename(contributor_id), statement_filename(contributor_id, clash=True)
    before = f"{_readable(contributor_id)}~{_digest(contributor_id)}"
    return tuple(dict.fromkeys((plain, long, before)))


def statement_filenames(contributor_ids: Iterable[str]) -> dict[str, str]:
    """Returns file names for all contributors of a delivery, unique even if case is ignored.

    `Ada` and `ada` would be the same file on many systems, so both get the longer name. Ids that
    do not clash keep their names.
    """
    ids = list(dict.fromkeys(contributor_ids))
    folded = Counter(name.lower() for name in ids)
    return {name: statement_filename(name, folded[name.lower()] > 1) for name in ids}
