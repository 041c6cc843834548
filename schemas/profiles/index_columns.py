"""The fields of a sample by which samples are chosen, as columns of the member index."""

from __future__ import annotations

from datetime import date
from typing import TypedDict, cast

import pyarrow as pa

from schemas.profiles.common import CommonSample

_SEPARATOR = "; "


class CaptionRow(TypedDict):
    """One caption of a sample (CAPTION_TYPE), with the fields of `schemas.profiles.common`."""

    source: str
    text: str
    model: str
    version: str
    language: str
    score_bp: int
    flags: str


CAPTION_TYPE = pa.struct(
    [
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("source", "text", "model", "version", "language")
        ),
        pa.field("score_bp", pa.int32(), nullable=False),
        pa.field("flags", pa.string(), nullable=False),
    ]
)


class IndexColumns(TypedDict):
    """The values of INDEX_FIELDS."""

    description: str
    keywords: list[str]
    category: str
    language: str
    created_at: date | None
    captions: list[CaptionRow]
    tags: list[str]
    tag_scores_bp: list[int]
    tag_vocabulary: str
    clip_model: str
    fps_num: int
    fps_den: int
    frames: int


INDEX_FIELDS: tuple[pa.Field[pa.DataType], ...] = (
    pa.field("description", pa.string(), nullable=False),
    pa.field("keywords", pa.list_(pa.string()), nullable=False),
    pa.field("category", pa.string(), nullable=False),
    pa.field("language", pa.string(), nullable=False),
    pa.field("created_at", pa.date32()),  # null if it is not known
    pa.field("captions", pa.list_(CAPTION_TYPE), nullable=False),
    pa.field("tags", pa.list_(pa.string()), nullable=False),
    pa.field("tag_scores_bp", pa.list_(pa.int32()), nullable=False),
    pa.field("tag_vocabulary", pa.string(), nullable=False),
    pa.field("clip_model", pa.string(), nullable=False),
    pa.field("fps_num", pa.int64(), nullable=False),
    pa.field("fps_den", pa.int64(), nullable=False),
    pa.field("frames", pa.int64(), nullable=False),
)


def index_columns(sample: CommonSample) -> IndexColumns:
    """Returns a sample's values of INDEX_FIELDS; they follow from its JSON alone."""
    return IndexColumns(
        description=sample.description,
        keywords=_listed(sample.keywords),
        category=sample.category,
        language=sample.language,
        created_at=date.fromisoformat(sample.created_at) if sample.created_at else None,
        captions=[cast("CaptionRow", caption.model_dump()) for caption in sample.captions],
        tags=_listed(sample.tags),
        tag_scores_bp=list(map(int, _listed(sample.tag_scores_bp))),
        tag_vocabulary=sample.tag_vocabulary,
        clip_model=sample.clip_model,
        fps_num=sample.fps_num,
        fps_den=sample.fps_den,
        frames=sample.frames,
    )


def _listed(text: str) -> list[str]:
    return text.split(_SEPARATOR) if text else []
