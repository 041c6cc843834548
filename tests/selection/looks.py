"""Candidates for selection."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

from pipelines.layout import asset_hash
from pipelines.media.phash import Look, is_near
from pipelines.selection.dedupe import Candidate

BITS, COLOURS = 256, 48


def look(bits: int, colour: bytes) -> Look:
    return Look(f"{bits:064x}", colour.hex())


def candidate(
    asset_id: str,
    of: Look | None = None,
    created_at: date | None = None,
    digest: str = "",
    short_side: int = 600,
) -> Candidate:
    return Candidate(
        asset_id=asset_id,
        hash=asset_hash(asset_id),
        unit=0,
        media_sha256=digest or f"sha of {asset_id}",
        family="jpg",
        created_at=created_at,
        short_side=short_side,
        bytes=1000,
        look=of or look(asset_hash(asset_id) * (2**192 + 3**40) % 2**BITS, bytes(COLOURS)),
    )


def flipped(dice: random.Random, bits: int, count: int) -> int:
    """The hash with so many bits changed."""
    for position in dice.sample(range(BITS), count):
        bits ^= 1 << position
    return bits


def shifted(dice: random.Random, colour: bytes, most: int) -> bytes:
    """The colours, one of them moved by exactly `most`, the others by less or as much."""
    moved = [min(255, max(0, value + dice.randint(-most, most))) for value in colour]
    at = dice.randrange(len(colour))
    value = colour[at]
    moved[at] = value + most if value + most <= 255 else value - most
    return bytes(moved)


def near_duplicates_by_pairs(ranked: Sequence[Candidate]) -> dict[str, str]:
    """What `near_duplicates` must find, by comparing every pair: slow and obvious."""
    kept: list[Candidate] = []
    dropped: dict[str, str] = {}
    for candidate in ranked:
        twin = next((other for other in kept if is_near(candidate.look, other.look)), None)
        if twin is None:
            kept.append(candidate)
        else:
            dropped[candidate.asset_id] = twin.asset_id
    return dropped
