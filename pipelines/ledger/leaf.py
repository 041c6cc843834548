"""The public leaf of a ledger entry: its bytes in the log.

A leaf is what the log publishes about an entry: RFC 8785 canonical JSON of commitments and of
things that the buyer has anyway. It never holds a contributor id, an asset id or an amount.
"""

from __future__ import annotations

from schemas.errors import InputError
from schemas.json_text import json_quote
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
    rest = leaf_suffix(
        entry.delivery,
        entry.shard,
        entry.key,
        entry.media_sha256,
        entry.decision_sha256,
        entry.terms_sha256,
    )
    return join_leaf(
        entry.amount_commitment, entry.asset_commitment, entry.contributor_commitment, rest
    )


def join_leaf(amount: str, asset: str, contributor: str, rest: str) -> bytes:
    """A leaf of its commitments, which are hex, and of what `leaf_suffix` wrote.

    Names in canonical JSON stand in alphabetical order, so that commitments come first.
    """
    text = (
        f'{{"amount_commitment":"{amount}","asset_commitment":"{asset}",'
        f'"contributor_commitment":"{contributor}",{rest}'
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "an entry cannot be written as JSON",
            ascii(error.object[error.start : error.end]),
            "Use valid Unicode in names.",
        ) from error


def leaf_suffix(delivery: str, shard: str, key: str, media: str, decision: str, terms: str) -> str:
    """The end of a leaf. Strings are escaped as RFC 8785 says, which is as Python does it."""
    return (
        f'"decision_sha256":{json_quote(decision)},"delivery":{json_quote(delivery)},'
        f'"key":{json_quote(key)},"media_sha256":{json_quote(media)},"shard":{json_quote(shard)},'
        f'"terms_sha256":{json_quote(terms)},"version":"{LEAF_VERSION}"}}'
    )
