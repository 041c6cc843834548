"""JSON to read, indented, byte for byte as `json.dumps` writes it and several times as fast.

Python's encoder is written in C for text without indentation alone. An object or list that holds
no further one is given to that encoder, with the line breaks as its separators.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any


def json_text(value: Any, indent: int, *, sort_keys: bool = False, allow_nan: bool = True) -> str:
    """A value as `json.dumps(value, indent=indent, ensure_ascii=False, …)` has it.

    Raises:
        ValueError: For a float without JSON, where `allow_nan` is false.
        TypeError: For what has no JSON.
    """
    return _Form(indent, sort_keys, allow_nan).text(value, 0)


class _Form:
    def __init__(self, indent: int, sort_keys: bool, allow_nan: bool) -> None:
        self._indent = indent
        self._sort_keys = sort_keys
        self._allow_nan = allow_nan

    def text(self, value: Any, depth: int) -> str:
        if not isinstance(value, dict | list | tuple) or not value:
            return self._encoder(0).encode(value)
        outer = "\n" + " " * (self._indent * depth)
        inner = "\n" + " " * (self._indent * (depth + 1))
        items = list(value.values()) if isinstance(value, dict) else value
        if not any(isinstance(item, dict | list | tuple) for item in items):
            flat = self._encoder(depth + 1).encode(value)
            return f"{flat[0]}{inner}{flat[1:-1]}{outer}{flat[-1]}"
        if isinstance(value, dict):
            return f"{{{inner}{self._fields(value, depth, inner)}{outer}}}"
        joined = f",{inner}".join(self.text(item, depth + 1) for item in value)
        return f"[{inner}{joined}{outer}]"

    def _fields(self, value: dict[Any, Any], depth: int, inner: str) -> str:
        items = sorted(value.items()) if self._sort_keys else value.items()
        parts = []
        for name, item in items:
            # With an empty text for value: the encoder turns a number that is a name into text.
            head = self._encoder(0).encode({name: ""})[1:-3]
            parts.append(head + self.text(item, depth + 1))
        return f",{inner}".join(parts)

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
