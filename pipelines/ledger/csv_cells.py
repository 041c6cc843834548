"""Text cells of the CSV files that we write: inert in every spreadsheet, and reversible.

A spreadsheet runs a cell as a formula if it begins with `=`, `+`, `-` or `@`, in any width. Where
the list separator of the country is a semicolon, it also splits our cells at semicolons, so that
what stands behind one begins a cell of its own; quotes do not prevent that. Hence:

1. A cell can begin at the start of the text and after each separator (`; , |`, tab, line ends).
2. If blanks, quotes, invisible characters and any number of apostrophes there are followed by a
   character that begins a formula, one more apostrophe is put before that character.
3. At the start of the text, a tab or line end gets an apostrophe as well.

Reading reverses this: `read_cell` takes one apostrophe away wherever the rule puts one.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from functools import lru_cache

CSV_END = "\r\n"
_PLAIN_CELL = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_FORMULA_STARTS = "=+-@"
_MINUS_SIGN = "\u2212"
# Where some program ends a cell or a line.
_SEPARATORS = (
    ";,|\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
    "\u037e\u060c\u061b\ufe50\ufe54\uff0c\uff1b\uff5c"  # in other scripts and widths
)
# The planes that have such characters: the first one, and that of tags.
_SEARCHED = (*range(0x10000), *range(0xE0000, 0xE1000))
_LEADING_ENDS = re.compile(r"'*[\t\r\n]")


@lru_cache(maxsize=1)
def _guarded() -> re.Pattern[str]:
    """Matches what stands before a character that begins a formula, up to its apostrophes."""
    starts, skipped = [_MINUS_SIGN], ['"', "\u201c", "\u201d"]
    for code in _SEARCHED:
        letter = chr(code)
        category = unicodedata.category(letter)
        # In the form in which wide, small and raised variants are the plain character.
        if category in ("Sm", "Pd", "Po") and (
            unicodedata.normalize("NFKC", letter)[0] in _FORMULA_STARTS
        ):
            starts.append(letter)
        elif (category in ("Cf", "Zs", "Cc") or letter.isspace()) and letter not in _SEPARATORS:
            skipped.append(letter)
    before, separators = re.escape("".join(skipped)), re.escape(_SEPARATORS)
    formula = re.escape("".join(starts))
    return re.compile(f"((?:^|[{separators}])[{before}']*)(?=[{formula}])")


def guard_text(text: str) -> str:
    """Returns a text as a cell that no spreadsheet runs as a formula."""
    guarded = _guarded().sub(r"\1'", text)
    return f"'{guarded}" if _LEADING_ENDS.match(text) else guarded


def read_text(cell: str) -> str:
    """Returns the text of a cell that `guard_text` made.

    Raises:
        ValueError: If it made no such cell.
    """
    text = cell[1:] if _LEADING_ENDS.match(cell) and cell.startswith("'") else cell
    text = _guarded().sub(lambda match: match[1].removesuffix("'"), text)
    if guard_text(text) != cell:
        raise ValueError(f"not a cell that this program writes: {cell!r}")
    return text


def csv_cell(text: str) -> str:
    """Returns a text as a cell of CSV; plain ones do not need the `csv` module."""
    if _PLAIN_CELL.fullmatch(text):
        return text
    out = io.StringIO()
    # Beside another, since an empty cell alone is written otherwise.
    csv.writer(out).writerow(["", guard_text(text)])
    return out.getvalue()[1:].removesuffix(CSV_END)
