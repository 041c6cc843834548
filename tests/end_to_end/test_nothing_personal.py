"""Nothing by which a person of the catalogue could be found is in what a buyer gets."""

from __future__ import annotations

import gzip
import html
import json
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.command import Demo, fairshard

# What people are known by, and what the agency calls its assets and agreements.
NAMES = {
    "contributors": ["contributor_id", "display_name", "payee_ref"],
    "releases": ["release_id", "subject_ref", "witness_ref"],
    "agreements": ["agreement_ref"],
    "assets": ["asset_id", "media_uri"],
}
DELIVERED_TEXT = ["title", "description", "keywords", "category"]
HEX = re.compile("[0-9a-f]+")
PNG = b"\x89PNG\r\n\x1a\n"


def names_of(demo: Demo) -> set[str]:
    """Returns the names, ids and references of the demo's catalogue that can be searched for.

    Left out is what is also in the text that is delivered, and what may as well be in a digest.
    """
    found: set[str] = set()
    for table, columns in NAMES.items():
        read = pq.read_table(demo.catalogue / f"{table}.parquet", columns=columns)
        for column in read.columns:
            found |= {value for value in column.to_pylist() if value}
    assets = pq.read_table(demo.catalogue / "assets.parquet", columns=DELIVERED_TEXT)
    texts = json.dumps(assets.to_pylist(), ensure_ascii=False)
    return {name for name in found if len(name) > 3 and not HEX.fullmatch(name)} - {
        name for name in found if name in texts
    }


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


@pytest.mark.parametrize("deal_id", ["demo-main", "demo-images", "demo-strict"])
def test_no_name_is_in_the_tables_and_papers(demo: Demo, deal_id: str) -> None:
    assert found_in(demo.delivery(deal_id), names_of(demo), media=False) == {}


def test_the_agencys_side_has_them(demo: Demo) -> None:
    names = names_of(demo)
    assert len(found_in(demo.agency("demo-main"), names)) > 200


def test_no_name_is_in_the_media_of_a_deal_that_strips_them(demo: Demo, tmp_path: Path) -> None:
    deal = demo.deal("demo-main").read_text(encoding="utf-8")
    assert "[rights]" not in deal
    stripped = tmp_path / "deal.toml"
    stripped.write_text(deal + '\n[rights]\npersonal_data = "none"\n')
    demo.copy_features(tmp_path / "out")
    words = demo.package("demo-main", tmp_path / "out", "--workers", 1)
    words[words.index(demo.deal("demo-main"))] = stripped
    ended = fairshard(*words)
    assert ended.code == 0, ended.err
    delivery = tmp_path / "out" / "demo-main" / "v0001" / "delivery"
    assert found_in(delivery, names_of(demo)) == {}


def test_the_search_finds_names_wherever_they_are(tmp_path: Path) -> None:
    name = "Zoë Quillfeather"
    chunk = b"Author\0\0" + zlib.compress(name.encode())
    png = PNG + struct.pack(">I4s", len(chunk), b"zTXt") + chunk + bytes(4)
    planted = {
        "plain.txt": b"by " + name.encode(),
        "wide.bin": b"\0" + name.encode("utf-16-be"),
        "escaped.json": json.dumps([name]).encode(),
        "uri.txt": quote(name).encode(),
        "packed.gz": gzip.compress(name.encode()),
    }
    for path, data in planted.items():
        (tmp_path / path).write_bytes(data)
    pq.write_table(pa.table({"text": [f"by {name}"]}), tmp_path / "table.parquet")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        member = tarfile.TarInfo("1.png")
        member.size = len(png)
        tar.addfile(member, BytesIO(png))
    places = found_in(tmp_path, {name, "somebody else"})
    assert places == {name: {*planted, "table.parquet", "shard.tar 1.png"}}
