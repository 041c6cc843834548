"""Fits the texts of a trace to a screen: cut, wrapped, and only the first of many lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 100
MAX_LINES = 8  # lines of one kind
MAX_CHARS = 240  # characters after which a line's text is cut; --json has all of it


def limited_lines(lines: Iterable[str], indent: str = " " * 7) -> Iterator[str]:
    """Yields the first of many lines, each cut and wrapped, and how many more there are."""
    all_lines = list(lines)
    for line in all_lines[:MAX_LINES]:
        yield from wrap(cut(line), indent, f"{indent}  ")
    if len(all_lines) > MAX_LINES:
        yield f"{indent}and {len(all_lines) - MAX_LINES} more (--json has all)"


def cut(text: str, max_chars: int = MAX_CHARS) -> str:
    """Returns a text without what is too long to be shown."""
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"


def wrap(text: str, first: str = "", rest: str = "") -> list[str]:
    """Returns printable lines of at most `WIDTH`; words of `first` are wrapped with the text."""
    head = first.lstrip(" ")
    indent = first[: len(first) - len(head)]
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return textwrap.wrap(
        head + text, WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False
    )
