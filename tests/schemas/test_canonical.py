"""Canonical JSON: the fast encoder writes the same as `rfc8785` and refuses the same values."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.canonical import canonical_json

_TEXTS = st.text(st.characters())  # including surrogates
_NUMBERS = st.integers(-(2**54), 2**54) | st.floats()
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


def outcome(encode: Any, value: Any) -> bytes | str:
    try:
        encoded: bytes = encode(value)
        return encoded
    except ValueError as error:  # both encoders raise subclasses of it, as does UnicodeEncodeError
        return type(error).__name__


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(_VALUES)
@example({"b": 1, "a": [True, None, -(2**53) + 1], "A": '\x7f\u2028\x00\x1f"\\/\b\f\n\r\t'})
@example({"\ufffd": 1, "\U00010000": 2})
@example([2**53])
@example("\ud800")
@example({"\ud800": 1})
@example({"a": 1.0, "b": -0.0})
def test_output_equals_that_of_rfc8785(value: Any) -> None:
    assert outcome(canonical_json, value) == outcome(rfc8785.dumps, value)


@pytest.mark.parametrize("value", [{1: "one"}, b"bytes", {"a": {1, 2}}])
def test_value_without_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)
