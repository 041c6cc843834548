"""Builds the public leaf of a ledger entry: its bytes in the log.

A leaf is what the log publishes about an entry: RFC 8785 canonical JSON with commitments and
values that the buyer already has. It never contains a contributor id, an asset id or an amount.
"""

from __future__ import annotations

import orjson

from schemas.errors import InputError
from schemas.ledger import LedgerEntry

#: Version of the leaf format. Changing its fields requires a new version.
LEAF_VERSION = "fairshard/entry/v1"


def leaf_bytes(entry: LedgerEntry) -> bytes:
    """Returns the public leaf of an entry, as it is stored in the log's entry bundles.

    Returns:
        RFC 8785 canonical JSON, UTF-8, about 700 bytes.

    Raises:
        InputError: If a name in it has no UTF-8 form.
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
    """Returns a leaf built from its commitments, in hex, and the result of `leaf_suffix`.

    Canonical JSON sorts the names, so the commitments come first.
    """
    commitment_fields = (
        f'{{"amount_commitment":"{amount}","asset_commitment":"{asset}",'
        f'"contributor_commitment":"{contributor}",'
    )
    return commitment_fields.encode() + suffix


def leaf_suffix(
    delivery: str, shard: str, key: str, media: str, decision: str, terms: str
) -> bytes:
    """Returns the end of a leaf: everything after its commitments.

    orjson escapes texts as RFC 8785 requires.
    """
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
