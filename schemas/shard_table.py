"""The table beside a shard: one row a sample, in the order of the tar."""

from __future__ import annotations

import pyarrow as pa

SHARD_TABLE_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("profile", pa.string(), nullable=False),
        pa.field("deal_id", pa.string(), nullable=False),
        pa.field("asset", pa.string(), nullable=False),
        # Salted commitments, hex; of contributors, in the order of the ledger's entries.
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
        pa.field("motion_milli", pa.int64(), nullable=False),  # 0 for pictures
    ]
)

# One row a shot of a shard's films, beside the other embeddings; joined to samples by key.
SHOTS_TABLE_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("shot", pa.int32(), nullable=False),  # from 0
        pa.field("first_frame", pa.int64(), nullable=False),
        pa.field("end_frame", pa.int64(), nullable=False),  # the next shot's first
        pa.field("start_ms", pa.int64(), nullable=False),
        pa.field("end_ms", pa.int64(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("clip_score", pa.float32(), nullable=False),  # cosine of the shot and its caption
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),  # L2-normalised
    ]
)
