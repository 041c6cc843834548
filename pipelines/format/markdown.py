"""Text in Markdown."""

from __future__ import annotations

import html
import re

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


def as_shown(text: str) -> str:
    """Returns text that Markdown and HTML show as it is."""
    return html.escape(_MARKDOWN.sub(r"\\\1", text), quote=False)
