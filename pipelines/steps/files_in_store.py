"""Lists a delivery's files for its manifest, and makes sure that each has what was written to it.

A manifest signs what a buyer gets, so it must not sign what somebody else has put into the folder,
nor leave out what a listing does not show yet.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.delivery.recheck import Markers, file_difference
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.parallel import in_parallel
from pipelines.storage.progress import report_progress
from schemas import layout
from schemas.errors import RunError
from schemas.manifest import FileRecord

_MAX_NAMED = 3


def files_in_store(
    store: NotedStore, job: Job, receipts: Sequence[ShardReceipt], checked: Markers
) -> list[FileRecord]:
    """Returns the delivery's files, other than the manifest and the list of checksums.

    Other files in its folder were left by an earlier, interrupted attempt at this version, or are
    none of ours: they are deleted. A shard with a file that differs loses its commit record, so
    that the next run writes it again.

    Args:
        store: The output store, through which all files but those of the shards were written.
        job: The run.
        receipts: The shards' receipts.
        checked: The markers of the shards' files that have been checked.

    Raises:
        RunError: If a file is gone, or is not what was written.
    """
    start = f"{job.delivery}/"
    listed = {item.key.removeprefix(start): item for item in store.list(job.delivery)}
    of_shards = {
        file.path: (file, receipt.shard.name)
        for receipt in receipts
        for file in (receipt.tar, *receipt.files)
    }
    others = {
        key.removeprefix(start): FileRecord(
            path=key.removeprefix(start), bytes=written.size_bytes, sha256=written.sha256
        )
        for key, written in store.written.items()
        if key.startswith(start)
    }
    files = [*(file for file, _ in of_shards.values()), *others.values()]
    kept = of_shards.keys() | others.keys() | {layout.MANIFEST, layout.SHA256SUMS}
    store.delete_many(start + path for path in sorted(listed.keys() - kept))
    report_progress(job.progress_path, "publish", 0, len(files))

    def difference(file: FileRecord) -> str:
        item = listed.get(file.path)
        if item is None:
            is_as_written = False
        elif file.path in others:
            is_as_written = store.sha256_of(item) == file.sha256
        else:
            is_as_written = (item.marker, item.size_bytes) == (checked.get(item.key), file.bytes)
        # A listing may be late, so the object itself is asked before it counts as changed.
        found = "" if is_as_written else file_difference(store, job, file, must_read=True)
        report_progress(job.progress_path, "publish", 1)
        return found

    found = zip(files, in_parallel(store, difference, files), strict=True)
    bad = {file.path: text for file, text in found if text}
    if bad:
        shards = sorted({of_shards[path][1] for path in bad if path in of_shards})
        store.delete_many(f"{job.work}/shards/{name}.json" for name in shards)
        raise _changed(bad)
    return files


def _changed(bad: dict[str, str]) -> RunError:
    named = [f"{path}: {text}" for path, text in sorted(bad.items())[:_MAX_NAMED]]
    more = [f"and {len(bad) - _MAX_NAMED:,} more"] if len(bad) > _MAX_NAMED else []
    return RunError(
        "Files in the store are not what was written",
        "; ".join([*named, *more]),
        "Nothing was published. Make sure that nothing else writes to the output, then run again.",
    )
