"""Which key signs the agency's log, and how one key hands over to the next.

The log's first record names its origin and its first key. A later `key` record names the next key,
with a signature by the key before it; from that record on, the next key signs the checkpoints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.ledger.ed25519 import NoteError, Signer, parse_vkey
from pipelines.ledger.record import Kind, integer_of, text_of
from pipelines.ledger.signed_note import note_signature, open_note
from schemas.errors import InputError

#: The end of the origin of every agency's log. The logs of deliveries have other origins.
ORIGIN_SUFFIX = "/agency-log"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """The public fields of a `key` record.

    Attributes:
        origin: The log's origin, which never changes.
        vkey: The key that signs from here on.
        previous_vkey: The key that signed before; empty in the first record.
        endorsement: The previous key's signature line over this hand-over; empty in the first.
        salt_sha256: In the first record, the digest of the agency's salt, hex; empty in others. An
            auditor who is shown the salt can check with it that no proof used another one.
    """

    origin: str
    vkey: str
    previous_vkey: str = ""
    endorsement: str = ""
    salt_sha256: str = ""

    def fields(self) -> dict[str, object]:
        """Returns them as a record's public fields."""
        return {
            "origin": self.origin,
            "vkey": self.vkey,
            "previous_vkey": self.previous_vkey,
            "endorsement": self.endorsement,
            "salt_sha256": self.salt_sha256,
        }


def first_key(signer: Signer, salt: bytes) -> KeyRecord:
    """Returns the first record of a log.

    Args:
        signer: The key that begins it.
        salt: The agency's salt, under which the log's commitments are made.
    """
    digest = hashlib.sha256(salt).hexdigest()
    return KeyRecord(f"{signer.name}{ORIGIN_SUFFIX}", signer.vkey, salt_sha256=digest)


def hand_over(origin: str, index: int, previous: Signer, following: Signer) -> KeyRecord:
    """Returns the record by which one key hands over to the next.

    Args:
        origin: The log's origin.
        index: The record's index.
        previous: The key that has signed so far.
        following: The key that signs from here on.
    """
    text = _hand_over_text(origin, index, following.vkey)
    line = note_signature(previous, text)
    return KeyRecord(origin, following.vkey, previous.vkey, line)


def key_of(leaf: Mapping[str, object]) -> KeyRecord:
    """Reads the leaf of a `key` record and checks the signature of the key before.

    Raises:
        NoteError: If it is not a key record, or the previous key did not sign it.
        ProofError: If a field is malformed.
    """
    names = ("origin", "vkey", "previous_vkey", "endorsement", "salt_sha256")
    if leaf.get("kind") != Kind.KEY:
        raise NoteError("not a record about a key", repr(leaf.get("kind")))
    found, index = KeyRecord(*(text_of(leaf, name) for name in names)), integer_of(leaf, "index")
    if index == 0:
        if found.previous_vkey or found.endorsement:
            raise NoteError("the first record names an earlier key", found.previous_vkey)
        return found
    text = _hand_over_text(found.origin, index, found.vkey)
    try:
        open_note(f"{text}\n{found.endorsement}\n", parse_vkey(found.previous_vkey))
    except InputError as error:
        raise NoteError("a record about a key is malformed", str(error)) from error
    return found


def follow_keys(trusted: Sequence[str], leaves: Iterable[Mapping[str, object]]) -> set[str]:
    """Returns the keys that are trusted because a trusted key has handed over to them.

    Args:
        trusted: Verifier keys to begin with.
        leaves: Leaves of key records, in the order of the log; the caller has checked that they are
            in it.

    Raises:
        NoteError: If one is not a key record, or its signature is not valid.
    """
    found = set(trusted)
    for leaf in leaves:
        record = key_of(leaf)
        if record.previous_vkey in found:
            found.add(record.vkey)
    return found


def _hand_over_text(origin: str, index: int, vkey: str) -> str:
    return f"fairshard key v1\n{origin}\n{index}\n{vkey}\n"
