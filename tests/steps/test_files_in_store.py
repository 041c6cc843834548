"""What a manifest lists is what was written: nothing lost, changed or added meanwhile."""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.delivery.recheck import Markers, rechecking
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.steps.files_in_store import files_in_store
from pipelines.storage.local_store import LocalStore
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.store import ObjectInfo
from schemas.errors import RunError
from schemas.manifest import FileRecord, ShardRecord

JOB = cast(Job, SimpleNamespace(delivery="d", work="w", progress_path=""))
FILES = {
    "shards/s.tar": b"a shard",
    "shards/s.parquet": b"its table",
    "checkpoint": b"a checkpoint",
    "tile/0/000.p/3": b"a tile",
    "README.md": b"a card",
}


class FarStore(LocalStore):
    """A folder that is treated like a bucket; ETags are MD5s, and a listing may lack objects."""

    is_remote = True
    requests_at_once = 4
    late: frozenset[str] = frozenset()

    def list(self, prefix: str = "") -> builtins.list[ObjectInfo]:
        found = [item for item in super().list(prefix) if item.key not in self.late]
        return [replace(item, marker=f'"{self._etag(item.key)}"-0-0') for item in found]

    def _etag(self, key: str) -> str:
        return hashlib.md5(self.read_bytes(key), usedforsecurity=False).hexdigest()


class FarStoreOfOtherTags(FarStore):
    """A bucket whose ETags say nothing about the bytes."""

    def _etag(self, key: str) -> str:
        return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()


class LateFarStore(FarStore):
    """A bucket whose listings do not show some objects yet."""

    late = frozenset({"d/shards/s.tar", "d/tile/0/000.p/3"})


STORES = (LocalStore, FarStore, FarStoreOfOtherTags, LateFarStore)


def record(path: str) -> FileRecord:
    data = FILES[path]
    return FileRecord(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def written(store: LocalStore) -> tuple[NotedStore, ShardReceipt]:
    """Writes all files, those of the shard by another process."""
    noted = NotedStore(store, JOB.delivery)
    for path, data in FILES.items():
        (store if path.startswith("shards/") else noted).write_bytes(f"d/{path}", data)
    store.write_bytes("w/shards/s.json", b"{}")
    tar = record("shards/s.tar")
    shard = ShardRecord(name="s", family="jpg", samples=1, bytes=tar.bytes, sha256=tar.sha256)
    return noted, ShardReceipt(shard, 0, "", (record("shards/s.parquet"),))


def list_after(
    store: LocalStore, change: Callable[[LocalStore], object] = lambda _: None
) -> list[FileRecord]:
    """Lists the files after a change that was made when the shards had been checked."""
    noted, receipt = written(store)
    with rechecking(store, JOB, [receipt]) as recheck:
        markers: Markers = recheck()
    change(store)
    return files_in_store(noted, JOB, [receipt], markers)


@pytest.mark.parametrize("kind", STORES)
def test_all_files_are_listed_and_no_others(kind: type[LocalStore], tmp_path: Path) -> None:
    store = kind(str(tmp_path))

    def add(store: LocalStore) -> None:
        for path in ("tile/0/001", "shards/t.tar", "note.txt"):
            store.write_bytes(f"d/{path}", b"of another")
        for path in ("MANIFEST.json", "SHA256SUMS"):
            store.write_bytes(f"d/{path}", b"of an earlier attempt")

    found = list_after(store, add)
    assert sorted(found, key=lambda one: one.path) == [record(path) for path in sorted(FILES)]
    left = LocalStore(str(tmp_path)).list("d")
    assert {item.key.removeprefix("d/") for item in left} == {*FILES, "MANIFEST.json", "SHA256SUMS"}


# A service whose tags say nothing cannot show that a shard's byte has flipped since the recheck.
CHANGES = [
    (kind, path, how)
    for kind in STORES
    for path in FILES
    for how in ("gone", "shorter", "flipped")
    if not (how == "flipped" and path.startswith("shards/") and kind is FarStoreOfOtherTags)
]


@pytest.mark.parametrize(("kind", "path", "how"), CHANGES)
def test_a_file_that_changed_after_it_was_checked_stops_the_run(
    kind: type[LocalStore], path: str, how: str, tmp_path: Path
) -> None:
    def change(store: LocalStore) -> None:
        store.delete(f"d/{path}")
        data = FILES[path]
        if how != "gone":
            changed = data[:-1] if how == "shorter" else bytes([data[0] ^ 1]) + data[1:]
            store.write_bytes(f"d/{path}", changed)

    store = kind(str(tmp_path))
    with pytest.raises(RunError, match="not what was written") as refused:
        list_after(store, change)
    assert refused.value.which.startswith(f"{path}: ")
    assert store.exists("w/shards/s.json") is not path.startswith("shards/")


def test_many_changed_files_are_counted(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"README\.md: it is gone; .* and 2 more"):
        list_after(LocalStore(str(tmp_path)), lambda store: store.delete_prefix("d"))
