"""A library of drawn works and their copies, as candidates for selection, with its key.

Of every ten works, one is a film with a black frame in the middle, one a white drawing on
transparency, and the others are of five kinds in turn. All but the drawings, in which there is
nothing to see, have a copy in one of four cases. A work that is drawn like an earlier one, such as
a badge with the same letters, is left out.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
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
from tests.bench.likeness_pictures import CHANGES, KINDS, film_frames, transparent

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


def _assets_of(work: int) -> Iterator[Asset]:
    dice = random.Random(f"likeness {work}")
    if work % 10 == 8:
        kind, frames = "film", film_frames(dice)
    elif work % 10 == 9:
        kind, frames = "transparent", [_flattened(transparent(dice))]
    else:
        kind = list(KINDS)[work % 5]
        frames = [KINDS[kind](dice)]
    yield Asset(work, kind, "", tuple(map(look_of, frames)))
    if kind != "transparent" and dice.randrange(_COPIED) == 0:
        change = dice.choice(list(CHANGES))
        changed = [CHANGES[change](frame, dice) for frame in frames]
        yield Asset(work, kind, change, tuple(map(look_of, changed)))


def _make(works: range) -> list[Asset]:
    return [asset for work in works for asset in _assets_of(work)]


def _new_works(assets: Sequence[Asset], drawn: set[tuple[Look, ...]]) -> Iterator[Asset]:
    """Yields the assets but those of works that are drawn like one before; a blank one is new."""
    repeated = -1
    for asset in assets:
        if not asset.change and asset.kind != "transparent":
            if asset.frames in drawn:
                repeated = asset.work
            drawn.add(asset.frames)
        if asset.work != repeated:
            yield asset


def make_library(assets: int, workers: int) -> list[Asset]:
    """Returns so many assets, in the order of works; each copy follows its work."""
    made: list[Asset] = []
    drawn: set[tuple[Look, ...]] = set()
    starts = range(0, assets, _WORKS_AT_ONCE)
    parts = (range(at, at + _WORKS_AT_ONCE) for at in starts)
    if workers == 1:
        for part in parts:
            made += _new_works(_make(part), drawn)
            if len(made) >= assets:
                break
        return made[:assets]
    with ProcessPoolExecutor(workers) as pool:
        for few in pool.map(_make, parts):
            made += _new_works(few, drawn)
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
