"""Members that only some profiles have: they are found, compared and indexed like the others."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from pipelines.delivery.tables import shard_table
from pipelines.format.energon import extent_columns, member_places, sample_offsets
from pipelines.format.loader_files import dali_index
from pipelines.format.tar import TarWriter
from pipelines.format.tar_comparison import TarComparison, places_of
from pipelines.removal.shards import _moved
from pipelines.removal.tombstone import _tombstone
from pipelines.storage.columns import rows_of
from pipelines.storage.open import open_store
from pipelines.verify.byte_range import read_sample
from pipelines.verify.shard_rows import _tombstone_fault
from schemas.shard_table import SampleRow, ShardRow, shard_schema
from tests.format.strict_tar import read_members

_SCHEMA = shard_schema([pa.field("objects", pa.int64(), nullable=False)], has_extras=True)
_ENDINGS = ("mp4", "boxes.json", "reference.png", "txt", "json")


def _empty(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        return []
    if pa.types.is_date(kind):
        return None
    if pa.types.is_string(kind):
        return ""
    return False if pa.types.is_boolean(kind) else 0


def _tar(keys: list[str]) -> tuple[bytes, pa.Table]:
    """A tar of samples with two extra members each, and its table."""
    sink, rows = io.BytesIO(), []
    tar = TarWriter(sink)
    for at, key in enumerate(keys):
        for number, ending in enumerate(_ENDINGS):
            data = f"{key} {ending}".encode() * (at * 300 + number + 1)
            tar.add(f"{key}.{ending}", len(data), [data])
        medium = hashlib.sha256(f"{key} mp4".encode() * (at * 300 + 1)).hexdigest()
        row = {f.name: _empty(f.type) for f in _SCHEMA}
        row |= {"key": key, "media_sha256": medium, "status": "success", "objects": at}
        rows.append({name: row[name] for name in row if "offset" not in name})
    table = shard_table(cast("list[SampleRow]", rows), tar.close(), _SCHEMA)
    return sink.getvalue(), table


@pytest.fixture
def made() -> tuple[bytes, pa.Table]:
    return _tar(["a" * 24, "b" * 24])


def test_every_member_has_its_place(made: tuple[bytes, pa.Table]) -> None:
    data, table = made
    places = places_of(rows_of(table, ShardRow))
    read = [(one.name, one.offset, one.length) for one in read_members(io.BytesIO(data))]
    assert [(one.name, one.offset, one.length) for one in places] == read
    assert [one.kind for one in places[:5]] == ["media", "extra", "extra", "txt", "json"]
    comparison = TarComparison(io.BytesIO(data), places)
    members = {place.name: content for place, content in comparison}
    assert comparison.faults == []
    assert members[f"{'a' * 24}.boxes.json"] == f"{'a' * 24} boxes.json".encode() * 2
    assert table["objects"].to_pylist() == [0, 1]


def test_a_changed_member_is_found(made: tuple[bytes, pa.Table], tmp_path: Path) -> None:
    data, table = made
    rows = rows_of(table, ShardRow)
    extra = rows[1].get("extra_members", [])[1]
    changed = bytearray(data)
    changed[extra["offset"]] ^= 1
    comparison = TarComparison(io.BytesIO(bytes(changed)), places_of(rows))
    assert list(comparison)
    assert [fault.place and fault.place.name for fault in comparison.faults] == [
        f"{'b' * 24}.reference.png"
    ]
    (tmp_path / "x.tar").write_bytes(changed)
    size, faults, members = read_sample(open_store(str(tmp_path)), "x.tar", rows[1])
    assert [name for name, _ in faults] == [f"{'b' * 24}.reference.png"]
    assert set(members) == set(_ENDINGS) and members["mp4"] == b"" != members["boxes.json"]
    assert size == len(data) - 1024 - sample_offsets(table)[1]


def test_indexes_name_every_member(made: tuple[bytes, pa.Table]) -> None:
    data, table = made
    extents = table.select(extent_columns(table.column_names))
    read = [
        (one.name.partition(".")[2], one.offset, one.length)
        for one in read_members(io.BytesIO(data))
    ]
    assert [place for _, *place in member_places(extents)] == [list(one) for one in read]
    lines = dali_index(extents).decode().splitlines()
    assert lines[0] == "v1.2 2" and lines[2].split()[4] == "boxes.json"


def test_samples_that_move_keep_their_members(made: tuple[bytes, pa.Table]) -> None:
    _, table = made
    _, alone = _tar(["b" * 24])
    sink = io.BytesIO()
    tar = TarWriter(sink)
    left = table.slice(1)
    for place in places_of(rows_of(alone, ShardRow)):
        tar.add(place.name, place.length, [bytes(place.length)])
    moved = rows_of(_moved(left, tar.close()), ShardRow)[0]
    [there] = rows_of(alone, ShardRow)
    offsets = [one["offset"] for one in moved.get("extra_members", [])]
    assert (moved["media_offset"], offsets[0]) == (
        there["media_offset"],
        moved["media_offset"] + 512 + there["media_length"] + -there["media_length"] % 512,
    )


@pytest.mark.parametrize(
    ("left", "fault"),
    [
        ({}, ""),
        ({"objects": 2}, "still has objects"),
        ({"extra_members": [{"ending": "boxes.json"}]}, "still has extra_members"),
    ],
)
def test_a_removed_sample_has_none_of_its_profile_s_columns(
    made: tuple[bytes, pa.Table], left: dict[str, object], fault: str
) -> None:
    row = rows_of(made[1], ShardRow)[1]
    blank = _tombstone(row, "removed-00000-00001", _SCHEMA)
    assert _tombstone_fault(cast("ShardRow", {**blank, **left})) == fault
