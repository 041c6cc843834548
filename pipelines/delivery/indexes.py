"""Writes the index files that other tools use to open a delivery.

They depend only on the run's inputs and the shards' contents, so the same delivery always has the
same indexes, and a verifier can rebuild them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.delivery.card import (
    CardFacts,
    delivery_card,
    tables_card,
    wids_indexes,
)
from pipelines.delivery.croissant import croissant
from pipelines.format.indexes import index_files, open_samples
from pipelines.profiles.tables import table_schema
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas.shard_table import samples_schema


def write_indexes(store: Store, job: Job, receipts: Sequence[ShardReceipt]) -> None:
    """Writes the cards, wids' and Energon's indexes, the table of samples and Croissant's file.

    Args:
        store: The output store; the shards and their tables are in it.
        job: The run.
        receipts: The shards, in the delivery's order.
    """
    prefix = job.delivery
    for path, index in wids_indexes(job.deal.deal_id, receipts).items():
        store.write_bytes(f"{prefix}/{path}", json_bytes(index))
    facts, shards = CardFacts.of_job(job), [item.shard for item in receipts]
    store.write_bytes(f"{prefix}/README.md", delivery_card(facts, shards).encode())
    store.write_bytes(f"{prefix}/shards/README.md", tables_card(facts, shards).encode())
    numbered = [(item.index, item.shard) for item in receipts]
    paths = {file.path for item in receipts for file in item.files}
    columns = samples_schema(table_schema(job.deal.profile))
    with open_samples(store, prefix, numbered, paths, columns) as samples:
        for path, chunks in index_files(store, prefix, shards, samples):
            with store.open_write(f"{prefix}/{path}") as sink:
                for chunk in chunks:
                    sink.write(chunk)
    store.write_bytes(f"{prefix}/croissant.json", json_bytes(croissant(job, receipts)))
