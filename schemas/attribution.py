"""The table of samples whose licence asks to name the author: `rights/attribution.parquet`."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa


class AttributionRow(TypedDict):
    """A row of ATTRIBUTION_SCHEMA."""

    shard: str
    key: str
    asset: str
    title: str
    author: str
    source: str
    licence_code: str
    licence_url: str
    changes: str


ATTRIBUTION_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("asset", pa.string(), nullable=False),  # commitment, hex
        pa.field("title", pa.string(), nullable=False),  # "" if the work has none
        # As the licence lets it be shown; "" only where the deal accepts that.
        pa.field("author", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # a web address, or ""
        pa.field("licence_code", pa.string(), nullable=False),  # SPDX
        pa.field("licence_url", pa.string(), nullable=False),  # of each licence, joined by "; "
        pa.field("changes", pa.string(), nullable=False),  # "" if the file is the author's
    ]
)
