"""A deal's terms cannot be guessed from what the buyer gets, and the agency's file opens them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from pipelines.format.terms_text import terms_text
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.terms import (
    open_terms,
    terms_commitment,
    terms_file,
    terms_opening,
)
from schemas.buyer_terms import parse_terms_file
from schemas.deal_for_buyer import buyer_terms
from tests.rights.rights_cases import deal

SECRET = bytes(range(32))
TERMS = b'{"price":{"agency_share":"0.40"}}'
SALT = deal_salt(SECRET, "acme")
PUBLIC = buyer_terms(deal(deal_id="acme", buyer="A <b>*Buyer*</b>"))
TEXT = terms_text(PUBLIC)
FILE = terms_file(SALT, TERMS, PUBLIC, TEXT)
OPENING = terms_opening(SALT, "acme", TERMS, FILE)
COMMITMENT = terms_commitment(SALT, "acme", TERMS)
DIGEST = hashlib.sha256(FILE).hexdigest()


def texts(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text


def test_the_commitment_is_the_documented_one() -> None:
    """HKDF, HMAC and SHA-256 as docs/ledger.md has them, with the standard library alone."""
    key = hmac.digest(bytes(32), SECRET, "sha256")
    info = b"fairshard/deal-salt/v1\0" + texts(b"acme")
    salt = hmac.digest(key, info + b"\x01", "sha256")
    item = hmac.digest(salt, b"terms\0" + texts(b"acme"), "sha256")
    expected = hashlib.sha256(b"terms\0" + item + b"\0" + texts(TERMS)).hexdigest()
    assert expected == COMMITMENT == json.loads(FILE)["all_terms"]
    opening = json.loads(OPENING)
    assert (opening["commitment"], opening["salt"]) == (DIGEST, item.hex())
    assert (opening["terms"], opening["deal_id"]) == (TERMS.decode(), "acme")
    assert open_terms(OPENING, DIGEST) == hashlib.sha256(TERMS).hexdigest()


def test_the_file_has_what_the_buyer_may_know_and_no_more() -> None:
    file = json.loads(FILE)
    assert set(file) == {"version", "terms", "text_sha256", "all_terms"}
    assert file["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    private = {"price", "agreements", "rulings", "select", "sources", "models", "output"}
    assert not private & set(file["terms"])
    assert b"price" not in FILE
    assert b"0.40" not in FILE
    assert parse_terms_file(FILE).terms == PUBLIC
    for data in (b"", b"[]", FILE + b"\n", FILE.replace(b"/v2", b"/v3"), FILE[:-1]):
        with pytest.raises(ValueError):
            parse_terms_file(data)


def test_names_in_the_text_are_shown_as_they_are() -> None:
    assert "- Buyer: A &lt;b&gt;\\*Buyer\\*&lt;/b&gt;\n" in TEXT
    assert "- Agency: not stated\n" in TEXT
    assert "- Contact for removals: not stated\n" in TEXT
    assert "Within 30 days" in TEXT


def test_openings_of_earlier_builds_are_read() -> None:
    """There, the salted commitment was `terms_sha256` itself."""
    opening = json.loads(OPENING)
    del opening["delivered"]
    earlier = opening | {"version": "fairshard/terms/v1", "commitment": COMMITMENT}
    data = json.dumps(earlier).encode()
    assert open_terms(data, COMMITMENT) == hashlib.sha256(TERMS).hexdigest()
    with pytest.raises(ProofError, match="of other terms"):
        open_terms(data, DIGEST)


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
        {"delivered": None},
        {"delivered": FILE.decode().replace("A <b>", "B <b>")},
    ]
    for change in changes:
        with pytest.raises(ProofError):
            open_terms(json.dumps(opening | change).encode(), DIGEST)
    for data in (b"", b"[]", OPENING[:-1]):
        with pytest.raises(ProofError, match="malformed"):
            open_terms(data, DIGEST)
    with pytest.raises(ProofError, match="of other terms"):
        open_terms(OPENING, "0" * 64)
