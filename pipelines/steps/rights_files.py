"""Writes the rights of a delivery: its terms as text and as ODRL, and who is to be named."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.format.attribution import attribution_csv
from pipelines.odrl.policy import deal_policy
from pipelines.odrl.records import PolicyScope
from pipelines.odrl.terms import profile_document
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, read_parquet
from schemas import layout
from schemas.attribution import ATTRIBUTION_SCHEMA


def write_rights(store: Store, job: Job, vkey: str, receipts: Sequence[ShardReceipt]) -> None:
    """Writes the files of `rights/`.

    Args:
        store: The output store; each shard's attributions are in the work area.
        job: The run.
        vkey: The agency's verifier key.
        receipts: The shards, in the delivery's order.
    """
    scope = PolicyScope(
        job.deal, vkey, job.version, job.as_of.isoformat(), job.terms_sha256, with_price=False
    )
    names = [item.shard.name for item in receipts]
    waiting = {found.key for found in store.list(f"{job.work}/attribution")}
    keys = [key for name in names if (key := attribution_key(job, name)) in waiting]
    table = pa.concat_tables(
        [ATTRIBUTION_SCHEMA.empty_table(), *(read_parquet(store, key) for key in keys)]
    ).combine_chunks()
    files = {
        layout.RIGHTS_TERMS: job.terms_file,
        layout.RIGHTS_TEXT: job.terms_text.encode(),
        layout.RIGHTS_POLICY: json_bytes(deal_policy(scope)),
        layout.RIGHTS_PROFILE: json_bytes(profile_document()),
        layout.ATTRIBUTION_TABLE: parquet_bytes(table),
        layout.ATTRIBUTION_CSV: attribution_csv(table),
    }
    for path, data in files.items():
        store.write_bytes(f"{job.delivery}/{path}", data)


def attribution_key(job: Job, shard: str) -> str:
    """Returns the key of a shard's attributions in the work area; not every shard has some."""
    return f"{job.work}/attribution/{shard}.parquet"
