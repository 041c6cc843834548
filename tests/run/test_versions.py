"""Versions: which one a run makes, resumes, or finds already published."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.run.versions import Version, begin_version, find_version
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas.deal import Deal, parse_deal
from schemas.errors import InputError, RunError
from tests.deals import deal_text


def deal(pool: str = "1.00", deal_id: str = "acme") -> Deal:
    return parse_deal(deal_text(deal_id, pool), "deal.toml")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def publish(store: Store, version: str, deal_id: str = "acme") -> None:
    store.write_bytes(f"{deal_id}/{version}/delivery/MANIFEST.json", b"{}")


def test_first_version_is_v0001(store: Store) -> None:
    assert find_version(store, deal(), "run") == Version("v0001", False)


def test_started_run_is_resumed(store: Store) -> None:
    begin_version(store, deal(), "v0001", "run")
    begin_version(store, deal(), "v0001", "run")
    assert find_version(store, deal(), "run") == Version("v0001", False)


def test_published_run_is_found(store: Store) -> None:
    begin_version(store, deal(), "v0001", "run")
    publish(store, "v0001")
    assert find_version(store, deal(), "run") == Version("v0001", True)


def test_different_run_gets_the_next_version(store: Store) -> None:
    for number in (1, 2, 9):
        begin_version(store, deal(), f"v{number:04d}", f"run {number}")
        publish(store, f"v{number:04d}")
    assert find_version(store, deal(), "new") == Version("v0010", False)
    assert find_version(store, deal(), "run 2") == Version("v0002", True)


def test_version_numbers_exceed_four_digits(store: Store) -> None:
    begin_version(store, deal(), "v9999", "run")
    publish(store, "v9999")
    begin_version(store, deal(), "v10000", "later")
    publish(store, "v10000")
    assert find_version(store, deal(), "new") == Version("v10001", False)


def test_unpublished_version_is_replaced(store: Store) -> None:
    begin_version(store, deal(), "v0001", "abandoned")
    store.write_bytes("acme/v0001/delivery/shards/s.tar", b"")
    assert find_version(store, deal(), "new") == Version("v0001", False)
    begin_version(store, deal(), "v0001", "new")
    assert [item.key for item in store.list("acme")] == ["acme/v0001/agency/run.json"]


def test_files_of_the_same_run_are_kept(store: Store) -> None:
    begin_version(store, deal(), "v0001", "run")
    store.write_bytes("acme/v0001/delivery/shards/s.tar", b"")
    begin_version(store, deal(), "v0001", "run")
    assert store.exists("acme/v0001/delivery/shards/s.tar")


def test_work_of_an_earlier_program_version_is_not_resumed(store: Store) -> None:
    begin_version(store, deal(), "v0001", "run")
    key = "acme/v0001/agency/run.json"
    record = read_json(store, key)
    store.write_bytes(key, json_bytes({**record, "work_format": record.pop("work_format") - 1}))
    store.write_bytes("acme/v0001/delivery/shards/s.tar", b"")
    store.write_bytes("agency/work/run/shards/s.json", b"{}")
    begin_version(store, deal(), "v0001", "run")
    assert [item.key for item in store.list()] == [key]
    store.write_bytes("agency/work/run/shards/s.json", b"{}")
    begin_version(store, deal(), "v0001", "run")
    assert store.exists("agency/work/run/shards/s.json")


def test_receipts_are_removed_with_their_files(store: Store) -> None:
    """Otherwise a run would trust the receipt of a shard that no longer exists."""
    begin_version(store, deal(), "v0001", "abandoned")
    for run in ("abandoned", "new", "bystander"):
        store.write_bytes(f"agency/work/{run}/shards/s.json", b"{}")
    begin_version(store, deal(), "v0001", "new")
    assert [item.key for item in store.list("agency")] == ["agency/work/bystander/shards/s.json"]
    store.write_bytes("agency/work/new/shards/s.json", b"{}")
    begin_version(store, deal(), "v0001", "new")
    assert store.exists("agency/work/new/shards/s.json")


@pytest.mark.parametrize("run", ["first", "second"])
def test_version_published_meanwhile_is_kept(store: Store, run: str) -> None:
    begin_version(store, deal(), "v0001", "first")
    publish(store, "v0001")
    before = {item.key: store.read_bytes(item.key) for item in store.list()}
    with pytest.raises(RunError, match=rf"acme/v0001 by run first, this is run {run}") as refused:
        begin_version(store, deal(), "v0001", run)
    assert refused.value.exit_code == 1
    assert {item.key: store.read_bytes(item.key) for item in store.list()} == before


def test_delivery_under_different_terms_is_refused(store: Store) -> None:
    begin_version(store, deal(), "v0001", "run")
    assert find_version(store, deal("2.00"), "new") == Version("v0001", False)
    publish(store, "v0001")
    with pytest.raises(InputError, match="already holds a different deal") as caught:
        find_version(store, deal("2.00"), "new")
    assert "acme/v0001" in str(caught.value) and "deal_id" in caught.value.remedy


def test_other_deals_are_ignored(store: Store) -> None:
    other = deal(deal_id="acme-2")
    begin_version(store, other, "v0007", "run")
    publish(store, "v0007", "acme-2")
    assert find_version(store, deal(), "run") == Version("v0001", False)
