"""What buyers are told of a deal's versions: complete, signed, and never an older number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.format.notice import notice_bytes, sign_notice
from pipelines.format.signed_record import SignedRecordError, open_signed
from pipelines.run.announce import announce, announced_deals
from pipelines.storage.open import open_store
from pipelines.storage.tables import parquet_bytes
from schemas.errors import RunError
from schemas.latest import Changes, Latest
from schemas.notice import SCOPE, Notice, NoticeDelivery, NoticeSample, NoticeShard
from tests.pull.deals import OTHER, SIGNER, publish

AS_OF = datetime(2026, 11, 28, tzinfo=UTC)
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def shard(name: str, *assets: str) -> dict[str, bytes]:
    table = parquet_bytes(pa.table({"asset": list(assets)}))
    tar = "".join(assets).encode()
    return {f"shards/{name}.tar": tar, f"shards/{name}.parquet": table}


def give_notice(deal: Path, delivery: str, *assets: str) -> bytes:
    samples = [
        NoticeSample(asset=one, key="k", row=0, members=[], embedding_row=None, shot_rows=[])
        for one in assets
    ]
    digest = "0" * 64
    found = NoticeShard(name="d-0", sha256=digest, index=0, samples=samples)
    notice = Notice(
        fairshard_notice=1,
        notice="acme-000001",
        sequence=1,
        deal_id="acme",
        issued_at="2026-11-28T00:00:00+00:00",
        reason="takedown",
        effective_at="2026-12-01",
        deadline="2026-12-31",
        action="delete",
        scope=list(SCOPE),
        way="patch",
        deliveries=[NoticeDelivery(delivery=delivery, manifest_sha256=digest, shards=[found])],
        vkey=SIGNER.vkey,
    )
    data = notice_bytes(sign_notice(notice, SIGNER))
    (deal / "notices").mkdir(exist_ok=True)
    (deal / "notices" / "acme-000001.json").write_bytes(data)
    return data


@pytest.fixture
def deal(tmp_path: Path) -> Path:
    publish(tmp_path / "acme", "v0001", {**shard("d-0", A, B), **shard("d-1", C)})
    return tmp_path / "acme"


def said(deal: Path) -> Latest:
    return open_signed((deal / "latest.json").read_bytes(), Latest, "latest", (SIGNER.vkey,))


def changed(deal: Path, version: str) -> Changes:
    data = (deal / version / "CHANGES.json").read_bytes()
    return open_signed(data, Changes, "changes", (SIGNER.vkey,))


def digest_of(deal: Path, version: str) -> str:
    return hashlib.sha256((deal / version / "delivery/MANIFEST.json").read_bytes()).hexdigest()


def test_the_first_version_is_all_new(deal: Path) -> None:
    store = open_store(str(deal.parent))
    announce(store, "acme", SIGNER, AS_OF)
    latest = said(deal)
    assert (latest.sequence, latest.version) == (1, "v0001")
    assert latest.expires_at == "2026-12-28T00:00:00+00:00"
    assert latest.record().manifest_sha256 == digest_of(deal, "v0001")
    changes = changed(deal, "v0001")
    assert changes.previous is None and changes.removed == []
    assert changes.shards.new == ["d-0", "d-1"] and changes.shards.same == []
    before = (deal / "latest.json").read_bytes()
    announce(store, "acme", SIGNER, AS_OF)  # the same command again says the same
    assert (deal / "latest.json").read_bytes() == before
    assert announced_deals(store) == ["acme"]


def test_a_version_says_what_it_changed_and_what_was_removed_why(deal: Path) -> None:
    store = open_store(str(deal.parent))
    announce(store, "acme", SIGNER, AS_OF)
    notice = give_notice(deal, "acme/v0001", A, C)
    # C is there again, as if the agency had reinstated it.
    publish(deal, "v0002", {**shard("d-0", B), **shard("d-1", C), **shard("d-2", B, C)})
    announce(store, "acme", SIGNER, AS_OF)
    changes = changed(deal, "v0002")
    assert changes.previous is not None
    assert changes.previous.manifest_sha256 == digest_of(deal, "v0001")
    assert changes.manifest_sha256 == digest_of(deal, "v0002")
    shards = changes.shards
    assert (shards.same, shards.changed, shards.new, shards.removed) == (
        *(["d-1"], ["d-0"], ["d-2"], []),
    )
    assert [(one.asset, one.reason, one.deadline) for one in changes.removed] == [
        (A, "takedown", "2026-12-31")
    ]
    latest = said(deal)
    assert (latest.sequence, latest.version) == (2, "v0002")
    assert [one.version for one in latest.versions] == ["v0001", "v0002"]
    assert latest.notices[0].sha256 == hashlib.sha256(notice).hexdigest()


def test_a_notice_alone_and_a_later_day_give_a_new_number(deal: Path) -> None:
    store = open_store(str(deal.parent))
    announce(store, "acme", SIGNER, AS_OF)
    give_notice(deal, "acme/v0001", A)
    assert announce(store, "acme", SIGNER, AS_OF).sequence == 2
    assert announce(store, "acme", SIGNER, AS_OF.replace(day=27)).sequence == 2
    later = announce(store, "acme", SIGNER, AS_OF.replace(day=29), days=60)
    assert (later.sequence, later.expires_at) == (3, "2027-01-28T00:00:00+00:00")
    assert announce(store, "acme", OTHER, AS_OF.replace(day=29), days=60).sequence == 4


def test_an_altered_state_is_not_written_over(deal: Path) -> None:
    store = open_store(str(deal.parent))
    announce(store, "acme", SIGNER, AS_OF)
    data = (deal / "latest.json").read_bytes().replace(b'"sequence":1', b'"sequence":7')
    (deal / "latest.json").write_bytes(data)
    with pytest.raises(RunError, match="was altered"):
        announce(store, "acme", SIGNER, AS_OF)
    assert (deal / "latest.json").read_bytes() == data
    with pytest.raises(SignedRecordError, match="signature"):
        said(deal)


def test_a_signature_of_one_kind_is_none_of_another(deal: Path) -> None:
    announce(open_store(str(deal.parent)), "acme", SIGNER, AS_OF)
    with pytest.raises(SignedRecordError, match="signature"):
        open_signed((deal / "latest.json").read_bytes(), Latest, "changes")
