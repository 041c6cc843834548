"""Writes and verifies offline proofs of log entries, in the format of C2SP tlog-proof.

A proof has an index, a path and a checkpoint. Together with the log's verifier key, it is all that
is needed to check that a leaf is in the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.ledger.ed25519 import from_base64, to_base64
from pipelines.ledger.merkle import HASH_BYTES, ProofError, verify_inclusion
from pipelines.ledger.signed_note import open_checkpoint

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
# A tree of 2**63 leaves has paths of 63 hashes.
_MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as read, not yet verified.

    Args:
        index: The leaf's position in the log, from 0.
        path: The inclusion proof, 32 bytes each.
        checkpoint: The log's checkpoint, verbatim.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def write_proof(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """Write a proof as text, for a file named `*.tlog-proof`.

    Args:
        index: The leaf's position in the log.
        path: The inclusion proof in the tree of the checkpoint's size.
        checkpoint: The checkpoint, verbatim.
    """
    lines = [_HEADER, f"index {index}", *map(to_base64, path), "", checkpoint]
    return "\n".join(lines)


def read_proof(text: str) -> Proof:
    """Read a proof. Extra data is refused because it is not signed and our proofs have none.

    Raises:
        ProofError: If it is malformed.
    """
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if lines[0] != _HEADER or index is None or not blank or len(lines) > 2 + _MAX_PATH:
        raise ProofError(
            "this is not a proof of a log entry",
            ascii(text[:80]),
            f"It must begin with {_HEADER} and an index line.",
        )
    path = [from_base64(line) for line in lines[2:]]
    good = tuple(value for value in path if value is not None and len(value) == HASH_BYTES)
    if len(good) != len(path):
        raise ProofError("a hash in the proof is not 32 bytes of base64", ascii(head[:400]))
    return Proof(int(index.group(1)), good, checkpoint)


def verify_proof(text: str, leaf: bytes, vkey: str, origin: str | None = None) -> Proof:
    """Check that a leaf is in the log that a key signs.

    1. The proof is well formed.
    2. The checkpoint is signed by the key.
    3. The path leads from the leaf to the checkpoint's root.

    Args:
        text: The proof.
        leaf: The leaf hash, 32 bytes.
        vkey: The log's verifier key.
        origin: The expected origin of the log, or None.

    Returns:
        The verified proof.

    Raises:
        ProofError: If the proof is malformed or does not show this.
        NoteError: If the checkpoint is malformed or not signed by the key.
        InputError: If the key is malformed.
    """
    # 1. Form.
    proof = read_proof(text)
    # 2. Checkpoint.
    _, size, root = open_checkpoint(proof.checkpoint, vkey, origin)
    # 3. Path.
    verify_inclusion(leaf, proof.index, size, proof.path, root)
    return proof
