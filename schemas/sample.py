"""Where a sample's caption comes from, and the row that the ledger needs for a delivered asset.

The sample that the buyer gets is defined in schemas/profiles/.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

import pyarrow as pa


class CaptionSource(StrEnum):
    """Where a caption comes from."""

    MODEL = "model"
    TITLE = "title"  # the contributor's, if the rights forbid captioning
    DESCRIPTION = "description"  # likewise, if there is no title
    NONE = "none"


class DeliveredAssetRow(TypedDict):
    """A row of DELIVERED_ASSETS_SCHEMA."""

    asset_id: str
    contributor_ids: list[str]
    shares_bp: list[int]
    weight: int
    samples: int
    shard: str
    key: str
    media_sha256: str
    decision_sha256: str
    overrides: str


# One row per asset, kept in the work area for the ledger and the decisions; never published.
DELIVERED_ASSETS_SCHEMA = pa.schema(
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
        pa.field("overrides", pa.string(), nullable=False),  # denials that agreements override
    ]
)
