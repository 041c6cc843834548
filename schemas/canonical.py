"""Writes JSON in forms in which every value has exactly one text.

One is canonical JSON (RFC 8785), for what is digested; the other is for people to read.

`rfc8785` writes any value, piece by piece in Python. Nearly everything that is digested or
delivered consists of strings, integers and booleans under ASCII keys, for which orjson
writes the same bytes about twelve times as fast. It does not write floats as RFC 8785 does
(1.0 is 1), and it sorts keys by code point, where RFC 8785 sorts them by UTF-16.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import rfc8785

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
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


def json_bytes(value: object) -> bytes:
    """Returns readable JSON in one fixed form: sorted keys, a newline at the end."""
    # orjson indents by two, and writes floats otherwise; of what is plain it writes the same text.
    if is_plain(value):
        try:
            return _halve_indents(orjson.dumps(value, option=_INDENTED))
        except orjson.JSONEncodeError:
            pass  # integers beyond 64 bits, lone surrogates
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"


def _halve_indents(text: bytes) -> bytes:
    """Returns JSON that is indented by two spaces indented by one.

    Line breaks and zero bytes are written as escapes in strings, so they occur nowhere else.
    """
    depth = 0
    while b"\n" + b"  " * (depth + 1) in text:
        depth += 1
    for level in range(depth, 0, -1):  # a line that is done begins with zeros
        text = text.replace(b"\n" + b"  " * level, b"\n" + b"\0" * level)
    return text.replace(b"\0", b" ")
