"""Commits to a deal's terms in what the buyer gets, and keeps what opens the commitment.

What the buyer may know about the terms is a file of the delivery, whose digest is `terms_sha256`.
Other terms, such as the agency's share, are in that file as a salted commitment: most of them are
known or easy to guess, and a digest without a salt could be found by trying. The salt is in the
agency's files alone.
"""

from __future__ import annotations

import hashlib
import json

from pipelines.ledger.commitments import Domain, commit, item_salt, opens, text_value
from pipelines.ledger.merkle import ProofError
from schemas.buyer_terms import TERMS_VERSION, BuyerTerms, TermsFile
from schemas.canonical import canonical_json

# In deliveries of earlier builds, `terms_sha256` is the salted commitment itself.
_COMMITMENT_ALONE = "fairshard/terms/v1"


def terms_commitment(salt: bytes, deal_id: str, terms: bytes) -> str:
    """Returns the salted commitment to all of a deal's terms, hex.

    Args:
        salt: The deal's salt, from `commitments.deal_salt`.
        deal_id: The deal.
        terms: Its terms as canonical JSON, from `Deal.terms_json`.
    """
    return commit(Domain.TERMS, _salt(salt, deal_id), text_value(terms.decode()))


def terms_file(salt: bytes, terms: bytes, public: BuyerTerms, text: str) -> bytes:
    """Returns `rights/terms.json` of a delivery, of which `terms_sha256` is the digest.

    Args:
        salt: The deal's salt.
        terms: All its terms as canonical JSON.
        public: What the buyer may know about them.
        text: The same as readable text.
    """
    file = TermsFile(
        version="fairshard/terms/v2",
        terms=public,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
        all_terms=terms_commitment(salt, public.deal_id, terms),
    )
    return canonical_json(file.model_dump(mode="json"))


def terms_opening(salt: bytes, deal_id: str, terms: bytes, file: bytes) -> bytes:
    """Returns the file that opens `terms_sha256`: canonical JSON. It stays with the agency.

    Args:
        salt: The deal's salt.
        deal_id: The deal.
        terms: All its terms as canonical JSON.
        file: The delivery's file, from `terms_file`.
    """
    return canonical_json(
        {
            "version": TERMS_VERSION,
            "deal_id": deal_id,
            "commitment": hashlib.sha256(file).hexdigest(),
            "delivered": file.decode(),
            "salt": _salt(salt, deal_id).hex(),
            "terms": terms.decode(),
        }
    )


def open_terms(data: bytes, commitment: str) -> str:
    """Returns the digest of the terms that `terms_sha256` is of, hex: that of `Deal.terms_sha256`.

    Args:
        data: The file from `terms_opening`, also one of an earlier build.
        commitment: What the delivery states, hex.

    Raises:
        ProofError: If the file does not open the commitment.
    """
    try:
        found = json.loads(data)
        terms, salt = found["terms"], bytes.fromhex(found["salt"])
        inner = _salted(found, commitment)
        is_opened = inner is not None and opens(inner, Domain.TERMS, salt, text_value(terms))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProofError("the opening of a deal's terms is malformed", str(error)[:200]) from error
    if not is_opened:
        raise ProofError("the opening is of other terms", f"commitment {commitment[:80]}")
    return hashlib.sha256(terms.encode()).hexdigest()


def _salted(opening: dict[str, str], commitment: str) -> str | None:
    """Returns the salted commitment behind `terms_sha256`; None if the opening is of another."""
    if opening["version"] == _COMMITMENT_ALONE:
        return commitment
    if opening["version"] != TERMS_VERSION:
        return None
    delivered = opening["delivered"].encode()
    if hashlib.sha256(delivered).hexdigest() != commitment:
        return None
    return str(json.loads(delivered)["all_terms"])


def _salt(salt: bytes, deal_id: str) -> bytes:
    return item_salt(salt, Domain.TERMS, deal_id)
