"""Wraps messages at the width of a terminal."""

from __future__ import annotations

import shutil
import textwrap

_NARROWEST = 20


def wrap_lines(text: str, width: int = 0) -> str:
    r"""Wraps lines at blanks; the rest of a line is indented by two more than its beginning.

    Addresses and other long words are not broken, so that they can be copied.

    Args:
        text: One or more lines.
        width: Columns, if they are not the terminal's.

    Example:
        >>> print(wrap_lines("two faults:\n  a column appears twice", 20))
        two faults:
          a column appears
            twice
    """
    columns = max(width or shutil.get_terminal_size().columns, _NARROWEST)
    wrapped = []
    for line in text.splitlines():
        own = line.lstrip(" ")
        indent = " " * (len(line) - len(own))
        wrapped += textwrap.wrap(
            own,
            columns,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(wrapped)
