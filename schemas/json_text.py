"""JSON to read, indented, byte for byte as `json.dumps` writes it and several times as fast.

Python's encoder is written in C for text without indentation alone. An object or list that holds
no further one is given to that encoder, with the line breaks as its separators.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

_CONTAINERS = (dict, list, tuple)


def json_text(value: Any, indent: int, *, sort_keys: bool = False, allow_nan: bool = True) -> str:
    """A value as `json.dumps(value, indent=indent, ensure_ascii=False, …)` has it.

    Raises:
        ValueError: For a float without JSON, where `allow_nan` is false.
        TypeError: For what has no JSON.
    """
    return _Formatter(indent, sort_keys, allow_nan).text(value, 0)


def json_quote(text: str) -> str:
    """A text as JSON has it, with what is beyond ASCII as it stands."""
    return encode_basestring(text)


class _Formatter:
    def __init__(self, indent: int, sort_keys: bool, allow_nan: bool) -> None:
        self._indent = indent
        self._sort_keys = sort_keys
        self._allow_nan = allow_nan

    def text(self, value: Any, depth: int) -> str:
        if not isinstance(value, _CONTAINERS) or not value:
            return self._encoder(0).encode(value)
        outer = "\n" + " " * (self._indent * depth)
        inner = "\n" + " " * (self._indent * (depth + 1))
        if not isinstance(value, dict):
            lines = self._items(value, depth)
            return f"[{inner}{f',{inner}'.join(lines)}{outer}]"
        lines = self._fields(value, depth)
        return f"{{{inner}{f',{inner}'.join(lines)}{outer}}}"

    def _items(self, value: Sequence[Any], depth: int) -> Iterator[str]:
        if not any(isinstance(item, _CONTAINERS) for item in value):
            yield self._encoder(depth + 1).encode(value)[1:-1]
            return
        for item in value:
            yield self.text(item, depth + 1)

    def _fields(self, value: dict[Any, Any], depth: int) -> Iterator[str]:
        """Fields in a row that hold no further object or list come out together."""
        flat_fields: dict[Any, Any] = {}
        for name, item in sorted(value.items()) if self._sort_keys else value.items():
            if not isinstance(item, _CONTAINERS):
                flat_fields[name] = item
                continue
            if flat_fields:
                yield self._encoder(depth + 1).encode(flat_fields)[1:-1]
                flat_fields = {}
            # With an empty text for value: the encoder turns a number that is a name into text.
            yield self._encoder(0).encode({name: ""})[1:-3] + self.text(item, depth + 1)
        if flat_fields:
            yield self._encoder(depth + 1).encode(flat_fields)[1:-1]

    def _encoder(self, depth: int) -> json.JSONEncoder:
        return _encoder(" " * (self._indent * depth), self._sort_keys, self._allow_nan)


@lru_cache(maxsize=64)
def _encoder(margin: str, sort_keys: bool, allow_nan: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=False,
        sort_keys=sort_keys,
        allow_nan=allow_nan,
        separators=(f",\n{margin}", ": "),
    )
