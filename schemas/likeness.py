"""Pairs of assets that show the same, as the agency's table of them has them."""

from __future__ import annotations

from typing import TypedDict

import pyarrow as pa


class LikenessRow(TypedDict):
    """A row of LIKENESS_SCHEMA."""

    asset_id: str
    other_asset_id: str
    outcome: str
    possible_copy: bool
    contributors: list[str]
    other_contributors: list[str]
    hash_bits: int | None
    agreement_milli: int | None
    difference: int | None
    cosine_milli: int | None


_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),  # the one that is kept, if either is
    pa.field("other_asset_id", pa.string(), nullable=False),
    # The reason for which one of them can be refused; the deal's key that keeps both; or
    # "uncertain": both are kept, since it is not certain that they show the same.
    pa.field("outcome", pa.string(), nullable=False),
    pa.field("possible_copy", pa.bool_(), nullable=False),  # of different contributors
    pa.field("contributors", pa.list_(pa.string()), nullable=False),
    pa.field("other_contributors", pa.list_(pa.string()), nullable=False),
    # What the pair was judged by; null where it was not compared by that.
    pa.field("hash_bits", pa.int32()),  # of 256 that differ
    pa.field("agreement_milli", pa.int32()),  # of edges and grain; 1,000 for the same
    pa.field("difference", pa.int32()),  # of the shades, in levels of 255
    pa.field("cosine_milli", pa.int32()),  # of the embeddings
]
LIKENESS_SCHEMA = pa.schema(_FIELDS)
