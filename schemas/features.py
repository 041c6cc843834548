"""The feature store's tables of what is computed from media: facts, embeddings, captions, tags.

What it keeps of files is in `schemas.file_features`.
"""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa

from schemas.file_facts import FILE_FACTS_FIELDS, FileFacts


class ShotFrames(TypedDict):
    """The position of a shot in its film."""

    first_frame: int
    end_frame: int
    start_ms: int
    end_ms: int
    keyframe: int
    keyframe_ms: int
    motion_milli: int


SHOT_TYPE = pa.struct(
    [
        pa.field("first_frame", pa.int64(), nullable=False),
        pa.field("end_frame", pa.int64(), nullable=False),
        pa.field("start_ms", pa.int64(), nullable=False),
        pa.field("end_ms", pa.int64(), nullable=False),
        pa.field("keyframe", pa.int64(), nullable=False),  # number of the frame that stands for it
        pa.field("keyframe_ms", pa.int64(), nullable=False),
        pa.field("motion_milli", pa.int64(), nullable=False),
    ]
)


class FilmStretch(TypedDict):
    """A part of a film that is black, frozen or silent (pipelines.media.stretches)."""

    kind: str
    start_ms: int
    end_ms: int


STRETCH_TYPE = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("start_ms", pa.int64(), nullable=False),
        pa.field("end_ms", pa.int64(), nullable=False),
    ]
)


class MediaFacts(FileFacts):
    """The probed facts of a medium, except those that a unit names differently."""

    media_sha256: str
    bytes: int
    format: str
    width: int
    height: int
    stored_width: int
    stored_height: int
    mode: str
    bit_depth: int
    orientation: int
    has_icc: bool
    fps_num: int
    fps_den: int
    frames: int
    keyframes: int
    phash: str
    colour: str
    looks: list[bytes]
    cells: list[bytes]
    motion_milli: int
    stretches: list[FilmStretch]
    black_ms: int
    frozen_ms: int
    silent_ms: int
    sound: str


class FactsRow(MediaFacts):
    """A row of FACTS_SCHEMA."""

    duration_ms: int
    shots: list[ShotFrames]


_FACTS_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("media_sha256", pa.string(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
    pa.field("format", pa.string(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),  # pixels, as displayed
    pa.field("height", pa.int32(), nullable=False),
    pa.field("stored_width", pa.int32(), nullable=False),
    pa.field("stored_height", pa.int32(), nullable=False),
    pa.field("mode", pa.string(), nullable=False),
    pa.field("bit_depth", pa.int32(), nullable=False),
    pa.field("orientation", pa.int32(), nullable=False),
    pa.field("has_icc", pa.bool_(), nullable=False),
    pa.field("duration_ms", pa.int64(), nullable=False),  # 0 for images
    pa.field("fps_num", pa.int32(), nullable=False),
    pa.field("fps_den", pa.int32(), nullable=False),
    pa.field("frames", pa.int64(), nullable=False),
    pa.field("keyframes", pa.int32(), nullable=False),
    pa.field("phash", pa.string(), nullable=False),  # 256 bits, hex
    pa.field("colour", pa.string(), nullable=False),  # mean colours, hex
    # One of each for a picture, or for each of a film's sampled frames (pipelines.media.looks).
    pa.field("looks", pa.list_(pa.binary()), nullable=False),
    pa.field("cells", pa.list_(pa.binary()), nullable=False),
    pa.field("motion_milli", pa.int64(), nullable=False),
    # The longest stretches of each kind, and the length of all; none and 0 for an image.
    pa.field("stretches", pa.list_(STRETCH_TYPE), nullable=False),
    pa.field("black_ms", pa.int64(), nullable=False),
    pa.field("frozen_ms", pa.int64(), nullable=False),
    pa.field("silent_ms", pa.int64(), nullable=False),
    pa.field("sound", pa.string(), nullable=False),  # none, decoded or unread
    *FILE_FACTS_FIELDS,
    pa.field("shots", pa.list_(SHOT_TYPE), nullable=False),  # empty for an image
]
FACTS_SCHEMA = pa.schema(_FACTS_FIELDS)


class EmbeddingRow(TypedDict):
    """A row of EMBEDDINGS_SCHEMA."""

    media_sha256: str
    embedding: list[float]


EMBEDDINGS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
    ]
)


class ShotCaption(TypedDict):
    """A model's output for a shot."""

    caption: str
    clip_score: float
    embedding: list[float]


SHOT_CAPTION_TYPE = pa.struct(
    [
        pa.field("caption", pa.string(), nullable=False),
        pa.field("clip_score", pa.float32(), nullable=False),  # cosine of the shot and its caption
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
    ]
)


class ShotCaptions(TypedDict):
    """Only the captions of a film's shots."""

    media_sha256: str
    shots: list[ShotCaption]


class ScoredCaption(ShotCaptions):
    """A caption and its score, without its embedding."""

    caption: str
    clip_score: float


class CaptionRow(ScoredCaption):
    """A row of CAPTIONS_SCHEMA."""

    text_embedding: list[float]


CAPTIONS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("text_embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
        pa.field("clip_score", pa.float32(), nullable=False),  # cosine of picture and caption
        pa.field("shots", pa.list_(SHOT_CAPTION_TYPE), nullable=False),  # as many as the facts'
    ]
)


class ScoredText(TypedDict):
    """The score of a text, without its embedding."""

    score_key: str
    clip_score: float


class ScoreRow(ScoredText):
    """A row of SCORES_SCHEMA."""

    text_embedding: list[float]


_SCORES_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("score_key", pa.string(), nullable=False),  # of a medium and a text
    pa.field("clip_score", pa.float32(), nullable=False),
    pa.field("text_embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
]
SCORES_SCHEMA = pa.schema(_SCORES_FIELDS)


class TagFields(TypedDict):
    """A concept of the vocabulary that a medium shows, and its cosine with the medium."""

    name: str
    category: str
    score: float


class TagsRow(TypedDict):
    """A row of TAGS_SCHEMA."""

    media_sha256: str
    caption: str
    tags: list[TagFields]


TAG_TYPE = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
    ]
)
TAGS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),  # "" if no tag appears in captions
        pa.field("tags", pa.list_(TAG_TYPE), nullable=False),  # best first
    ]
)


class ConceptRow(TypedDict):
    """A row of CONCEPTS_SCHEMA."""

    concept: str
    embedding: list[float]


CONCEPTS_SCHEMA = pa.schema(
    [
        pa.field("concept", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
    ]
)
