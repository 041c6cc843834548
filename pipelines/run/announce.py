"""Tells buyers of a deal's versions: what each changed, and which is the latest.

`CHANGES.json` of a version and `latest.json` of its deal are made from what is published, so that
they can be completed at any time: after a run that was cut off, and for versions of earlier
releases. Neither is part of a delivery, whose bytes stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.format.manifest import open_manifest
from pipelines.format.notice import open_notice
from pipelines.format.signed_record import SignedRecordError, open_signed, signed_bytes
from pipelines.ledger.signed_note import Signer
from pipelines.run.versions import version_number
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, records_under
from schemas import layout
from schemas.errors import RunError
from schemas.latest import (
    LATEST_FORMAT,
    ChangedShards,
    Changes,
    Latest,
    NoticeRecord,
    PreviousVersion,
    RemovedAsset,
    VersionRecord,
)
from schemas.manifest import Manifest
from schemas.notice import Notice

#: For how long a `latest.json` holds; then the agency has to say again that nothing is newer.
DEFAULT_DAYS = 30


@dataclass(frozen=True)
class _Published:
    """A published version: its name, its manifest and the manifest's bytes."""

    version: str
    manifest: Manifest
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def announce(
    store: Store, deal_id: str, signer: Signer, as_of: datetime, days: int = DEFAULT_DAYS
) -> Latest:
    """Writes what is missing of a deal's `CHANGES.json`, and its `latest.json` if it is outdated.

    Args:
        store: The output.
        deal_id: The deal; it must have a published version.
        signer: The agency's key.
        as_of: When it is said.
        days: For how many days it holds.

    Returns:
        What is said now; as before if nothing is new and it held as long already.

    Raises:
        RunError: If a manifest or the `latest.json` that is there cannot be read.
    """
    versions = _published(store, deal_id)
    notices = _notices(store, deal_id)
    for last, one in zip([None, *versions], versions, strict=False):
        key = layout.changes_path(deal_id, one.version)
        if not store.exists(key):
            changes = _changes(store, last, one, [notice for notice, _ in notices], signer.vkey)
            store.write_bytes(key, signed_bytes(changes, "changes", signer))
    before = read_latest(store, deal_id)
    issued_at = as_of.astimezone(UTC)
    latest = Latest(
        fairshard_latest=LATEST_FORMAT,
        deal_id=deal_id,
        sequence=1 if before is None else before.sequence + 1,
        version=versions[-1].version,
        versions=[
            VersionRecord(
                version=one.version, manifest_sha256=one.sha256, manifest_bytes=len(one.data)
            )
            for one in versions
        ],
        notices=[record for _, record in notices],
        issued_at=issued_at.isoformat(),
        expires_at=(issued_at + timedelta(days=days)).isoformat(),
        vkey=signer.vkey,
    )
    if before is not None and _says_the_same(before, latest):
        return before
    store.write_bytes(layout.latest_path(deal_id), signed_bytes(latest, "latest", signer))
    return latest


def read_latest(store: Store, deal_id: str) -> Latest | None:
    """Returns a deal's `latest.json`; None if there is none.

    Raises:
        RunError: If it cannot be read: without its number, the next one may seem older to buyers.
    """
    key = layout.latest_path(deal_id)
    try:
        return open_signed(store.read_bytes(key), Latest, "latest")
    except FileNotFoundError:
        return None
    except SignedRecordError as error:
        raise RunError(
            f"The {layout.LATEST} of a deal was altered",
            f"{store.uri}/{key}: {error.which or error.what}",
            "Restore it from a copy, since buyers refuse one with a number below the one that "
            "they have seen. What was published stays.",
        ) from error


def announced_deals(store: Store) -> list[str]:
    """Returns the ids of deals with published versions, sorted."""
    return [
        name for name in store.folders() if name != layout.AGENCY and _published_names(store, name)
    ]


def _says_the_same(before: Latest, latest: Latest) -> bool:
    kept = ("version", "versions", "notices", "vkey")
    same = all(getattr(before, name) == getattr(latest, name) for name in kept)
    return same and datetime.fromisoformat(before.expires_at) >= datetime.fromisoformat(
        latest.expires_at
    )


def _published_names(store: Store, deal_id: str) -> list[str]:
    names = sorted(filter(version_number, store.folders(deal_id)), key=version_number)
    return [name for name in names if store.exists(_manifest_key(deal_id, name))]


def _manifest_key(deal_id: str, version: str) -> str:
    return layout.manifest_key(deal_id, version)


def _published(store: Store, deal_id: str) -> list[_Published]:
    """Returns the published versions, by number."""
    found = []
    for name in _published_names(store, deal_id):
        data = store.read_bytes(_manifest_key(deal_id, name))
        found.append(_Published(name, open_manifest(data), data))
    return found


def _notices(store: Store, deal_id: str) -> list[tuple[Notice, NoticeRecord]]:
    """Returns the notices to the deal's buyer, by id."""
    found = []
    for item in records_under(store, f"{deal_id}/notices"):
        if item.key == layout.removal_list_path(deal_id):
            continue
        data = store.read_bytes(item.key)
        notice = open_notice(data)
        record = NoticeRecord(notice=notice.notice, sha256=hashlib.sha256(data).hexdigest())
        found.append((notice, record))
    return sorted(found, key=lambda one: one[1].notice)


def _changes(
    store: Store,
    before: _Published | None,
    one: _Published,
    notices: Sequence[Notice],
    vkey: str,
) -> Changes:
    previous = None
    if before is not None:
        previous = PreviousVersion(delivery=before.manifest.delivery, manifest_sha256=before.sha256)
    return Changes(
        fairshard_changes=LATEST_FORMAT,
        delivery=one.manifest.delivery,
        manifest_sha256=one.sha256,
        previous=previous,
        shards=compare_shards(None if before is None else before.manifest, one.manifest),
        removed=[] if before is None else _removed(store, before, one, notices),
        vkey=vkey,
    )


def compare_shards(before: Manifest | None, manifest: Manifest) -> ChangedShards:
    """Returns which shards of a version are those of the version before, by name and digest."""
    old = {} if before is None else {shard.name: shard.sha256 for shard in before.shards}
    new = {shard.name: shard.sha256 for shard in manifest.shards}
    return ChangedShards(
        same=sorted(name for name in new if old.get(name) == new[name]),
        new=sorted(new.keys() - old.keys()),
        changed=sorted(name for name in new.keys() & old.keys() if old[name] != new[name]),
        removed=sorted(old.keys() - new.keys()),
    )


def _removed(
    store: Store, before: _Published, one: _Published, notices: Sequence[Notice]
) -> list[RemovedAsset]:
    """Returns the assets that notices take out of the version before, and this one has not."""
    named = {
        (notice.notice, sample.asset): notice
        for notice in notices
        for delivery in notice.deliveries
        if delivery.delivery == before.manifest.delivery
        for shard in delivery.shards
        for sample in shard.samples
    }
    kept = _assets(store, one) if named else frozenset()
    return [
        RemovedAsset(asset=asset, notice=name, reason=notice.reason, deadline=notice.deadline)
        for (name, asset), notice in sorted(named.items())
        if asset not in kept
    ]


def _assets(store: Store, one: _Published) -> frozenset[str]:
    """Returns the commitments of a version's assets."""
    folder = layout.delivery_prefix(one.manifest.deal.deal_id, one.version)
    found: set[str] = set()
    for shard in one.manifest.shards:
        key = f"{folder}/{layout.shard_table_path(shard.name)}"
        found.update(values_of(read_parquet(store, key, ["asset"])["asset"], str))
    return frozenset(found)
