"""Checks and tidies captions that come from outside: an agency's captioner, or a server."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARS = 4_000
_MARKUP = re.compile(r"</?[a-z][^<>]{0,200}>|<!--|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,10});", re.I)
# Code points that are no text: controls, formatting (such as marks that turn the direction of what
# follows), surrogates, private and unassigned ones.
_NO_TEXT = frozenset(["Cc", "Cf", "Cs", "Co", "Cn"])
_JOINERS = "\u200c\u200d"  # needed to write Persian, Hindi and others


@dataclass(frozen=True)
class CaptionFailure:
    """Why there is no caption for a picture, in one line."""

    detail: str


def clean_caption(text: str) -> str | CaptionFailure:
    """Returns a caption as one line of plain text.

    Blanks and control characters become single blanks; other characters that are no text are left
    out. Markup is refused rather than guessed at.
    """
    if len(text) > MAX_CHARS:
        return CaptionFailure(f"the caption has {len(text):,} characters, at most {MAX_CHARS:,}")
    spaced = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    kept = (c for c in spaced if c in _JOINERS or unicodedata.category(c) not in _NO_TEXT)
    plain = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    # Only now: what was left out may have stood within markup.
    if found := _MARKUP.search(re.sub(f"[{_JOINERS}]", "", plain)):
        return CaptionFailure(f"the caption has markup: {found[0][:40]!r}")
    return plain
