"""The agency's tables are copied whole from the work area, and older ones removed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.run.job import Job
from pipelines.steps.publish import publish_agency
from pipelines.storage.local_store import LocalStore
from schemas import layout
from schemas.errors import RunError

JOB = cast(Job, SimpleNamespace(agency="d/v0001/agency", work="agency/work/r"))


class ShortCopies(LocalStore):
    """A store whose copies lack the last byte of one table."""

    def copy(self, names: Iterable[tuple[str, str]]) -> None:
        for source, target in names:
            data = self.read_bytes(source)
            self.write_bytes(target, data[:-1] if source.endswith("b.parquet") else data)


def fill(store: LocalStore) -> None:
    for key in ("signals/a.parquet", "media/b.parquet", "expectations/index.html"):
        store.write_bytes(f"{JOB.work}/agency/{key}", key.encode())
    store.write_bytes(f"{JOB.agency}/{layout.RUN_RECORD}", b"{}")
    store.write_bytes(f"{JOB.agency}/dead_letters/old.parquet", b"of an earlier attempt")


def test_tables_are_copied_and_those_of_an_earlier_attempt_are_gone(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    fill(store)
    publish_agency(store, JOB)
    assert {found.key: store.read_bytes(found.key) for found in store.list(JOB.agency)} == {
        f"{JOB.agency}/{layout.RUN_RECORD}": b"{}",
        **{
            f"{JOB.agency}/{key}": key.encode()
            for key in ("signals/a.parquet", "media/b.parquet", "expectations/index.html")
        },
    }


def test_a_table_that_was_copied_in_part_stops_the_run(tmp_path: Path) -> None:
    store = ShortCopies(str(tmp_path))
    fill(store)
    with pytest.raises(RunError, match=r"agency/media/b\.parquet: 14 bytes of 15"):
        publish_agency(store, JOB)
