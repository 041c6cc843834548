"""The buyer's private key, as OpenSSL or `fairshard` writes one."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pipelines.ledger.ed25519 import PRIVATE_KEY_PREFIX, FileKey, parse_skey
from schemas.errors import InputError


def load_buyer_key(path: str | Path, name: str = "") -> FileKey:
    """Reads the key that a buyer signs with.

    Args:
        path: A file with an Ed25519 key, as `openssl genpkey -algorithm ed25519` writes it, or in
            signed-note form, which has a name of its own.
        name: Its name, without spaces or +, such as `buyer.example`; for a PEM only.

    Raises:
        InputError: If it cannot be read, is no Ed25519 key, or the name is missing or another one.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            "The buyer's key cannot be read", str(error), "Give the path of the private key."
        ) from error
    text = data.decode("ascii", "replace").strip()
    if text.startswith(PRIVATE_KEY_PREFIX):
        key = parse_skey(text, str(path))
        if name and name != key.name:
            raise InputError("The buyer's key has another name", f"{key.name}, not {name}")
        return key
    try:
        found = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            "The buyer's key cannot be read",
            f"{path}: {error}"[:200],
            "Make one with: openssl genpkey -algorithm ed25519 -out buyer.pem",
        ) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise InputError(
            "The buyer's key is of another kind",
            f"{path}: {type(found).__name__}",
            "Make one with: openssl genpkey -algorithm ed25519 -out buyer.pem",
        )
    return FileKey(name, found.private_bytes_raw())
