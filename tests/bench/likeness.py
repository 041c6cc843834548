"""Measures the search for near-duplicates: `python -m tests.bench.likeness`.

Quality: six libraries of works and copies whose key is known. Thresholds were chosen with the
first; the second, third and fourth showed which rules were wrong; the fifth and sixth were looked
at last.
Recall is the share of copies that are dropped in favour of the work that they copy; precision is
the share of dropped assets that are such copies. Cost: CPU time and memory of the search over
generated looks and embeddings, each size in a process of its own, and what the growth between the
two largest sizes gives for ten million.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from pipelines.media.details import DETAILS_SIDE, pack_details
from pipelines.media.looks import CELLS_BYTES, LOOK_BYTES
from pipelines.selection.near import Frames, Vectors, choose_kept, near_pairs
from pipelines.selection.perceptual_index import Indices
from pipelines.selection.select import select_samples
from pipelines.selection.semantic import semantic_pairs
from schemas.deal_terms import SelectTerms
from tests.bench.likeness_library import (
    GENERATORS,
    Asset,
    LibraryEvidence,
    candidates_table,
    make_library,
)
from tests.bench.measure import measure

_FAR_ASSETS = 10_000_000
_DIMENSIONS = 512
_NOTABLE = 0.98  # kinds and changes of which fewer copies are found are named
_ALIKE = 50  # one asset in so many is a copy of the one before
_PAGES = 100  # one in so many is of a kind whose hashes are all rather near
_PAGE_FLIPS = 0.27  # share of bits by which each page differs from their common layout
_SUBJECTS = 200  # embeddings per subject, on average; one subject's are near one another
_SOFT_SIDE = 12  # of the cells that finer ones are drawn from, so that they are soft
_SHEETS = 64  # different finer cells of works, which are drawn before time is taken


@dataclass(frozen=True)
class Quality:
    """How well copies were found.

    Attributes:
        copies: Number of copies by kind and change.
        found: Of these, how many were dropped in favour of their work.
        dropped: Number of dropped assets.
        wrong: Of these, how many are no copy of what is kept in their place, by kind.
        blank: Number of works refused since there is nothing to see, by kind.
    """

    copies: Counter[tuple[str, str]]
    found: Counter[tuple[str, str]]
    dropped: int
    wrong: Counter[str]
    blank: Counter[str]

    @property
    def recall(self) -> float:
        """Share of the copies that were found."""
        return self.found.total() / self.copies.total()

    @property
    def precision(self) -> float:
        """Share of the dropped assets that are copies of what is kept."""
        return 1 - self.wrong.total() / self.dropped


def quality_of(assets: Sequence[Asset]) -> Quality:
    """Runs selection on a library and compares its decisions with the key."""
    found = select_samples(
        candidates_table(assets), SelectTerms(min_short_side=1), LibraryEvidence(assets)
    )
    copies = Counter((asset.kind, asset.change) for asset in assets if asset.change)
    right: Counter[tuple[str, str]] = Counter()
    blank: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    dropped = 0
    for refusal in found.refusals:
        asset = assets[int(refusal.asset_id)]
        if refusal.reasons[0] == "select.blank":
            blank[asset.kind] += 1
            continue
        dropped += 1
        original = assets[int(refusal.kept_asset_id or "")]
        if original.work == asset.work:
            right[asset.kind, asset.change] += 1
        else:
            wrong[asset.kind] += 1
    return Quality(copies, right, dropped, wrong, blank)


def _print_quality(assets: int, workers: int, generator: str) -> None:
    library = make_library(assets, workers, generator)
    start = time.process_time()
    found = quality_of(library)
    print(f"{generator}: {len(library):,} assets, {found.copies.total():,} copies")
    wrong = found.wrong.total()
    print(f"recall {found.recall:.4f}, precision {found.precision:.5f} ({wrong} wrong)")
    for part, name in enumerate(("kind", "change")):
        print(f"by {name}:")
        for group in sorted({pair[part] for pair in found.copies}):
            copies, right = (
                sum(number for pair, number in counts.items() if pair[part] == group)
                for counts in (found.copies, found.found)
            )
            note = f", {found.wrong[group]} wrong" if found.wrong[group] else ""
            print(f"  {group:13} {copies:6,} {right / copies:.3f}{note}")
    for kind, change in sorted(found.copies):
        share = found.found[kind, change] / found.copies[kind, change]
        if share < _NOTABLE:
            print(f"  {kind:13} {change:13} {found.copies[kind, change]:6,} {share:.3f}")
    print(f"nothing to see: {dict(found.blank)}")
    print(f"selection took {time.process_time() - start:.1f} s of CPU")


class _Generated:
    """Looks and embeddings that are made from an asset's number.

    Args:
        assets: How many.
    """

    def __init__(self, assets: int) -> None:
        dice = np.random.default_rng(14)
        self.hashes = dice.integers(0, 2**64, (assets, 4), np.uint64)
        slopes = np.linspace(-1, 1, 4)
        across, down = dice.normal(0, 30, (2, assets, 1, 1, 3))
        grid = dice.uniform(40, 215, (assets, 1, 1, 3)) + slopes[None, None, :, None] * across
        grid = grid + slopes[None, :, None, None] * down + dice.normal(0, 12, (assets, 4, 4, 3))
        self.colours = np.clip(grid, 0, 255).astype(np.uint8).reshape(assets, 48)
        pages = np.arange(0, assets, _PAGES)
        flips = np.packbits(dice.random((len(pages), 256)) < _PAGE_FLIPS, axis=1).view(np.uint64)
        self.hashes[pages] = self.hashes[0] ^ flips
        self.colours[pages] = 200 + dice.integers(0, 9, (len(pages), 48), np.uint8)
        copies = np.arange(_ALIKE - 1, assets, _ALIKE)
        self.hashes[copies] = self.hashes[copies - 1] ^ np.uint64(0x0101)  # eight bits
        self.colours[copies] = self.colours[copies - 1] ^ np.uint8(1)
        self._finer = [_finer_cells(dice, number % 2 == 1) for number in range(_SHEETS)]

    def frames(self, assets: Indices) -> list[Frames]:
        """Returns one frame each; a copy has that of its original but for its finer cells."""
        search = (bytes(LOOK_BYTES - 1) + b"\xff",)
        found = []
        for at in assets.tolist():
            is_copy = at % _ALIKE == _ALIKE - 1
            work = at - is_copy
            finer = self._finer[work // _ALIKE % _SHEETS][is_copy]
            shades = np.random.default_rng(work).bytes(CELLS_BYTES - 6)
            found.append(Frames(search, (b"\0\0\xff\x0f\xff\xff" + shades + finer,)))
        return found

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Returns no embeddings."""
        return np.zeros(len(assets), np.bool_), np.zeros((0, 0), np.float16)


def _finer_cells(dice: np.random.Generator, is_moved: bool) -> tuple[bytes, bytes]:
    """Returns the finer cells of a work, and of a copy with grain or one that lies elsewhere."""
    coarse = dice.uniform(0, 255, (_SOFT_SIDE,) * 2).astype(np.float32)
    side = DETAILS_SIDE + 2
    cells = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    work, beside = cells[1:-1, 1:-1], (cells[1:-1, :-2] + cells[:-2, :-2]) / 2
    copy = beside if is_moved else work + dice.normal(0, 1, work.shape)
    return pack_details(work.astype(np.float64)), pack_details(copy.astype(np.float64))


class _Embedded:
    """Embeddings around subjects, all of them in one half of the space, as CLIP's are.

    Args:
        assets: How many.
    """

    def __init__(self, assets: int) -> None:
        dice = np.random.default_rng(15)
        common = dice.standard_normal(_DIMENSIONS, np.float32)
        subjects = dice.standard_normal((max(1, assets // _SUBJECTS), _DIMENSIONS), np.float32)
        self.vectors = np.zeros((assets, _DIMENSIONS), np.float16)
        for start in range(0, assets, 50_000):
            rows = np.arange(start, min(assets, start + 50_000))
            own = dice.standard_normal((len(rows), _DIMENSIONS), np.float32)
            made = common + subjects[dice.integers(0, len(subjects), len(rows))] + 0.8 * own
            self.vectors[rows] = made / np.linalg.norm(made, axis=1, keepdims=True)
        copies = np.arange(_ALIKE - 1, assets, _ALIKE)
        moved = self.vectors[copies - 1].astype(np.float32)
        moved += 0.008 * dice.standard_normal(moved.shape, np.float32)
        self.vectors[copies] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        self.copies = len(copies)

    def frames(self, assets: Indices) -> list[Frames]:
        """Returns none."""
        return []

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Returns all embeddings that are asked for."""
        return np.ones(len(assets), np.bool_), self.vectors[assets]


def near_cost(assets: int) -> tuple[float, int]:
    """Returns the CPU seconds of the search with confirming pairs, and the number of pairs."""
    made = _Generated(assets)
    table = _table_of(made)
    start = time.process_time()
    pairs = near_pairs(table, np.arange(assets), made)
    choose_kept(np.arange(assets), pairs, ())
    return time.process_time() - start, len(pairs)


def _table_of(made: _Generated) -> pa.Table:
    count = len(made.hashes)
    packed = [
        pa.Array.from_buffers(pa.binary(width), count, [None, pa.py_buffer(values.tobytes())])
        for width, values in ((32, made.hashes), (48, made.colours))
    ]
    contrast = pa.array(np.full(count, 255, np.uint8))
    return pa.table([*packed, contrast], ["look_hash", "look_colour", "contrast"])


def semantic_cost(assets: int) -> tuple[float, float]:
    """Returns the CPU seconds of the search, and the share of the copies that it found."""
    made = _Embedded(assets)
    start = time.process_time()
    pairs = semantic_pairs(np.arange(assets), made, 0.95)
    spent = time.process_time() - start
    due = {(at - 1, at) for at in range(_ALIKE - 1, assets, _ALIKE)}
    found = {(pair.kept, pair.other) for pair in pairs} & due
    return spent, len(found) / made.copies


def _far(sizes: Sequence[int], spent: Sequence[float]) -> str:
    """Says what the growth between the two largest sizes gives for ten million."""
    if len(sizes) < 2:
        return ""
    power = math.log(spent[-1] / spent[-2]) / math.log(sizes[-1] / sizes[-2])
    far = spent[-1] * (_FAR_ASSETS / sizes[-1]) ** power
    return f"grows with the power {power:.2f}; {_FAR_ASSETS:,} would take {far:,.0f} s"


def _print_near_cost(sizes: Sequence[int]) -> None:
    near = []
    for size in sizes:
        done = measure(near_cost, size)
        spent, pairs = done.answer
        near.append(spent)
        memory = done.peak_bytes / 2**20
        print(f"near, {size:,}: {spent:.1f} s of CPU, {pairs:,} pairs, {memory:,.0f} MiB")
    print(f"near {_far(sizes, near)}")


def _print_semantic_cost(sizes: Sequence[int]) -> None:
    semantic = []
    for size in sizes:
        drawn = measure(semantic_cost, size)
        spent, share = drawn.answer
        semantic.append(spent)
        print(
            f"semantic, {size:,}: {spent:.1f} s of CPU, found {share:.4f}, "
            f"{drawn.peak_bytes / 2**20:,.0f} MiB"
        )
    print(f"semantic {_far(sizes, semantic)}")


def main() -> None:
    """Parses the options and runs the measurements."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", type=int, default=2_000, help="assets of the drawn library")
    parser.add_argument(
        "--generators", nargs="*", default=list(GENERATORS), choices=GENERATORS, help="that draw it"
    )
    parser.add_argument("--cost", type=int, nargs="*", default=[100_000], help="assets")
    parser.add_argument("--semantic", type=int, nargs="*", default=[100_000], help="assets")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    options = parser.parse_args()
    if options.quality:
        for generator in options.generators:
            _print_quality(options.quality, options.workers, generator)
    if options.cost:
        _print_near_cost(sorted(options.cost))
    if options.semantic:
        _print_semantic_cost(sorted(options.semantic))


if __name__ == "__main__":
    main()
