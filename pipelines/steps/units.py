"""Writes and reads unit tables, which hold the enriched assets for selection and the shards.

A shard takes assets of one family from several units; a unit has assets of several families and
may be larger than a shard. So each family's rows form a row group of their own, and a worker caches
the last few row groups that it read.
"""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.run.job import Job
from pipelines.storage.columns import values_of
from pipelines.storage.recent import RecentFiles
from pipelines.storage.store import Store
from pipelines.storage.tables import (
    naming_damage,
    parquet_bytes,
    parquet_columns,
    read_row_groups,
)
from schemas.errors import RunError
from schemas.layout import unit_name

_FAMILY = "format"
_KEPT_TABLES = 4
_KEPT_BYTES = 64 << 20  # of units' files in a bucket, in each process


@lru_cache(maxsize=1)
def _kept_files(attempt: str, rounds: int) -> RecentFiles:
    return RecentFiles(_KEPT_BYTES)


def _recent(job: Job) -> RecentFiles:
    """Returns the units' files that this process wrote or read in this round of the run.

    Another attempt at the run, or another round, may have other files under the same names.
    """
    held = job.lease_record
    return RecentFiles(0) if held is None else _kept_files(held.token, job.round)


def write_file(store: Store, job: Job, key: str, data: bytes) -> None:
    """Writes a file of a unit, and keeps it for the next steps if they run in this process."""
    store.write_bytes(key, data)
    _recent(job).keep(store, key, data)


def read_file(store: Store, job: Job, key: str) -> bytes:
    """Returns a file of a unit, which is read unless this process has it.

    Raises:
        RunError: If it is gone, although the unit has been committed.
    """
    try:
        return _recent(job).read(store, key)
    except FileNotFoundError as error:
        raise RunError(
            "A file of the run is gone",
            f"{store.uri}/{key}",
            "Remove the run with fairshard clean --older-than 0s, and run again.",
        ) from error


def is_kept(store: Store, job: Job, key: str) -> bool:
    """Returns whether this process has a file of a unit."""
    return _recent(job).get(store, key) is not None


def unit_key(job: Job, unit: int) -> str:
    """Returns the key of a unit's table in the store."""
    return f"{job.work}/units/{unit_name(unit)}.parquet"


def write_unit(store: Store, job: Job, unit: int, rows: pa.Table) -> None:
    """Writes a unit's table, with one row group per family.

    Args:
        store: The output store.
        job: The run.
        unit: The unit's number.
        rows: Its rows (schemas.unit.UNIT_SCHEMA).
    """
    families = sorted(values_of(pc.unique(rows[_FAMILY]), str))
    groups = [rows.filter(pc.equal(rows[_FAMILY], pa.scalar(family))) for family in families]
    write_file(store, job, unit_key(job, unit), parquet_bytes(*(groups or [rows])))


def read_unit(store: Store, job: Job, unit: int, columns: list[str]) -> pa.Table:
    """Reads some columns of a unit's table, in the table's order.

    Args:
        store: The output store.
        job: The run.
        unit: The unit's number.
        columns: The columns.
    """
    key = unit_key(job, unit)
    data = read_file(store, job, key)
    with naming_damage(store, key):
        return parquet_columns(data, columns)


class UnitTables:
    """Reads unit tables for one worker of a run, with a small cache.

    Args:
        store: The output store.
        job: The run.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._kept = lru_cache(maxsize=_KEPT_TABLES)(self._read)

    def rows(self, unit: int, family: str) -> pa.Table:
        """Returns a unit's rows of one family (schemas.unit.UNIT_SCHEMA)."""
        return self._kept(unit, family)

    def _read(self, unit: int, family: str) -> pa.Table:
        key = unit_key(self._job, unit)
        data = read_file(self._store, self._job, key)
        with naming_damage(self._store, key):
            return read_row_groups(data, _FAMILY, family)
