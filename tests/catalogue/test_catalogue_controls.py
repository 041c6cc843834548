"""Control characters in free texts are counted."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue.controls import count_controls
from pipelines.catalogue.convert import convert_column
from pipelines.catalogue.notes import CellNotes
from schemas.catalogue import ASSETS_SCHEMA

_ORDER = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def is_odd(text: str) -> bool:
    return any(
        char in _ORDER or (unicodedata.category(char) == "Cc" and char not in "\t\n\r")
        for char in text
    )


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"))))
def test_texts_with_controls_are_counted(texts: list[str | None]) -> None:
    expected = sum(is_odd(text) for text in texts if text)
    assert count_controls(pa.array(texts, pa.string())) == expected
    assert count_controls(pa.array([texts, None], pa.list_(pa.string()))) == expected
    assert count_controls(pa.array(["\0", *texts, "\0"], pa.string())[1:-1]) == expected


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("title", ["a\x01b", "a", None, "a\tb"], 1),
        ("description", ["a\u202eb", "a\x9fb", "a\nb", "é"], 2),
        ("keywords", ["a;b\x7fc;d", "e", "", None], 1),
        ("asset_id", ["a\x01b", "b", "c", "d"], 0),
    ],
)
def test_columns_of_free_text_are_noted(name: str, values: list[str | None], count: int) -> None:
    notes = CellNotes()
    convert_column(pa.array(values, pa.string()), ASSETS_SCHEMA.field(name), notes, "assets")
    assert notes.control_characters[f"assets.{name}"] == count
