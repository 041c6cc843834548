"""Prints texts within the console's width, without breaking words such as paths and keys."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.console import Console

_LEAST = 40  # columns of text beside a label, however narrow the console is


def wrapped_lines(text: str, width: int, label: str = "") -> list[str]:
    """Returns a text as lines of at most `width` columns; a longer word has a line of its own.

    Args:
        text: The text; its own line breaks count as spaces.
        width: Columns.
        label: What the first line begins with; the others are indented as far.
    """
    return textwrap.wrap(
        text,
        max(width, len(label) + _LEAST),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [label.rstrip()]


def print_wrapped(console: Console, text: str, label: str = "") -> None:
    """Prints a text after its label, indented as far as the label is long.

    Args:
        console: Where to print.
        text: The text.
        label: What the first line begins with.
    """
    for line in wrapped_lines(text, console.width, label):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_labelled(console: Console, rows: Iterable[tuple[str, str]], width: int) -> None:
    """Prints pairs of a label and a text as two columns.

    Args:
        console: Where to print.
        rows: The pairs.
        width: Columns of the labels.
    """
    for name, text in rows:
        print_wrapped(console, text, f"  {name:<{width}} ")
