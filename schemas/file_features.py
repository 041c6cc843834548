"""The feature store's tables of files: statements in them, renditions, checks, digests."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa


class ReadingRow(TypedDict):
    """A row of READINGS_SCHEMA."""

    media_sha256: str
    reading: str


READINGS_SCHEMA = pa.schema(
    [
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("reading", pa.string(), nullable=False),  # the rights statements in the file, JSON
    ]
)


class RenditionRow(TypedDict):
    """A row of RENDITIONS_SCHEMA."""

    media_sha256: str
    delivered_sha256: str
    bytes: int
    problem: str
    format: str
    width: int
    height: int
    rendition: str
    codec: str
    audio_codec: str
    bitrate_bps: int


_RENDITIONS_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("media_sha256", pa.string(), nullable=False),
    # Of the file that is delivered in its place; "" if there is a problem.
    pa.field("delivered_sha256", pa.string(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
    pa.field("problem", pa.string(), nullable=False),  # why there can be none
    pa.field("format", pa.string(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),  # pixels, as displayed
    pa.field("height", pa.int32(), nullable=False),
    pa.field("rendition", pa.string(), nullable=False),  # how it was rendered; "" if it was not
    # Of a film; as in `features.FACTS_SCHEMA`.
    pa.field("codec", pa.string(), nullable=False),
    pa.field("audio_codec", pa.string(), nullable=False),
    pa.field("bitrate_bps", pa.int64(), nullable=False),
]
RENDITIONS_SCHEMA = pa.schema(_RENDITIONS_FIELDS)


class CheckRow(TypedDict):
    """A row of CHECKS_SCHEMA."""

    check_key: str
    found: str


CHECKS_SCHEMA = pa.schema(
    [
        pa.field("check_key", pa.string(), nullable=False),  # of rows and rules
        pa.field("found", pa.string(), nullable=False),  # JSON, or a page of data docs
    ]
)


class DigestCacheRow(TypedDict):
    """A row of DIGEST_CACHE_SCHEMA."""

    state_key: str
    media_sha256: str
    format: str


DIGEST_CACHE_SCHEMA = pa.schema(
    [
        pa.field("state_key", pa.string(), nullable=False),  # of a local file in one state
        pa.field("media_sha256", pa.string(), nullable=False),  # "" if it cannot be trusted
        pa.field("format", pa.string(), nullable=False),
    ]
)
