"""Compressed files, text files and JSON are read as the plain file is; damage stops the run."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue import json_arrays
from pipelines.catalogue.json_arrays import array_rows
from pipelines.catalogue.read import open_catalogue, read_table
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from tests.catalogue.catalogue_cases import (
    QUICK,
    Row,
    asset,
    csv_bytes,
    jsonl_bytes,
    raw_catalogue,
    read_all,
    write_catalogue,
)

pytestmark = pytest.mark.long

CONSENT = {"contributor_id": "c-1", "purpose": "all", "value": "allow", "given_at": "2024-01-01"}
DENIAL = CONSENT | {"value": "deny", "given_at": "2026-01-01"}
Pack = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


PACKED: dict[str, Pack] = {"gz": gzip.compress, "bz2": bz2.compress, "zst": zstd}


def catalogue(folder: Path, files: dict[str, bytes]) -> Path:
    write_catalogue(folder, [asset()], "csv")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def values(folder: Path) -> list[str]:
    return values_of(read_table(open_catalogue(str(folder)), "consents")["value"], str)


WRITE: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": csv_bytes,
    "txt": csv_bytes,
    "tsv": lambda rows: csv_bytes(rows).replace(b",", b"\t"),
    "jsonl": jsonl_bytes,
    "json": lambda rows: json.dumps(rows).encode(),
}


@pytest.mark.parametrize("ending", sorted(PACKED))
@pytest.mark.parametrize("kind", sorted(WRITE))
def test_a_compressed_file_is_read_beside_a_plain_one(
    ending: str, kind: str, tmp_path: Path
) -> None:
    write = WRITE[kind]
    files = {
        f"consents-1.{kind}": write([CONSENT]),
        f"consents-2.{kind}.{ending}": PACKED[ending](write([DENIAL])),
    }
    folder = catalogue(tmp_path, files)
    assert values(folder) == ["allow", "deny"]
    assert dict(open_catalogue(str(folder)).files.tables)["consents"] == 2


@pytest.mark.parametrize("ending", sorted(PACKED))
def test_assets_may_be_compressed(ending: str, tmp_path: Path) -> None:
    data = csv_bytes([asset(i) for i in range(3000)] + [asset(7, people_count="two")])
    table, dead = read_all(raw_catalogue(tmp_path, f"assets.csv.{ending}", PACKED[ending](data)))
    assert len(table) == 3000
    assert [name for name, _ in dead] == ["a-7"]


@pytest.mark.parametrize("ending", sorted(PACKED))
def test_two_streams_in_one_file_are_both_read(ending: str, tmp_path: Path) -> None:
    first, second = csv_bytes([CONSENT]), csv_bytes([DENIAL]).split(b"\r\n", 1)[1]
    packed = PACKED[ending](first) + PACKED[ending](second)
    assert values(catalogue(tmp_path, {f"consents.csv.{ending}": packed})) == ["allow", "deny"]


@pytest.mark.parametrize("ending", sorted(PACKED))
def test_damage_is_never_taken_for_the_end(ending: str, tmp_path: Path) -> None:
    """Cut, followed by something else, or altered in its last octets: the second file is lost."""
    packed = PACKED[ending](csv_bytes([CONSENT] * 2000 + [DENIAL]))
    damaged = {
        "cut": packed[:-3],
        "half": packed[: len(packed) // 2],
        "followed": packed + b"consents-3",
        "not compressed": csv_bytes([DENIAL]),
        "two, one cut": packed + packed[:-9],
    }
    for number, (name, data) in enumerate(damaged.items()):
        folder = catalogue(tmp_path / str(number), {f"consents.csv.{ending}": data})
        with pytest.raises(InputError, match=r"damaged.*consents\.csv"):
            pytest.fail(f"{name}: {values(folder)}")


@pytest.mark.parametrize("ending", sorted(PACKED))
def test_a_bomb_is_refused(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.catalogue.compressed.MAX_UNPACKED_BYTES", 10**6)
    packed = PACKED[ending](csv_bytes([CONSENT]) + b"," * (3 * 10**7))
    assert len(packed) < 10**5
    folder = catalogue(tmp_path, {f"consents.csv.{ending}": packed})
    with pytest.raises(InputError, match=r"unpacks to too much.*consents\.csv"):
        values(folder)


def test_the_same_piece_twice_stops_the_run(tmp_path: Path) -> None:
    data = csv_bytes([CONSENT])
    files = {"consents-1.csv": data, "consents-1.csv.gz": gzip.compress(data)}
    with pytest.raises(InputError, match=r"more than once.*consents-1\.csv\.gz"):
        values(catalogue(tmp_path, files))


REFUSED = {
    "a note": b"Nobody has denied anything.\n",
    "a wrapped array": json.dumps({"consents": [DENIAL]}).encode(),
    "a pretty object": json.dumps(DENIAL, indent=1).encode(),
    "cut": json.dumps([CONSENT, DENIAL]).encode()[:-9],
    "not closed": json.dumps([CONSENT, DENIAL]).encode()[:-1],
    "followed": json.dumps([CONSENT]).encode() + json.dumps([DENIAL]).encode(),
    "without a comma": b"[" + 2 * json.dumps(DENIAL).encode() + b"]",
    "UTF-16": json.dumps([DENIAL]).encode("utf-16"),
    "an array of arrays": json.dumps([list(DENIAL), list(DENIAL.values())]).encode(),
    "a key twice": b'[{"contributor_id": "c-1", "purpose": "all", "value": "deny", '
    b'"given_at": "2026-01-01", "value": "allow"}]',
    "a number that is none": json.dumps([DENIAL | {"agreement_ref": float("nan")}]).encode(),
    "levels": b"[" * 100_000,
    "nothing": b" ",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_json_that_is_not_certain_stops_the_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"consents\.json"):
        pytest.fail(str(values(catalogue(tmp_path, {"consents.json": REFUSED[name]}))))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_array_of_objects_is_read(indent: int | None, mark: bytes, tmp_path: Path) -> None:
    rows = [asset(i, title="[]{},\"'\\ é") for i in range(50)]
    bad = asset(50, people_count="two")
    data = mark + json.dumps([*rows, bad, 7], indent=indent).encode()
    table, dead = read_all(raw_catalogue(tmp_path, "assets.json", data))
    assert table["title"].to_pylist() == ["[]{},\"'\\ é"] * 50
    assert [name for name, _ in dead] == ["assets.json:52", "a-50"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@QUICK
@given(
    items=st.lists(st.dictionaries(st.text(max_size=4), JSON) | JSON, max_size=8),
    indent=st.sampled_from([None, 1]),
    block=st.integers(1, 40),
)
def test_items_are_the_same_however_the_text_is_cut(
    items: list[object], indent: int | None, block: int
) -> None:
    data = json.dumps(items, indent=indent).encode()
    before = json_arrays._BLOCK_CHARACTERS
    json_arrays._BLOCK_CHARACTERS = block
    try:
        found = list(array_rows(_raw(data), "x.json"))
    finally:
        json_arrays._BLOCK_CHARACTERS = before
    assert [number for number, _ in found] == list(range(1, len(items) + 1))
    for item, (_, row) in zip(items, found, strict=True):
        if isinstance(item, dict):
            assert row == item
        else:
            assert isinstance(row, str)


class _Raw(io.RawIOBase):
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._data.readinto(buffer)  # type: ignore[arg-type]


def _raw(data: bytes) -> BinaryIO:
    return cast(BinaryIO, _Raw(data))
