"""Unit tables: a shard decodes only its family's rows, and a worker keeps recent tables."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.run.job import Job
from pipelines.steps.units import UnitTables, read_unit, unit_key, write_unit
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes
from schemas.errors import RunError
from schemas.unit import UNIT_SCHEMA
from tests.counting import CountingStore

JOB = cast(Job, SimpleNamespace(work="work", lease_record=None))
FAMILIES = ("jpg", "mp4", "png", "webp")


def unit_rows(families: list[str]) -> pa.Table:
    """Returns rows of UNIT_SCHEMA in the order of their hashes; other columns are empty."""
    return pa.Table.from_pylist(
        [
            {**nothing(), "asset_id": f"a-{at}", "hash": at, "format": family}
            for at, family in enumerate(families)
        ],
        schema=UNIT_SCHEMA,
    )


def nothing() -> dict[str, Any]:
    empty = {pa.string(): "", pa.bool_(): False, pa.float32(): 0.0}
    return {
        field.name: None
        if field.nullable
        else []
        if pa.types.is_list(field.type)
        else empty.get(field.type, 0)
        for field in UNIT_SCHEMA
    }


@given(st.lists(st.sampled_from(FAMILIES), max_size=40))
def test_family_rows_are_read_from_a_mixed_unit(
    tmp_path_factory: pytest.TempPathFactory, families: list[str]
) -> None:
    store = open_store(str(tmp_path_factory.mktemp("units")))
    rows = unit_rows(families)
    write_unit(store, JOB, 3, rows)
    tables = UnitTables(store, JOB)
    for family in FAMILIES:
        due = [f"a-{at}" for at, found in enumerate(families) if found == family]
        assert tables.rows(3, family)["asset_id"].to_pylist() == due
    every = read_unit(store, JOB, 3, ["asset_id", "format"])
    assert sorted(values_of(every["asset_id"], str)) == sorted(values_of(rows["asset_id"], str))


def test_other_families_are_not_decoded(tmp_path: Path) -> None:
    """The other family's bytes are damaged, which does not affect this one."""
    store = open_store(str(tmp_path))
    write_unit(store, JOB, 0, unit_rows(["png", "jpg", "png", "jpg", "jpg"]))
    path = tmp_path / unit_key(JOB, 0)
    metadata = pq.ParquetFile(path).metadata
    assert metadata.num_row_groups == 2
    pages = metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = pages.dictionary_page_offset or pages.data_page_offset
    data[start : start + pages.total_compressed_size] = bytes(pages.total_compressed_size)
    path.write_bytes(data)
    found = UnitTables(store, JOB).rows(0, "jpg")
    assert found["asset_id"].to_pylist() == ["a-1", "a-3", "a-4"]
    with pytest.raises((OSError, pa.ArrowException)):
        UnitTables(store, JOB).rows(0, "png")


def test_neighbouring_shards_share_unit_reads(tmp_path: Path) -> None:
    store = CountingStore(str(tmp_path))
    for unit in range(6):
        write_unit(store, JOB, unit, unit_rows(["jpg", "png"]))
    tables = UnitTables(store, JOB)
    for unit in (0, 1, 1, 2, 2, 1):
        tables.rows(unit, "jpg")
    assert store.reads == {unit_key(JOB, unit): 1 for unit in range(3)}
    for unit in range(6):
        tables.rows(unit, "jpg")
    tables.rows(0, "jpg")  # only a few are kept
    assert store.reads[unit_key(JOB, 0)] == 2


def test_one_row_group_equals_a_plain_table(tmp_path: Path) -> None:
    """Published tables have one row group, so their bytes must not depend on how it is written."""
    rows = unit_rows(["jpg"] * 9)
    path = tmp_path / "plain.parquet"
    pq.write_table(rows, path, compression="zstd", version="2.6", store_schema=True)
    assert parquet_bytes(rows) == path.read_bytes()


class Remote:
    """A remote store, which counts how often each file is read."""

    uri, is_remote, requests_at_once = "s3://bucket", True, 1

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.reads: list[str] = []

    def write_bytes(self, key: str, data: bytes) -> None:
        self.files[key] = data

    def read_bytes(self, key: str) -> bytes:
        self.reads.append(key)
        return self.files[key]


def held(token: str, rounds: int) -> Job:
    lease = SimpleNamespace(token=token)
    return cast(Job, SimpleNamespace(work="work", lease_record=lease, round=rounds))


def test_a_process_reads_no_file_of_a_bucket_that_it_wrote_or_read_in_this_round() -> None:
    remote = Remote()
    store = cast(Store, remote)
    write_unit(store, held("a", 0), 0, unit_rows(["jpg"]))
    for token, rounds, reads in (("a", 0, 0), ("a", 1, 1), ("a", 1, 1), ("b", 1, 2), ("a", 1, 3)):
        # Somebody else wrote it again for another round or attempt.
        rows = unit_rows(["jpg"] * (1 + reads))
        remote.files[unit_key(JOB, 0)] = parquet_bytes(rows)
        job = held(token, rounds)
        assert len(UnitTables(store, job).rows(0, "jpg")) == 1 + reads
        assert len(read_unit(store, job, 0, ["asset_id"])) == 1 + reads
        assert len(remote.reads) == reads
    write_unit(store, JOB, 1, unit_rows(["jpg"]))
    for _ in range(2):  # without a lease, nothing says which attempt it is
        read_unit(store, JOB, 1, ["asset_id"])
    assert len(remote.reads) == 5


def test_a_unit_whose_table_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with pytest.raises(
        RunError, match=r"is gone: .*00003\.parquet.*fairshard clean --older-than 0s"
    ):
        read_unit(store, JOB, 3, ["asset_id"])
    store.write_bytes(unit_key(JOB, 3), parquet_bytes(unit_rows(["jpg"]))[:-9])
    with pytest.raises(RunError, match=r"cannot be read: .*units/00003\.parquet"):
        read_unit(store, JOB, 3, ["asset_id"])
    with pytest.raises(RunError, match=r"cannot be read: .*units/00003\.parquet"):
        UnitTables(store, JOB).rows(3, "jpg")
