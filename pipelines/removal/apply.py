"""Takes removed samples out of a buyer's copy, in place; a call that was cut off is completed.

The steps, numbered in the code: 1. lock the copy, and complete a call that was cut off; 2. check
both manifests and the notices; 3. make or fetch the files that change, in a folder inside the copy,
with their digests; 4. mark them as complete; 5. move each to its place, delete what the new version
does not have, then move the manifest, which is last. Up to 4 the copy is as it was; from then on
the same call only goes on. Nothing of a version before is left in the folder afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.format.manifest import open_manifest, original_delivery
from pipelines.removal.buyer_copy import BuyerCopy, make_files, removed_samples
from pipelines.removal.output import PatchOutput
from pipelines.removal.staged_files import (
    Update,
    complete_staged,
    discard_staged,
    locked_copy,
    move_staged,
)
from pipelines.storage.columns import values_of
from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest
from schemas.notice import Notice

_CHUNK_BYTES = 1 << 20


def apply_removals(
    folder: Path, source: Store, notices: Sequence[Notice], pinned: tuple[str, ...]
) -> tuple[Update, Manifest]:
    """Makes the next version of a delivery of a copy, without what notices name.

    Args:
        folder: The copy.
        source: The next version's delivery, as the agency published it.
        notices: The notices, whose signatures were checked.
        pinned: The agency's keys.

    Returns:
        What was done, and the manifest of the version that the copy is now.

    Raises:
        InputError: If the folder has no delivery, the notices are about other versions, or the
            source is not the version that follows.
        ManifestError: If a manifest was altered, or is signed by another key.
        RunError: If the copy is damaged, or another process changes it.
    """
    with locked_copy(folder):  # 1
        done = complete_staged(folder, pinned)
        copy, new, new_data = _manifests(folder, source, pinned)
        if copy.manifest_sha256 == hashlib.sha256(new_data).hexdigest():
            nothing = Update(new.delivery, new.delivery, len(new.files), 0, 1, len(new_data), 0)
            return done or nothing, new
        removed = removed_samples(copy, notices)  # 2
        discard_staged(folder)
        try:
            update = _stage(copy, source, new, new_data, removed)  # 3, 4
        except BaseException:
            discard_staged(folder)
            raise
        move_staged(folder, new)  # 5
        return update, new


def check_removed(folder: Path, new: Manifest, notices: Sequence[Notice]) -> None:
    """Checks that no table of a copy has a sample that notices name, and every file is there.

    Raises:
        RunError: If one has, or a file is missing or of another length.
    """
    gone = {
        sample.asset
        for notice in notices
        for delivery in notice.deliveries
        for shard in delivery.shards
        for sample in shard.samples
    }
    for file in new.files:
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise _left(path, "missing, or of another length than the manifest says")
    for shard in new.shards:
        path = folder / layout.shard_table_path(shard.name)
        assets = set(values_of(pq.read_table(path, columns=["asset"])["asset"], str))
        if found := sorted(assets & gone):
            raise _left(path, f"has {found[0]}, which was removed")


def _left(path: Path, what: str) -> RunError:
    return RunError(
        "The copy still has samples that were removed, or lacks files",
        f"{path}: {what}",
        "No certificate was written. Check the copy with fairshard verify.",
    )


def _manifests(
    folder: Path, source: Store, pinned: tuple[str, ...]
) -> tuple[BuyerCopy, Manifest, bytes]:
    """Returns the copy, and the next version's manifest with its bytes."""
    try:
        data = (folder / layout.MANIFEST).read_bytes()
    except OSError as error:
        raise InputError(
            "There is no delivery in this folder", str(error), "Give the folder with MANIFEST.json."
        ) from error
    try:
        new_data = source.read_bytes(layout.MANIFEST)
    except FileNotFoundError as error:
        raise InputError(
            "There is no delivery at this address",
            f"{source.uri}/{layout.MANIFEST}",
            "Give the address of the version without the samples, with its MANIFEST.json.",
        ) from error
    old, new = open_manifest(data, pinned), open_manifest(new_data, pinned)
    same = old.deal.deal_id == new.deal.deal_id and original_delivery(old) == original_delivery(new)
    was, now = (int(one.delivery.rpartition("/v")[2]) for one in (old, new))
    if not same or now < was or (new != old and new.patches is None):
        raise InputError(
            "Removals did not make this version from the copy's",
            f"the copy is {old.delivery}, {source.uri} is {new.delivery}",
            "Nothing was changed. Give the patched version that follows, or fetch the new version "
            "as a whole.",
        )
    root = folder.resolve()
    listed = {file.path: file for file in old.files}
    deal_id, _, version = old.delivery.partition("/")
    digest = hashlib.sha256(data).hexdigest()
    store = LocalStore(str(root.parent))
    return BuyerCopy(store, deal_id, version, old, digest, listed, root.name), new, new_data


def _stage(
    copy: BuyerCopy,
    source: Store,
    new: Manifest,
    new_data: bytes,
    removed: Mapping[str, Mapping[str, str]],
) -> Update:
    """Makes or fetches all files of the next version that the copy does not have."""
    if new.patches is None:
        raise AssertionError("checked before")
    _check_others(copy, new, removed)
    output = PatchOutput(copy, f"{copy.folder}/{layout.COPY_STAGING}/delivery", "")
    make_files(output, removed, new, new.patches)
    kept = {path for path in output.files if output.files[path] == copy.listed.get(path)}
    wanted = [file for file in new.files if output.files.get(file.path) != file]
    tars = {layout.tar_path(shard.name) for shard in new.shards}
    for file in wanted:
        if file.path in tars:
            raise _differs(file.path, new)
        _fetch(output, source, file)
    own = {file.path for file in new.files}
    output.store.delete_many(
        item.key
        for item in output.store.list(output.delivery)
        if (path := item.key.removeprefix(f"{output.delivery}/")) in kept or path not in own
    )
    update = Update(
        copy.manifest.delivery,
        new.delivery,
        kept=len(kept),
        made=len(new.files) - len(kept) - len(wanted),
        fetched=len(wanted) + 1,
        fetched_bytes=sum(file.bytes for file in wanted) + len(new_data),
        samples=sum(map(len, removed.values())),
    )
    ready = {"manifest": new_data.decode(), "update": asdict(update)}
    output.store.write_bytes(  # 4
        f"{copy.folder}/{layout.COPY_STAGING}/{layout.COPY_READY}", json.dumps(ready).encode()
    )
    return update


def _check_others(copy: BuyerCopy, new: Manifest, removed: Mapping[str, Mapping[str, str]]) -> None:
    """Checks that the shards of which nothing is removed are the same in the next version."""
    now = {shard.name: shard for shard in new.shards}
    for shard in copy.manifest.shards:
        if shard.name not in removed and now.get(shard.name) != shard:
            raise _differs(layout.tar_path(shard.name), new)


def _differs(path: str, new: Manifest) -> InputError:
    return InputError(
        "The next version differs from the copy by more than the notices say",
        f"{path} of {new.delivery}",
        "Nothing was changed. Give the notices of all removals since the copy's version, or fetch "
        "the new version as a whole.",
    )


def _fetch(output: PatchOutput, source: Store, file: FileRecord) -> None:
    """Fetches a file of the next version."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            source.open_read(file.path) as found,
            output.store.open_write(f"{output.delivery}/{file.path}") as sink,
        ):
            while size <= file.bytes and (data := found.read(_CHUNK_BYTES)):
                digest.update(data)
                size += sink.write(data)
    except FileNotFoundError as error:
        raise _wrong(source, file, "missing") from error
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise _wrong(source, file, f"{size:,} bytes with the sha256 {digest.hexdigest()}")
    output.add(file)


def _wrong(source: Store, file: FileRecord, what: str) -> RunError:
    return RunError(
        "A file of the next version is not what the agency signed",
        f"{source.uri}/{file.path}: {what}",
        "The copy was not changed. Try again later, or tell the agency.",
    )
