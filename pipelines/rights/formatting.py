"""What a value looks like in a decision's `detail`: one line of plain text."""

from __future__ import annotations

MAX_CHARS = 300  # characters of a value that are worth showing
MAX_ITEMS = 20  # of a list


def one_line(value: object) -> str:
    """A value as one line: control characters escaped, and cut where it is very long."""
    if isinstance(value, list):
        more = [f"… {len(value)} in all"] if len(value) > MAX_ITEMS else []
        return "[" + ", ".join([*map(one_line, value[:MAX_ITEMS]), *more]) + "]"
    if isinstance(value, dict):
        return ":".join(one_line(item) for item in value.values())
    text = str(value)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"
