"""Cells of CSV: no spreadsheet finds a formula in them, and reading gives the text back."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.csv_cells import csv_cell, guard_text, read_text
from tests.ledger.reference import FORMULA_STARTS, simple_cell

# What separates, starts formulas or is skipped, and some letters: few, so that they meet often.
HOSTILE = st.text(
    st.sampled_from([*"=+-@;,|\t\r\n\"' aA1", "＝", "＋", "－", "＠", "\ufeff", "\u200b", "\xa0"]),
    max_size=12,
)
TEXT = st.one_of(HOSTILE, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
DELIMITERS = (",", ";", "\t", "|")


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells that a spreadsheet makes of a file, where quotes hold and where they do not."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", line)
    found = [cell for row in csv.reader(lines, delimiter=delimiter) for cell in row]
    return [*found, *re.split(f"[{delimiter}\r\n]", line)]


def is_live(cell: str) -> bool:
    """Whether a lenient spreadsheet runs a cell: blanks, quotes and invisible ones are skipped."""
    return cell.lstrip(' \t\r\n\xa0\ufeff\u200b"')[:1] in {*FORMULA_STARTS}


def check(text: str) -> None:
    assert read_text(guard_text(text)) == text
    assert guard_text(text) == simple_cell(text)
    row = f"plain,{csv_cell(text)},1\r\n"
    for delimiter in DELIMITERS:
        for cell in cells_of(row, delimiter):
            assert not is_live(cell), (delimiter, cell)
    cells = next(csv.reader(io.StringIO(row, newline="")))
    assert cells == ["plain", guard_text(text), "1"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("A;=1+1", "A;'=1+1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("a-b", "a-b"),
        ("a, -b", "a, '-b"),
        ("\tx", "'\tx"),
        ("x\n@y", "x\n'@y"),
        ('A;"=1"', 'A;"\'=1"'),
        ("it's; fine", "it's; fine"),
        ("", ""),
    ],
)
def test_examples(text: str, cell: str) -> None:
    assert guard_text(text) == cell
    check(text)


@given(TEXT)
def test_no_cell_is_live_and_each_is_read_back(text: str) -> None:
    check(text)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(TEXT)
def test_ten_thousand_texts(text: str) -> None:
    check(text)


@given(TEXT, TEXT)
def test_different_texts_have_different_cells(one: str, other: str) -> None:
    assert (guard_text(one) == guard_text(other)) == (one == other)


@pytest.mark.parametrize("cell", ["=1", "A;=1", "\tx"])
def test_a_cell_of_another_program(cell: str) -> None:
    with pytest.raises(ValueError, match="not a cell that this program writes"):
        read_text(cell)
