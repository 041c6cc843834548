"""Offline proofs: what is written verifies, and anything altered is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.ledger.merkle import ProofError, leaf_hash
from pipelines.ledger.proof import read_proof, verify_proof, write_proof
from pipelines.ledger.signed_note import FileKey, NoteError, sign_checkpoint
from schemas.errors import RunError
from tests.ledger.merkle_reference import mth, path

SIGNER = FileKey("agency.example/log", bytes(range(32)))
DATA = [str(number).encode() for number in range(21)]
LEAVES = [leaf_hash(data) for data in DATA]
CHECKPOINT = sign_checkpoint(SIGNER, SIGNER.name, 21, mth(DATA))
PROOF = write_proof(6, path(6, DATA), CHECKPOINT)


@pytest.mark.parametrize("index", range(21))
def test_every_entry_has_a_proof(index: int) -> None:
    text = write_proof(index, path(index, DATA), CHECKPOINT)
    assert verify_proof(text, LEAVES[index], SIGNER.vkey, SIGNER.name).index == index
    with pytest.raises(ProofError, match="not in the tree"):
        verify_proof(text, LEAVES[(index + 1) % 21], SIGNER.vkey)


def test_a_proof_has_header_index_path_and_checkpoint() -> None:
    lines = PROOF.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 6"]
    assert lines[2] == base64.b64encode(LEAVES[7]).decode()
    assert PROOF.endswith("\n\n" + CHECKPOINT)
    assert read_proof(PROOF).checkpoint == CHECKPOINT


def test_a_log_of_one_entry_has_an_empty_path() -> None:
    checkpoint = sign_checkpoint(SIGNER, "log", 1, LEAVES[0])
    assert verify_proof(write_proof(0, [], checkpoint), LEAVES[0], SIGNER.vkey).path == ()


@given(st.integers(0, len(PROOF) - 1), st.characters())
def test_a_proof_with_an_altered_character_is_refused(at: int, char: str) -> None:
    assume(PROOF[at] != char)
    with pytest.raises(RunError):
        verify_proof(PROOF[:at] + char + PROOF[at + 1 :], LEAVES[6], SIGNER.vkey)


@given(st.integers(0, len(PROOF) - 1), st.integers(1, len(PROOF)))
def test_a_shortened_proof_is_refused(start: int, count: int) -> None:
    with pytest.raises(RunError):
        verify_proof(PROOF[:start] + PROOF[start + count :], LEAVES[6], SIGNER.vkey)


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = FileKey("agency.example/log", bytes(32))
    with pytest.raises(NoteError):
        verify_proof(PROOF, LEAVES[6], other.vkey)
    with pytest.raises(NoteError):
        verify_proof(PROOF, LEAVES[6], SIGNER.vkey, "another.example")
