"""Reads the lists of certificates that make C2PA signers trusted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from schemas.errors import InputError, counted
from schemas.signal import raw_sha256

_MAX_FILE_BYTES = 8 << 20
_OID = re.compile(r"[0-2](\.[0-9]+)+")
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", flags=re.DOTALL
)


@dataclass(frozen=True)
class TrustLists:
    """The certificates that make a signature Trusted.

    Attributes:
        anchors_pem: Roots and intermediates, PEM.
        allowed_pem: Signers' own certificates that need no root, PEM.
        ekus: Extended key usages that a signer may have, one OID a line; empty for the
            library's own: e-mail protection (1.3.6.1.5.5.7.3.4) among them.
        denial_phrases: Phrases of the deal's own that deny in plain language, one a line.
    """

    anchors_pem: str
    allowed_pem: str = ""
    ekus: str = ""
    denial_phrases: str = ""

    @cached_property
    def digest(self) -> str:
        """sha256 of all of them, hex: what a reading depends on besides the file."""
        fields = (self.anchors_pem, self.allowed_pem, self.ekus)
        phrases = (self.denial_phrases,) if self.denial_phrases else ()
        return raw_sha256("\0".join((*fields, *phrases)))

    def as_json(self) -> dict[str, str]:
        """Returns the fields, for `TrustLists(**fields)` in another process."""
        return asdict(self)


# No signer is trusted: files can deny but not allow.
NO_TRUST = TrustLists("")


def load_trust_lists(
    paths: Sequence[Path],
    allowed: Sequence[Path] = (),
    ekus: Sequence[str] = (),
    denial_phrases: Sequence[str] = (),
) -> TrustLists:
    """Reads trust lists from PEM files.

    Args:
        paths: Files of roots and intermediates.
        allowed: Files of signers' own certificates.
        ekus: OIDs of extended key usages.
        denial_phrases: The deal's own denial phrases.

    Raises:
        InputError: If a file cannot be read, holds no certificate, a damaged one or anything
            else, or if an OID is not valid.
    """
    for oid in ekus:
        if not _OID.fullmatch(oid):
            raise InputError("Not an OID", repr(oid), "Write it as 1.3.6.1.5.5.7.3.4.")
    return TrustLists(
        "".join(_certificates(path) for path in paths),
        "".join(_certificates(path) for path in allowed),
        "\n".join(ekus),
        "\n".join(denial_phrases),
    )


def _certificates(path: Path) -> str:
    """Returns the certificates of one file, without the text between them."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(
            "A trust list cannot be read", f"{path}: {error.strerror}", "Give a PEM file."
        ) from error
    if len(data) > _MAX_FILE_BYTES:
        raise InputError(
            "A trust list is too large",
            f"{path}: more than {_MAX_FILE_BYTES} bytes",
            "Give a file with only the roots.",
        )
    from cryptography import x509  # takes long, and most runs have no trust list

    blocks = _CERTIFICATE.findall(data)
    # The native library skips what it cannot parse or fails on every file, so check it here once.
    if not blocks or data.count(b"-----BEGIN ") != len(blocks):
        raise InputError(
            "A trust list must hold certificates and nothing else",
            f"{path}: {counted(len(blocks), 'complete certificate')}",
            "Give a PEM file that has only BEGIN CERTIFICATE blocks.",
        )
    for number, block in enumerate(blocks, start=1):
        try:
            x509.load_pem_x509_certificate(block)
        except ValueError as error:
            raise InputError(
                "A trust list holds a damaged certificate",
                f"{path}: certificate {number}",
                "Replace that certificate.",
            ) from error
    return "".join(block.decode("ascii") + "\n" for block in blocks)
