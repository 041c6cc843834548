"""The public leaf of a ledger entry: its bytes in the log.

A leaf is what the log publishes about an entry: RFC 8785 canonical JSON of commitments and of
things that the buyer has anyway. It never holds a contributor id, an asset id or an amount.
"""

from __future__ import annotations

import orjson

from schemas.errors import InputError
from schemas.ledger import LedgerEntry

#: Names the form of a leaf. A change of its fields is a new version.
LEAF_VERSION = "fairshard/entry/v1"


def leaf_bytes(entry: LedgerEntry) -> bytes:
    """The public leaf of an entry: what goes into the log's entry bundles.

    Returns:
        RFC 8785 canonical JSON, UTF-8, some 700 bytes.

    Raises:
        InputError: A name in it has no UTF-8 form.
    """
    suffix = leaf_suffix(
        entry.delivery,
        entry.shard,
        entry.key,
        entry.media_sha256,
        entry.decision_sha256,
        entry.terms_sha256,
    )
    return join_leaf(
        entry.amount_commitment, entry.asset_commitment, entry.contributor_commitment, suffix
    )


def join_leaf(amount: str, asset: str, contributor: str, suffix: bytes) -> bytes:
    """A leaf of its commitments, which are hex, and of `leaf_suffix`.

    Names in canonical JSON stand in alphabetical order, so that commitments come first.
    """
    commitment_fields = (
        f'{{"amount_commitment":"{amount}","asset_commitment":"{asset}",'
        f'"contributor_commitment":"{contributor}",'
    )
    return commitment_fields.encode() + suffix


def leaf_suffix(
    delivery: str, shard: str, key: str, media: str, decision: str, terms: str
) -> bytes:
    """The end of a leaf. orjson escapes texts as RFC 8785 says."""
    fields = {
        "decision_sha256": decision,
        "delivery": delivery,
        "key": key,
        "media_sha256": media,
        "shard": shard,
        "terms_sha256": terms,
        "version": LEAF_VERSION,
    }
    try:
        return orjson.dumps(fields).removeprefix(b"{")
    except orjson.JSONEncodeError as error:
        raise InputError(
            "an entry cannot be written as JSON", ascii(fields), "Use valid Unicode in names."
        ) from error
