"""What notices of removal keep out of a deal's deliveries, as a run is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a notice can be about.
RemovedKind = Literal["asset", "contributor", "release"]


@dataclass(frozen=True)
class Removed:
    """What a deal may not deliver, by the notices that count for it.

    Attributes:
        files: Ids of assets with the digests of their files in hex, sorted; an asset with several
            files is there several times, and one whose file is not known with "".
        looks: Digests of files with perceptual hash and mean colours, hex, sorted.
        named: What the notices say: the kind, an id, and the notice, sorted.
    """

    files: tuple[tuple[str, str], ...] = ()
    looks: tuple[tuple[str, str, str], ...] = ()
    named: tuple[tuple[RemovedKind, str, str], ...] = ()

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Kind and id of the contributors and releases, each once, sorted."""
        found = {(kind, name) for kind, name, _ in self.named if kind != "asset"}
        return tuple(sorted(found))

    @property
    def excluded(self) -> tuple[object, ...]:
        """All that decides about assets: the same for other notices about the same ids."""
        return (*self.files, *self.looks, *self.names)

    def notices(self, kind: RemovedKind) -> dict[str, tuple[str, ...]]:
        """Returns, by id, the notices about assets, contributors or releases."""
        found: dict[str, tuple[str, ...]] = {}
        for own, name, notice in self.named:
            if own == kind:
                found[name] = (*found.get(name, ()), notice)
        return found


NOTHING_REMOVED = Removed()
