"""What is computed of a medium, and what its unit keeps of it: the feature store's tables."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa

from schemas.fields import required


class ShotFrames(TypedDict):
    """Where a shot lies in its film."""

    first_frame: int
    end_frame: int
    start_ms: int
    end_ms: int


SHOT_TYPE = pa.struct(
    [
        required("first_frame", pa.int64()),
        required("end_frame", pa.int64()),
        required("start_ms", pa.int64()),
        required("end_ms", pa.int64()),
    ]
)


class MediaFacts(TypedDict):
    """The probed facts of a medium, all but those that a unit calls otherwise."""

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
    motion_milli: int


class FactsRow(MediaFacts):
    """A row of FACTS_SCHEMA."""

    duration_ms: int
    shots: list[ShotFrames]


FACTS_SCHEMA = pa.schema(
    [
        required("media_sha256", pa.string()),
        required("bytes", pa.int64()),
        required("format", pa.string()),
        required("width", pa.int32()),  # pixels, as displayed
        required("height", pa.int32()),
        required("stored_width", pa.int32()),
        required("stored_height", pa.int32()),
        required("mode", pa.string()),
        required("bit_depth", pa.int32()),
        required("orientation", pa.int32()),
        required("has_icc", pa.bool_()),
        required("duration_ms", pa.int64()),  # 0 for images
        required("fps_num", pa.int32()),
        required("fps_den", pa.int32()),
        required("frames", pa.int64()),
        required("keyframes", pa.int32()),
        required("phash", pa.string()),  # 256 bits, hex
        required("colour", pa.string()),  # mean colours, hex
        required("motion_milli", pa.int64()),
        required("shots", pa.list_(SHOT_TYPE)),  # of a picture none
    ]
)


class EmbeddingRow(TypedDict):
    """A row of EMBEDDINGS_SCHEMA."""

    media_sha256: str
    embedding: list[float]


EMBEDDINGS_SCHEMA = pa.schema(
    [
        required("media_sha256", pa.string()),
        required("embedding", pa.list_(pa.float32())),  # L2-normalised
    ]
)


class ShotCaption(TypedDict):
    """What a model says of a shot."""

    caption: str
    clip_score: float
    embedding: list[float]


SHOT_CAPTION_TYPE = pa.struct(
    [
        required("caption", pa.string()),
        required("clip_score", pa.float32()),  # cosine of the shot and its caption
        required("embedding", pa.list_(pa.float32())),  # L2-normalised
    ]
)


class ShotCaptions(TypedDict):
    """The captions of a film's shots alone."""

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
        required("media_sha256", pa.string()),
        required("caption", pa.string()),
        required("text_embedding", pa.list_(pa.float32())),  # L2-normalised
        required("clip_score", pa.float32()),  # cosine of picture and caption
        required("shots", pa.list_(SHOT_CAPTION_TYPE)),  # as many as the facts'
    ]
)


class ReadingRow(TypedDict):
    """A row of READINGS_SCHEMA."""

    media_sha256: str
    reading: str


READINGS_SCHEMA = pa.schema(
    [
        required("media_sha256", pa.string()),
        required("reading", pa.string()),  # what the file says of rights, JSON
    ]
)


class ScoreRow(TypedDict):
    """A row of SCORES_SCHEMA."""

    score_key: str
    clip_score: float


SCORES_SCHEMA = pa.schema(
    [
        required("score_key", pa.string()),  # of a medium and a contributor's text
        required("clip_score", pa.float32()),
    ]
)


class DigestCacheRow(TypedDict):
    """A row of DIGEST_CACHE_SCHEMA."""

    state_key: str
    media_sha256: str
    format: str


DIGEST_CACHE_SCHEMA = pa.schema(
    [
        required("state_key", pa.string()),  # of a local file in one state
        required("media_sha256", pa.string()),  # "" where it is not to be trusted
        required("format", pa.string()),
    ]
)
