"""Reading shards again after they were written, before a manifest vouches for them.

Counting bytes costs one question a shard. Where bytes crossed a network and a service, their digest
is worked out anew from what the service gives back: an ETag says nothing of the bytes, and a byte
that flipped on the server's disk is served with 200.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from schemas.errors import RunError

_CHUNK_BYTES = 1 << 20
_READ_THREADS = 4


def object_sha256(store: Store, key: str) -> str:
    """Sha256 of an object's bytes, hex, in bounded memory."""
    digest = hashlib.sha256()
    with store.open_read(key) as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def recheck_shards(
    store: Store, job: Job, receipts: Sequence[ShardReceipt], *, reread: bool | None = None
) -> None:
    """Checks every shard's size, and its digest where bytes came from afar.

    A shard that fails loses its commit record, so that the next run writes it anew.

    Args:
        store: The output store.
        job: The run.
        receipts: What was written.
        reread: Whether to read the shards again; None does so where `store.is_remote`.

    Raises:
        RunError: Naming the shards that are not what was written.
    """
    must_read = store.is_remote if reread is None else reread
    report_progress(job.progress_path, "publish", 0, len(receipts))

    def check(receipt: ShardReceipt) -> str:
        difference = _difference(
            store, f"{job.delivery}/shards/{receipt.name}.tar", receipt, must_read
        )
        report_progress(job.progress_path, "publish", 1)
        return difference

    with ThreadPoolExecutor(_READ_THREADS) as pool:
        found = list(zip(receipts, pool.map(check, receipts), strict=True))
    bad = {receipt.name: difference for receipt, difference in found if difference}
    for name in bad:
        store.delete(f"{job.work}/shards/{name}.json")
    if bad:
        raise RunError(
            "Shards in the store are not what was written",
            "; ".join(f"{name}: {difference}" for name, difference in bad.items()),
            "Nothing was published. Run again: these alone are written anew.",
        )


def _difference(store: Store, key: str, receipt: ShardReceipt, must_read: bool) -> str:
    try:
        size = store.size(key)
        if size != receipt.bytes:
            return f"{size} bytes, {receipt.bytes} were written"
        if must_read and (digest := object_sha256(store, key)) != receipt.sha256:
            return f"sha256 {digest}, {receipt.sha256} was written"
    except FileNotFoundError:
        return "it is gone"
    return ""
