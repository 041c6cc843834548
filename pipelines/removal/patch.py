"""Makes a new version of a delivery without some samples, from a published version alone.

The steps, numbered in the code: 1. find the version that an earlier call made; 2. hold the next
number, and record whose it is; 3. keep the files of all shards that lose nothing, as they are;
4. write the other shards again, or overwrite samples in them; 5. write the ledger and the log
without the removed entries; 6. write cards and indexes; 7. sign the manifest, which is written
last. A call that is interrupted leaves nothing published; the next one starts over, and writes the
same bytes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipelines.accounts.kept_salts import Opener
from pipelines.format.manifest import (
    checksums,
    manifest_bytes,
    numbered_shards,
    open_manifest,
    original_delivery,
    sign_manifest,
)
from pipelines.ledger.signed_note import Signer
from pipelines.profiles.tables import known_table_schemas
from pipelines.removal.attributions import write_attributions
from pipelines.removal.entries import write_entries
from pipelines.removal.indexes import (
    is_index,
    tar_digests,
    write_whole_indexes,
)
from pipelines.removal.locate import FoundSample
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor, open_predecessor
from pipelines.removal.shards import patch_shard
from pipelines.removal.tombstone import overwrite_shard
from pipelines.run.lease import Lease, hold_version
from pipelines.run.receipts import ShardReceipt
from pipelines.run.versions import WORK_FORMAT, version_number
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas import layout
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError
from schemas.manifest import EndRecord, Manifest, PatchRecord, RemovalWay


class PatchedMeanwhileError(RunError):
    """Raised if another process has published a version of the delivery meanwhile."""


class OtherReleaseError(RunError):
    """Raised when a version's tables have other columns; nothing was written of its patch."""


@dataclass(frozen=True)
class _Patch:
    """A patch that is to be made.

    Attributes:
        before: The version that is patched.
        removed: Keys of the samples that are removed, by shard.
        assets: Commitments of their assets.
        way: How they are removed.
        notices: Ids of the notices, sorted.
        as_of: When the patch is made, UTC.
    """

    before: Predecessor
    removed: Mapping[str, frozenset[str]]
    assets: frozenset[str]
    way: RemovalWay
    notices: tuple[str, ...]
    as_of: datetime

    @property
    def run_id(self) -> str:
        """Identifies the patch: the same samples of the same version for the same notices."""
        inputs = {
            "patch": self.before.manifest_sha256,
            "way": self.way,
            "notices": list(self.notices),
            "samples": sorted(key for keys in self.removed.values() for key in keys),
        }
        return hashlib.sha256(canonical_json(inputs)).hexdigest()[:16]


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
    keys = _keys_by_shard(before, removed)
    _check_columns(before, min(keys))
    patch = _Patch(
        before,
        keys,
        frozenset(one.asset_commitment for one in removed),
        way,
        tuple(sorted(set(notice_ids))),
        as_of.astimezone(UTC),
    )
    name, made = _find_version(patch)  # 1
    if made:
        return name
    with hold_version(store, deal_id, name, patch.run_id) as lease:  # 2
        again, made = _find_version(patch)
        if not made:
            if again != name:
                raise PatchedMeanwhileError(
                    "Another run has published this version",
                    f"{store.uri}/{deal_id}/{name}",
                    "Nothing was changed. Repeat to make the next version.",
                )
            _begin(patch, name)
            _publish(patch, name, _write(patch, name, signer, secrets), lease)
    return again


def _check_columns(before: Predecessor, shard: str) -> None:
    """Checks, before anything is written, that a shard's table has columns of a known release."""
    path = layout.shard_table_path(shard)
    found = set(before.table(path).column_names)
    known = [set(schema.names) for schema in known_table_schemas()]
    if found not in known:
        others = min((sorted(found ^ wanted) for wanted in known), key=len)
        raise OtherReleaseError(
            "The version to be patched was made by another release",
            f"{before.store.uri}/{before.delivery}/{path}: differs in {', '.join(others[:5])}",
            "The notice is recorded, and the buyer must delete the samples. Patch the version with "
            "the release that made it, or package the deal again as a new version.",
        )


def _keys_by_shard(
    before: Predecessor, removed: Collection[FoundSample]
) -> dict[str, frozenset[str]]:
    """Returns the keys of the removed samples by shard; refuses samples of another version."""
    shards = {shard.name: shard for shard in before.manifest.shards}
    found = defaultdict(set)
    for one in removed:
        if one.shard not in shards or shards[one.shard].sha256 != one.shard_sha256:
            raise InputError(
                "A sample that is to be removed was found in another version",
                f"{one.key} in {one.shard}, sha256 {one.shard_sha256}",
                f"Find the samples in {before.version}, then repeat.",
            )
        found[one.shard].add(one.key)
    count = sum(map(len, found.values()))
    if not 0 < count < before.manifest.end.samples:
        raise InputError(
            "There is nothing to patch" if not count else "Nothing would be left of the delivery",
            f"{before.manifest.delivery}: {count} of {before.manifest.end.samples} samples removed",
            "Name at least one sample that the version has."
            if not count
            else "Have the buyer delete the whole delivery instead.",
        )
    return {name: frozenset(keys) for name, keys in found.items()}


def _find_version(patch: _Patch) -> tuple[str, bool]:
    """Returns the version that the patch has or gets, and whether it is published.

    Raises:
        PatchedMeanwhileError: If another patch of the same version is published: a second one would
            bring back what the first one removed.
    """
    before = patch.before
    store, deal_id, last = before.store, before.deal_id, 0
    for name in sorted(filter(version_number, store.folders(deal_id)), key=version_number):
        key = f"{layout.delivery_prefix(deal_id, name)}/{layout.MANIFEST}"
        if not store.exists(key):
            continue
        last = version_number(name)
        manifest = open_manifest(store.read_bytes(key))
        if manifest.run_id == patch.run_id:
            return name, True
        if manifest.patches is not None and manifest.patches.delivery == before.manifest.delivery:
            raise PatchedMeanwhileError(
                "Another patch of this version is published",
                f"{manifest.delivery} patches {before.manifest.delivery} for notices "
                f"{', '.join(manifest.patches.notices)}",
                f"Patch {name} instead, which has everything that is left.",
            )
    return layout.version_name(last + 1), False


def _begin(patch: _Patch, name: str) -> None:
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


def _write(patch: _Patch, name: str, signer: Signer, secrets: Collection[Opener]) -> Manifest:
    """Writes all files but the manifest, and returns the signed manifest."""
    before = patch.before
    delivery = layout.delivery_prefix(before.deal_id, name)
    output = PatchOutput(before, delivery, layout.agency_prefix(before.deal_id, name))
    _keep_files(patch, output)  # 3
    _keep_terms(patch, name)
    receipts, dropped = _write_shards(patch, output)  # 4
    delivery_id = layout.delivery_id(before.deal_id, name)
    ledger = write_entries(output, patch.assets, delivery_id, signer, secrets)  # 5
    write_whole_indexes(output, name, receipts, patch.way, patch.as_of)  # 6
    write_attributions(output, {key for keys in patch.removed.values() for key in keys})
    ordered = sorted(output.files.values(), key=lambda file: file.path)
    output.write(layout.SHA256SUMS, checksums(ordered))
    files = sorted(output.files.values(), key=lambda file: file.path)
    _remove_others(output)
    shards = [receipt.shard for receipt in receipts]
    record = PatchRecord(
        delivery=before.manifest.delivery,
        manifest_sha256=before.manifest_sha256,
        original=original_delivery(before.manifest),
        way=patch.way,
        notices=list(patch.notices),
        as_of=patch.as_of.isoformat(),
        shards=sorted(patch.removed),
        dropped=sorted(dropped),
    )
    manifest = before.manifest.model_copy(
        update={
            "fairshard_manifest": 3 if before.manifest.fairshard_manifest in (2, 3) else 5,
            "delivery": delivery_id,
            "run_id": patch.run_id,
            "shards": shards,
            "ledger": ledger,
            "files": files,
            "vkey": signer.vkey,
            "end": EndRecord(
                shards=len(shards),
                samples=sum(shard.samples for shard in shards),
                files=len(files),
                bytes=sum(file.bytes for file in files),
            ),
            "patches": record,
        }
    )
    return sign_manifest(manifest, signer)


def _write_shards(patch: _Patch, output: PatchOutput) -> tuple[list[ShardReceipt], list[int]]:
    """Writes the shards that lose samples; returns all that are left, and numbers of the others."""
    digests = tar_digests(patch.before)
    receipts, dropped = [], list(_dropped_before(patch.before))
    for number, record in numbered_shards(patch.before.manifest):
        digest = digests[layout.tar_path(record.name)]
        if record.name in patch.removed:
            write = patch_shard if patch.way == "patch" else overwrite_shard
            receipt = write(output, number, record, patch.removed[record.name])
            if receipt is not None and not digest:
                receipt = replace(receipt, md5="")
        else:
            receipt = ShardReceipt(record, number, digest, ())
        if receipt is None:
            dropped.append(number)
        else:
            receipts.append(receipt)
    return receipts, dropped


def _dropped_before(before: Predecessor) -> list[int]:
    return [] if before.manifest.patches is None else before.manifest.patches.dropped


def _keep_files(patch: _Patch, output: PatchOutput) -> None:
    """Keeps every file that is neither of a shard that changes nor about the whole delivery."""
    changed = {
        path
        for number, record in numbered_shards(patch.before.manifest)
        if record.name in patch.removed
        for path in layout.shard_paths(record.name, number)
    }
    log = (layout.CHECKPOINT, layout.LOG_VKEY, layout.SHA256SUMS)
    output.keep(
        [
            path
            for path in patch.before.listed
            if path not in changed
            and path not in log
            and not path.startswith("tile/")
            and not is_index(path)
        ]
    )


def _keep_terms(patch: _Patch, name: str) -> None:
    """Keeps what opens the manifest's commitment to the deal's terms, which stays the same."""
    store, before = patch.before.store, patch.before
    key = f"{before.agency}/{layout.TERMS}"
    if store.exists(key):  # a removal goes on without it
        kept = f"{layout.agency_prefix(before.deal_id, name)}/{layout.TERMS}"
        store.write_bytes(kept, store.read_bytes(key), private=True)


def _remove_others(output: PatchOutput) -> None:
    """Removes what an earlier attempt wrote and this one did not."""
    output.store.delete_many(
        item.key
        for item in output.store.list(output.delivery)
        if item.key.removeprefix(f"{output.delivery}/") not in output.files
    )


def _publish(patch: _Patch, name: str, manifest: Manifest, lease: Lease) -> None:
    store, data = patch.before.store, manifest_bytes(manifest)
    key = f"{layout.delivery_prefix(patch.before.deal_id, name)}/{layout.MANIFEST}"
    lease.confirm()
    store.write_new(key, data)  # 7
    if store.read_bytes(key) != data:  # the reply to the write says less than what is stored
        raise RunError(
            "Another run has published this version",
            f"{store.uri}/{key}",
            "Its manifest was left as it is. Repeat to make the next version.",
        )
