"""Decisions: one outcome per asset, with all its reasons, as codes from one closed list."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa


class DecisionRow(TypedDict):
    """A row of DECISIONS_SCHEMA."""

    asset_id: str
    outcome: str
    stage: str
    reasons: list[str]
    detail: str
    shard: str | None
    key: str | None
    kept_asset_id: str | None


DECISIONS_SCHEMA = pa.schema(
    [
        pa.field("asset_id", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("shard", pa.string()),  # where a delivered asset's sample is, and its key
        pa.field("key", pa.string()),
        pa.field("kept_asset_id", pa.string()),  # the asset delivered instead of a duplicate
    ]
)

FAILED_ASSETS_SCHEMA = pa.schema(
    [
        pa.field("asset_id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
