"""Decides which assets show the same: possible pairs are found by hash, and confirmed one by one.

1. Possible pairs have near hashes and colours (`pipelines.selection.bands`). Blank pictures are in
   none, for there is nothing in them that could be alike.
2. A pair is alike if all its frames agree finely (`pipelines.selection.fine`), but for those that
   are blank in both, and if its embeddings, where both may have one, are not far apart. If it is
   not certain that the two show the same (`pipelines.selection.certain`), both are kept.
3. Semantic pairs are those whose embeddings are near enough, whatever the pixels are.
4. In the order of preference, an asset is a duplicate of the kept one that it agrees with best, of
   equals the first, unless the deal names the two as a pair of which both are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.media.looks import (
    BLANK_STEP,
    brightness_of,
    is_blank,
    is_faint,
    shape_of,
    tints_of,
    unpack_cells,
)
from pipelines.selection.bands import Limits, Looks, near_looks
from pipelines.selection.dedupe import bytes_of
from pipelines.selection.fine import compare_cells
from pipelines.selection.perceptual_index import NO_MATCH, Indices
from pipelines.selection.tints import MOST_GREY

#: The cosine of embeddings, in thousandths, below which two pictures do not show the same. Copies
#: of drawn works had 913 and more with the demonstration model.
LEAST_COSINE = 850
#: When two looks make a possible pair. Of a crop many bits differ, but few of low frequencies; of a
#: copy without colours, the colours do.
NEAR = Limits(bits=((88, 22), (116, 16)), brightness=48, tint=36)
_MOST_SHAPE = 14  # largest difference of the width's share of width and height, of 255
_MOST_CANDIDATES = 8  # of the nearest and of the first, for each asset
_PAIRS_AT_ONCE = 4_096  # bounds the memory for their cells to 64 MiB for pictures

Vectors = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Frames:
    """The looks of a picture (one) or a film (several); see `pipelines.media.looks.Look`.

    Attributes:
        searches: Of each frame, by what it is found.
        cells: Of each frame, by what it is compared.
    """

    searches: tuple[bytes, ...]
    cells: tuple[bytes, ...]

    def compared_with(self, other: Frames) -> list[int]:
        """Returns the frames to compare with another's: those that are blank in neither.

        There are none if the two cannot show the same: one has more frames, or one has a frame
        with something to see where the other's is blank, or one that is much wider.
        """
        if len(self.searches) != len(other.searches):
            return []
        shown = []
        for at, looks in enumerate(zip(self.searches, other.searches, strict=True)):
            if not any(map(is_blank, looks)):
                if abs(shape_of(looks[0]) - shape_of(looks[1])) > _MOST_SHAPE:
                    return []
                shown.append(at)
            elif not all(map(is_faint, looks)):
                return []
        return shown


class Evidence(Protocol):
    """What a pair is confirmed by; read for the assets in possible pairs alone."""

    def frames(self, assets: Indices) -> list[Frames]:
        """Returns the frames of candidates, in the order of `assets`."""

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Returns candidates' embeddings.

        Returns:
            Whether there is one, [assets]: not where no model may see the asset. And those there
            are, in order, L2-normalised, [embeddings, dimensions].
        """


@dataclass(frozen=True)
class JudgedPair:
    """Two candidates that show the same, and what they were judged by.

    Attributes:
        kept: The candidate that comes first in the order of preference.
        other: The other candidate.
        bits: How many bits of their hashes differ, of 256; -1 if they were not compared.
        agreement: The least agreement of their frames, in thousandths; -1 if not compared.
        difference: The largest of their frames, in levels of 255; -1 if not compared.
        cosine: Of their embeddings, in thousandths; None where one has none.
        by_deal: Whether the deal keeps both.
        is_certain: Whether they show the same for certain; else both are kept.
    """

    kept: int
    other: int
    bits: int = -1
    agreement: int = -1
    difference: int = -1
    cosine: int | None = None
    by_deal: bool = False
    is_certain: bool = True

    def describe(self) -> str:
        """Returns what the pair was judged by, in one line."""
        parts = []
        if self.bits >= 0:
            parts.append(f"hash differs in {self.bits} of 256 bits")
            parts.append(f"agreement {self.agreement / 1000:.3f}")
            parts.append(f"difference {self.difference} of 255")
        if self.cosine is not None:
            parts.append(f"cosine {self.cosine / 1000:.3f}")
        return ", ".join(parts)


@dataclass
class Alike:
    """The pairs that were found, and which assets are duplicates.

    Attributes:
        originals: Per ranked candidate, the pair that makes it a duplicate; None if it is kept.
        pairs: All confirmed pairs of candidates.
    """

    originals: list[JudgedPair | None]
    pairs: list[JudgedPair] = field(default_factory=list)


def near_pairs(candidates: pa.Table, ranked: Indices, evidence: Evidence) -> list[JudgedPair]:
    """Returns the confirmed pairs of assets that show the same picture or film.

    Args:
        candidates: All candidates (CANDIDATES_SCHEMA).
        ranked: Indices of the candidates to compare, in order of preference.
        evidence: What pairs are confirmed by.
    """
    shown = ranked[candidates["contrast"].to_numpy()[ranked] > BLANK_STEP]  # 1
    if not len(shown):
        return []
    early, late, bits = _possible(candidates, shown)
    if not len(bits):
        return []
    assets = np.unique(np.concatenate([early, late]))
    frames = dict(zip(assets.tolist(), evidence.frames(assets), strict=True))
    agreeing: list[JudgedPair] = []
    for start in range(0, len(early), _PAIRS_AT_ONCE):
        few = slice(start, start + _PAIRS_AT_ONCE)
        pairs = [
            JudgedPair(*pair)
            for pair in zip(
                early[few].tolist(), late[few].tolist(), bits[few].tolist(), strict=True
            )
        ]
        agreeing += _agreeing(pairs, frames)  # 2
    judged = with_cosines(agreeing, evidence)
    return [pair for pair in judged if pair.cosine is None or pair.cosine >= LEAST_COSINE]


def _possible(
    candidates: pa.Table, shown: Indices
) -> tuple[Indices, Indices, npt.NDArray[np.int16]]:
    """Returns pairs whose hashes and colours are near: the candidates, and how many bits differ."""
    hashes = bytes_of(candidates["look_hash"], np.uint64)[shown]
    colours = bytes_of(candidates["look_colour"], np.uint8)[shown].reshape(len(shown), -1, 3)
    tints = tints_of(colours).astype(np.int16)
    is_grey = np.abs(tints).max(axis=(1, 2)) <= MOST_GREY
    looks = Looks(hashes, brightness_of(colours).astype(np.uint8), tints, is_grey)
    found = near_looks(looks, NEAR, _MOST_CANDIDATES)
    return shown[found.early], shown[found.late], found.bits


def _agreeing(pairs: Sequence[JudgedPair], frames: dict[int, Frames]) -> list[JudgedPair]:
    """Returns the pairs of which all frames are alike, with the worst of what was measured."""
    shown = [frames[pair.kept].compared_with(frames[pair.other]) for pair in pairs]
    of_pair = np.repeat(np.arange(len(pairs)), [len(few) for few in shown])
    if not len(of_pair):
        return []
    sides = [
        [frames[at].cells[frame] for at, few in zip(assets, shown, strict=True) for frame in few]
        for assets in ([pair.kept for pair in pairs], [pair.other for pair in pairs])
    ]
    found = compare_cells(*map(unpack_cells, sides))
    agreement, difference = np.full(len(pairs), 1000, np.int32), np.zeros(len(pairs), np.int32)
    alike = np.array([bool(few) for few in shown])
    certain = alike.copy()
    np.minimum.at(agreement, of_pair, found.agreement)
    np.maximum.at(difference, of_pair, found.difference)
    np.logical_and.at(alike, of_pair, found.alike)
    np.logical_and.at(certain, of_pair, found.certain)
    return [
        replace(
            pair,
            agreement=int(agreement[at]),
            difference=int(difference[at]),
            is_certain=bool(certain[at]),
        )
        for at, pair in enumerate(pairs)
        if alike[at]
    ]


def with_cosines(pairs: Sequence[JudgedPair], evidence: Evidence) -> list[JudgedPair]:
    """Returns the pairs with the cosine of their embeddings, where both have one."""
    if not pairs:
        return []
    assets = np.unique([[pair.kept, pair.other] for pair in pairs])
    present, vectors = evidence.embeddings(assets)
    row = dict(zip(assets[present].tolist(), range(len(vectors)), strict=True))
    found = []
    for pair in pairs:
        if pair.kept in row and pair.other in row:
            first, second = (vectors[row[at]].astype(np.float64) for at in (pair.kept, pair.other))
            found.append(replace(pair, cosine=round(1000 * float(first @ second))))
        else:
            found.append(pair)
    return found


def choose_kept(
    ranked: Indices, pairs: Sequence[JudgedPair], keep_both: Collection[frozenset[int]]
) -> Alike:
    """Decides which assets are duplicates, and of which kept one.

    Args:
        ranked: Indices of the candidates, in order of preference.
        pairs: Confirmed pairs.
        keep_both: Pairs of candidates of which the deal keeps both.
    """
    marked = [
        replace(pair, by_deal=frozenset((pair.kept, pair.other)) in keep_both) for pair in pairs
    ]
    before: dict[int, list[JudgedPair]] = defaultdict(list)
    for pair in marked:
        if pair.is_certain and not pair.by_deal:
            before[pair.other].append(pair)
    place = np.full(int(ranked.max()) + 1 if len(ranked) else 0, NO_MATCH, np.intp)
    place[ranked] = np.arange(len(ranked))
    originals: list[JudgedPair | None] = [None] * len(ranked)

    def closest(pair: JudgedPair) -> tuple[int, int, int]:
        return -pair.agreement, pair.difference, int(place[pair.kept])

    for number, at in enumerate(ranked.tolist()):
        firsts = [pair for pair in before.get(at, ()) if originals[place[pair.kept]] is None]
        originals[number] = min(firsts, key=closest, default=None)
    return Alike(originals, marked)
