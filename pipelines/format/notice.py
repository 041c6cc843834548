"""Writes removal notices in canonical form, signs them, and checks them when they are read."""

from __future__ import annotations

import json

from pipelines.format.signed_record import check_signature, record_bytes, sign_record
from pipelines.ledger.signed_note import NoteError, Signer
from schemas.errors import InputError, RunError
from schemas.notice import Notice

_KIND = "notice"  # what a signature is for


class NoticeError(RunError):
    """Raised when a notice is malformed, altered, or signed by another key."""


def sign_notice(notice: Notice, signer: Signer) -> Notice:
    """Returns the notice with its signature; `notice.vkey` must be the signer's."""
    return sign_record(notice, _KIND, signer)


def notice_bytes(notice: Notice) -> bytes:
    """Returns the notice as it is sent: RFC 8785 canonical JSON."""
    return record_bytes(notice)


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
        check_signature(notice, _KIND, notice.vkey)
    except (NoteError, InputError) as error:
        raise NoticeError("The notice's signature is not valid", str(error)) from error
    return notice
