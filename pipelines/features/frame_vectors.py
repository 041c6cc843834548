"""Embeddings of a film's frames: computed in parts, and kept in the feature store by film.

A film's are a file of the store of their own, so that no unit holds those of all its films.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from pipelines.features.guard import this_guard
from pipelines.features.store import FeatureTable
from pipelines.format.npy import Halves, npy_bytes, unit_vectors_fault
from pipelines.media.limits import MediaLimits
from pipelines.storage.store import Store
from schemas.deal_structure import rows_of_film

# Increased when other embeddings come of the same frames.
FRAMES_VERSION = "frames-v1"
# Decoded and embedded at once, so that memory does not depend on a film's length.
_PART_FRAMES = 32


class FrameVectorsRow(TypedDict):
    """A row of FRAME_VECTORS_SCHEMA."""

    media_sha256: str
    dimensions: int
    vectors: bytes


_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("media_sha256", pa.string(), nullable=False),
    pa.field("dimensions", pa.int32(), nullable=False),
    # [frames, dimensions] of little-endian float16, of length 1 each.
    pa.field("vectors", pa.large_binary(), nullable=False),
]
FRAME_VECTORS_SCHEMA = pa.schema(_FIELDS)


class Embedder(Protocol):
    """What embeds pictures."""

    def embed_images(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        """Returns L2-normalised embeddings, [images, dimensions]."""


def frame_vectors_table(store: Store, clip_id: str, every: int) -> FeatureTable[FrameVectorsRow]:
    """Returns the stored embeddings by a model, of every so many frames."""
    model = f"{FRAMES_VERSION} every={every} {clip_id}"
    return FeatureTable(store, "frames", model, FRAME_VECTORS_SCHEMA, FrameVectorsRow)


def stored_vectors(
    table: FeatureTable[FrameVectorsRow], asset_hash: int, digest: str, rows: int
) -> Halves | None:
    """Returns a film's stored embeddings, [rows, dimensions]; None if there are none that fit.

    Those that an earlier release stored of another number of frames, or that are not of length 1,
    are computed again.

    Args:
        table: See `frame_vectors_table`.
        asset_hash: The asset's hash (schemas.layout.asset_hash).
        digest: sha256 of the film, hex.
        rows: How many of its frames are embedded.
    """
    row = table.load(asset_hash, asset_hash).get(digest)
    if row is None or row["dimensions"] < 1:
        return None
    packed = row["vectors"]
    if len(packed) != rows * row["dimensions"] * np.dtype("<f2").itemsize:
        return None
    vectors: Halves = np.frombuffer(packed, "<f2").reshape(rows, row["dimensions"])
    return None if unit_vectors_fault(npy_bytes(vectors), *vectors.shape) else vectors


def save_vectors(
    table: FeatureTable[FrameVectorsRow], asset_hash: int, digest: str, vectors: Halves
) -> None:
    """Stores a film's embeddings; see `stored_vectors`."""
    packed = np.ascontiguousarray(vectors, dtype="<f2").tobytes()
    row = FrameVectorsRow(media_sha256=digest, dimensions=vectors.shape[1], vectors=packed)
    table.save(asset_hash, asset_hash, [row])


def embed_frames(
    data: bytes, frames: int, every: int, embedder: Embedder, limits: MediaLimits
) -> Halves:
    """Returns embeddings of a film's frames as displayed, [frames, dimensions].

    Args:
        data: The film.
        frames: How many frames it has.
        every: How many frames each embedded one is after the last.
        embedder: The model.
        limits: The limits on decoding.

    Raises:
        BadRecord: `media.undecodable`.
    """
    numbers = [row * every for row in range(rows_of_film(frames, every))]
    parts = []
    for start in range(0, len(numbers), _PART_FRAMES):
        images = this_guard().frame_images(data, numbers[start : start + _PART_FRAMES], limits)
        parts.append(embedder.embed_images(images).astype(np.float16))
    return np.concatenate(parts)
