"""Checks the written shards in the store before the manifest is signed.

Checking sizes costs one request per file. If the store is remote, the digest is also computed again
from the bytes that the service returns: an ETag says nothing about the bytes, and a service returns
a byte that flipped on its disk with status 200. Tables are read again in folders too: what an
earlier run wrote into them goes into the indexes, which are signed as they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.digests import digest_and_size
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from schemas.errors import RunError, counted
from schemas.manifest import FileRecord

#: Markers of a delivery's files by their keys, as they were when the shards began to be checked.
Markers = Mapping[str, str]

_READ_THREADS = 4


@contextmanager
def rechecking(
    store: Store, job: Job, receipts: Sequence[ShardReceipt]
) -> Iterator[Callable[[], Markers]]:
    """Checks shards with `recheck_shards` while the block runs, if they must be read again.

    Yields:
        A function that waits for the result, which the block must call before it signs anything.
        Sizes are only then looked at. It returns by what markers to see whether a file has changed
        since.
    """

    def check(ended: Event | None = None) -> Markers:
        markers = {item.key: item.marker for item in store.list(job.delivery)}
        recheck_shards(store, job, receipts, ended=ended)
        return markers

    if not store.is_remote:
        yield check
        return
    ended = Event()
    with ThreadPoolExecutor(1, "recheck") as pool:
        checked = pool.submit(check, ended)
        try:
            yield checked.result
        finally:
            ended.set()


def recheck_shards(
    store: Store,
    job: Job,
    receipts: Sequence[ShardReceipt],
    *,
    reread: bool | None = None,
    ended: Event | None = None,
) -> None:
    """Checks the size of every shard file, the digest of tables, and in a remote store of all.

    A shard that fails loses its commit record, so that the next run writes it again.

    Args:
        store: The output store.
        job: The run.
        receipts: The receipts of the written shards.
        reread: Whether to read tars again, not only tables; None means only if `store.is_remote`.
        ended: Set when nobody waits for the result any more; no further file is then looked at.

    Raises:
        RunError: If shards differ from what was written; it names them.
    """
    must_read = store.is_remote if reread is None else reread
    report_progress(job.progress_path, "publish", 0, len(receipts))

    def check(receipt: ShardReceipt) -> list[str]:
        differences = []
        for file in (receipt.tar, *receipt.files):
            if ended is not None and ended.is_set():
                return []
            is_table = file.path.endswith(".parquet")
            difference = file_difference(store, job, file, must_read or is_table)
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


def file_difference(store: Store, job: Job, file: FileRecord, must_read: bool) -> str:
    """Returns how a file in the store differs from what was written; "" if it does not.

    Args:
        store: The output store.
        job: The run.
        file: What was written.
        must_read: Whether its digest is compared too, and not only its size.
    """
    key = f"{job.delivery}/{file.path}"
    try:
        digest, size = digest_and_size(store, key) if must_read else ("", store.size(key))
        if size != file.bytes:
            return f"{counted(size, 'byte')}, {file.bytes:,} written"
        if must_read and digest != file.sha256:
            return f"sha256 {digest}, {file.sha256} was written"
    except FileNotFoundError:
        return "it is gone"
    return ""
