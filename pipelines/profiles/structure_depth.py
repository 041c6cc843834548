"""`structure-depth`: films with an embedding and a depth map of each frame.

It is `structure-video` with a depth track, for models that are conditioned on both, as Gen-1 is.
The maps are the agency's, by a program or an instrument that it names. Nothing is estimated here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import pyarrow as pa

from pipelines.format.npy import depth_maps_fault
from pipelines.profiles.base import Profile
from pipelines.profiles.films import find_unmet_film
from pipelines.profiles.structure_video import (
    EMBEDDING_COLUMNS,
    EMBEDDINGS,
    EmbeddedFilm,
    embedded_fields,
    find_embedding_faults,
)
from schemas.profiles.common import CommonSample
from schemas.profiles.depth import DEPTH, DepthFacts


class StructureDepth(EmbeddedFilm, DepthFacts):
    """A film with embeddings and depth maps of its frames."""

    profile: Literal["structure-depth"]


def _find_faults(sample: CommonSample, members: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Checks the vectors, and that there is a map for each that has the size and sound values."""
    if not isinstance(sample, StructureDepth):
        raise AssertionError("a profile checks its own samples")
    yield from find_embedding_faults(sample, members)
    shape = (sample.embedding_rows, sample.depth_height, sample.depth_width)
    fault = depth_maps_fault(members[DEPTH], *shape)
    if fault:
        yield DEPTH, fault


PROFILE = Profile(
    name="structure-depth",
    sample=StructureDepth,
    find_unmet=find_unmet_film,
    fields=embedded_fields,
    card=(
        "`frames.npy` has a CLIP embedding of length 1 of every `embedding_every`-th frame, from\n"
        "the first on, by `clip_model`: `numpy.load(file, allow_pickle=False)` gives\n"
        "[`embedding_rows`, `embedding_dimensions`] of type float16. `depth.npy` has the depth of\n"
        "the same frames, [`embedding_rows`, `depth_height`, `depth_width`] of type float16 in\n"
        "`depth_unit`; 0 is not known. Each map covers the whole picture as displayed."
    ),
    extras=(EMBEDDINGS, DEPTH),
    columns=(
        *EMBEDDING_COLUMNS,
        pa.field("depth_height", pa.int64(), nullable=False),
        pa.field("depth_width", pa.int64(), nullable=False),
        pa.field("depth_unit", pa.string(), nullable=False),
        pa.field("depth_source", pa.string(), nullable=False),
    ),
    find_extra_faults=_find_faults,
)
