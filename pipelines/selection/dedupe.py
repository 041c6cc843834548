"""Duplicates: groups of the same bytes, and of nearly the same picture.

Of a group the asset that was created first is kept, an unknown date counting as the last, and of
several the one with the smallest id. A near-duplicate is compared with kept assets only, in that
same order, so that a chain of small changes does not swallow pictures that differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.media.phash import Look, is_near

# A hash of 256 bits cut into bands: two hashes that differ in fewer bits than there are bands
# agree on at least one band, so that only assets that share a band need be compared.
_BAND_HEX = 2  # hex digits a band: 8 bits, 32 bands


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
    def rank(self) -> tuple[date, str]:
        """The order in which duplicates are kept."""
        return (self.created_at or date.max, self.asset_id)


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
    buckets: dict[tuple[int, str], list[Candidate]] = defaultdict(list)
    dropped: dict[str, str] = {}
    for candidate in ranked:
        bands = list(_bands(candidate.look.phash))
        met: dict[str, Candidate] = {}
        for band in bands:
            met.update((other.asset_id, other) for other in buckets[band])
        twins = [other for other in met.values() if is_near(candidate.look, other.look)]
        if twins:
            dropped[candidate.asset_id] = min(twins, key=lambda other: other.rank).asset_id
            continue
        for band in bands:
            buckets[band].append(candidate)
    return dropped


def near_duplicates_by_pairs(ranked: Sequence[Candidate]) -> dict[str, str]:
    """The same by comparing every pair: slow and obvious, for checking `near_duplicates`."""
    kept: list[Candidate] = []
    dropped: dict[str, str] = {}
    for candidate in ranked:
        twin = next((other for other in kept if is_near(candidate.look, other.look)), None)
        if twin is None:
            kept.append(candidate)
        else:
            dropped[candidate.asset_id] = twin.asset_id
    return dropped


def _bands(phash: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(phash), _BAND_HEX):
        yield start, phash[start : start + _BAND_HEX]
