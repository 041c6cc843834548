"""Names without what does not matter in them."""

from __future__ import annotations

import unicodedata


def plain_form(name: str) -> str:
    """Returns a name's letters and digits without case, accents of width, blanks or marks."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())
