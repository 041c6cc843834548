"""Checks the written shards in the store before the manifest is signed.

Checking sizes costs one request per file. If the store is remote, the digest is also computed again
from the bytes that the service returns: an ETag says nothing about the bytes, and a service returns
a byte that flipped on its disk with status 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.digests import digest_and_size
from pipelines.storage.digests import object_sha256 as object_sha256
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from schemas.errors import RunError
from schemas.manifest import FileRecord

_READ_THREADS = 4


def recheck_shards(
    store: Store, job: Job, receipts: Sequence[ShardReceipt], *, reread: bool | None = None
) -> None:
    """Checks the size of every shard file, and in a remote store its digest too.

    A shard that fails loses its commit record, so that the next run writes it again.

    Args:
        store: The output store.
        job: The run.
        receipts: The receipts of the written shards.
        reread: Whether to read the shards again; None means only if `store.is_remote`.

    Raises:
        RunError: If shards differ from what was written; it names them.
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

    with ThreadPoolExecutor(_READ_THREADS) as pool:  # local files are worth reading at once too
        found = list(zip(receipts, pool.map(check, receipts), strict=True))
    bad = {receipt.shard.name: differences for receipt, differences in found if differences}
    store.delete_many(f"{job.work}/shards/{name}.json" for name in bad)
    if bad:
        raise RunError(
            "Shards in the store are not what was written",
            "; ".join(difference for differences in bad.values() for difference in differences),
            "Nothing was published. Run again: only these shards are written again.",
        )


def _difference(store: Store, key: str, file: FileRecord, must_read: bool) -> str:
    try:
        digest, size = digest_and_size(store, key) if must_read else ("", store.size(key))
        if size != file.bytes:
            return f"{size} bytes, {file.bytes} were written"
        if must_read and digest != file.sha256:
            return f"sha256 {digest}, {file.sha256} was written"
    except FileNotFoundError:
        return "it is gone"
    return ""
