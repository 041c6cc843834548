"""Parts of pages: tables, figures, and bars in SVG, which print as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.statements.text import escape, shown
from schemas.money import format_amount

_WIDTH = 1_000  # units of a bar's drawing
_LONGEST_VALUE = 40
_BAR_HEAD = '<span class="hidden">as a bar</span>'


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its heading.
        is_number: Whether it is aligned to the right.
    """

    name: str
    is_number: bool = False


def text(value: str) -> str:
    """Returns a text as HTML, with control characters made visible."""
    return escape(shown(value))


def code(value: str) -> str:
    """Returns an id as HTML, whose direction of writing does not spread."""
    return f'<bdi class="id">{text(value)}</bdi>'


def section(name: str, title: str, *parts: str) -> str:
    """Returns a section of the page; the navigation leads to it by its name."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">\n'
        f'<h2 id="{name}-title">{escape(title)}</h2>\n{"".join(parts)}</section>\n'
    )


def note(words: str) -> str:
    """Returns a paragraph that explains what is shown."""
    return f'<p class="soft">{escape(words)}</p>\n'


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table. On a phone each row is a block in which columns are named.

    Args:
        caption: What it shows.
        columns: Its columns; the first one heads the row.
        rows: Cells as HTML.
    """
    heads = "".join(
        f'<th scope="col"{_number(column)}>{escape(column.name) or _BAR_HEAD}</th>'
        for column in columns
    )
    body = "".join(f"<tr>{''.join(_cells(columns, row))}</tr>\n" for row in rows)
    return (
        f'<table class="facts"><caption>{escape(caption)}</caption>\n<thead><tr>{heads}</tr>'
        f"</thead>\n<tbody>\n{body}</tbody>\n</table>\n"
    )


def _cells(columns: Sequence[Column], row: Sequence[str]) -> Iterator[str]:
    for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
        named = f' data-name="{escape(column.name)}"' if cell else ""
        yield (
            f'<th scope="row"{_number(column)}>{cell}</th>'
            if at == 0
            else f"<td{_number(column)}{named}>{cell}</td>"
        )


def _number(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def bar(*parts: tuple[str, int], most: int) -> str:
    """Returns a bar of several parts beside one another; numbers stand in other cells.

    Args:
        parts: The kind of each part, a class of the style, and its value.
        most: The value that takes the whole width.
    """
    drawn, start = [], 0
    for kind, value in parts:
        width = max(2, _WIDTH * value // max(most, 1)) if value else 0
        drawn.append(f'<rect class="{kind}" x="{start}" y="0" width="{width}" height="10"/>')
        start += width
    return (
        f'<svg class="bar" viewBox="0 0 {_WIDTH + 8} 10" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false">{"".join(drawn)}</svg>'
    )


def counts_table(caption: str, name: str, counts: Mapping[str, int], most_rows: int = 12) -> str:
    """Returns how often each value occurs, the most frequent first, with a bar for each."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown_rows, rest = ordered[:most_rows], ordered[most_rows:]
    if rest:
        shown_rows.append((f"{len(rest):,} others", sum(count for _, count in rest)))
    total, most = sum(counts.values()), max(counts.values(), default=0)
    return table(
        caption,
        (Column(name), Column("samples", True), Column("share", True), Column("")),
        (
            (
                text(_cut(value)),
                f"{count:,}",
                percent(count, total),
                bar(("passed", count), most=most),
            )
            for value, count in shown_rows
        ),
    )


def histogram(name: str, title: str, bins: Sequence[int]) -> str:
    """Returns columns of equal width from 0 to 1, with a text alternative."""
    most, width, height = max([*bins, 1]), 24, 120
    columns = "".join(
        f'<rect x="{width * at + 2}" y="{height - height * count // most}" width="{width - 4}" '
        f'height="{height * count // most}"/>'
        for at, count in enumerate(bins)
    )
    across = width * len(bins)
    spoken = "; ".join(
        f"{at / len(bins):.2f} to {(at + 1) / len(bins):.2f}: {count:,}"
        for at, count in enumerate(bins)
        if count
    )
    marks = "".join(
        f'<text x="{across * at // 4}" y="{height + 18}" text-anchor="{anchor}">{at / 4:g}</text>'
        for at, anchor in ((0, "start"), (1, "middle"), (2, "middle"), (3, "middle"), (4, "end"))
    )
    return (
        f'<figure><figcaption class="soft">{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {across} {height + 22}" role="img" '
        f'aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{escape(title)}'
        f'</title><desc id="{name}-text">{escape(spoken)}</desc>{columns}'
        f'<line x1="0" x2="{across}" y1="{height}" y2="{height}"/>{marks}</svg></figure>\n'
    )


def amount(minor: int, currency: str) -> str:
    """Returns an amount of money for people.

    Example:
        >>> amount(-123456789, "USD")
        '-1,234,567.89 USD'
    """
    whole, point, rest = format_amount(minor, currency).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{rest} {currency}"


def percent(part: int | float, whole: int | float) -> str:
    """Returns a share for people; "" of nothing.

    Example:
        >>> percent(1, 3), percent(1, 1000), percent(0, 0)
        ('33.3 %', '0.1 %', '')
    """
    return f"{100 * part / whole:.1f} %" if whole else ""


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"
