"""Keeps a unit's small tables in its commit record, and joins those of the agency for all units.

A bucket charges time and money for each object, however small, so a unit leaves two: its table and
its commit record. One write commits all small tables with it: none is left by an attempt that was
interrupted, and none has to be looked for. Selection reads the records and writes the agency's
tables, so many rows at a time that a run in a bucket has few objects and any run has little in
memory.

The first line of the record says what `fairshard status` reads, and the second has the rest, which
is long if the unit is large.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.run.job import Job
from pipelines.run.left_so_far import damaged
from pipelines.steps.units import is_kept, read_file, write_file
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from pipelines.storage.tables import Json, json_line, parquet_bytes, parquet_columns
from schemas import layout
from schemas.layout import unit_name

#: The kind of table that selection reads; all other kinds are the agency's.
REFUSED = "refused-files"
# A file has at least so many rows of all kinds, if there are more units.
_JOINED_ROWS = 32_768
_PREFIX = "enrich-"

#: What a unit took, and what became of its assets.
Record = dict[str, Any]


class _More(TypedDict):
    statements: dict[str, dict[str, object]]
    tables: dict[str, str]


def commit_key(job: Job, unit: int) -> str:
    """Returns the key of a unit's commit record."""
    return f"{job.work}/units/{unit_name(unit)}.json"


def commit(
    store: Store,
    job: Job,
    unit: int,
    record: Mapping[str, object],
    statements: Mapping[str, object],
    tables: Mapping[str, pa.Table],
) -> None:
    """Commits a unit.

    Args:
        store: The output store.
        job: The run.
        unit: The unit.
        record: What it took, and what became of its assets.
        statements: What servers stated about assets.
        tables: Its small tables by kind; those without rows are left out.
    """
    texts = {
        kind: base64.b64encode(parquet_bytes(table)).decode("ascii")
        for kind, table in tables.items()
        if len(table)
    }
    lines = json_line(record), json_line({"statements": statements, "tables": texts})
    write_file(store, job, commit_key(job, unit), b"\n".join(lines))


def read_record(store: Store, job: Job, unit: int) -> Record | None:
    """Returns the record of a committed unit, or None.

    An earlier release kept the tables elsewhere; its units are enriched again.
    """
    if not _is_committed(store, job, commit_key(job, unit)):
        return None
    first = read_file(store, job, commit_key(job, unit)).partition(b"\n")[0]
    if first == b"{":
        return None
    record: Record = _value(store, commit_key(job, unit), first)
    return record


def _is_committed(store: Store, job: Job, key: str) -> bool:
    """Returns whether a unit's commit record is there.

    Of a bucket, each process lists all records once in a round, rather than ask for each unit. It
    does not see what others commit later. An engine gives a unit to only one of them; if that one
    dies, another enriches the unit again, with the same result.
    """
    held = job.lease_record
    if held is None or not store.is_remote:
        return store.exists(key)
    if is_kept(store, job, key):
        return True
    listed = _listed(held.token, job.round)
    if job.work not in listed:
        listed[job.work] = {found.key for found in store.list(f"{job.work}/units")}
    return key in listed[job.work]


@lru_cache(maxsize=1)
def _listed(attempt: str, rounds: int) -> dict[str, set[str]]:
    """Returns where this process keeps the list of a round of an attempt, by its work area."""
    return {}


def read_statements(store: Store, job: Job, unit: int) -> dict[str, dict[str, object]]:
    """Returns what servers stated about the assets of a committed unit."""
    return _read_more(store, job, unit)["statements"]


def _read_more(store: Store, job: Job, unit: int) -> _More:
    data = read_file(store, job, commit_key(job, unit))
    more: _More = _value(store, commit_key(job, unit), data.partition(b"\n")[2])
    return more


def _value(store: Store, key: str, line: bytes) -> Json:
    try:
        return json.loads(line)
    except ValueError as error:
        raise damaged(store, key, error) from error


def join_tables_of_units(store: Store, job: Job, units: Sequence[int]) -> list[pa.Table]:
    """Writes the agency's tables of all units to the work area, and returns the refused files'.

    Args:
        store: The output store.
        job: The run.
        units: The units, each of which is committed.
    """
    folder = f"{job.work}/{layout.AGENCY}"
    old = {found.key for found in store.list(folder) if _is_of_units(found.key)}
    refused: list[pa.Table] = []
    for group in _groups(_tables(store, job, sorted(units))):
        name = f"{_PREFIX}{unit_name(group[0].unit)}-{unit_name(group[-1].unit)}.parquet"
        by_kind: dict[str, list[bytes]] = {}
        for one in group:
            for kind, data in one.tables.items():
                by_kind.setdefault(kind, []).append(data)
        refused += map(parquet_columns, by_kind.pop(REFUSED, []))
        for kind, parts in by_kind.items():
            key = f"{folder}/{kind}/{name}"
            store.write_bytes(key, parts[0] if len(parts) == 1 else _joined(parts))
            old.discard(key)
    store.delete_many(sorted(old))  # of an attempt that found something else
    return refused


def _joined(parts: Sequence[bytes]) -> bytes:
    return parquet_bytes(pa.concat_tables(map(parquet_columns, parts)).combine_chunks())


def units_of(key: str) -> tuple[int, int]:
    """Returns the first and last unit of one of the agency's tables, by its key.

    Earlier releases wrote one table for each unit.
    """
    names = key.rpartition("/")[2].removeprefix(_PREFIX).removesuffix(".parquet").split("-")
    return int(names[0]), int(names[-1])


def _is_of_units(key: str) -> bool:
    return key.rpartition("/")[2].startswith(_PREFIX)


@dataclass(frozen=True)
class _UnitTables:
    unit: int
    tables: dict[str, bytes]

    @property
    def rows(self) -> int:
        files = map(pa.BufferReader, self.tables.values())
        return sum(pq.read_metadata(file).num_rows for file in files)


def _tables(store: Store, job: Job, units: Sequence[int]) -> Iterator[_UnitTables]:
    def read(unit: int) -> _UnitTables:
        texts = _read_more(store, job, unit)["tables"]
        return _UnitTables(
            unit, {kind: base64.b64decode(text, validate=True) for kind, text in texts.items()}
        )

    yield from in_parallel(store, read, units)


def _groups(units: Iterable[_UnitTables]) -> Iterator[list[_UnitTables]]:
    """Yields units in groups with few rows, in order."""
    group: list[_UnitTables] = []
    rows = 0
    for one in units:
        group.append(one)
        rows += one.rows
        if rows >= _JOINED_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group
