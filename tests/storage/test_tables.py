"""JSON is written in one fixed form, and rows are read from the row groups that have them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.storage.local_store import LocalStore
from pipelines.storage.tables import (
    DamagedJsonError,
    DamagedTableError,
    json_bytes,
    parquet_bytes,
    read_json,
    read_parquet,
    read_rows,
    write_table,
)
from schemas.errors import RunError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS
    | st.sampled_from(["\n  \n", "\0", "\x7f\u2028é", "  ", 2**64, -(2**63) - 1, 1e16, -0.0]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_that_of_the_standard_library(value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    assert json_bytes(value) == text.encode() + b"\n"


def test_json_refuses_what_is_no_json() -> None:
    for value in (float("nan"), {"a": [float("inf")]}, "\ud800"):
        with pytest.raises(ValueError):
            json_bytes(value)
    for other in (b"bytes", {"a": object()}):
        with pytest.raises(TypeError):
            json_bytes(other)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_rows_are_those_of_these_numbers(sizes: list[int], data: st.DataObject) -> None:
    whole = pa.table({"at": range(sum(sizes)), "name": [f"n{at}" for at in range(sum(sizes))]})
    starts = [sum(sizes[:group]) for group in range(len(sizes))]
    groups = [whole.slice(start, size) for start, size in zip(starts, sizes, strict=True)]
    wanted = sorted(data.draw(st.sets(st.integers(0, len(whole) - 1))))
    with pq.ParquetFile(io.BytesIO(parquet_bytes(*groups))) as file:
        assert read_rows(file, wanted, ["name"]).to_pylist() == [
            {"name": f"n{at}"} for at in wanted
        ]


def test_a_damaged_table_is_named_wherever_it_is_cut(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write_table(store, "a/b.parquet", pa.table({"n": list(range(100))}))
    data = store.read_bytes("a/b.parquet")
    for size in range(0, len(data), 7):
        store.write_bytes("a/b.parquet", data[:size])
        with pytest.raises(DamagedTableError, match=r"/a/b\.parquet \(.*It is damaged") as refused:
            read_parquet(store, "a/b.parquet")
        assert isinstance(refused.value, RunError) and isinstance(refused.value, pa.ArrowInvalid)
    store.write_bytes("a/b.parquet", b"\xff" * len(data))
    with pytest.raises(DamagedTableError, match=r"a/b\.parquet"):
        read_parquet(store, "a/b.parquet")
    with pytest.raises(FileNotFoundError):
        read_parquet(store, "a/c.parquet")


def test_a_damaged_json_file_is_named(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    data = json_bytes({"a": "b"})
    for damaged in (b"", data[:-3], b"\xff" * len(data)):
        store.write_bytes("a/run.json", damaged)
        with pytest.raises(DamagedJsonError, match=r"/a/run\.json \(.*It is damaged") as refused:
            read_json(store, "a/run.json")
        assert isinstance(refused.value, RunError) and isinstance(refused.value, ValueError)
