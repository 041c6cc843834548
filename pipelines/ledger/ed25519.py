"""Ed25519 keys with names, in the text forms of C2SP signed-note and Go's note package."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import InputError, RunError

#: Name of the demo's key, which anyone can compute.
DEMONSTRATION_KEY_NAME = "fairshard-demonstration"

#: The prefix of the name in a signature line.
SIGNATURE_MARK = "— "

#: What a key's id and its text begin with: a note's signature, or a witness's cosignature.
NOTE_KEY = b"\x01"
COSIGNATURE_KEY = b"\x04"

_KEY_BYTES = 32
#: How a private key in signed-note form begins.
PRIVATE_KEY_PREFIX = "PRIVATE+KEY+"


class NoteError(RunError):
    """Raised when a note or checkpoint is malformed or not signed by the expected key."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name, created by `parse_vkey`.

    Args:
        name: The key's name: not empty, without spaces or `+`.
        public: The 32 bytes of the Ed25519 public key.
        kind: `NOTE_KEY`, or `COSIGNATURE_KEY` for a witness.
    """

    name: str
    public: bytes
    kind: bytes = NOTE_KEY

    @property
    def key_id(self) -> bytes:
        """The first four bytes of `sha256(name ‖ 0x0A ‖ kind ‖ public key)`."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text: `name+key id in hex+base64(kind ‖ public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(self.kind + self.public)}"

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key as text, hex, to be compared by telephone or in a contract."""
        return hashlib.sha256(self.vkey.encode()).hexdigest()

    def verify(self, text: str, signature: bytes) -> None:
        """Raise NoteError unless `signature` is this key's over `text`."""
        if not self.has_signed(text.encode(), signature):
            raise NoteError(
                "the signature is not valid", f"key {self.name}", "The text was altered."
            )

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Returns whether `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer(Protocol):
    """What signs for the agency: a file, or a service that keeps the key to itself."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def vkey(self) -> str:
        """The public half as text, for publication."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Returns the 64 bytes of the Ed25519 signature over a message."""
        ...


class AgencyKey(Signer, Protocol):
    """A signer with the secret that the agency's salts are derived from.

    The secret need not be the private key: a service can keep that one to itself.
    """

    @property
    def secret(self) -> bytes:
        """The secret, which never changes for a deal; 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class FileKey:
    """A signer whose private key was read from a file.

    Args:
        name: The key's name; C2SP requires an address without scheme, such as `example.com/log`.
        private: The 32 bytes of the Ed25519 private key; never shown.

    Raises:
        InputError: If the name or the key's length is wrong.
    """

    name: str
    private: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InputError("not a valid key name", repr(self.name), "Leave out spaces and +.")
        if len(self.private) != _KEY_BYTES:
            raise InputError(
                "a private key has 32 bytes", f"{len(self.private)} bytes", "Give a whole key."
            )

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        """The public half as text, for publication."""
        return self.verifier.vkey

    @property
    def skey(self) -> str:
        """The private key as text, in the form of Go's note package. Secret."""
        key_id = self.verifier.key_id.hex()
        return f"{PRIVATE_KEY_PREFIX}{self.name}+{key_id}+{to_base64(NOTE_KEY + self.private)}"

    @property
    def secret(self) -> bytes:
        """The secret that the agency's salts are derived from: the private key itself."""
        return self.private

    def sign(self, message: bytes) -> bytes:
        """See `Signer.sign`."""
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.private)


def parse_vkey(vkey: str, kind: bytes = NOTE_KEY) -> Verifier:
    """Read a verifier key, `name+key id+base64(kind ‖ public key)`.

    Raises:
        InputError: If it is malformed, is for another algorithm, or has the wrong key id.
    """
    what = "verifier key" if kind == NOTE_KEY else "witness key"
    name, public = _parse_key(vkey, what, kind)
    verifier = Verifier(name, public, kind)
    if verifier.vkey != vkey:
        raise InputError("the key id is not this key's", ascii(vkey), "Copy the whole key again.")
    return verifier


def parse_skey(skey: str, where: str) -> FileKey:
    """Read a private key as `FileKey.skey` writes it. Errors never show the text.

    Args:
        skey: The text.
        where: The file that it was read from, for errors.

    Raises:
        InputError: If it is malformed or has the wrong key id.
    """
    prefix, rest = skey[: len(PRIVATE_KEY_PREFIX)], skey[len(PRIVATE_KEY_PREFIX) :]
    if prefix != PRIVATE_KEY_PREFIX:
        raise InputError(
            "not a private key", f"{where} lacks PRIVATE+KEY+", "Use the file as written."
        )
    signer = FileKey(*_parse_key(rest, "private key", secret_in=where))
    if signer.skey != skey:
        which = f"{where}: {signer.name}"
        raise InputError("the key id is not this key's", which, "Copy the whole key again.")
    return signer


def _parse_key(
    text: str, what: str, kind: bytes = NOTE_KEY, secret_in: str = ""
) -> tuple[str, bytes]:
    """Return name and 32 key bytes of `name+key id+base64`; the caller compares the key id.

    An error names the file `secret_in` instead of showing the text.
    """
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")  # Base64 itself may contain a plus.
    raw = from_base64(encoded)
    if not is_key_name(name) or raw is None or raw[:1] != kind or len(raw) != 1 + _KEY_BYTES:
        shown = f"{secret_in}: {len(text)} characters" if secret_in else ascii(text[:120])
        raise InputError(
            f"not an Ed25519 {what}",
            shown,
            f"It must be name+hex key id+base64(0x{kind.hex()} and key).",
        )
    return name, raw[1:]


def is_key_name(name: str) -> bool:
    """Return whether a key may have this name."""
    # str.split() drops every Unicode space; a valid name is unchanged by it.
    return name.split() == [name] and "+" not in name and _is_clean(name)


def is_note_text(text: str) -> bool:
    """Return whether a text can be signed as a note."""
    return text.endswith("\n") and _is_clean(text.replace("\n", ""))


def _is_clean(text: str) -> bool:
    """Return whether the text has a UTF-8 form and no ASCII control characters."""
    return all(char >= " " and not "\ud800" <= char <= "\udfff" for char in text)


def to_base64(data: bytes) -> str:
    """Return bytes as standard base64."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes | None:
    """Decode standard base64; None unless it is in canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64(data) == text else None
