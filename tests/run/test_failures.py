"""Files that steps exchange (blocks, tables, JSON) and the record of a worker's error."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.run.failures import (
    clear_outdated,
    mark_outdated,
    record_failure,
    recorded_failure,
)
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import (
    json_bytes,
    parquet_bytes,
    read_block,
    read_json,
    read_parquet,
    write_blocks,
    write_table,
)
from schemas.errors import AccessError, BadRecord, FairshardError, InputError, RunError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def rows(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64()), "text": [f"ä{n}" for n in values]})


def test_blocks_round_trip(store: Store) -> None:
    groups = [(3, rows(1, 2)), (0, rows()), (7, rows(*range(5_000)))]
    blocks = list(write_blocks(store, "b.arrow", groups))
    assert [number for number, _ in blocks] == [3, 0, 7]
    end = 0
    for (_, block), (_, table) in zip(blocks, groups, strict=True):
        assert block.key == "b.arrow" and block.offset == end
        end += block.length
        assert read_block(store, block).equals(table)
    assert store.size("b.arrow") == end


def test_unfinished_blocks_file_is_not_written(store: Store) -> None:
    def broken() -> object:
        yield 0, rows(1)
        raise RunError("stop")

    with pytest.raises(RunError):
        list(write_blocks(store, "b.arrow", broken()))  # type: ignore[arg-type]
    assert store.list() == []


def test_tables_are_reproducible_and_round_trip(store: Store) -> None:
    table = rows(1, 2, 3)
    assert parquet_bytes(table) == parquet_bytes(rows(1, 2, 3))
    write_table(store, "t.parquet", table)
    assert read_parquet(store, "t.parquet").equals(table)
    assert read_parquet(store, "t.parquet", ["text"]).column_names == ["text"]
    assert pq.read_table(io.BytesIO(store.read_bytes("t.parquet"))).equals(table)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_round_trip(value: object) -> None:
    import json

    assert json.loads(json_bytes(value)) == value
    assert json_bytes(value).endswith(b"\n")


def test_json_has_one_form() -> None:
    assert json_bytes({"b": 1, "a": "ö"}) == '{\n "a": "ö",\n "b": 1\n}\n'.encode()
    with pytest.raises(ValueError):
        json_bytes(float("nan"))


@pytest.mark.parametrize("kind", [InputError, RunError])
def test_worker_error_is_recorded_completely(store: Store, kind: type[FairshardError]) -> None:
    error = kind("What", "which: 7", "Do this.")
    with pytest.raises(kind), record_failure(store, "agency/work/x"):
        raise error
    failure = recorded_failure(store, "agency/work/x")
    assert type(failure) is kind
    assert (failure.what, failure.which, failure.remedy) == ("What", "which: 7", "Do this.")
    assert recorded_failure(store, "agency/work/x") is None


def test_a_store_that_refuses_in_mid_run_is_a_fault_of_the_run(store: Store) -> None:
    with pytest.raises(RunError, match="completed work is kept"), record_failure(store, "w"):
        raise AccessError("Access is denied", "s3://b", "Check it.")
    failure = recorded_failure(store, "w")
    assert type(failure) is RunError
    assert str(failure).startswith("Access is denied: s3://b. Check it. Then run the same command")


def test_error_is_recorded_elsewhere_if_the_output_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "agency").write_bytes(b"")  # in the way of the work area
    store, fallback = open_store(str(tmp_path / "out")), str(tmp_path / "progress")
    with pytest.raises(RunError), record_failure(store, "agency/work/x", fallback):
        raise RunError("What", "which: 7", "Do this.")
    failure = recorded_failure(store, "agency/work/x", fallback)
    assert failure is not None and str(failure) == "What: which: 7. Do this."


def test_other_errors_are_not_recorded(store: Store) -> None:
    for error in (ValueError("x"), BadRecord("media.empty", "x")):
        with pytest.raises(type(error)), record_failure(store, "w"):
            raise error
    assert recorded_failure(store, "w") is None


def test_json_in_a_store_round_trip(store: Store) -> None:
    store.write_bytes("a.json", json_bytes([1, "ü"]))
    assert read_json(store, "a.json") == [1, "ü"]


def test_a_work_area_that_is_emptied_half_stays_marked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed meanwhile must not leave outdated contents that look current."""
    for key in ("w/a/units", "w/units/1.json", "w/z"):
        store.write_bytes(key, b"1")
    mark_outdated(store, "w")
    deleted: list[str] = []
    delete: Callable[[LocalStore, str], None] = LocalStore.delete

    def stop_early(self: LocalStore, key: str) -> None:
        deleted.append(key)
        if len(deleted) == 3:
            raise KeyboardInterrupt
        delete(self, key)

    monkeypatch.setattr(LocalStore, "delete", stop_early)
    with pytest.raises(KeyboardInterrupt):
        clear_outdated(store, "w")
    monkeypatch.undo()
    assert len(store.list("w")) == 2 and store.exists("w/outdated.json")
    clear_outdated(store, "w")
    assert store.list() == []
    store.write_bytes("w/kept", b"1")
    clear_outdated(store, "w")
    assert store.exists("w/kept")
