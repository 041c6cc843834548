"""The table beside a shard: one row per sample, in the order of the tar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pyarrow as pa

from schemas.file_facts import FILE_FACTS_FIELDS
from schemas.measures import MEASURE_FIELDS, Measures
from schemas.profiles.file_fields import FileColumns
from schemas.profiles.index_columns import INDEX_FIELDS, IndexColumns

#: What a sample is for, by the name of its shards as well.
SPLITS = ("train", "validation")


class PlannedColumns(TypedDict):
    """What the plan says about a sample."""

    split: str
    group_id: str | None
    duplicate_cluster: str | None


class SampleRow(FileColumns, Measures, IndexColumns, PlannedColumns):
    """A row of SHARD_TABLE_SCHEMA without the columns that locate the sample in the tar."""

    key: str
    shard: str
    family: str
    media_type: str
    profile: str
    deal_id: str
    asset: str
    contributors: list[str]
    consents: list[str]
    releases: list[str]
    media_sha256: str
    width: int
    height: int
    aspect_bucket: str
    original_width: int
    original_height: int
    caption: str
    caption_source: str
    caption_model: str
    clip_score: float
    title: str
    licence_model: str
    licence_class: str
    licence_code: str
    digital_source_type: str
    ai_generated: str
    alteration_constraints: str
    file_constraints: str
    duplication_constraints: str
    usable_until: str
    decision_sha256: str
    status: str
    error_message: str | None
    duration_ms: int
    motion_milli: int
    phash: str | None


class MemberColumns(TypedDict):
    """Offsets and lengths (in bytes) of a sample's members in the tar, and their digests in hex."""

    sha256: str
    media_member: str
    media_offset: int
    media_length: int
    txt_offset: int
    txt_length: int
    txt_sha256: str
    json_offset: int
    json_length: int
    json_sha256: str


class ExtraMember(TypedDict):
    """A member of a sample besides medium, text and JSON; they are between medium and text."""

    ending: str
    offset: int
    length: int
    sha256: str


class ShardPlaces(MemberColumns):
    """The columns of all of a sample's members; only some profiles have extra ones."""

    extra_members: NotRequired[list[ExtraMember]]


class ShardRow(SampleRow, ShardPlaces):
    """A row of SHARD_TABLE_SCHEMA, or of the table of a profile that adds columns."""


class ShotRow(TypedDict):
    """A row of SHOTS_TABLE_SCHEMA."""

    key: str
    shot: int
    first_frame: int
    end_frame: int
    start_ms: int
    end_ms: int
    keyframe: int
    keyframe_ms: int
    motion_milli: int
    caption: str
    clip_score: float
    embedding: list[float]


#: The table in deliveries of FORMAT_VERSION 10.
SHARD_TABLE_SCHEMA_10 = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("profile", pa.string(), nullable=False),
        pa.field("deal_id", pa.string(), nullable=False),
        pa.field("asset", pa.string(), nullable=False),
        # Salted commitments, hex; those of contributors are in the order of the ledger's entries.
        pa.field("contributors", pa.list_(pa.string()), nullable=False),
        pa.field("consents", pa.list_(pa.string()), nullable=False),
        pa.field("releases", pa.list_(pa.string()), nullable=False),
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("aspect_bucket", pa.string(), nullable=False),
        pa.field("original_width", pa.int32(), nullable=False),
        pa.field("original_height", pa.int32(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("caption_source", pa.string(), nullable=False),
        pa.field("caption_model", pa.string(), nullable=False),
        pa.field("clip_score", pa.float32(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("licence_model", pa.string(), nullable=False),
        pa.field("licence_class", pa.string(), nullable=False),
        pa.field("licence_code", pa.string(), nullable=False),
        pa.field("digital_source_type", pa.string(), nullable=False),
        pa.field("ai_generated", pa.string(), nullable=False),
        pa.field("alteration_constraints", pa.string(), nullable=False),
        pa.field("file_constraints", pa.string(), nullable=False),
        pa.field("duplication_constraints", pa.string(), nullable=False),
        pa.field("usable_until", pa.string(), nullable=False),
        pa.field("decision_sha256", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_message", pa.string()),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("media_member", pa.string(), nullable=False),
        pa.field("media_offset", pa.int64(), nullable=False),  # bytes from the start of the tar
        pa.field("media_length", pa.int64(), nullable=False),
        pa.field("txt_offset", pa.int64(), nullable=False),
        pa.field("txt_length", pa.int64(), nullable=False),
        pa.field("txt_sha256", pa.string(), nullable=False),
        pa.field("json_offset", pa.int64(), nullable=False),
        pa.field("json_length", pa.int64(), nullable=False),
        pa.field("json_sha256", pa.string(), nullable=False),
        pa.field("duration_ms", pa.int64(), nullable=False),
        pa.field("motion_milli", pa.int64(), nullable=False),  # 0 for pictures
        pa.field("original_sha256", pa.string(), nullable=False),
        pa.field("rendition", pa.string(), nullable=False),  # "" if pixels were not changed
        pa.field("mode", pa.string(), nullable=False),
        pa.field("bits", pa.int32(), nullable=False),
        *FILE_FACTS_FIELDS[:1],
        pa.field("orientation", pa.int32(), nullable=False),
        *FILE_FACTS_FIELDS[1:],
        *MEASURE_FIELDS,
    ]
)
SHARD_TABLE_SCHEMA = pa.schema(
    [
        *SHARD_TABLE_SCHEMA_10,
        *INDEX_FIELDS,
        pa.field("phash", pa.string()),  # 256 bits, hex
        # Salted commitments, hex; null where it was not asked for or found out.
        pa.field("duplicate_cluster", pa.string()),
        pa.field("group_id", pa.string()),
        pa.field("split", pa.string(), nullable=False),
    ]
)
# What a profile adds whose samples have more members than three; see `shard_schema`.
EXTRA_MEMBERS = "extra_members"
_EXTRA_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("ending", pa.string(), nullable=False),  # of the member's name, behind the key
    pa.field("offset", pa.int64(), nullable=False),  # bytes from the start of the tar
    pa.field("length", pa.int64(), nullable=False),
    pa.field("sha256", pa.string(), nullable=False),
]
EXTRA_MEMBER_TYPE = pa.struct(_EXTRA_FIELDS)


def shard_schema(columns: Sequence[pa.Field[pa.DataType]], has_extras: bool) -> pa.Schema:
    """Returns the columns of shards' tables whose profile adds columns or members.

    Args:
        columns: The profile's columns.
        has_extras: Whether its samples have more members than medium, text and JSON.
    """
    extra = pa.field(EXTRA_MEMBERS, pa.list_(EXTRA_MEMBER_TYPE), nullable=False)
    return pa.schema([*SHARD_TABLE_SCHEMA, *columns, *([extra] if has_extras else [])])


#: The tables that can be read and verified, newest first; `profile_table_schemas` adds others.
SHARD_TABLE_SCHEMAS = (SHARD_TABLE_SCHEMA, SHARD_TABLE_SCHEMA_10)

# One row per shot of a shard's films, stored beside the other embeddings; joined to samples by key.
_SHOTS_TABLE_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("shot", pa.int32(), nullable=False),  # from 0
    pa.field("first_frame", pa.int64(), nullable=False),
    pa.field("end_frame", pa.int64(), nullable=False),  # the next shot's first
    pa.field("start_ms", pa.int64(), nullable=False),
    pa.field("end_ms", pa.int64(), nullable=False),
    pa.field("keyframe", pa.int64(), nullable=False),  # number of the frame that stands for it
    pa.field("keyframe_ms", pa.int64(), nullable=False),
    pa.field("motion_milli", pa.int64(), nullable=False),
    pa.field("caption", pa.string(), nullable=False),
    pa.field("clip_score", pa.float32(), nullable=False),  # cosine of the shot and its caption
    pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
]
SHOTS_TABLE_SCHEMA = pa.schema(_SHOTS_TABLE_FIELDS)

#: What clip-retrieval's readers expect beside a shard's embeddings: one row for each vector.
_METADATA_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("key", pa.string()),
    pa.field("shard", pa.string()),
    pa.field("image_path", pa.string()),  # <shard>.tar/<member>
    pa.field("caption", pa.string()),
    pa.field("clip_score", pa.float32()),
]
METADATA_SCHEMA = pa.schema(_METADATA_FIELDS)

# Where a sample's rows in other tables are.
_PLACE_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("shard_index", pa.int32(), nullable=False),  # as in img_emb_<index>.npy
    pa.field("embedding_row", pa.int32()),  # from 0; null without embeddings
    pa.field("first_shot_row", pa.int32()),  # of the sample's shots, which are consecutive
    pa.field("shots", pa.int32(), nullable=False),
]


def samples_schema(shard_table: pa.Schema) -> pa.Schema:
    """Returns the columns of `samples.parquet` for those of the shards' tables.

    It has one row per sample of the whole delivery, in the order of the tars' names and of their
    rows.
    """
    return pa.schema([*shard_table, *_PLACE_FIELDS])


SAMPLES_SCHEMA = samples_schema(SHARD_TABLE_SCHEMA)
