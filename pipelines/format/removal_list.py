"""Writes lists of what was removed in canonical form, signs them, and checks them when read."""

from __future__ import annotations

import json

from pipelines.format.signed_record import check_signature, record_bytes, sign_record
from pipelines.ledger.signed_note import NoteError, Signer
from schemas.errors import InputError, RunError
from schemas.removal_list import RemovalList

_KIND = "removals"  # what a signature is for


class RemovalListError(RunError):
    """Raised when a list of removals is malformed, altered, or signed by another key."""


def sign_removal_list(removals: RemovalList, signer: Signer) -> RemovalList:
    """Returns the list with its signature; `removals.vkey` must be the signer's."""
    return sign_record(removals, _KIND, signer)


def removal_list_bytes(removals: RemovalList) -> bytes:
    """Returns the list as it is sent: RFC 8785 canonical JSON."""
    return record_bytes(removals)


def open_removal_list(data: bytes, pinned: tuple[str, ...] | None) -> RemovalList:
    """Reads a list and checks its form and its signature.

    Args:
        data: The file's bytes.
        pinned: The agency's keys, one of which must have signed; None for the key that it names.

    Raises:
        RemovalListError: If it is not canonical JSON of a list, or not signed by one of the keys.
    """
    try:
        removals = RemovalList.model_validate(json.loads(data))
        ours = removal_list_bytes(removals)
    except (ValueError, RecursionError) as error:
        raise RemovalListError("The list of removals cannot be read", ascii(data[:60])) from error
    if ours != data or removals.assets != sorted(set(removals.assets)):
        raise RemovalListError(
            "The list of removals was altered", "its bytes are not in the canonical form"
        )
    if pinned is not None and removals.vkey not in pinned:
        raise RemovalListError(
            "The list of removals is signed by another key than the pinned ones",
            f"{removals.vkey[:200]!a}, pinned: {', '.join(pinned)}",
            "Do not use it before the agency has confirmed its key.",
        )
    try:
        check_signature(removals, _KIND, removals.vkey)
    except (NoteError, InputError) as error:
        raise RemovalListError(
            "The signature of the list of removals is not valid", str(error)
        ) from error
    return removals
