"""RFC 3161 timestamps: made by a timestamping authority, checked offline with its certificate.

`rfc3161_client` reads the answer and checks it. Certificates in the answer are not trusted: they
only lead from the signer's to a given root. From version 1.0.9 on, which is the least required.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from pipelines.ledger.anchor import Anchored, AnchorError
from schemas.errors import InputError

_GRANTED = 0
_VERIFY_ERROR = re.compile(r'data: "Verify error: ([^"\n]+)')

# What the libraries raise for an answer that is not as it should be: some of it has no common base.
_MALFORMED = (
    *(VerificationError, ValueError, KeyError, TypeError, x509.InvalidVersion),
    *(x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm),
)


def timestamp_request(data: bytes) -> tuple[bytes, int]:
    """Returns a request for a timestamp of some bytes, and the nonce that the answer must have."""
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    if request.nonce is None:
        raise ValueError("a request has a nonce")
    return request.as_bytes(), request.nonce


def read_certificates(data: bytes, where: str) -> list[x509.Certificate]:
    """Returns the certificates of a PEM file.

    Raises:
        InputError: If it has none, or one is malformed.
    """
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise InputError(
            "Not a file of certificates",
            f"{where}: {error}"[:200],
            "Give certificates in PEM form.",
        ) from error


def check_timestamp(
    data: bytes,
    answer: bytes,
    trusted: Sequence[x509.Certificate],
    nonce: int | None = None,
) -> Anchored:
    """Checks a timestamping authority's answer.

    1. It is well formed, grants the request and is about these bytes.
    2. The signature is valid, and a trusted certificate vouches for the signer's, as of then.
    3. The signer's certificate is for timestamps, and the answer has the nonce of the request, if
       one is given.

    Args:
        data: The bytes that the timestamp is about.
        answer: The answer, in DER.
        trusted: The root certificates that vouch for the authority.
        nonce: The nonce of the request, while it is known.

    Raises:
        AnchorError: If one of these checks fails.
    """
    wanted = hashlib.sha256(data).digest()
    found, imprint = _read(answer)  # 1
    if imprint != wanted:
        raise AnchorError(
            "The timestamp is of something else",
            f"sha256 {imprint.hex()}, here {wanted.hex()}",
            "Give the timestamp of this checkpoint.",
        )
    try:
        VerifierBuilder(roots=list(trusted), nonce=nonce).build().verify(found, wanted)  # 2, 3
        signer = _signer(found, trusted)
    except _MALFORMED as error:
        named = _VERIFY_ERROR.search(str(error))
        raise AnchorError(
            "The timestamp is not valid",
            named[1] if named else str(error).strip()[:200],
            "If the certificates are not the authority's, get them from the authority itself.",
        ) from error
    return Anchored(found.tst_info.gen_time, signer.subject.rfc4514_string())


def _read(answer: bytes) -> tuple[TimeStampResponse, bytes]:
    """Returns an answer that grants a request, and the digest that it is about."""
    try:
        found = decode_timestamp_response(answer)
        status = found.status
        imprint = found.tst_info.message_imprint.message if status == _GRANTED else b""
    except _MALFORMED as error:
        raise AnchorError("Not an RFC 3161 timestamp", str(error).strip()[:200]) from error
    if status != _GRANTED:
        raise AnchorError("The timestamping authority refused the request", f"status {status}")
    return found, imprint


def _signer(found: TimeStampResponse, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    """Returns the certificate of the key that signed."""
    offered = [x509.load_der_x509_certificate(one) for one in found.signed_data.certificates]
    [info] = found.signed_data.signer_infos
    named = [
        one
        for one in dict.fromkeys([*offered, *trusted])
        if (one.issuer, one.serial_number) == (info.issuer, info.serial_number)
    ]
    if len(named) != 1:
        raise VerificationError(f"{len(named)} certificates have the signer's name")
    return named[0]
