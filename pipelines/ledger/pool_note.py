"""What the agency signs about a version's pool: the digest of its record.

The record names the digests of the pool's tables, so that one signature holds for every credit.
Those for assets that were considered and not delivered are in no entry of the ledger. The note is
private like the pool.
"""

from __future__ import annotations

import hashlib

from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import Signer, open_note, parse_vkey, sign_note

#: Version of the signed text. Changing its lines requires a new version.
POOL_NOTE_VERSION = "fairshard/pool/v1"


def sign_pool(signer: Signer, delivery: str, record: bytes) -> str:
    """Returns a signed note about a pool's record.

    Args:
        signer: The agency's key.
        delivery: Id of the delivery.
        record: The bytes of pool.json.
    """
    return sign_note(signer, _text(delivery, record))


def check_pool_note(note: str, vkey: str, delivery: str, record: bytes) -> None:
    """Checks that a pool's record is the signed one.

    Args:
        note: The whole note.
        vkey: The verifier key that signed the version.
        delivery: Id of the delivery.
        record: The bytes of pool.json.

    Raises:
        NoteError: If the note is not signed by the key.
        ProofError: If it is about another delivery or record.
    """
    if open_note(note, parse_vkey(vkey)) != _text(delivery, record):
        raise ProofError("pool.json is not the one that was signed", delivery)


def _text(delivery: str, record: bytes) -> str:
    return f"{POOL_NOTE_VERSION}\n{delivery}\n{hashlib.sha256(record).hexdigest()}\n"
