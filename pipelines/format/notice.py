"""Writes removal notices in canonical form, signs them, and checks them when they are read."""

from __future__ import annotations

import hashlib
import json

from pipelines.ledger.signed_note import NoteError, Signer, open_note, parse_vkey, sign_note
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError
from schemas.notice import Notice


class NoticeError(RunError):
    """Raised when a notice is malformed, altered, or signed by another key."""


def sign_notice(notice: Notice, signer: Signer) -> Notice:
    """Returns the notice with its signature; `notice.vkey` must be the signer's."""
    text = _signed_text(notice)
    line = sign_note(signer, text)[len(text) + 1 :].rstrip("\n")
    return notice.model_copy(update={"signature": line})


def notice_bytes(notice: Notice) -> bytes:
    """Returns the notice as it is sent: RFC 8785 canonical JSON."""
    return canonical_json(notice.model_dump(mode="json"))


def open_notice(data: bytes, vkey: str = "") -> Notice:
    """Reads a notice and checks its form and its signature.

    Args:
        data: The file's bytes.
        vkey: The key that must have signed; "" for the one that the notice names.

    Raises:
        NoticeError: If it is not canonical JSON of a notice, or not signed by the key.
    """
    try:
        notice = Notice.model_validate(json.loads(data))
        ours = notice_bytes(notice)
    except (ValueError, RecursionError) as error:
        raise NoticeError("The notice cannot be read", ascii(data[:60])) from error
    if ours != data:
        raise NoticeError("The notice was altered", "its bytes are not in the canonical form")
    if vkey and notice.vkey != vkey:
        raise NoticeError("The notice is signed by another key", ascii(notice.vkey[:200]))
    try:
        open_note(f"{_signed_text(notice)}\n{notice.signature}\n", parse_vkey(notice.vkey))
    except (NoteError, InputError) as error:
        raise NoticeError("The notice's signature is not valid", str(error)) from error
    return notice


def _signed_text(notice: Notice) -> str:
    unsigned = notice_bytes(notice.model_copy(update={"signature": ""}))
    return f"fairshard notice v1\n{hashlib.sha256(unsigned).hexdigest()}\n"
