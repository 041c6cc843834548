"""Salted commitments: buyers see them, but only the holder of a salt can tell what they commit to.

Every value has its own 32-byte salt, so that opening one commitment reveals nothing about another:

    deal salt  = HKDF-SHA256(agency secret, info = "fairshard/deal-salt/v1" 0x00 deal id)
    item salt  = HMAC-SHA256(deal salt, domain 0x00 id)
    commitment = SHA-256(domain 0x00 salt 0x00 value)

An id or a value is a list of texts, each written as UTF-8 after its length in four bytes, so that
no two lists have the same bytes. Destroying the secret removes the link between the log and the
people in it; the log itself does not change.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import InputError

SALT_BYTES = 32
_MIN_SECRET_BYTES = 16
_DEAL_INFO = b"fairshard/deal-salt/v1\x00"
_AGENCY_INFO = b"fairshard/agency-salt/v1\x00"


class Domain(StrEnum):
    """The subject of a commitment. Two domains never share a salt or a commitment."""

    ASSET = "asset"
    CONTRIBUTOR = "contributor"
    AMOUNT = "amount"
    CONSENT = "consent"
    RELEASE = "release"
    LOG_ASSET = "log-asset"
    LOG_CONTRIBUTOR = "log-contributor"
    RECORD = "record"
    TOTAL = "total"
    TERMS = "terms"
    GROUP = "group"
    CLUSTER = "cluster"
    PERSON = "person"


_PREFIXES = {domain: domain.encode() + b"\x00" for domain in Domain}
_BLOCK_BYTES = 64  # of SHA-256


def deal_salt(secret: bytes, deal_id: str) -> bytes:
    """Derive the salt of one deal from the agency's secret.

    Args:
        secret: The agency's secret; 16 random bytes or more.
        deal_id: The deal's id.

    Returns:
        32 bytes that stay with the agency.

    Raises:
        InputError: If the secret is too short.
    """
    return _derive(secret, _DEAL_INFO + encode(deal_id))


def agency_salt(secret: bytes) -> bytes:
    """Derive the salt of the agency's log, under which an id has one commitment in all deals.

    Args:
        secret: The agency's secret; 16 random bytes or more.

    Returns:
        32 bytes that stay with the agency.

    Raises:
        InputError: If the secret is too short.
    """
    return _derive(secret, _AGENCY_INFO)


def _derive(secret: bytes, info: bytes) -> bytes:
    if len(secret) < _MIN_SECRET_BYTES:
        raise InputError(
            "the agency's secret is too short",
            f"{len(secret)} bytes",
            f"Use at least {_MIN_SECRET_BYTES} random bytes; 32 are usual.",
        )
    return HKDF(algorithm=SHA256(), length=SALT_BYTES, salt=None, info=info).derive(secret)


def item_salt(salt: bytes, domain: Domain, *ids: str) -> bytes:
    """Return the salt of one item, which is given to the person who may open its commitment.

    Args:
        salt: The deal's salt.
        domain: What the commitment is about.
        ids: What identifies the item inside the deal.

    Returns:
        32 bytes.
    """
    return domain_salts(salt, domain).salt_for(encode(*ids))


class DomainSalts:
    """The salts of one deal's items in a domain: HMAC-SHA256 (RFC 2104) with its key set up once.

    Setting up a key takes longer than using it, and creating the standard library's HMAC object
    takes longer than both.

    Args:
        salt: The deal's salt.
        domain: What the commitments are about.
    """

    def __init__(self, salt: bytes, domain: Domain) -> None:
        key = hashlib.sha256(salt).digest() if len(salt) > _BLOCK_BYTES else salt
        padded = key.ljust(_BLOCK_BYTES, b"\x00")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + _PREFIXES[domain])
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def salt_for(self, ids: bytes) -> bytes:
        """Return the salt of the item with these ids, as `encode` writes them."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(ids)
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=16)
def domain_salts(salt: bytes, domain: Domain) -> DomainSalts:
    """Return the salts of a deal's items in a domain."""
    return DomainSalts(salt, domain)


def commit(domain: Domain, salt: bytes, value: bytes) -> str:
    """Return the commitment to a value, in hex.

    Args:
        domain: What the commitment is about.
        salt: The item's salt, 32 bytes.
        value: The encoded value, from `text_value` or `amount_value`.

    Returns:
        64 hex digits.
    """
    return hashlib.sha256(_PREFIXES[domain] + salt + b"\x00" + value).hexdigest()


def opens(commitment: str, domain: Domain, salt: bytes, value: bytes) -> bool:
    """Return whether a salt and a value open a commitment.

    A salt of another length never does. Because all salts have the same length, their
    concatenation with a value is unambiguous.
    """
    if len(salt) != SALT_BYTES:
        return False
    return commit(domain, salt, value) == commitment


def text_value(text: str) -> bytes:
    """Return the value bytes of an asset's or a contributor's id."""
    return encode(text)


def amount_value(amount_minor: int, currency: str, share_bp: int, weight: int) -> bytes:
    """Return the value bytes of an entry's amount, with the figures it was computed from."""
    return encode(str(amount_minor), currency, str(share_bp), str(weight))


def encode(*texts: str) -> bytes:
    """Return texts as unambiguous bytes: each text after its length in four bytes.

    Raises:
        InputError: If a text has no UTF-8 form (a lone surrogate).
    """
    try:
        parts = [text.encode() for text in texts]
    except UnicodeEncodeError as error:
        raise InputError(
            "an id is not valid Unicode", ascii(error.object), "Correct it in the catalogue."
        ) from error
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


@lru_cache(maxsize=4_096)
def encode_cached(text: str) -> bytes:
    """Return one frequently used text as `encode` writes it.

    The concatenated bytes of several texts are those of the list of them.
    """
    return encode(text)
