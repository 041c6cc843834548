"""Keeps a unit's small tables in its commit record, and joins those of the agency for all units.

A bucket charges time and money for each object, however small, so a unit leaves two: its table and
its commit record. One write commits all small tables with it: none is left by an attempt that was
interrupted, and none has to be looked for. Selection reads the records and writes the agency's
tables, so many units at a time that a run in a bucket has few objects and any run has little in
memory.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from pipelines.run.job import Job
from pipelines.steps.units import read_file, write_file
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, parquet_columns, write_table
from schemas import layout
from schemas.layout import unit_name

#: The kind of table that selection reads; all other kinds are the agency's.
REFUSED = "refused-files"
_JOINED_UNITS = 64
_PREFIX = "enrich-"


def commit_key(job: Job, unit: int) -> str:
    """Returns the key of a unit's commit record."""
    return f"{job.work}/units/{unit_name(unit)}.json"


def commit(store: Store, job: Job, unit: int, record: Mapping[str, object]) -> None:
    """Writes a unit's commit record."""
    write_file(store, job, commit_key(job, unit), json_bytes(record))


def read_commit(store: Store, job: Job, unit: int) -> dict[str, Any]:
    """Returns the record of a committed unit."""
    record: dict[str, Any] = json.loads(read_file(store, job, commit_key(job, unit)))
    return record


def tables_text(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Returns tables as a commit record keeps them, by kind; those without rows are left out."""
    return {
        kind: base64.b64encode(parquet_bytes(table)).decode("ascii")
        for kind, table in tables.items()
        if len(table)
    }


def join_tables_of_units(store: Store, job: Job, units: Sequence[int]) -> list[pa.Table]:
    """Writes the agency's tables of all units to the work area, and returns the refused files'.

    Args:
        store: The output store.
        job: The run.
        units: The units, each of which is committed.
    """
    folder, ordered = f"{job.work}/{layout.AGENCY}", sorted(units)
    old = {found.key for found in store.list(folder) if _is_of_units(found.key)}
    refused = []
    for start in range(0, len(ordered), _JOINED_UNITS):
        group = ordered[start : start + _JOINED_UNITS]
        tables: dict[str, list[pa.Table]] = {}
        for kind, table in _tables(store, job, group):
            tables.setdefault(kind, []).append(table)
        refused += tables.pop(REFUSED, [])
        name = f"{_PREFIX}{unit_name(group[0])}-{unit_name(group[-1])}.parquet"
        for kind, parts in tables.items():
            key = f"{folder}/{kind}/{name}"
            write_table(store, key, pa.concat_tables(parts).combine_chunks())
            old.discard(key)
    store.delete_many(sorted(old))  # of an attempt that found something else
    return refused


def units_of(key: str) -> tuple[int, int]:
    """Returns the first and last unit of one of the agency's tables, by its key.

    Earlier releases wrote one table for each unit.
    """
    names = key.rpartition("/")[2].removeprefix(_PREFIX).removesuffix(".parquet").split("-")
    return int(names[0]), int(names[-1])


def _is_of_units(key: str) -> bool:
    return key.rpartition("/")[2].startswith(_PREFIX)


def _tables(store: Store, job: Job, units: Sequence[int]) -> Iterator[tuple[str, pa.Table]]:
    for record in in_parallel(store, partial(read_commit, store, job), units):
        found: dict[str, Any] = record["tables"]
        for kind, text in found.items():
            yield kind, parquet_columns(base64.b64decode(text, validate=True))
