"""Draws earnings as bars in SVG, with a text alternative. Numbers only scale the bars."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.statements.text import escape, shown

_ROW, _LEFT, _BARS, _RIGHT = 24, 112, 220, 108  # units of the drawing
_MAX_LABEL = 15


def bars(name: str, title: str, items: Sequence[tuple[str, int, str]]) -> str:
    """Returns a chart with one bar for each item.

    Args:
        name: Prefix of ids on the page.
        title: What is shown, as a sentence.
        items: Label, value and the value as text; a negative value's bar leads to the left. The
            script finds a text by its place in the chart.
    """
    low, high = min(0, *(item[1] for item in items)), max(0, *(item[1] for item in items))
    span = (high - low) or 1
    zero = _LEFT + _place(-low, span)
    height = _ROW * len(items) + 4
    drawn = [_bar(name, number, item, low, span) for number, item in enumerate(items)]
    spoken = "; ".join(f"{_label(label)}: {text}" for label, _, text in items)
    return (
        f'<svg viewBox="0 0 {_LEFT + _BARS + _RIGHT} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(spoken)}</desc>'
        f'{"".join(drawn)}<line x1="{zero}" x2="{zero}" y1="0" y2="{height}"/></svg>'
    )


def _bar(name: str, number: int, item: tuple[str, int, str], low: int, span: int) -> str:
    label, value, text = item
    start, end = (_LEFT + _place(at - low, span) for at in (min(0, value), max(0, value)))
    middle, width = _ROW * number + 17, max(end - start, 1 if value else 0)
    kind = ' class="below"' if value < 0 else ""
    return (
        f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(_label(label))}</text>'
        f'<rect{kind} x="{start}" y="{middle - 13}" width="{width}" height="17"/>'
        f'<text x="{end + 6}" y="{middle}" data-cell="{name}-{number}">{escape(text)}</text>'
    )


def _place(distance: int, span: int) -> int:
    return _BARS * distance // span


def _label(text: str) -> str:
    clean = shown(text)
    return clean if len(clean) <= _MAX_LABEL else f"{clean[: _MAX_LABEL - 1]}…"
