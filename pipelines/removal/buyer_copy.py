"""Makes the files of a delivery's next version from a buyer's copy and the notices of removal.

The agency's patch is a function of the version before and of the samples that are removed. So the
same code makes the same files from the buyer's copy, and next to nothing has to be fetched: what
only the agency can make, which is the signed manifest and the signed checkpoint, and the cards.
Whatever comes out otherwise, as by another version of Arrow, is found by its digest and fetched.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.format.indexes import index_files, open_samples
from pipelines.format.manifest import checksums, numbered_shards
from pipelines.ledger.merkle import RootBuilder, leaf_hash
from pipelines.ledger.tiles import ENTRIES_PREFIX, entry_bundles, read_entry_bundle, tiles
from pipelines.removal.attributions import write_attributions
from pipelines.removal.croissant import Croissant, next_croissant
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor
from pipelines.removal.shards import patch_shard
from pipelines.removal.tombstone import overwrite_shard
from pipelines.storage.digests import digest_and_size
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest, PatchRecord, ShardRecord
from schemas.notice import Notice

_CROISSANT = "croissant.json"


@dataclass(frozen=True)
class BuyerCopy(Predecessor):
    """A version of a delivery in a buyer's folder.

    Attributes:
        folder: The folder's name in the store.
    """

    folder: str = ""

    @property
    def delivery(self) -> str:
        """Key prefix of the copy."""
        return self.folder

    def damage(self, path: str, what: str) -> RunError:
        """Returns the error that a file is not what the agency signed."""
        return RunError(
            "A file of the copy is not what the agency signed",
            f"{self.store.uri}/{self.folder}/{path}: {what}",
            "The copy was not changed. Fetch the file again, then repeat.",
        )


def removed_samples(copy: BuyerCopy, notices: Iterable[Notice]) -> dict[str, dict[str, str]]:
    """Returns the samples of a copy that notices name: commitments by key, by shard.

    Raises:
        InputError: If no notice names this version with its manifest.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for notice in notices:
        for delivery in notice.deliveries:
            if delivery.manifest_sha256 != copy.manifest_sha256:
                continue
            for shard in delivery.shards:
                found[shard.name] |= {sample.key: sample.asset for sample in shard.samples}
    if not found:
        raise InputError(
            "No notice names anything in this copy",
            f"{copy.manifest.delivery}, manifest {copy.manifest_sha256}",
            "Nothing was changed. Give the notices that name this version.",
        )
    return dict(found)


def make_files(
    output: PatchOutput,
    removed: Mapping[str, Mapping[str, str]],
    new: Manifest,
    patch: PatchRecord,
) -> None:
    """Writes what can be made of the next version's files; `output.files` has their digests.

    Args:
        output: Where they are written; its `before` is a BuyerCopy.
        removed: The samples that are removed, as `removed_samples` returns them.
        new: The next version's manifest, whose signature was checked.
        patch: What it says about the removal.

    Raises:
        RunError: If a file of the copy is damaged.
    """
    before = output.before
    output.keep(
        [
            file.path
            for file in new.files
            if file.path in before.listed and before.listed[file.path].sha256 == file.sha256
        ]
    )
    write = patch_shard if patch.way == "patch" else overwrite_shard
    md5: dict[str, str] = {}
    left: list[tuple[int, ShardRecord]] = []
    for number, record in numbered_shards(before.manifest):
        if record.name not in removed:
            left.append((number, record))
        elif receipt := write(output, number, record, removed[record.name].keys()):
            left.append((number, receipt.shard))
            md5[record.name] = receipt.md5
    gone = {asset for samples in removed.values() for asset in samples.values()}
    _write_log(output, frozenset(gone))
    _write_indexes(output, left, md5)
    write_attributions(output, {key for samples in removed.values() for key in samples})
    if _CROISSANT in before.listed:
        shards = [shard for _, shard in left]
        output.write(_CROISSANT, json_bytes(_croissant(output, shards, new, patch)))
    output.write(layout.SHA256SUMS, checksums(new.files))


def _write_log(output: PatchOutput, removed: frozenset[str]) -> None:
    """Writes the entries that are left, and their tiles; the agency signs the checkpoint."""
    hashes: list[bytes] = []

    def left() -> Iterator[bytes]:
        for leaf in _leaves(output.before):
            if json.loads(leaf)["asset_commitment"] not in removed:
                hashes.append(leaf_hash(leaf))
                yield leaf

    for path, data in entry_bundles(left()):
        output.write(path, data)
    for path, data in tiles(iter(hashes), RootBuilder()):
        output.write(path, data)


def _leaves(before: Predecessor) -> Iterator[bytes]:
    paths = [path for path in before.listed if path.startswith(ENTRIES_PREFIX)]
    for path in sorted(paths):  # a number's groups of digits sort like the numbers
        yield from read_entry_bundle(before.read(path))


def _write_indexes(
    output: PatchOutput, left: Sequence[tuple[int, ShardRecord]], md5: Mapping[str, str]
) -> None:
    """Writes Energon's and wids' indexes, and the table of samples."""
    before, shards = output.before, [shard for _, shard in left]
    place, paths = (output.store, output.delivery), frozenset(output.files)
    schema, loaders = before.table(layout.SAMPLES_TABLE).schema, layout.SIZES in before.listed
    with open_samples(*place, left, paths, schema) as samples:
        for path, chunks in index_files(*place, shards, samples, loaders):
            if path not in output.files:  # the index of an unchanged tar is kept
                output.write_chunks(path, chunks)
    key = f"{output.delivery}/{layout.SAMPLES_TABLE}"
    digest, size = digest_and_size(output.store, key)
    output.add(FileRecord(path=layout.SAMPLES_TABLE, bytes=size, sha256=digest))
    by_url = {layout.tar_path(shard.name): shard for shard in shards}
    for path in before.listed:
        if not path.startswith("wids-"):
            continue
        index = json.loads(before.read(path))
        if "shardlist" not in index:
            continue  # of another form: it is fetched
        index["shardlist"] = [
            {
                **item,
                "nsamples": shard.samples,
                "filesize": shard.bytes,
                **_md5_of(item, md5.get(shard.name)),
            }
            for item in index["shardlist"]
            if (shard := by_url.get(item["url"]))
        ]
        if index["shardlist"]:
            output.write(path, json_bytes(index))


def _md5_of(item: Mapping[str, object], now: str | None) -> dict[str, object]:
    """Returns a tar's MD5 as wids' index has it, if the index has it."""
    return {"md5sum": now or item["md5sum"]} if "md5sum" in item else {}


def _croissant(
    output: PatchOutput, shards: Sequence[ShardRecord], new: Manifest, patch: PatchRecord
) -> Croissant:
    """Returns the Croissant description with the next version's name, files and families."""
    before = output.before
    node: Croissant = json.loads(before.read(_CROISSANT))
    was, now = (
        sorted({shard.family for shard in some}) for some in (before.manifest.shards, shards)
    )
    files = {file.path: file for file in output.files.values()}
    kept = [item for item in node["distribution"] if _is_left(item, files, now)]
    return next_croissant(
        node,
        (before.manifest.delivery, was),
        (new.delivery, now),
        patch.as_of[:10],
        [_with_digest(item, files) for item in kept],
    )


def _is_left(
    item: Mapping[str, object], files: Mapping[str, FileRecord], families: Sequence[str]
) -> bool:
    name = str(item["@id"])
    return name in files if "sha256" in item else name.removeprefix("tables-") in families


def _with_digest(item: Mapping[str, object], files: Mapping[str, FileRecord]) -> dict[str, object]:
    file = files.get(str(item["@id"]))
    if file is None:
        return dict(item)
    return {**item, "contentSize": f"{file.bytes} B", "sha256": file.sha256}
