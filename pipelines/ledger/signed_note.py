"""Signed notes and checkpoints in the formats C2SP signed-note and tlog-checkpoint, with Ed25519.

A note is text, a blank line and signature lines `— name base64(key id ‖ signature)`. A checkpoint
is a note of three lines: the log's origin, its size and its root. Reading is strict: anything that
this module would not write is refused, except signatures by other keys, which the specification
says to ignore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.ledger.ed25519 import (
    SIGNATURE_MARK,
    FileKey,
    NoteError,
    Signer,
    Verifier,
    from_base64,
    is_key_name,
    is_note_text,
    parse_skey,
    parse_vkey,
    to_base64,
)
from pipelines.ledger.merkle import EMPTY_ROOT, HASH_BYTES
from schemas.errors import InputError

__all__ = [
    "FileKey",
    "NoteError",
    "Signer",
    "Verifier",
    "bare_note",
    "open_checkpoint",
    "open_note",
    "parse_signature",
    "parse_skey",
    "parse_vkey",
    "sign_checkpoint",
    "sign_note",
    "signature_line",
    "signatures_by",
    "split_note",
]

_MAX_SIGNATURES = 100
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


def open_note(note: str, verifier: Verifier) -> str:
    """Check a note's form and the key's signature.

    1. The note has only valid characters.
    2. It has text and signatures, separated by the last blank line.
    3. Every signature line is well formed; those of other keys are skipped.
    4. The key's signature appears exactly once and is valid.

    Args:
        note: The whole note.
        verifier: The key that must have signed.

    Returns:
        The signed text, which ends in a newline.

    Raises:
        NoteError: If any of these checks fails.
    """
    text, signatures = split_note(note)  # 1 to 3
    key_signatures = signatures_by(verifier, signatures)
    if len(key_signatures) != 1:
        raise NoteError(
            f"the note has {len(key_signatures)} signatures by the key",
            ascii(verifier.vkey),
            "Check that this is the log's key.",
        )
    verifier.verify(text, key_signatures[0])  # 4
    return text


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Check a note's form alone.

    Returns:
        The text, which ends in a newline, and the signatures: key name, key id, signature.

    Raises:
        NoteError: If the note or a signature line is malformed.
    """
    if not is_note_text(note):
        raise NoteError("not a note", ascii(note[:60]), "Fetch it again, without any change.")
    body, separator, signature_block = note.rpartition("\n\n")
    lines = signature_block.removesuffix("\n").split("\n")
    if not separator or not body or len(lines) > _MAX_SIGNATURES:
        raise NoteError("a note needs text, a blank line and signatures", ascii(note[:60]))
    return body + "\n", [parse_signature(line) for line in lines]


def bare_note(note: str, vkey: str) -> str:
    """Return a note with this key's signature alone, as the key's owner wrote it.

    Raises:
        NoteError: If the note is malformed or not signed by the key.
        InputError: If the key is malformed.
    """
    verifier = parse_vkey(vkey)
    text = open_note(note, verifier)
    _, signatures = split_note(note)
    [signature] = signatures_by(verifier, signatures)
    return f"{text}\n{signature_line(verifier, signature)}\n"


def signatures_by(
    verifier: Verifier, signatures: Iterable[tuple[str, bytes, bytes]]
) -> list[bytes]:
    """Returns a note's signatures with a key's name and id, without checking them."""
    key = (verifier.name, verifier.key_id)
    return [signature for *signer, signature in signatures if tuple(signer) == key]


def signature_line(verifier: Verifier, signature: bytes) -> str:
    """Return a signature line of a note, without its newline."""
    return f"{SIGNATURE_MARK}{verifier.name} {to_base64(verifier.key_id + signature)}"


def sign_note(signer: Signer, text: str) -> str:
    """Sign a text as a note.

    Args:
        signer: The key.
        text: The text, which must end in a newline and have no other control characters.

    Returns:
        The note: text, blank line, signature line.

    Raises:
        InputError: If the text cannot be signed as a note.
    """
    if not is_note_text(text):
        raise InputError(
            "this text cannot be signed as a note",
            ascii(text[:60]),
            "It must end in a newline and contain no control characters but newlines.",
        )
    line = signature_line(parse_vkey(signer.vkey), signer.sign(text.encode()))
    return f"{text}\n{line}\n"


def note_signature(signer: Signer, text: str) -> str:
    """Returns the signature line of a note, for records that keep it beside the text; see above."""
    return sign_note(signer, text)[len(text) + 1 :].rstrip("\n")


def sign_checkpoint(signer: Signer, origin: str, size: int, root: bytes) -> str:
    """Write a log's checkpoint.

    Args:
        signer: The log's key; its name should be the origin.
        origin: The log's identity, one line.
        size: Number of leaves in the tree.
        root: The tree's root, 32 bytes.

    Raises:
        InputError: If one of them is not valid in a checkpoint.
    """
    text = f"{origin}\n{size}\n{to_base64(root)}\n"
    if _parse_checkpoint(text) != (origin, size, root):
        raise InputError(
            "this cannot be a checkpoint",
            f"origin {origin!a}, size {size}, root of {len(root)} bytes",
            "The origin must be one non-empty line, the size at least 0, and the root 32 bytes.",
        )
    return sign_note(signer, text)


def open_checkpoint(text: str, vkey: str, origin: str | None = None) -> tuple[str, int, bytes]:
    """Check a checkpoint's form and signature.

    Args:
        text: The whole checkpoint.
        vkey: The log's verifier key.
        origin: The expected origin, or None.

    Returns:
        Origin, size and root.

    Raises:
        NoteError: If the note is malformed, not signed by the key, not a checkpoint, has another
            origin, or has extension lines, which our logs never write and nobody could audit.
        InputError: If the key is malformed.
    """
    signed = open_note(text, parse_vkey(vkey))
    found = _parse_checkpoint(signed)
    if found is None:
        raise NoteError("the signed text is not a checkpoint", ascii(signed[:200]))
    if origin is not None and found[0] != origin:
        raise NoteError(
            "the checkpoint belongs to another log", ascii(found[0]), f"Expected {origin}."
        )
    return found


def _parse_checkpoint(text: str) -> tuple[str, int, bytes] | None:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        return None
    size, root = int(lines[1]), from_base64(lines[2])
    if root is None or len(root) != HASH_BYTES or (size == 0 and root != EMPTY_ROOT):
        return None
    return lines[0], size, root


def parse_signature(line: str) -> tuple[str, bytes, bytes]:
    """Read a signature line of a note: key name, key id, signature.

    Raises:
        NoteError: If it is malformed.
    """
    mark, rest = line[: len(SIGNATURE_MARK)], line[len(SIGNATURE_MARK) :]
    name, space, encoded = rest.partition(" ")
    raw = from_base64(encoded)
    if mark != SIGNATURE_MARK or not space or not is_key_name(name) or raw is None or len(raw) < 5:
        raise NoteError("a signature line is malformed", ascii(line[:80]))
    return name, raw[:4], raw[4:]
