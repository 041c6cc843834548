"""Writes canonical JSON (RFC 8785), in which every value has exactly one form.

`rfc8785` writes any value, piece by piece in Python. Nearly everything that is digested or
delivered consists of strings, integers and booleans under ASCII keys, for which orjson
writes the same bytes about twelve times as fast. It does not write floats as RFC 8785 does
(1.0 is 1), and it sorts keys by code point, where RFC 8785 sorts them by UTF-16.
"""

from __future__ import annotations

from typing import Any

import orjson
import rfc8785

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALAR_TYPES = frozenset({str, bool, int, type(None)})


def canonical_json(value: Any) -> bytes:
    """Returns a value as canonical JSON.

    Raises:
        rfc8785.CanonicalizationError: If the value has no canonical form: a number beyond 2**53,
            or a lone surrogate.
    """
    if is_plain(value):
        try:
            return orjson.dumps(value, option=_OPTIONS)
        except orjson.JSONEncodeError:
            pass  # rfc8785 raises the error that callers expect
    return rfc8785.dumps(value)


def is_plain(value: Any) -> bool:
    """Whether both encoders write the value identically, if they can write it at all."""
    if type(value) is dict:
        try:
            if not "".join(value).isascii():
                return False
        except TypeError:
            return False  # a key is not a string
        value = value.values()
    elif type(value) is not list:
        return type(value) in _SCALAR_TYPES
    return _SCALAR_TYPES.issuperset(map(type, value)) or all(map(is_plain, value))
