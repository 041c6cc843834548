"""What a patch is: which samples of which version go, and whether it can be made."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipelines.format.manifest import (
    open_manifest,
)
from pipelines.profiles.tables import known_table_schemas
from pipelines.removal.locate import FoundSample
from pipelines.removal.predecessor import Predecessor
from pipelines.run.versions import version_number
from schemas import layout
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError
from schemas.manifest import RemovalWay


class PatchedMeanwhileError(RunError):
    """Raised if another process has published a version of the delivery meanwhile."""


class OtherReleaseError(RunError):
    """Raised when a version's tables have other columns; nothing was written of its patch."""


@dataclass(frozen=True)
class Patch:
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


def check_columns(before: Predecessor, shard: str) -> None:
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


def keys_by_shard(
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


def find_version(patch: Patch) -> tuple[str, bool]:
    """Returns the version that the patch has or gets, and whether it is published.

    Raises:
        PatchedMeanwhileError: If another patch of the same version is published: a second one would
            bring back what the first one removed.
    """
    before = patch.before
    store, deal_id, last = before.store, before.deal_id, 0
    for name in sorted(filter(version_number, store.folders(deal_id)), key=version_number):
        key = layout.manifest_key(deal_id, name)
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
