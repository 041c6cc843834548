"""The agency's record of the media files that a run read."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa


class MediaRow(TypedDict):
    """A row of MEDIA_SCHEMA."""

    asset_id: str
    media_uri: str
    media_sha256: str
    sidecars_sha256: str


_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),
    pa.field("media_uri", pa.string(), nullable=False),
    pa.field("media_sha256", pa.string(), nullable=False),  # of the file as it was read, hex
    pa.field("sidecars_sha256", pa.string(), nullable=False),  # "" without any
]
MEDIA_SCHEMA = pa.schema(_FIELDS)
