"""Makes a new version of a delivery without some samples, from a published version alone.

The steps, numbered in the code: 1. find the version that an earlier call made; 2. hold the next
number, and record whose it is; 3. keep the files of all shards that lose nothing, as they are;
4. write the other shards again, or overwrite samples in them; 5. write the ledger and the log
without the removed entries; 6. write cards and indexes; 7. sign the manifest, which is written
last. A call that is interrupted leaves nothing published; the next one starts over, and writes the
same bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from pipelines.accounts.kept_salts import Opener
from pipelines.format.manifest import manifest_bytes
from pipelines.ledger.signed_note import Signer
from pipelines.removal.locate import FoundSample
from pipelines.removal.patched_files import write_files
from pipelines.removal.planned_patch import (
    Patch,
    PatchedMeanwhileError,
    check_columns,
    find_version,
    keys_by_shard,
)
from pipelines.removal.predecessor import open_predecessor
from pipelines.run.lease import Lease, hold_version
from pipelines.run.versions import WORK_FORMAT
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas import layout
from schemas.errors import RunError
from schemas.manifest import Manifest, RemovalWay


def make_patch(
    store: Store,
    deal_id: str,
    version: str,
    removed: Collection[FoundSample],
    way: RemovalWay,
    notice_ids: Collection[str],
    as_of: datetime,
    signer: Signer,
    secrets: Collection[Opener],
) -> str:
    """Publishes a version of a delivery without some samples, or finds the one that was published.

    Nothing is packaged again, and nothing is appended to the agency's log.

    Args:
        store: The output.
        deal_id: The deal.
        version: The published version that is patched.
        removed: The samples, as `locate` found them in this version: all samples of their assets.
        way: How they are removed.
        notice_ids: Ids of the notices that ask for it.
        as_of: When the patch is made; part of its bytes.
        signer: The agency's key.
        secrets: The agency's secrets, by which the version's ledger is checked.

    Returns:
        Name of the version that was made.

    Raises:
        InputError: If the samples are not in this version, or nothing would be left of it.
        RunError: If the version is damaged or of another release, another patch of it is published,
            or another process makes the next version.
    """
    before = open_predecessor(store, deal_id, version)
    keys = keys_by_shard(before, removed)
    check_columns(before, min(keys))
    patch = Patch(
        before,
        keys,
        frozenset(one.asset_commitment for one in removed),
        way,
        tuple(sorted(set(notice_ids))),
        as_of.astimezone(UTC),
    )
    name, made = find_version(patch)  # 1
    if made:
        return name
    with hold_version(store, deal_id, name, patch.run_id) as lease:  # 2
        again, made = find_version(patch)
        if not made:
            if again != name:
                raise PatchedMeanwhileError(
                    "Another run has published this version",
                    f"{store.uri}/{deal_id}/{name}",
                    "Nothing was changed. Repeat to make the next version.",
                )
            _begin(patch, name)
            _publish(patch, name, write_files(patch, name, signer, secrets), lease)
    return again


def _begin(patch: Patch, name: str) -> None:
    """Records whose version it is; removes what another run left under its number."""
    store, before = patch.before.store, patch.before
    key = f"{layout.agency_prefix(before.deal_id, name)}/{layout.RUN_RECORD}"
    begun = read_json(store, key) if store.exists(key) else {}
    if begun.get("run_id") == patch.run_id:
        store.discard_unfinished(layout.version_prefix(before.deal_id, name))
        return
    if begun:
        store.delete_prefix(layout.work_prefix(begun["run_id"]))
    store.delete_prefix(layout.version_prefix(before.deal_id, name))
    earlier = f"{before.agency}/{layout.RUN_RECORD}"
    was = read_json(store, earlier) if store.exists(earlier) else {}  # a removal goes on without it
    kept = ("deal_sha256", "deal_id", "catalogue", "pool")
    record = {field: was[field] for field in kept if field in was}
    record |= {"run_id": patch.run_id, "work_format": WORK_FORMAT, "replaces": before.version}
    store.write_bytes(key, json_bytes({**record, "patches": before.version}))


def _publish(patch: Patch, name: str, manifest: Manifest, lease: Lease) -> None:
    store, data = patch.before.store, manifest_bytes(manifest)
    key = layout.manifest_key(patch.before.deal_id, name)
    lease.confirm()
    store.write_new(key, data)  # 7
    if store.read_bytes(key) != data:  # the reply to the write says less than what is stored
        raise RunError(
            "Another run has published this version",
            f"{store.uri}/{key}",
            "Its manifest was left as it is. Repeat to make the next version.",
        )
