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


def cell(name: str, text: str) -> str:
    """Returns a text that the script compares with the record, by the name of its cell."""
    return f'<bdi data-cell="{escape(name)}">{escape(shown(text))}</bdi>'


def number_cell(name: str, text: str) -> str:
    """Returns a table's cell with a number that the script compares."""
    return f'<td class="number" data-cell="{escape(name)}">{escape(text)}</td>'


def amount_cell(name: str, amount: str, currency: str) -> str:
    """Returns an amount with its currency, which the script compares."""
    return f'<span data-cell="{escape(name)}">{escape(amount)} {escape(currency)}</span>'
