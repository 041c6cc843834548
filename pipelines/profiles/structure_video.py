"""`structure-video`: films with an embedding of each frame, for models that are led by structure.

Gen-1 is conditioned on CLIP embeddings of frames. They are a member of the sample, so that a
trainer reads them with the film: of every frame, or of one of so many as the deal says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from pipelines.format.npy import unit_vectors_fault
from pipelines.profiles.base import Profile, Row
from pipelines.profiles.films import FilmSample, film_fields, find_unmet_film
from schemas.deal_structure import rows_of_film
from schemas.profiles.common import CommonSample, Pixels

EMBEDDINGS = "frames.npy"
# Of one film; more would be more than a hundred megabytes with most models.
MOST_ROWS = 1 << 17


class EmbeddedFilm(FilmSample):
    """What samples with embeddings of frames say about them."""

    clip_model: Annotated[str, Field(min_length=1)]
    """Of what computed the embeddings and scores."""
    embedding_every: Pixels
    """Row r of `frames.npy` is the embedding of frame r times `embedding_every`."""
    embedding_rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    embedding_dimensions: Annotated[int, Field(ge=1, le=1 << 16)]
    embedding_type: Literal["float16"]
    embedding_norm: Literal["l2"]
    """Rows have the length 1, but for rounding."""

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if self.embedding_rows != rows_of_film(self.frames, self.embedding_every):
            raise ValueError("embedding_rows does not follow from frames and embedding_every")
        return self


class StructureVideo(EmbeddedFilm):
    """A film with embeddings of its frames."""

    profile: Literal["structure-video"]


def embedded_fields(row: Row) -> dict[str, object]:
    """Returns the fields of a film with embeddings, and of what else it carries."""
    return {
        **film_fields(row),
        **json.loads(row["extra_facts"]),
        "embedding_type": "float16",
        "embedding_norm": "l2",
    }


def find_embedding_faults(
    sample: CommonSample, members: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Checks that there is a vector of length 1 for every embedded frame."""
    if not isinstance(sample, EmbeddedFilm):
        raise AssertionError("a profile checks its own samples")
    rows, columns = sample.embedding_rows, sample.embedding_dimensions
    fault = unit_vectors_fault(members[EMBEDDINGS], rows, columns)
    if fault:
        yield EMBEDDINGS, fault


EMBEDDING_COLUMNS = (
    pa.field("embedding_every", pa.int64(), nullable=False),
    pa.field("embedding_rows", pa.int64(), nullable=False),
    pa.field("embedding_dimensions", pa.int64(), nullable=False),
)

PROFILE = Profile(
    name="structure-video",
    sample=StructureVideo,
    find_unmet=find_unmet_film,
    fields=embedded_fields,
    card=(
        "`frames.npy` has a CLIP embedding of length 1 of every `embedding_every`-th frame, from\n"
        "the first on, by `clip_model`: `numpy.load(file, allow_pickle=False)` gives\n"
        "[`embedding_rows`, `embedding_dimensions`] of type float16."
    ),
    extras=(EMBEDDINGS,),
    columns=EMBEDDING_COLUMNS,
    find_extra_faults=find_embedding_faults,
)
