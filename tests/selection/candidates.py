"""Makes candidates for selection, and finds near-duplicates by comparing all pairs."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.media.details import DETAILS_SIDE, pack_details
from pipelines.media.looks import CELLS_BYTES, LOOK_BYTES
from pipelines.media.phash import PerceptualSignature
from pipelines.selection.dedupe import CANDIDATES_SCHEMA
from pipelines.selection.film_shares import SHARE_COLUMNS
from pipelines.selection.near import NEAR, Frames, Vectors
from pipelines.selection.perceptual_index import Indices
from pipelines.selection.tints import MOST_GREY
from schemas.layout import asset_hash
from schemas.refused import owners_text

BITS, COLOURS = 256, 48
#: Bits of the eight lowest frequencies in both directions, counted from the last bit of the hash.
LOW_BITS = [255 - 16 * row - column for row in range(8) for column in range(8)]
_LOW_MASK = sum(1 << bit for bit in LOW_BITS)
PLAIN = pack_details(np.zeros((DETAILS_SIDE,) * 2))  # finer cells, all of one shade


@dataclass(frozen=True)
class Candidate:
    """One candidate, in plain Python types."""

    asset_id: str
    look: PerceptualSignature
    created_at: date | None = None
    media: str = ""
    short_side: int = 600
    owners: tuple[str, ...] = ("c-1",)
    place: int = 0
    contrast: int = 255
    # Of another frame, if this is a film whose middle frame is blank.
    elsewhere: PerceptualSignature | None = None
    embedding: tuple[float, ...] = ()
    shares_bp: tuple[int, int, int] = (0, 0, 0)  # of a film: black, frozen, silent

    @property
    def hash(self) -> int:
        return asset_hash(self.asset_id)

    @property
    def rank(self) -> tuple[bool, date, str]:
        """The sort key by which duplicates are kept."""
        return (self.created_at is None, self.created_at or date.max, self.asset_id)


def digest_of(media: str) -> bytes:
    """The digest of a file that is known by a name."""
    return hashlib.sha256(media.encode()).digest()


def table_of(candidates: Sequence[Candidate]) -> pa.Table:
    """Returns candidates as the table that selection uses."""
    rows: list[dict[str, Any]] = [
        {
            "asset_id": item.asset_id,
            "hash": item.hash,
            "unit": 0,
            "media_sha256": digest_of(item.media or item.asset_id),
            "family": "jpg",
            "created_at": item.created_at,
            "short_side": item.short_side,
            "bytes": 1000,
            "phash": bytes.fromhex(item.look.phash),
            "colour": bytes.fromhex(item.look.colour),
            "place": item.place or item.hash,
            "people": [],
            "owners": owners_text([{"contributor_id": n, "share_bp": 1} for n in item.owners]),
            "look_hash": bytes.fromhex((item.elsewhere or item.look).phash),
            "look_colour": bytes.fromhex((item.elsewhere or item.look).colour),
            "shows_elsewhere": item.elsewhere is not None,
            "contrast": item.contrast,
            "inference": bool(item.embedding),
            **dict(zip(SHARE_COLUMNS, item.shares_bp, strict=True)),
        }
        for item in candidates
    ]
    return pa.Table.from_pylist(rows, schema=CANDIDATES_SCHEMA)


class AllAgree:
    """Evidence by which every possible pair is confirmed, unless embeddings say otherwise.

    Args:
        candidates: The candidates, in the order of their table.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates

    def frames(self, assets: Indices) -> list[Frames]:
        search = (bytes(LOOK_BYTES - 1) + b"\xff",)
        shades = (bytes(range(256)) * 11)[: CELLS_BYTES - 6]
        return [Frames(search, (b"\0\0\xff\x0f\xff\xff" + shades + PLAIN,))] * len(assets)

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        found = [self._candidates[at].embedding for at in assets.tolist()]
        present = np.array([bool(one) for one in found], np.bool_)
        return present, np.array([one for one in found if one], np.float16)


def look(bits: int, colour: bytes) -> PerceptualSignature:
    return PerceptualSignature(f"{bits:064x}", colour.hex())


def candidate(
    asset_id: str,
    of: PerceptualSignature | None = None,
    created_at: date | None = None,
    media: str = "",
    short_side: int = 600,
) -> Candidate:
    own = of or look(asset_hash(asset_id) * (2**192 + 3**40) % 2**BITS, bytes(COLOURS))
    return Candidate(asset_id, own, created_at, media, short_side)


def flipped(dice: random.Random, bits: int, count: int, low: int | None = None) -> int:
    """Returns the hash with `count` bits changed, `low` of them of low frequencies."""
    if low is None:
        chosen = dice.sample(range(BITS), count)
    else:
        others = sorted(set(range(BITS)) - set(LOW_BITS))
        chosen = dice.sample(LOW_BITS, low) + dice.sample(others, count - low)
    for position in chosen:
        bits ^= 1 << position
    return bits


def shifted(dice: random.Random, colour: bytes, max_shift: int) -> bytes:
    """Returns the colours, one shifted by exactly `max_shift` and the others by at most that."""
    moved = [min(255, max(0, value + dice.randint(-max_shift, max_shift))) for value in colour]
    at = dice.randrange(len(colour))
    value = colour[at]
    moved[at] = value + max_shift if value + max_shift <= 255 else value - max_shift
    return bytes(moved)


def is_possible(first: PerceptualSignature, second: PerceptualSignature) -> bool:
    """Tells whether two looks are near enough to be compared; obviously right."""
    differing = int(first.phash, 16) ^ int(second.phash, 16)
    low = (differing & _LOW_MASK).bit_count()
    if not any(differing.bit_count() <= most and low <= few for most, few in NEAR.bits):
        return False
    greys, tints = [], []
    for one in (first, second):
        red, green, blue = (bytes.fromhex(one.colour)[channel::3] for channel in range(3))
        grey = [
            (299 * r + 587 * g + 114 * b + 500) // 1000
            for r, g, b in zip(red, green, blue, strict=True)
        ]
        greys.append(grey)
        tints.append([a - b for side in (red, blue) for a, b in zip(side, grey, strict=True)])
    if max(abs(a - b) for a, b in zip(*greys, strict=True)) > NEAR.brightness:
        return False
    if any(max(map(abs, tint)) <= MOST_GREY for tint in tints):
        return True
    return bool(max(abs(a - b) for a, b in zip(*tints, strict=True)) <= NEAR.tint)


def near_duplicates_by_pairs(ranked: Sequence[Candidate]) -> dict[str, str]:
    """Returns what the search must find, by comparing every pair: slow but obviously right."""
    kept: list[Candidate] = []
    dropped: dict[str, str] = {}
    for candidate in ranked:
        twin = next((other for other in kept if is_possible(candidate.look, other.look)), None)
        if twin is None:
            kept.append(candidate)
        else:
            dropped[candidate.asset_id] = twin.asset_id
    return dropped
