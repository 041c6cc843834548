"""Commits to a deal's terms in what the buyer gets, and keeps what opens the commitment.

Terms have what is not for the buyer, such as the agency's share, and most of them are known or easy
to guess. A digest without a salt could be found by trying; the salt is in the agency's files alone.
"""

from __future__ import annotations

import hashlib
import json

from pipelines.ledger.commitments import Domain, commit, item_salt, opens, text_value
from pipelines.ledger.merkle import ProofError
from schemas.canonical import canonical_json

#: Version of the file that opens a commitment. Changing a field requires a new version.
OPENING_VERSION = "fairshard/terms/v1"


def terms_commitment(salt: bytes, deal_id: str, terms: bytes) -> str:
    """Returns the commitment to a deal's terms, hex: `terms_sha256` of manifest and leaves.

    Args:
        salt: The deal's salt, from `commitments.deal_salt`.
        deal_id: The deal.
        terms: Its terms as canonical JSON, from `Deal.terms_json`.
    """
    return commit(Domain.TERMS, _salt(salt, deal_id), text_value(terms.decode()))


def terms_opening(salt: bytes, deal_id: str, terms: bytes) -> bytes:
    """Returns the file that opens the commitment: canonical JSON. It stays with the agency."""
    return canonical_json(
        {
            "version": OPENING_VERSION,
            "deal_id": deal_id,
            "commitment": terms_commitment(salt, deal_id, terms),
            "salt": _salt(salt, deal_id).hex(),
            "terms": terms.decode(),
        }
    )


def open_terms(data: bytes, commitment: str) -> str:
    """Returns the digest of the terms that a commitment is to, hex: that of `Deal.terms_sha256`.

    Args:
        data: The file from `terms_opening`.
        commitment: What the delivery states, hex.

    Raises:
        ProofError: If the file does not open the commitment.
    """
    try:
        found = json.loads(data)
        terms, salt = found["terms"], bytes.fromhex(found["salt"])
        is_known = found["version"] == OPENING_VERSION
        is_opened = opens(commitment, Domain.TERMS, salt, text_value(terms))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProofError("the opening of a deal's terms is malformed", str(error)[:200]) from error
    if not is_known or not is_opened:
        raise ProofError("the opening is of other terms", f"commitment {commitment[:80]}")
    return hashlib.sha256(terms.encode()).hexdigest()


def _salt(salt: bytes, deal_id: str) -> bytes:
    return item_salt(salt, Domain.TERMS, deal_id)
