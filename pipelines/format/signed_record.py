"""Writes small records in canonical form, signs them, and checks them when they are read.

A record is a pydantic model with the fields `vkey` and `signature`. What is signed is a note with
the record's kind and the digest of its canonical JSON (RFC 8785) without the signature, as it is of
manifests. Notices and lists of removals are such records, too, with errors of their own.
"""

from __future__ import annotations

import hashlib
import json
from typing import TypeVar

from pydantic import BaseModel

from pipelines.ledger.signed_note import NoteError, Signer, note_signature, open_note, parse_vkey
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError

_Record = TypeVar("_Record", bound=BaseModel)


class SignedRecordError(RunError):
    """Raised when a record is malformed, altered, or signed by another key."""


def signed_bytes(record: BaseModel, kind: str, signer: Signer) -> bytes:
    """Returns a record with its signature, as it is published.

    Args:
        record: The record; its `vkey` must be the signer's.
        kind: What it is, such as `latest`; a signature of one kind is none of another.
        signer: The key.
    """
    return record_bytes(sign_record(record, kind, signer))


def sign_record(record: _Record, kind: str, signer: Signer) -> _Record:
    """Returns a record with its signature; see `signed_bytes`."""
    line = note_signature(signer, _signed_text(record, kind))
    return record.model_copy(update={"signature": line})


def record_bytes(record: BaseModel) -> bytes:
    """Returns a record as it is published: RFC 8785 canonical JSON."""
    return canonical_json(record.model_dump(mode="json"))


def open_signed(
    data: bytes, form: type[_Record], kind: str, pinned: tuple[str, ...] | None = None
) -> _Record:
    """Reads a record and checks its form and its signature.

    Args:
        data: Its bytes.
        form: Its model.
        kind: What it is.
        pinned: The keys that the reader trusts; None for the key that the record names.

    Raises:
        SignedRecordError: If it is not canonical JSON of such a record, or not signed by the key.
    """
    try:
        record = form.model_validate(json.loads(data))
        ours = record_bytes(record)
    except (ValueError, RecursionError) as error:
        raise SignedRecordError(f"The {kind} record cannot be read", ascii(data[:60])) from error
    if ours != data:
        raise SignedRecordError(
            f"The {kind} record was altered", "its bytes are not in the canonical form"
        )
    vkey = str(getattr(record, "vkey", ""))
    if pinned is not None and vkey not in pinned:
        raise SignedRecordError(
            f"The {kind} record is signed by another key than the pinned ones",
            f"{vkey[:200]!a}, pinned: {', '.join(pinned)}",
            "Do not use it before the agency has confirmed its key.",
        )
    try:
        check_signature(record, kind, vkey)
    except (NoteError, InputError) as error:
        raise SignedRecordError(
            f"The {kind} record's signature is not valid", str(error)
        ) from error
    return record


def check_signature(record: BaseModel, kind: str, vkey: str) -> None:
    """Checks that a key signed a record.

    Raises:
        NoteError: If it did not.
        InputError: If the key is malformed.
    """
    signature = str(getattr(record, "signature", ""))
    open_note(f"{_signed_text(record, kind)}\n{signature}\n", parse_vkey(vkey))


def _signed_text(record: BaseModel, kind: str) -> str:
    unsigned = record_bytes(record.model_copy(update={"signature": ""}))
    return f"fairshard {kind} v1\n{hashlib.sha256(unsigned).hexdigest()}\n"
