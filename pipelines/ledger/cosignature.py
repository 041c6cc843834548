"""Cosignatures of witnesses on checkpoints, in the format C2SP tlog-cosignature with Ed25519.

A witness is somebody else who remembers the newest checkpoint of a log and cosigns one only if the
log did nothing but grow since. So a log that shows different records to different readers cannot
have both cosigned by an honest witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.ledger.ed25519 import COSIGNATURE_KEY, NoteError, Verifier, parse_vkey
from pipelines.ledger.signed_note import signature_line, signatures_by, split_note
from schemas.errors import InputError

_TIME_BYTES, _SIGNATURE_BYTES = 8, 64
_LAST_TIME_S = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's valid cosignature on a checkpoint.

    Attributes:
        witness: The witness's key.
        time_s: When it cosigned, in seconds since 1970, by its own clock.
        line: The signature line, without its newline.
    """

    witness: Verifier
    time_s: int
    line: str

    @property
    def cosigned_at(self) -> str:
        """The time as ISO 8601 instant."""
        return datetime.fromtimestamp(self.time_s, UTC).isoformat()


def parse_witness_key(vkey: str) -> Verifier:
    """Reads a witness's verifier key, `name+key id+base64(0x04 ‖ public key)`.

    Raises:
        InputError: If it is malformed, is for another algorithm, or has the wrong key id.
    """
    return parse_vkey(vkey, COSIGNATURE_KEY)


def cosigned_message(text: str, time_s: int) -> bytes:
    """Returns what a witness signs: the time and the checkpoint's text, without signatures."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def read_cosignatures(note: str, witnesses: Iterable[Verifier]) -> list[Cosignature]:
    """Returns the cosignatures of some witnesses on a checkpoint; other lines are ignored.

    Args:
        note: The checkpoint with all its signature lines.
        witnesses: The witnesses that the reader trusts.

    Raises:
        NoteError: If the note is malformed, or a line has a witness's name and key id but is not
            its cosignature.
    """
    text, signatures = split_note(note)
    return [
        _checked(text, witness, signature)
        for witness in dict.fromkeys(witnesses)
        for signature in _only(witness, signatures_by(witness, signatures))
    ]


def require_cosignatures(
    note: str, witnesses: Sequence[Verifier], quorum: int | None = None
) -> list[Cosignature]:
    """Returns the cosignatures of witnesses, of which there must be enough.

    Args:
        note: The checkpoint with all its signature lines.
        witnesses: The witnesses that the reader trusts.
        quorum: How many of them must have cosigned; all by default.

    Raises:
        InputError: If the quorum cannot be reached, or two of the witnesses are the same key.
        NoteError: If too few cosigned, or a cosignature is not valid.
    """
    wanted = check_quorum(witnesses, quorum)
    found = read_cosignatures(note, witnesses)
    if len(found) < wanted:
        known = {one.witness for one in found}
        missing = ", ".join(one.name for one in witnesses if one not in known)
        raise NoteError(
            "Too few witnesses have cosigned the checkpoint",
            f"{len(found)} of {wanted}; without {missing}",
            "Ask the agency for a proof whose checkpoint they have cosigned.",
        )
    return found


def check_quorum(witnesses: Sequence[Verifier], quorum: int | None) -> int:
    """Returns how many of the witnesses must have cosigned.

    Raises:
        InputError: If there are fewer, or two of them are the same key.
    """
    # A cosignature does not commit to the witness's name: one key under two names is one witness.
    different = len({one.public for one in witnesses})
    if different < len(witnesses):
        raise InputError(
            "Two witness keys are the same",
            ", ".join(one.name for one in witnesses),
            "Give each witness once.",
        )
    wanted = different if quorum is None else quorum
    if not 1 <= wanted <= different:
        raise InputError(
            "The quorum does not fit the witnesses",
            f"{wanted} of {different}",
            "Give a number from 1 to the number of witness keys.",
        )
    return wanted


def _only(witness: Verifier, signatures: Sequence[bytes]) -> Sequence[bytes]:
    if len(signatures) > 1:
        raise NoteError("a witness has cosigned the checkpoint more than once", witness.name)
    return signatures


def _checked(text: str, witness: Verifier, signature: bytes) -> Cosignature:
    time_s = int.from_bytes(signature[:_TIME_BYTES])
    well_formed = len(signature) == _TIME_BYTES + _SIGNATURE_BYTES and 0 < time_s <= _LAST_TIME_S
    message = cosigned_message(text, time_s)
    if not well_formed or not witness.has_signed(message, signature[_TIME_BYTES:]):
        raise NoteError(
            "a cosignature is not valid",
            f"witness {witness.name}",
            "The checkpoint or the cosignature was altered.",
        )
    return Cosignature(witness, time_s, signature_line(witness, signature))
