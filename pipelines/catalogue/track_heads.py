"""Tells a file of boxes or poses from a table in JSON by how it begins.

A track file is one JSON object whose names are known. A table whose file an asset names, by mistake
or otherwise, must not be taken for one, since its rows may say no.
"""

from __future__ import annotations

import re

#: How much of a file is looked at.
HEAD_BYTES = 2**12
_TRACK_KEYS = frozenset(
    "boxes film_sha256 format frames height objects poses reference_frame skeleton source "
    "width".split()
)
_ROW_KEY = re.compile(r'"(asset|contributor|release)_id"\s*:')
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]', re.DOTALL)


def may_be_table(head: bytes) -> bool:
    """Whether a JSON file may hold rows: it is not the beginning of one track, and of nothing else.

    Args:
        head: Its first HEAD_BYTES bytes, or all of them.
    """
    text = head.decode("utf-8-sig", "replace").lstrip()
    if not text.startswith("{") or _ROW_KEY.search(text):
        return True
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if not depth:  # a second object behind the first is a second row
                return bool(text[token.end() :].strip())
        elif depth == 1 and token[2] and token[1] not in _TRACK_KEYS:
            return True
    return False
