"""The small tables are checked once per run in a process, and again for the next run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.process.identity import this_process
from pipelines.run.lease_record import LeaseRecord
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.steps.read import checks_of_run
from schemas.errors import InputError
from tests.end_to_end.sparse import Fate, Library, Planted, id_in
from tests.end_to_end.sparse_files import write_library


def test_next_run_reads_the_small_tables_again(tmp_path: Path) -> None:
    write_library(Library((Planted(id_in(0, 1), Fate.UNSEEN, 1),)), tmp_path)
    request = JobRequest(
        catalogue=str(tmp_path / "catalogue"),
        deal=tmp_path / "deal.toml",
        as_of=datetime(2026, 6, 30, tzinfo=UTC),
        output=str(tmp_path / "out"),
    )
    job = prepare_job(request).job
    holder = this_process()
    first = LeaseRecord("d", "v0001", 1, "run", holder, "2026-06-30T00:00:00Z", "first")
    checks = checks_of_run(replace(job, lease_record=first))
    assert checks_of_run(replace(job, lease_record=first)) is checks

    # A row that no rule accepts appears between the runs.
    path = tmp_path / "catalogue" / "contributors.parquet"
    table = pq.read_table(path)
    row = {**table.to_pylist()[0], "contributor_id": None}
    pq.write_table(pa.Table.from_pylist([*table.to_pylist(), row], schema=table.schema), path)
    assert checks_of_run(replace(job, lease_record=first)) is checks
    with pytest.raises(InputError):
        checks_of_run(replace(job, lease_record=replace(first, token="second")))
