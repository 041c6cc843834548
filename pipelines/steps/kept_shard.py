"""Keeps a published shard that is intact while the other files of its version are made again."""

from __future__ import annotations

import pyarrow as pa

from pipelines.delivery.sample import sample_key
from pipelines.format.attribution import SAMPLE_COLUMNS
from pipelines.ledger.entries import asset_commitment
from pipelines.run.job import Job
from pipelines.steps.delivered_rows import record_delivered
from pipelines.steps.second_reading import MediaChangedError, changed_in_run
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.unit import UnitRow


def keep_shard(store: Store, job: Job, shard: str, rows: pa.Table) -> None:
    """Records what a published shard delivers, if it has what this run would write.

    That it has nothing else is checked by the counts.

    Args:
        store: The output store.
        job: The run.
        shard: The shard's base name.
        rows: The rows of its assets (UNIT_SCHEMA).

    Raises:
        RunError: If a sample is missing or has another medium.
    """
    path = f"{job.delivery}/{layout.shard_table_path(shard)}"
    columns = [*SAMPLE_COLUMNS, "decision_sha256"]
    published = read_parquet(store, path, columns)
    places = {key: at for at, key in enumerate(published["key"].to_pylist())}
    digests = published["media_sha256"].to_pylist()
    found = []
    wanted = zip(
        *(values_of(rows[name], str) for name in ("asset_id", "media_sha256")), strict=True
    )
    for number, (asset_id, digest) in enumerate(wanted):
        at = places.get(sample_key(asset_commitment(job.salt, asset_id)))
        if at is None or digests[at] != digest:
            was = "none" if at is None else digests[at]
            [row] = rows_of(rows.slice(number, 1), UnitRow)
            raise changed_in_run(MediaChangedError(row, f"sha256 {digest}, published is {was}"))
        found.append(at)
    record_delivered(store, job, shard, rows, published.take(found))
    report_progress(job.progress_path, "write", len(rows))
