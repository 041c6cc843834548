"""Files that a process has just read from a bucket are not asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pipelines.storage.local_store import LocalStore
from pipelines.storage.recent import RecentFiles
from pipelines.storage.store import Store


class Remote:
    """A remote store of given files, which counts how often each is read."""

    uri, is_remote = "s3://bucket", True

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.reads: list[str] = []

    def read_bytes(self, key: str) -> bytes:
        self.reads.append(key)
        return self.files[key]


def test_each_file_of_a_bucket_is_read_once_while_it_fits() -> None:
    remote = Remote(
        a=b"1" * 10, b=b"2" * 10, c=b"3" * 10, d=b"4" * 10, e=b"5" * 10, large=b"6" * 11
    )
    recent = RecentFiles(40)
    for key in ("a", "b", "c", "d", "a", "large", "large"):
        assert recent.read(cast("Store", remote), key) == remote.files[key]
    assert remote.reads == ["a", "b", "c", "d", "large", "large"]  # too large to be kept
    recent.read(cast("Store", remote), "e")
    remote.reads.clear()
    for key in ("a", "c", "d", "e"):
        recent.read(cast("Store", remote), key)
    assert remote.reads == []
    recent.read(cast("Store", remote), "b")  # was read longest ago, and had to go
    assert remote.reads == ["b"]


def test_files_of_two_stores_are_told_apart() -> None:
    one, other = Remote(a=b"one"), Remote(a=b"other")
    other.uri = "s3://other"
    recent = RecentFiles(100)
    assert recent.read(cast("Store", one), "a") == b"one"
    assert recent.read(cast("Store", other), "a") == b"other"


def test_file_that_is_kept_anew_counts_once() -> None:
    remote, recent = cast("Store", Remote()), RecentFiles(40)
    for _ in range(10):
        recent.keep(remote, "a", b"1" * 10)
    for key in ("b", "c", "d"):
        recent.keep(remote, key, b"2" * 10)
    assert recent.get(remote, "a") == b"1" * 10


def test_files_of_a_folder_are_read_each_time(tmp_path: Path) -> None:
    store, recent = LocalStore(str(tmp_path)), RecentFiles(100)
    store.write_bytes("a", b"1")
    assert recent.read(store, "a") == b"1"
    store.write_bytes("a", b"2")
    assert recent.read(store, "a") == b"2"
