"""Which files of a delivery are pulled: all of them, or those of some shards."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipelines.format.manifest import ManifestError, numbered_shards
from pipelines.storage.store import check_key
from schemas import layout
from schemas.errors import InputError
from schemas.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class SampleChoice:
    """Which samples are taken out of the tars.

    Attributes:
        keys: Keys of samples; empty for all.
        columns: Endings of members, such as `jpg` or `txt`; empty for all.
    """

    keys: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Selection:
    """What of a delivery is wanted.

    Attributes:
        shards: Names of shards; empty for all.
        families: Families of shards, such as `image`; empty for all.
        samples: Which samples are taken out of the tars, which are then left out; None for whole
            tars.
    """

    shards: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    samples: SampleChoice | None = None

    def shard_names(self, manifest: Manifest) -> frozenset[str]:
        """Returns the names of the shards that are wanted.

        Raises:
            InputError: If the delivery has no such shard or family.
        """
        known = {shard.name for shard in manifest.shards}
        families = {shard.family for shard in manifest.shards}
        _refuse_unknown("shards", self.shards - known, known)
        _refuse_unknown("families", self.families - families, families)
        return frozenset(
            shard.name
            for shard in manifest.shards
            if (not self.shards or shard.name in self.shards)
            and (not self.families or shard.family in self.families)
        )

    def files(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Returns the files that are wanted, by path: those of the shards, and those of no shard.

        Raises:
            InputError: If the delivery has no such shard or family.
        """
        names = self.shard_names(manifest)
        left_out = {
            path
            for number, shard in numbered_shards(manifest)
            if shard.name not in names
            for path in layout.shard_paths(shard.name, number)
        }
        if self.samples is not None:
            left_out.update(layout.tar_path(name) for name in names)
        return {
            path: record for path, record in listed_files(manifest).items() if path not in left_out
        }


EVERYTHING = Selection()


def listed_files(manifest: Manifest) -> dict[str, FileRecord]:
    """Returns a delivery's files by path, after checking that no path leads out of its folder.

    Raises:
        ManifestError: If a path does, is listed twice, is at once a file's and a folder's, or
            differs from another by case alone, or a shard's tar is not among them.
    """
    listed = {record.path: record for record in manifest.files}
    if len(listed) != len(manifest.files):
        raise ManifestError("The manifest lists a file twice")
    for path in listed:
        try:
            check_key(path)
        except ValueError as error:
            raise ManifestError(
                "The manifest lists a file outside the delivery", str(error)
            ) from error
        inside = [str(folder) for folder in PurePosixPath(path).parents]
        if layout.MANIFEST in (path, *inside) or any(folder in listed for folder in inside):
            raise ManifestError("The manifest lists a file where there is another", ascii(path))
    _refuse_same_names([layout.MANIFEST, *listed])
    for shard in manifest.shards:  # so that no shard's name leads elsewhere either
        if layout.tar_path(shard.name) not in listed:
            raise ManifestError(
                "The manifest does not list a shard's tar", ascii(layout.tar_path(shard.name)[:200])
            )
    return listed


def _refuse_same_names(paths: Iterable[str]) -> None:
    """Refuses names that are one on some disks: those of macOS and Windows ignore case.

    A delivery has no such names, so they are refused everywhere, and a copy is the same everywhere.
    """
    spelled: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            name = "/".join(parts[:count])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
            if (other := spelled.setdefault(folded, name)) != name:
                raise ManifestError(
                    "The manifest lists names that are the same on disks that ignore case",
                    f"{other!a} and {name!a}",
                    "Ask the agency for a delivery without them.",
                )


def _refuse_unknown(what: str, unknown: Collection[str], known: Collection[str]) -> None:
    if unknown:
        raise InputError(
            f"The delivery has no such {what}",
            ", ".join(sorted(unknown)[:5]),
            f"It has {', '.join(sorted(known)[:10])}{' …' if len(known) > 10 else ''}.",
        )
