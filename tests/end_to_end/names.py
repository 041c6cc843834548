"""Searches folders for names in any form, inside archives, tables and compressed data too."""

from __future__ import annotations

import gzip
import html
import json
import struct
import tarfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq

PNG = b"\x89PNG\r\n\x1a\n"


def forms_of(name: str) -> set[bytes]:
    """Returns the bytes as which a name may be written in a file."""
    texts = {name, json.dumps(name)[1:-1], html.escape(name), quote(name), quote(name, safe="")}
    forms = {text.encode() for text in texts}
    return {form for form in forms if len(form) > 3} | {
        name.encode("utf-16-le"),
        name.encode("utf-16-be"),
    }


def inflated(png: bytes) -> Iterator[bytes]:
    """Yields what is compressed in a PNG file's chunks other than its pixels."""
    at = len(PNG)
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        at += length + 12
        for start in range(len(body)) if kind in (b"zTXt", b"iTXt", b"iCCP") else ():
            if body[start] == 0x78:  # where a zlib stream begins
                try:
                    yield zlib.decompress(body[start:])
                except zlib.error:
                    continue


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the bytes of a file and of all that is inside it: members, values, inflated data."""
    data = path.read_bytes()
    yield path.name, data
    if path.suffix == ".gz":
        yield path.name, gzip.decompress(data)
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield path.name, json.dumps(table.to_pylist(), default=str, ensure_ascii=False).encode()
        yield path.name, b"".join((table.schema.metadata or {}).values())
    if path.suffix == ".tar":
        with tarfile.open(fileobj=BytesIO(data)) as tar:
            for member in tar:
                file = tar.extractfile(member)
                inner = file.read() if file else b""
                yield f"{path.name} {member.name}", member.name.encode() + b"\0" + inner
                if inner.startswith(PNG):
                    yield from ((f"{path.name} {member.name}", text) for text in inflated(inner))


class Search:
    """Finds many forms at once: where four bytes are those that a form begins with."""

    def __init__(self, names: set[str]) -> None:
        self._forms: dict[bytes, dict[bytes, str]] = {}
        for name in names:
            for form in forms_of(name):
                self._forms.setdefault(form[:4], {})[form] = name
        self._starts = np.array([int.from_bytes(start, "little") for start in self._forms], "<u4")

    def find(self, data: bytes) -> set[str]:
        """Returns the names of which a form is in the data."""
        found = set()
        for shift in range(4):
            words = np.frombuffer(data, "<u4", max(0, len(data) - shift) // 4, shift)
            for at in np.flatnonzero(np.isin(words, self._starts)).tolist():
                start = shift + 4 * at
                for form, name in self._forms[data[start : start + 4]].items():
                    if data.startswith(form, start):
                        found.add(name)
        return found


def found_in(folder: Path, names: set[str], *, media: bool = True) -> dict[str, set[str]]:
    """Returns the names found below a folder, with where they were found."""
    search = Search(names)
    found: dict[str, set[str]] = {}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    for path in files:
        if path.suffix == ".tar" and not media:
            continue
        for place, data in contents(path):
            if len(data) >= 4:
                for name in search.find(data):
                    found.setdefault(name, set()).add(place)
    return found
