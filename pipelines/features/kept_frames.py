"""Frames of films as pictures: read once, and kept in the feature store for later deals.

A film's are a file of the store of their own, so that no unit holds those of all its films.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa

from pipelines.features.guard import this_guard
from pipelines.features.store import FeatureTable
from pipelines.format.png import png_fault
from pipelines.media.limits import MediaLimits
from pipelines.storage.store import Store

# Increased when a frame of the same film gives other bytes.
PICTURES_MODEL = "pictures-v1"


class PicturesRow(TypedDict):
    """A row of PICTURES_SCHEMA."""

    pictures: str
    files: list[bytes]


_FIELDS: list[pa.Field[pa.DataType]] = [
    # The film's sha256, the pictures' size and the frames' numbers: "… 640x360 0,21,22,23".
    pa.field("pictures", pa.string(), nullable=False),
    # As PNG, in the order of the numbers.
    pa.field("files", pa.list_(pa.large_binary()), nullable=False),
]
PICTURES_SCHEMA = pa.schema(_FIELDS)


@dataclass(frozen=True)
class KeptFilm:
    """A film whose frames are read.

    Attributes:
        data: The file.
        digest: Its sha256, hex.
        asset_hash: Its asset's hash (schemas.layout.asset_hash).
    """

    data: bytes
    digest: str
    asset_hash: int


def pictures_table(store: Store) -> FeatureTable[PicturesRow]:
    """Returns the pictures that are kept in a feature store."""
    return FeatureTable(store, "pictures", PICTURES_MODEL, PICTURES_SCHEMA, PicturesRow)


def frame_pictures(
    table: FeatureTable[PicturesRow] | None,
    film: KeptFilm,
    numbers: Sequence[int],
    size: tuple[int, int],
    limits: MediaLimits,
) -> list[bytes]:
    """Returns frames of a film as PNG files; those that are kept are not read again.

    Args:
        table: What is kept, and where others are added; None if none are kept.
        film: The film.
        numbers: Numbers of the frames, ascending.
        size: Width and height that they get.
        limits: The limits on decoding.

    Raises:
        BadRecord: As `exact_frames.read_frames`.
    """
    key = f"{film.digest} {size[0]}x{size[1]} {','.join(map(str, numbers))}"
    row = table.load(film.asset_hash, film.asset_hash).get(key) if table is not None else None
    kept = row["files"] if row is not None else []
    if len(kept) == len(numbers) and not any(png_fault(file, *size) for file in kept):
        return kept
    files = this_guard().exact_frames(film.data, numbers, size, limits)
    if table is not None:
        table.save(film.asset_hash, film.asset_hash, [{"pictures": key, "files": files}])
    return files
