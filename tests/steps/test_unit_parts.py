"""The small tables of units are joined, and nothing of an earlier attempt stays among them."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.run.job import Job
from pipelines.steps.unit_parts import (
    REFUSED,
    commit,
    commit_key,
    join_tables_of_units,
    read_record,
    read_statements,
    units_of,
)
from pipelines.storage.columns import values_of
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from pipelines.storage.store import ObjectInfo, Store
from pipelines.storage.tables import json_bytes, read_first_line, read_parquet
from schemas.errors import RunError

JOB = cast(Job, SimpleNamespace(work="agency/work/r", lease_record=None))
KINDS = (REFUSED, "decisions", "signals")


def table(*names: str) -> pa.Table:
    return pa.table({"asset_id": pa.array(names, pa.string())})


def joined(store: Store) -> dict[str, list[str]]:
    """Returns the ids in each of the agency's tables, by its key."""
    prefix = f"{JOB.work}/agency/"
    return {
        found.key.removeprefix(prefix): values_of(read_parquet(store, found.key)["asset_id"], str)
        for found in store.list(prefix)
    }


class FarStore(LocalStore):
    """A folder that is treated like a bucket, and counts what it is asked."""

    is_remote = True
    asked: ClassVar[list[str]] = []

    def exists(self, key: str) -> bool:
        self.asked.append(f"exists {key}")
        return super().exists(key)

    def list(self, prefix: str = "") -> builtins.list[ObjectInfo]:
        self.asked.append(f"list {prefix}")
        return super().list(prefix)


def test_a_bucket_is_asked_once_which_units_are_committed(tmp_path: Path) -> None:
    store = FarStore(str(tmp_path))
    first = held(token="first")
    commit(LocalStore(str(tmp_path)), first, 0, {"n": 0}, {}, {})
    store.asked.clear()
    assert read_record(store, first, 0) == {"n": 0}
    assert read_record(store, first, 1) is None
    commit(store, first, 1, {"n": 1}, {}, {})  # by this process, which knows it then
    assert read_record(store, first, 1) == {"n": 1}
    assert store.asked == [f"list {JOB.work}/units"]
    # Another round, or another attempt, has what was committed before it.
    store.delete(commit_key(JOB, 0))
    for job in (held(token="first", rounds=1), held(token="second")):
        assert [read_record(store, job, unit) for unit in range(2)] == [None, {"n": 1}]
    assert len(store.asked) == 3


def held(token: str, rounds: int = 0) -> Job:
    """Returns a round of an attempt at the run."""
    record = SimpleNamespace(token=token)
    return cast(Job, SimpleNamespace(work=JOB.work, lease_record=record, round=rounds))


@given(
    st.lists(st.tuples(*[st.integers(0, 3)] * len(KINDS)), min_size=1, max_size=9),
    st.integers(1, 4),
)
def test_every_row_of_every_unit_is_in_a_table(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[int, ...]], together: int
) -> None:
    store = open_store(str(tmp_path_factory.mktemp("joined")))
    ids = {
        kind: [
            [f"{kind}-{unit}-{at}" for at in range(of_unit[number])]
            for unit, of_unit in enumerate(sizes)
        ]
        for number, kind in enumerate(KINDS)
    }
    for unit in range(len(sizes)):
        commit(store, JOB, unit, {}, {}, {kind: table(*ids[kind][unit]) for kind in KINDS})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.steps.unit_parts._JOINED_ROWS", together)
        refused = join_tables_of_units(store, JOB, [*reversed(range(len(sizes)))])
    assert [name for part in refused for name in part["asset_id"].to_pylist()] == [
        name for part in ids[REFUSED] for name in part
    ]
    found = joined(store)
    for kind in KINDS[1:]:
        names = [name for name in found if name.startswith(f"{kind}/")]
        assert [row for name in names for row in found[name]] == [
            name for part in ids[kind] for name in part
        ]
        for name in names:  # each has the rows of the units that it is named for
            first, last = units_of(name)
            assert found[name] == [row for part in ids[kind][first : last + 1] for row in part]
            before = sum(sum(of_unit) for of_unit in sizes[first:last])
            assert before < together  # and no unit more than it needs


def test_a_record_has_its_counts_in_its_first_line(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    record = {"counts": {"entered": 3}}
    stated: dict[str, dict[str, list[str]]] = {"a": {"signals": []}}
    assert read_record(store, JOB, 7) is None
    store.write_bytes(commit_key(JOB, 7), json_bytes(record))  # as earlier releases wrote it
    assert read_record(store, JOB, 7) is None
    assert json.loads(read_first_line(store, commit_key(JOB, 7))) == record
    commit(store, JOB, 7, record, stated, {"signals": table(*map(str, range(100_000)))})
    assert store.size(commit_key(JOB, 7)) > 1 << 17
    assert json.loads(read_first_line(store, commit_key(JOB, 7))) == record
    assert read_record(store, JOB, 7) == record
    assert read_statements(store, JOB, 7) == stated
    long = {"counts": {"entered": 3, "text": "x" * 100_000}}
    commit(store, JOB, 7, long, stated, {})
    assert json.loads(read_first_line(store, commit_key(JOB, 7))) == long


def test_tables_of_an_earlier_attempt_are_removed(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    commit(store, JOB, 0, {}, {}, {"decisions": table("a"), "signals": table("b")})
    commit(store, JOB, 1, {}, {}, {"decisions": table("c")})
    join_tables_of_units(store, JOB, [0, 1])
    assert joined(store).keys() == {
        "decisions/enrich-00000-00001.parquet",
        "signals/enrich-00000-00001.parquet",
    }
    for name in ("decisions/enrich-00000.parquet", "decisions/screen-0.parquet"):
        store.write_bytes(
            f"{JOB.work}/agency/{name}",
            store.read_bytes(f"{JOB.work}/agency/decisions/enrich-00000-00001.parquet"),
        )
    commit(store, JOB, 0, {}, {}, {"decisions": table("d")})
    join_tables_of_units(store, JOB, [0, 1])
    assert joined(store) == {
        "decisions/enrich-00000-00001.parquet": ["d", "c"],
        "decisions/screen-0.parquet": ["a", "c"],
    }


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("enrich-00064-00127", (64, 127)),
        ("enrich-00012", (12, 12)),
        ("enrich-100000", (100_000, 100_000)),
    ],
)
def test_a_tables_name_says_its_units(name: str, units: tuple[int, int]) -> None:
    assert units_of(f"d/v0001/agency/media/{name}.parquet") == units


def test_a_record_that_was_cut_is_named(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    commit(store, JOB, 7, {"rows": 3}, {}, {"decisions": table("a")})
    data = store.read_bytes(commit_key(JOB, 7))
    said = r"A file of the run cannot be read: .*units/00007\.json .*fairshard clean"
    for size in range(len(data)):
        store.write_bytes(commit_key(JOB, 7), data[:size])
        if size != 1 and size < data.index(b"\n"):  # one brace is how earlier releases began
            with pytest.raises(RunError, match=said):
                read_record(store, JOB, 7)
        with pytest.raises(RunError, match=said):
            read_statements(store, JOB, 7)
