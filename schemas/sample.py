"""A sample as the buyer sees it: the JSON beside the media, and a shard's table."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa
from pydantic import BaseModel, ConfigDict


class CaptionSource(StrEnum):
    """Whose words a caption is."""

    MODEL = "model"
    TITLE = "title"  # the contributor's, where the rights forbid captioning
    NONE = "none"


class Sample(BaseModel):
    """Everything a buyer may know of one sample: `<key>.json` in a shard.

    Every field is always present and always of one type, because loaders infer their schema from
    the first samples: unknown text is "", an unknown number 0, and keywords are one text. Names
    and ids of contributors and assets are never here, only commitments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str  # unique in the delivery
    asset: str  # salted commitment to the asset id, hex
    media_sha256: str  # of the media member's bytes
    media_type: str
    format: str
    width: int  # pixels, as displayed
    height: int
    duration_ms: int  # 0 for pictures, as the following three
    fps_num: int
    fps_den: int
    frames: int
    caption: str  # the recommended caption, as in <key>.txt
    caption_source: CaptionSource  # only a model's has a score and embeddings
    caption_model: str
    clip_model: str
    clip_score: float  # cosine of media and caption, by clip_model
    title: str  # the contributor's, as the following two
    description: str
    keywords: str  # separated by "; "
    language: str
    category: str
    created_at: str  # ISO 8601 date
    licence_model: str
    licence_class: str
    licence_code: str
    digital_source_type: str
    ai_generated: bool
    # What the file's owner asks of whoever uses it: PLUS codes separated by "; ".
    alteration_constraints: str  # AL-CRP, AL-FLP … : not to be cropped, flipped …
    file_constraints: str  # IF-MFN, IF-MID, IF-MMD, IF-MFT
    duplication_constraints: str  # DP-NDC, DP-LIC, DP-NOD
    usable_until: str  # ISO 8601 date where the rights end within the deal's term
    deal_id: str
    decision_sha256: str


SHARD_TABLE_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("asset", pa.string(), nullable=False),
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
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
        pa.field("ai_generated", pa.bool_(), nullable=False),
        pa.field("alteration_constraints", pa.string(), nullable=False),
        pa.field("file_constraints", pa.string(), nullable=False),
        pa.field("duplication_constraints", pa.string(), nullable=False),
        pa.field("usable_until", pa.string(), nullable=False),
        pa.field("decision_sha256", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_message", pa.string()),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("media_member", pa.string(), nullable=False),
        pa.field("media_offset", pa.int64(), nullable=False),  # bytes into the tar
        pa.field("media_length", pa.int64(), nullable=False),
        pa.field("txt_offset", pa.int64(), nullable=False),
        pa.field("txt_length", pa.int64(), nullable=False),
        pa.field("txt_sha256", pa.string(), nullable=False),
        pa.field("json_offset", pa.int64(), nullable=False),
        pa.field("json_length", pa.int64(), nullable=False),
        pa.field("json_sha256", pa.string(), nullable=False),
        pa.field("duration_ms", pa.int64(), nullable=False),
    ]
)

# One row an asset in the work area, for the ledger; never published.
DELIVERED_SCHEMA = pa.schema(
    [
        pa.field("asset_id", pa.string(), nullable=False),
        pa.field("contributor_ids", pa.list_(pa.string()), nullable=False),
        pa.field("shares_bp", pa.list_(pa.int32()), nullable=False),
        pa.field("weight", pa.int64(), nullable=False),
        pa.field("samples", pa.int32(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("decision_sha256", pa.string(), nullable=False),
    ]
)
