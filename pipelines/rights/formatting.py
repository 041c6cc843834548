"""Formats values for a decision's `detail` and for traces, as one line of plain text."""

from __future__ import annotations

from collections.abc import Iterable

MAX_CHARS = 300  # characters of a value that are worth showing
MAX_ITEMS = 20  # of a list
WORD_OF = {None: "not stated", True: "yes", False: "no"}


def one_line(value: object) -> str:
    """A value as one line: control characters escaped, and cut where it is very long."""
    if isinstance(value, list):
        more = [f"… {len(value)} in all"] if len(value) > MAX_ITEMS else []
        return "[" + ", ".join([*map(one_line, value[:MAX_ITEMS]), *more]) + "]"
    if isinstance(value, dict):
        return ":".join(one_line(item) for item in value.values())
    text = WORD_OF[value] if value is None or isinstance(value, bool) else str(value)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"


def text_or(value: object, absent: str) -> str:
    """A value as one line, or the given text if it is absent."""
    return absent if value is None or value == "" else one_line(value)


def yes_or_no(value: bool | None, true: str, false: str, absent: str) -> str:
    """The text for a column that is true, false or absent."""
    return absent if value is None else (true if value else false)


def comma_list(values: Iterable[object] | None) -> str:
    """Values in one line, each formatted by `one_line`."""
    return ", ".join(one_line(value) for value in values or ())
