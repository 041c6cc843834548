"""What a shard leaves in the work area for the ledger, the decisions and the attributions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.credits import shard_attributions
from pipelines.delivery.tables import delivered_table
from pipelines.run.job import Job
from pipelines.steps.rights_files import attribution_key
from pipelines.storage.store import Store
from pipelines.storage.tables import write_table


def delivered_key(job: Job, shard: str) -> str:
    """Returns the key of a shard's delivered rows.

    Args:
        job: The run.
        shard: The shard's base name.
    """
    return f"{job.work}/delivered/{shard}.parquet"


def record_delivered(store: Store, job: Job, shard: str, rows: pa.Table, samples: pa.Table) -> None:
    """Writes what the ledger, the decisions and the attributions need of a shard's assets.

    If files are delivered that are not the agency's own, the digests of both are written too.

    Args:
        store: The output store.
        job: The run.
        shard: The shard's base name.
        rows: The rows of its assets (UNIT_SCHEMA).
        samples: The shard's table, in the order of `rows`.
    """
    differs = pc.not_equal(rows["original_sha256"], rows["media_sha256"])
    if job.deal.rights.strips_metadata or pc.any(differs).as_py():
        names = {"asset_id": "asset_id", "original_sha256": "original_sha256"}
        names |= {"media_sha256": "delivered_sha256", "bytes": "delivered_bytes"}
        pairs = rows.select(list(names)).rename_columns(list(names.values()))
        write_table(store, f"{job.work}/agency/renditions/{shard}.parquet", pairs)
    attributions = shard_attributions(rows, samples, job.deal.rights)
    if len(attributions):
        write_table(store, attribution_key(job, shard), attributions)
    write_table(store, delivered_key(job, shard), delivered_table(rows, samples))
