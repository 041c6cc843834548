"""Groups of files that are checked together because their contents are compared."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.format.manifest import numbered_shards
from schemas import layout
from schemas.layout import ENERGON, shard_paths
from schemas.manifest import Manifest


@dataclass(frozen=True)
class FileGroups:
    """A delivery's files, each in exactly one group.

    Attributes:
        shards: Tar, table, stats, embeddings and shots, by the shard's name.
        tars: The tars among them.
        log: Checkpoint, key, tiles and entries.
        index: Files of loaders' indexes, and the table of all samples.
        rights: Terms and attributions, which are compared with the manifest and the samples.
        ungrouped: Files that are checked alone.
    """

    shards: dict[str, list[str]]
    tars: frozenset[str]
    log: list[str]
    index: list[str]
    rights: list[str]
    ungrouped: list[str]

    def all_groups(self) -> list[list[str]]:
        """Returns every group, in the order in which they are checked."""
        alone = ([path] for path in self.ungrouped)
        return [*alone, *self.shards.values(), self.log, self.index, self.rights]


def group_files(manifest: Manifest) -> FileGroups:
    """Groups the files that a manifest lists."""
    listed = {file.path for file in manifest.files}
    index = {
        path
        for path in listed
        if path.startswith((f"{ENERGON}/", "energon-"))
        or (path.startswith("shards/") and path.endswith(".idx"))
        or path in (layout.SAMPLES_TABLE, layout.SIZES)
    }
    log = {
        path
        for path in listed
        if path.startswith("tile/") or path in (layout.CHECKPOINT, layout.LOG_VKEY)
    }
    shards = {
        record.name: sorted(listed.intersection(shard_paths(record.name, number)) - index)
        for number, record in numbered_shards(manifest)
    }
    rights = {path for path in listed if path.startswith("rights/")}
    in_shards = {path for group in shards.values() for path in group}
    ungrouped = listed - index - log - rights - in_shards
    tars = frozenset(f"shards/{record.name}.tar" for record in manifest.shards)
    whole = (sorted(log), sorted(index), sorted(rights))
    return FileGroups(shards, tars, *whole, sorted(ungrouped))
