"""A deal's terms cannot be guessed from what the buyer gets, and the agency's file opens them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.terms import open_terms, terms_commitment, terms_opening

SECRET = bytes(range(32))
TERMS = b'{"price":{"agency_share":"0.40"}}'
OPENING = terms_opening(deal_salt(SECRET, "acme"), "acme", TERMS)
COMMITMENT = terms_commitment(deal_salt(SECRET, "acme"), "acme", TERMS)


def texts(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text


def test_the_commitment_is_the_documented_one() -> None:
    """HKDF, HMAC and SHA-256 as docs/ledger.md has them, with the standard library alone."""
    key = hmac.digest(bytes(32), SECRET, "sha256")
    info = b"fairshard/deal-salt/v1\0" + texts(b"acme")
    salt = hmac.digest(key, info + b"\x01", "sha256")
    item = hmac.digest(salt, b"terms\0" + texts(b"acme"), "sha256")
    expected = hashlib.sha256(b"terms\0" + item + b"\0" + texts(TERMS)).hexdigest()
    assert expected == COMMITMENT
    opening = json.loads(OPENING)
    assert (opening["commitment"], opening["salt"]) == (expected, item.hex())
    assert (opening["terms"], opening["deal_id"]) == (TERMS.decode(), "acme")
    assert open_terms(OPENING, COMMITMENT) == hashlib.sha256(TERMS).hexdigest()


def test_no_share_is_found_by_trying() -> None:
    guesses = [TERMS.replace(b"0.40", f"{share / 100:.2f}".encode()) for share in range(101)]
    digests = {hashlib.sha256(guess).hexdigest() for guess in guesses}
    digests |= {hashlib.sha256(b"terms\0\0" + texts(guess)).hexdigest() for guess in guesses}
    others = (deal_salt(bytes(32), "acme"), deal_salt(SECRET, "other"))
    digests |= {terms_commitment(salt, "acme", guess) for salt in others for guess in guesses}
    assert COMMITMENT not in digests


def test_what_does_not_open_the_commitment_is_refused() -> None:
    opening = json.loads(OPENING)
    changes: list[dict[str, object]] = [
        {"terms": TERMS.decode().replace("0.40", "0.41")},
        {"salt": "00" * 32},
        {"salt": opening["salt"][:-2]},
        {"version": "fairshard/terms/v0"},
        {"terms": None},
        {"salt": "no hex"},
    ]
    for change in changes:
        with pytest.raises(ProofError):
            open_terms(json.dumps(opening | change).encode(), COMMITMENT)
    for data in (b"", b"[]", OPENING[:-1]):
        with pytest.raises(ProofError, match="malformed"):
            open_terms(data, COMMITMENT)
    with pytest.raises(ProofError, match="of other terms"):
        open_terms(OPENING, "0" * 64)
