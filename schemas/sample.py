"""Where a sample's caption comes from, and the row that the ledger needs for a delivered asset.

The sample that the buyer gets is defined in schemas/profiles/.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

import pyarrow as pa


class CaptionSource(StrEnum):
    """Where a caption comes from; the contributor's sources come first."""

    TITLE = "title"
    DESCRIPTION = "description"
    KEYWORDS = "keywords"
    MODEL = "model"
    ZERO_SHOT = "zero-shot"  # made of the tags, from a vocabulary


class ConsideredAssetRow(TypedDict):
    """A row of CONSIDERED_ASSETS_SCHEMA."""

    asset_id: str
    media_type: str
    contributor_ids: list[str]
    shares_bp: list[int]
    weight: int


class DeliveredAssetRow(ConsideredAssetRow):
    """A row of DELIVERED_ASSETS_SCHEMA."""

    samples: int
    shard: str
    key: str
    media_sha256: str
    decision_sha256: str
    overrides: str


# What the division of money needs of an asset, delivered or not.
_CONSIDERED_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),
    pa.field("media_type", pa.string(), nullable=False),
    pa.field("contributor_ids", pa.list_(pa.string()), nullable=False),
    pa.field("shares_bp", pa.list_(pa.int32()), nullable=False),
    pa.field("weight", pa.int64(), nullable=False),
]
CONSIDERED_ASSETS_SCHEMA = pa.schema(_CONSIDERED_FIELDS)

# One row per asset, kept in the work area for the ledger and the decisions; never published.
DELIVERED_ASSETS_SCHEMA = pa.schema(
    [
        *_CONSIDERED_FIELDS,
        pa.field("samples", pa.int32(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("media_sha256", pa.string(), nullable=False),
        pa.field("decision_sha256", pa.string(), nullable=False),
        pa.field("overrides", pa.string(), nullable=False),  # denials that agreements override
    ]
)
