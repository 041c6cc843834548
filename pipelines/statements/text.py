"""Texts on a page: harmless whatever an id or a name contains."""

from __future__ import annotations

import html
import re

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


def shown(text: str) -> str:
    r"""Returns a text as the page shows it: control characters as `\u0007`; else unchanged."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape(text: str) -> str:
    """Returns a text as HTML, for an element or a quoted attribute."""
    return html.escape(text, quote=True)
