"""What can be shown of an author and a source where a licence asks for them: docs/delivery.md."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pipelines.format.attribution import display_text

_ADDRESS = re.compile(r"https?://[!#$%&'()*+,./:;=?@\[\]~A-Za-z0-9_-]{1,2000}", re.IGNORECASE)


def shows_name(credit: str) -> bool:
    """Whether anything of a credit is left to be shown once what hides or orders is gone.

    No name is taken from anywhere but `credit`: other names in the catalogue are for payments.
    """
    return bool(display_text(credit))


def is_address(text: str) -> bool:
    """Whether a text is a web address that can be shown; one with a password is not."""
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
