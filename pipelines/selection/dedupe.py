"""Duplicates: groups of the same bytes, and of nearly the same picture.

Of a group the asset that was created first is kept, an unknown date counting as the last, and of
several the one with the smallest id. A near-duplicate is compared with kept assets only, in that
same order, so that a chain of small changes does not swallow pictures that differ.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.media.phash import NEAR_BITS, NEAR_COLOUR, Look

# Mean colours that cells are made of: of the 4 x 4 grid one channel of four cells far apart.
_SAMPLED = [3, 19, 29, 44]
_CELL = NEAR_COLOUR + 1


@dataclass(frozen=True)
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
    """For each asset that nearly looks like a kept one: the id of the first such.

    Two looks are near only if no mean colour differs by more than `NEAR_COLOUR`, so kept assets
    lie in cells of a few of those colours, and an asset is compared with its cell's and the
    neighbouring cells' alone: nothing that is near is missed.
    """
    hashes = np.array([_words(item.look.phash) for item in ranked], np.uint64).reshape(-1, 4)
    colours = np.array([list(bytes.fromhex(item.look.colour)) for item in ranked], np.int16)
    if not len(colours):
        return {}
    kept: dict[tuple[int, ...], list[int]] = defaultdict(list)
    dropped: dict[str, str] = {}
    cells = map(tuple, (colours[:, _SAMPLED] // _CELL).tolist())
    for index, (candidate, cell) in enumerate(zip(ranked, cells, strict=True)):
        around = itertools.product(*((one - 1, one, one + 1) for one in cell))
        near = [i for other in around for i in kept.get(other, ())]
        if not near:
            kept[cell].append(index)
            continue
        others = np.array(near, np.intp)
        bits = np.bitwise_count(hashes[others] ^ hashes[index]).sum(axis=1)
        shift = np.abs(colours[others] - colours[index]).max(axis=1, initial=0)
        twins = others[(bits <= NEAR_BITS) & (shift <= NEAR_COLOUR)]
        if len(twins):
            dropped[candidate.asset_id] = ranked[int(twins.min())].asset_id
        else:
            kept[cell].append(index)
    return dropped


def _words(phash: str) -> list[int]:
    """A 256-bit hash as four 64-bit words."""
    return [int(phash[start : start + 16], 16) for start in range(0, 64, 16)]
