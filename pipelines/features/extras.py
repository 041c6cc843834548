"""Makes the members that a profile adds to its samples, and the fields that say what is in them.

A maker gets one asset's file, its facts and the size in which it is delivered. What it cannot make,
or what the agency's annotation contradicts, refuses the asset with a reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.features.context import FetchContext
from pipelines.features.kept_frames import KeptFilm, PicturesRow, frame_pictures
from pipelines.features.store import FeatureTable
from pipelines.media.formats import Format
from pipelines.rights.resolve import Resolution
from pipelines.storage.store import Store
from schemas.features import FactsRow
from schemas.layout import asset_hash
from schemas.reasons import Reason
from schemas.unit import ClearedRow, UnitExtra


@dataclass(frozen=True)
class ExtraSource:
    """What extra members are made of.

    Attributes:
        row: The asset's row of the catalogue.
        data: The agency's file.
        format: Its format.
        facts: The facts of the file.
        width: As delivered, in pixels: of the rendition, if there is one.
        height: Likewise.
        resolution: What licence, file and server say about the use of the film.
        context: The inputs of the run.
        digest: sha256 of `data`, hex.
        pictures: Frames of films that earlier deals read; None if none are kept.
    """

    row: ClearedRow
    data: bytes
    format: Format
    facts: FactsRow
    width: int
    height: int
    resolution: Resolution
    context: FetchContext
    digest: str
    pictures: FeatureTable[PicturesRow] | None = None

    def frames(self, numbers: Sequence[int]) -> list[bytes]:
        """Returns frames as PNG files in the size in which the film is delivered.

        Raises:
            BadRecord: `media.undecodable`.
        """
        film = KeptFilm(self.data, self.digest, asset_hash(self.row["asset_id"]))
        size, limits = (self.width, self.height), self.context.limits
        return frame_pictures(self.pictures, film, numbers, size, limits)


@dataclass(frozen=True)
class MadeExtras:
    """What a maker made.

    Attributes:
        members: The members' bytes by ending, in the order of the profile's `extras`.
        facts: The sample's fields about them.
    """

    members: Mapping[str, bytes]
    facts: Mapping[str, object]


class ExtraRefusalError(Exception):
    """An asset cannot have the members that its profile requires.

    Attributes:
        reason: Why.
        detail: The values seen, in one line.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


#: Makes one asset's members; raises ExtraRefusalError, or BadRecord if the file cannot be read.
Maker = Callable[[ExtraSource], MadeExtras]


def member_key(work: str, sha256: str) -> str:
    """Returns where a member waits in a run's work area until its shard is written."""
    return f"{work}/members/{sha256[:2]}/{sha256}"


def store_members(store: Store, work: str, made: MadeExtras) -> tuple[UnitExtra, ...]:
    """Writes an asset's members to the work area, and returns what its unit says of them."""
    stored = []
    for ending, data in made.members.items():
        digest = hashlib.sha256(data).hexdigest()
        store.write_bytes(member_key(work, digest), data)
        stored.append(UnitExtra(ending=ending, bytes=len(data), sha256=digest))
    return tuple(stored)


def facts_text(made: MadeExtras) -> str:
    """Returns the fields as a unit's table has them."""
    return json.dumps(made.facts, ensure_ascii=False, sort_keys=True)
