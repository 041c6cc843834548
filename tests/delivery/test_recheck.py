"""Shards are checked again before the manifest is signed, and the manifest is written once."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.delivery import recheck as under_test
from pipelines.delivery.recheck import recheck_shards, rechecking
from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.steps.publish import _write_manifest
from pipelines.storage.digests import digest_and_size
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import RunError
from schemas.manifest import FileRecord, ShardRecord
from tests.format.test_manifest import SIGNER, unsigned

JOB = cast(
    Job, SimpleNamespace(delivery="d", work="w", progress_path="", run_id="mine", output_uri="o")
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def write(store: Store, name: str, data: bytes) -> ShardReceipt:
    store.write_bytes(f"d/shards/{name}.tar", data)
    store.write_bytes(f"w/shards/{name}.json", b"{}")
    digest = hashlib.sha256(data).hexdigest()
    store.write_bytes(f"d/shards/{name}.parquet", data)
    table = FileRecord(path=f"shards/{name}.parquet", bytes=len(data), sha256=digest)
    shard = ShardRecord(name=name, family="jpg", samples=1, bytes=len(data), sha256=digest)
    return ShardReceipt(shard, 0, "", (table,))


def test_unchanged_shards_pass(store: Store) -> None:
    receipts = [write(store, f"s{number}", bytes([number]) * 5000) for number in range(9)]
    recheck_shards(store, JOB, receipts, reread=True)
    recheck_shards(store, JOB, [])


def test_changed_shards_are_named_and_lose_their_receipts(store: Store) -> None:
    good, cut, gone, flipped, *tables = (write(store, name, b"12345678") for name in "abcdef")
    store.write_bytes("d/shards/b.tar", b"1234567")
    store.delete("d/shards/c.tar")
    store.write_bytes("d/shards/d.tar", b"12345679")
    store.delete("d/shards/e.parquet")
    store.write_bytes("d/shards/f.parquet", b"12345679")
    with pytest.raises(RunError) as refused:
        recheck_shards(store, JOB, [good, cut, gone, flipped, *tables], reread=True)
    message = refused.value.which
    assert "shards/b.tar: 7 bytes, 8 written" in message
    assert "shards/c.tar: it is gone" in message and "shards/e.parquet: it is gone" in message
    assert "shards/d.tar: sha256" in message and "shards/f.parquet: sha256" in message
    assert message.count(";") == 4 and "a." not in message
    assert [item.key for item in store.list("w")] == ["w/shards/a.json"]


def test_a_table_in_a_folder_is_read_since_indexes_are_made_from_it(store: Store) -> None:
    receipts = [write(store, name, b"12345678") for name in "ab"]
    store.write_bytes("d/shards/b.parquet", b"12345679")
    with pytest.raises(RunError, match=r"b\.parquet: sha256"):
        recheck_shards(store, JOB, receipts)
    assert [item.key for item in store.list("w")] == ["w/shards/a.json"]


def test_local_tars_are_checked_by_size_only(store: Store) -> None:
    receipt = write(store, "s", b"12345678")
    store.write_bytes("d/shards/s.tar", b"12345679")
    recheck_shards(store, JOB, [receipt])  # `verify` finds this damage
    store.write_bytes("d/shards/s.tar", b"1")
    with pytest.raises(RunError, match=r"s\.tar: 1 byte, 8 written"):
        recheck_shards(store, JOB, [receipt])


class FarStore(LocalStore):
    """A folder that is treated like a bucket."""

    is_remote = True


def test_shards_are_read_while_the_block_runs(store: Store) -> None:
    far = FarStore(store.uri)
    receipts = [write(store, name, b"12345678") for name in "abc"]
    with rechecking(far, JOB, receipts) as recheck:
        recheck()
        recheck()
    store.write_bytes("d/shards/b.tar", b"12345679")
    with (
        pytest.raises(RunError, match=r"b\.tar: sha256"),
        rechecking(far, JOB, receipts) as recheck,
    ):
        recheck()
        pytest.fail("the manifest is signed")
    assert [item.key for item in store.list("w")] == ["w/shards/a.json", "w/shards/c.json"]


def test_sizes_in_a_folder_are_looked_at_last(store: Store) -> None:
    receipt = write(store, "s", b"12345678")
    with rechecking(store, JOB, [receipt]) as recheck:
        store.write_bytes("d/shards/s.tar", b"1")
        with pytest.raises(RunError, match=r"s\.tar: 1 byte, 8 written"):
            recheck()


def test_reading_ends_with_a_block_that_fails(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large delivery is not read to its end when the run has failed for another reason."""
    receipts = [write(store, f"s{number}", b"12345678") for number in range(40)]
    began, may_go_on, read = Event(), Event(), []

    def slow(store: Store, key: str) -> tuple[str, int]:
        read.append(key)
        began.set()
        assert may_go_on.wait(60)
        return digest_and_size(store, key)

    monkeypatch.setattr(under_test, "digest_and_size", slow)
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), rechecking(FarStore(store.uri), JOB, receipts):
        assert began.wait(60)
        threading.Timer(0.2, may_go_on.set).start()
        raise ZeroDivisionError
    assert len(read) <= 4  # each thread's first file
    assert threading.active_count() <= threads + 1  # the timer


def test_existing_manifest_is_not_replaced(store: Store) -> None:
    theirs = manifest_bytes(sign_manifest(unsigned(run_id="theirs"), SIGNER))
    _write_manifest(store, JOB, theirs)
    _write_manifest(store, JOB, theirs)  # a repeated write after a lost answer is accepted
    with pytest.raises(RunError, match=r"acme/v0001 by run theirs, this is run mine") as refused:
        _write_manifest(store, JOB, b"other")
    assert refused.value.exit_code == 1
    assert store.read_bytes("d/MANIFEST.json") == theirs
