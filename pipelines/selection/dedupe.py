"""Duplicates: groups of the same bytes, and of nearly the same picture.

Of a group the asset that was created first is kept, an unknown date counting as the last, and of
several the one with the smallest id. A near-duplicate is compared with kept assets only, in that
same order, so that a chain of small changes does not swallow pictures that differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipelines.media.phash import Look
from pipelines.selection.near import Looks

Number = TypeVar("Number", np.uint8, np.uint64)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selection knows of an asset.

    Attributes:
        asset_id: Its id.
        hash: Its place in the order of units and shards.
        unit: The unit that holds its row.
        media_sha256: Digest of its bytes.
        family: The shard family it goes to.
        created_at: When it was made, if that is known.
        short_side: Pixels.
        bytes: Size of its media.
        look: Perceptual hash and colours.
    """

    asset_id: str
    hash: int
    unit: int
    media_sha256: str
    family: str
    created_at: date | None
    short_side: int
    bytes: int
    look: Look

    @property
    def rank(self) -> tuple[bool, date, str]:
        """The order in which duplicates are kept."""
        return (self.created_at is None, self.created_at or date.max, self.asset_id)


def exact_duplicates(ranked: Sequence[Candidate]) -> dict[str, str]:
    """For each asset whose bytes an earlier one has: the id of the one that is kept."""
    kept: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for candidate in ranked:
        first = kept.setdefault(candidate.media_sha256, candidate.asset_id)
        if first != candidate.asset_id:
            dropped[candidate.asset_id] = first
    return dropped


def near_duplicates(ranked: Sequence[Candidate]) -> dict[str, str]:
    """For each asset that nearly looks like a kept one: the id of the first such."""
    if not ranked:
        return {}
    hashes = _array((item.look.phash for item in ranked), np.uint64)
    colours = _array((item.look.colour for item in ranked), np.uint8)
    twins = Looks(hashes.reshape(len(ranked), -1), colours.reshape(len(ranked), -1)).twins()
    dropped = np.flatnonzero(twins >= 0).tolist()
    return {ranked[at].asset_id: ranked[int(twins[at])].asset_id for at in dropped}


def _array(digits: Iterable[str], kind: type[Number]) -> npt.NDArray[Number]:
    """Numbers out of hex digits; in which order their bytes count is the same for all."""
    return np.frombuffer(bytes.fromhex("".join(digits)), kind)
