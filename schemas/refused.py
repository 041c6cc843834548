"""Refused assets as selection sees them: by what copies of their files are recognised."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa

from schemas.catalogue import ASSETS_SCHEMA, ContributorShare

_SEPARATOR = "\x1f"


class RefusedRow(TypedDict):
    """A row of REFUSED_ROWS_SCHEMA: an asset that screening refused for its rights."""

    asset_id: str
    media_uri: str
    contributors: list[ContributorShare]
    sha256: str | None
    hash: int
    reasons: str
    lasting: bool


class RefusedFile(TypedDict):
    """A row of REFUSED_FILES_SCHEMA: the file of an asset that was refused for its rights."""

    asset_id: str
    reasons: str
    lasting: bool
    owners: str
    place: int
    listed_sha256: str
    media_sha256: str
    phash: str
    colour: str
    look: str


_REASONS = pa.field("reasons", pa.string(), nullable=False)  # codes, for the detail
_LASTING = pa.field("lasting", pa.bool_(), nullable=False)  # whether no ruling lifts it
_ROW_FIELDS: list[pa.Field[pa.DataType]] = [
    ASSETS_SCHEMA.field("asset_id"),
    ASSETS_SCHEMA.field("media_uri"),
    ASSETS_SCHEMA.field("contributors"),
    ASSETS_SCHEMA.field("sha256"),
    pa.field("hash", pa.uint64(), nullable=False),
    _REASONS,
    _LASTING,
]
_FILE_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),
    _REASONS,
    _LASTING,
    pa.field("owners", pa.string(), nullable=False),  # see `owners_text`
    pa.field("place", pa.uint64(), nullable=False),  # hash of where its file lies
    # Hex; "" where it is not known.
    pa.field("listed_sha256", pa.string(), nullable=False),  # the catalogue's word
    pa.field("media_sha256", pa.string(), nullable=False),  # of the bytes
    pa.field("phash", pa.string(), nullable=False),
    pa.field("colour", pa.string(), nullable=False),
    # Hash and colours of the look that stands for it (pipelines.media.looks).
    pa.field("look", pa.string(), nullable=False),
]
REFUSED_ROWS_SCHEMA = pa.schema(_ROW_FIELDS)
REFUSED_FILES_SCHEMA = pa.schema(_FILE_FIELDS)


def owners_text(contributors: list[ContributorShare]) -> str:
    """Returns an asset's contributors as one text, which is equal for the same people."""
    return _SEPARATOR.join(sorted({share["contributor_id"] for share in contributors}))


def owner_ids(owners: str) -> list[str]:
    """Returns the contributors' ids that `owners_text` joined."""
    return owners.split(_SEPARATOR)
