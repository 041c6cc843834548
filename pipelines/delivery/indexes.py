"""The files that other tools open a delivery by, and what each is computed from.

Everything is a function of the run's inputs and of what the shards hold, so that the same delivery
has the same indexes wherever and however often they are made, and a verifier can make them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from pipelines.delivery.card import delivery_card, families, tables_card, wids_index
from pipelines.delivery.croissant import ListedFile, croissant
from pipelines.format.energon import EnergonShard, metadata_files
from pipelines.format.energon_index import INDEX_DATABASE, energon_files
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas.layout import ENERGON

_INDEX_PREFIXES = ("wids-", "energon-", f"{ENERGON}/")


def write_indexes(store: Store, job: Job, receipts: Sequence[ShardReceipt]) -> None:
    """Writes the cards, wids' and Energon's indexes and the Croissant description.

    Args:
        store: The output store; the shards and their tables are in it.
        job: The run.
        receipts: The shards, in the delivery's order.
    """
    prefix = job.delivery
    _remove_stale_indexes(store, prefix, receipts)
    for family in families(receipts):
        index = json_bytes(wids_index(job, family, receipts))
        store.write_bytes(f"{prefix}/wids-{family}.json", index)
    store.write_bytes(f"{prefix}/README.md", delivery_card(job, receipts).encode())
    store.write_bytes(f"{prefix}/shards/README.md", tables_card(job, receipts).encode())
    shards = [
        EnergonShard(f"shards/{item.name}.tar", item.family, item.samples, item.sha256)
        for item in receipts
    ]
    for path, chunks in energon_files(store, prefix, shards):
        with store.open_write(f"{prefix}/{path}") as sink:
            for chunk in chunks:
                sink.write(chunk)
    listed = [file for item in receipts for file in _shard_files(store, prefix, item)]
    store.write_bytes(f"{prefix}/croissant.json", json_bytes(croissant(job, listed)))


def _remove_stale_indexes(store: Store, prefix: str, receipts: Sequence[ShardReceipt]) -> None:
    """Removes indexes of families that an earlier, interrupted try at this version had."""
    shards = [EnergonShard(f"shards/{item.name}.tar", item.family, 0, "") for item in receipts]
    wanted = {INDEX_DATABASE, *(f"wids-{family}.json" for family in families(receipts))}
    wanted |= {path for path, _ in metadata_files(shards)}
    for found in store.list(prefix):
        path = found.key.removeprefix(f"{prefix}/")
        if path.startswith(_INDEX_PREFIXES) and path not in wanted:
            store.delete(found.key)


def _shard_files(store: Store, prefix: str, receipt: ShardReceipt) -> Iterator[ListedFile]:
    tar, table = f"shards/{receipt.name}.tar", f"shards/{receipt.name}.parquet"
    yield ListedFile(tar, receipt.family, receipt.bytes, receipt.sha256)
    data = store.read_bytes(f"{prefix}/{table}")
    yield ListedFile(table, receipt.family, len(data), hashlib.sha256(data).hexdigest())
