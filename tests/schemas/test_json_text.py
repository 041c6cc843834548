"""JSON to read is what the standard library writes, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.json_text import json_text

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(_VALUES, st.integers(0, 3), st.booleans())
@example({"b": [], "a": {}, "c": [{}, []], "": [1, [2]]}, 1, True)
@example({"b": 1, "a": [1, 2]}, 2, False)
@example({1: [1], None: {"a": 2}, 2.5: []}, 2, False)
def test_as_the_standard_library_writes_it(value: Any, indent: int, sort_keys: bool) -> None:
    expected = json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=sort_keys)
    assert json_text(value, indent, sort_keys=sort_keys) == expected


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")], {"a": [float("nan"), []]}])
def test_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(value, 1, allow_nan=False)


@pytest.mark.parametrize("value", [b"bytes", [b"bytes", []], {"a": {"b": {1, 2}}}])
def test_what_has_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        json_text(value, 1)
