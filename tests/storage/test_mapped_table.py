"""A table in files is the table in memory, and nothing is left of the files."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.storage.mapped_table import join_tables
from schemas.errors import RunError

FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("day", pa.date32()),
    pa.field("people", pa.list_(pa.string()), nullable=False),
    pa.field("look", pa.binary(4), nullable=False),
    pa.field("seen", pa.bool_(), nullable=False),
]
SCHEMA = pa.schema(FIELDS)
ROWS = st.fixed_dictionaries(
    {
        "id": st.text(max_size=4),
        "day": st.none() | st.integers(0, 30_000),
        "people": st.lists(st.text(max_size=3), max_size=3),
        "look": st.binary(min_size=4, max_size=4),
        "seen": st.booleans(),
    }
)


def table_of(rows: list[dict[str, object]]) -> pa.Table:
    return pa.table({name: [row[name] for row in rows] for name in SCHEMA.names}, schema=SCHEMA)


@given(st.lists(st.lists(ROWS, max_size=4), max_size=5), st.integers(0, 12))
def test_rows_are_the_same_wherever_they_lie(
    parts: list[list[dict[str, object]]], most: int
) -> None:
    tables = [table_of(rows) for rows in parts]
    joined = join_tables(iter(tables), SCHEMA, most)
    assert joined.schema == SCHEMA
    assert joined.to_pylist() == [row for table in tables for row in table.to_pylist()]
    assert all(column.num_chunks == 1 for column in joined.columns)
    joined.validate(full=True)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def mapped_files(folder: Path) -> list[str]:
    maps = Path(f"/proc/{os.getpid()}/maps").read_text().splitlines()
    return [line for line in maps if str(folder) in line]


def test_large_tables_lie_in_files_without_names(temporary: Path) -> None:
    part = pa.table({"number": pa.array(range(100_000), pa.int64())})
    before = pa.total_allocated_bytes()
    joined = join_tables(iter([part, part]), part.schema, 150_000)
    assert mapped_files(temporary) and not list(temporary.iterdir())
    assert pa.total_allocated_bytes() - before < joined.nbytes / 10
    assert joined["number"].to_pylist() == [*range(100_000), *range(100_000)]
    del joined
    gc.collect()
    assert not mapped_files(temporary)


def test_small_tables_are_in_memory(temporary: Path) -> None:
    part = pa.table({"number": pa.array(range(100), pa.int64())})
    joined = join_tables(iter([part, part]), part.schema, 200)
    assert len(joined) == 200
    assert not mapped_files(temporary) and not list(temporary.iterdir())


def test_error_of_a_part_leaves_nothing(temporary: Path) -> None:
    part = pa.table({"number": pa.array(range(100), pa.int64())})

    def parts() -> Iterator[pa.Table]:
        yield part
        yield part
        raise OSError("a unit could not be read")

    with pytest.raises(OSError, match="a unit could not be read"):
        join_tables(parts(), part.schema, 150)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("why", ["missing", "full"])
def test_a_folder_that_takes_no_files_is_named(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "absent"
    if why == "full":
        folder = Path("/dev/full").parent
        monkeypatch.setattr(Path, "__truediv__", lambda *_: Path("/dev/full"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    part = pa.table({"number": pa.array(range(100_000), pa.int64())})
    with pytest.raises(RunError, match="TMPDIR"):
        join_tables(iter([part, part]), part.schema, 150)
