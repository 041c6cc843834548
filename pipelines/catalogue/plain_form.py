"""Names as they are compared where case and punctuation do not matter."""

from __future__ import annotations

import unicodedata


def plain_form(name: str) -> str:
    """Returns a name's letters and digits without case, width variants, blanks or punctuation."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())
