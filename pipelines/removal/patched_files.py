"""Writes the files of a patched version, all but its manifest, which it returns signed.

The steps have the numbers of `patch.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pipelines.accounts.kept_salts import Opener
from pipelines.format.manifest import (
    checksums,
    numbered_shards,
    original_delivery,
    sign_manifest,
)
from pipelines.ledger.signed_note import Signer
from pipelines.removal.attributions import write_attributions
from pipelines.removal.entries import write_entries
from pipelines.removal.indexes import (
    is_index,
    tar_digests,
    write_whole_indexes,
)
from pipelines.removal.output import PatchOutput
from pipelines.removal.planned_patch import Patch
from pipelines.removal.predecessor import Predecessor
from pipelines.removal.shards import patch_shard
from pipelines.removal.tombstone import overwrite_shard
from pipelines.run.receipts import ShardReceipt
from schemas import layout
from schemas.manifest import EndRecord, Manifest, PatchRecord


def write_files(patch: Patch, name: str, signer: Signer, secrets: Collection[Opener]) -> Manifest:
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


def _write_shards(patch: Patch, output: PatchOutput) -> tuple[list[ShardReceipt], list[int]]:
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


def _keep_files(patch: Patch, output: PatchOutput) -> None:
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


def _keep_terms(patch: Patch, name: str) -> None:
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
