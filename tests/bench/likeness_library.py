"""A library of drawn works and their copies, as candidates for selection, with its key.

Of every ten works, one is a film with a black frame in the middle, one a white drawing on
transparency, and the others are of five kinds in turn. All but the drawings, in which there is
nothing to see, have a copy in one of four cases. A work that is drawn like an earlier one, such as
a badge with the same letters, is left out.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from pipelines.media.looks import Look, contrast_of, look_of, main_look, shows_elsewhere
from pipelines.selection.dedupe import CANDIDATES_SCHEMA
from pipelines.selection.film_shares import SHARE_COLUMNS
from pipelines.selection.near import Frames, Vectors
from pipelines.selection.perceptual_index import Indices
from schemas.layout import asset_hash
from tests.bench.likeness_held_out import held_out_work
from tests.bench.likeness_held_out_changes import HELD_OUT_CHANGES
from tests.bench.likeness_layouts import LAYOUT_CHANGES, layout_work
from tests.bench.likeness_photographs import photograph_work
from tests.bench.likeness_photographs_changes import PHOTOGRAPH_CHANGES
from tests.bench.likeness_pictures import CHANGES, KINDS, film_frames, transparent
from tests.bench.likeness_series import series_work
from tests.bench.likeness_series_changes import SERIES_CHANGES
from tests.bench.likeness_small_things import small_things_work

_COPIED = 4  # one work in so many has a copy
_WORKS_AT_ONCE = 50


@dataclass(frozen=True)
class Asset:
    """One asset.

    Attributes:
        work: The work that it shows.
        kind: The kind of work.
        change: What was done to the work, or "" for the original.
        frames: The looks of its frames.
    """

    work: int
    kind: str
    change: str
    frames: tuple[Look, ...]


def _flattened(image: Image.Image) -> Image.Image:
    """The picture as it is decoded: on white."""
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _tuned_work(work: int, dice: random.Random) -> tuple[str, list[Image.Image]]:
    if work % 10 == 8:
        return "film", film_frames(dice)
    if work % 10 == 9:
        return "transparent", [transparent(dice)]
    kind = list(KINDS)[work % 5]
    return kind, [KINDS[kind](dice)]


@dataclass(frozen=True)
class Generator:
    """Draws works and their copies.

    Attributes:
        name: What the dice are thrown for.
        work: Returns the kind and the frames of a work by its number.
        changes: By which copies are made, by name.
        blank: The kind of works in which there is nothing to see.
    """

    name: str
    work: Callable[[int, random.Random], tuple[str, list[Image.Image]]]
    changes: Mapping[str, Callable[[Image.Image, random.Random], Image.Image]]
    blank: str


#: The thresholds were chosen with the first of these. The second and third showed which rules were
#: wrong, as the fourth did later. The fifth and the sixth were looked at when all rules were as
#: they are (docs/performance.md).
GENERATORS = {
    "tuned": Generator("likeness", _tuned_work, CHANGES, "transparent"),
    "held-out": Generator("held-out", held_out_work, HELD_OUT_CHANGES, "white drawing"),
    "photographs": Generator("photographs", photograph_work, PHOTOGRAPH_CHANGES, "empty"),
    "layouts": Generator("layouts", layout_work, LAYOUT_CHANGES, "empty"),
    "series": Generator("series", series_work, SERIES_CHANGES, "empty"),
    "small things": Generator("small things", small_things_work, LAYOUT_CHANGES, "empty"),
}


def _assets_of(generator: Generator, work: int) -> Iterator[Asset]:
    dice = random.Random(f"{generator.name} {work}")
    kind, drawn = generator.work(work, dice)
    frames = [_flattened(frame) if frame.mode == "RGBA" else frame for frame in drawn]
    yield Asset(work, kind, "", tuple(map(look_of, frames)))
    if kind != generator.blank and dice.randrange(_COPIED) == 0:
        change = dice.choice(list(generator.changes))
        changed = [generator.changes[change](frame, dice) for frame in frames]
        yield Asset(work, kind, change, tuple(map(look_of, changed)))


def _make(generator: str, works: range) -> list[Asset]:
    return [asset for work in works for asset in _assets_of(GENERATORS[generator], work)]


def _new_works(
    assets: Sequence[Asset], drawn: set[tuple[Look, ...]], blank: str
) -> Iterator[Asset]:
    """Yields the assets but those of works that are drawn like one before; a blank one is new."""
    repeated = -1
    for asset in assets:
        if not asset.change and asset.kind != blank:
            if asset.frames in drawn:
                repeated = asset.work
            drawn.add(asset.frames)
        if asset.work != repeated:
            yield asset


def make_library(assets: int, workers: int, generator: str = "tuned") -> list[Asset]:
    """Returns so many assets, in the order of works; each copy follows its work.

    Args:
        assets: How many.
        workers: Processes that draw.
        generator: One of GENERATORS.
    """
    blank = GENERATORS[generator].blank
    make = partial(_make, generator)
    made: list[Asset] = []
    drawn: set[tuple[Look, ...]] = set()
    starts = range(0, assets, _WORKS_AT_ONCE)
    parts = (range(at, at + _WORKS_AT_ONCE) for at in starts)
    if workers == 1:
        for part in parts:
            made += _new_works(make(part), drawn, blank)
            if len(made) >= assets:
                break
        return made[:assets]
    with ProcessPoolExecutor(workers) as pool:
        for few in pool.map(make, parts):
            made += _new_works(few, drawn, blank)
            if len(made) >= assets:
                pool.shutdown(cancel_futures=True)
                break
    return made[:assets]


@dataclass(frozen=True)
class LibraryEvidence:
    """Evidence from memory; no model sees the library."""

    assets: Sequence[Asset]
    asked: list[int] = field(default_factory=list)

    def frames(self, assets: Indices) -> list[Frames]:
        """Returns the frames of candidates."""
        self.asked.append(len(assets))
        looks = [self.assets[at].frames for at in assets.tolist()]
        return [
            Frames(tuple(look.search for look in few), tuple(look.cells for look in few))
            for few in looks
        ]

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Returns none."""
        return np.zeros(len(assets), np.bool_), np.zeros((0, 0), np.float16)


def candidates_table(assets: Sequence[Asset]) -> pa.Table:
    """Returns assets as candidates (CANDIDATES_SCHEMA), named by their numbers."""
    searches = [[look.search for look in asset.frames] for asset in assets]
    standing = [main_look(frames) for frames in searches]
    names = [f"{number:08d}" for number in range(len(assets))]
    columns: dict[str, list[Any]] = {
        "asset_id": names,
        "hash": [asset_hash(name) for name in names],
        "unit": [0] * len(names),
        "media_sha256": [hashlib.sha256(name.encode()).digest() for name in names],
        "family": ["mp4" if len(asset.frames) > 1 else "jpg" for asset in assets],
        "created_at": [None] * len(names),
        "short_side": [1_000] * len(names),
        "bytes": [1_000] * len(names),
        "phash": [look[:32] for look in standing],
        "colour": [look[32:80] for look in standing],
        "place": list(range(len(names))),
        "people": [[] for _ in names],
        "owners": [f"c-{number}" for number in range(len(names))],
        "look_hash": [look[:32] for look in standing],
        "look_colour": [look[32:80] for look in standing],
        "contrast": [max(map(contrast_of, frames)) for frames in searches],
        "inference": [False] * len(names),
        **{name: [0] * len(names) for name in SHARE_COLUMNS},
        "shows_elsewhere": list(map(shows_elsewhere, searches)),
    }
    return pa.table(
        {name: pa.array(columns[name], CANDIDATES_SCHEMA.field(name).type) for name in columns},
        schema=CANDIDATES_SCHEMA,
    )
