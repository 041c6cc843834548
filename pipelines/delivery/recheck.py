"""Reading shards again after they were written, before a manifest vouches for them.

Counting bytes costs one question a file. Where bytes crossed a network and a service, their digest
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
from schemas.manifest import FileRecord

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
    """Checks every shard's files: their sizes, and their digests where bytes crossed a network.

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

    def check(receipt: ShardReceipt) -> list[str]:
        differences = []
        for file in (receipt.tar, *receipt.files):
            difference = _difference(store, f"{job.delivery}/{file.path}", file, must_read)
            if difference:
                differences.append(f"{file.path}: {difference}")
        report_progress(job.progress_path, "publish", 1)
        return differences

    with ThreadPoolExecutor(_READ_THREADS) as pool:
        found = list(zip(receipts, pool.map(check, receipts), strict=True))
    bad = {receipt.shard.name: differences for receipt, differences in found if differences}
    for name in bad:
        store.delete(f"{job.work}/shards/{name}.json")
    if bad:
        raise RunError(
            "Shards in the store are not what was written",
            "; ".join(difference for differences in bad.values() for difference in differences),
            "Nothing was published. Run again: these alone are written anew.",
        )


def _difference(store: Store, key: str, file: FileRecord, must_read: bool) -> str:
    try:
        size = store.size(key)
        if size != file.bytes:
            return f"{size} bytes, {file.bytes} were written"
        if must_read and (digest := object_sha256(store, key)) != file.sha256:
            return f"sha256 {digest}, {file.sha256} was written"
    except FileNotFoundError:
        return "it is gone"
    return ""
