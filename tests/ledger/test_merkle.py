"""Roots and proofs agree with the definition in RFC 6962 and with external test vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.merkle import (
    EMPTY_ROOT,
    ProofError,
    RootBuilder,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.merkle_reference import mth, path, subproof

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors" / "merkle"


def leaves(size: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(size)]


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(leaf) for leaf in leaves(size)]


def test_every_root_and_proof_up_to_33_leaves_is_correct() -> None:
    builder = RootBuilder()
    for size in range(34):
        data = leaves(size)
        assert root(hashes(size)) == builder.root() == mth(data)
        for index in range(size):
            proof = path(index, data)
            verify_inclusion(leaf_hash(data[index]), index, size, proof, mth(data))
        for old in range(1, size + 1):
            verify_consistency(old, size, subproof(old, data), mth(data[:old]), mth(data))
        builder.add(leaf_hash(f"leaf {size}".encode()))


@given(st.integers(34, 600), st.data())
def test_proofs_of_larger_trees_are_accepted(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    found = leaves(size)
    top = root(hashes(size))
    verify_inclusion(leaf_hash(found[index]), index, size, path(index, found), top)
    verify_consistency(old, size, subproof(old, found), root(hashes(old)), top)


@given(st.integers(1, 40), st.data())
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    all_hashes = hashes(size)
    proof = path(index, leaves(size))
    top = root(all_hashes)
    other = data.draw(st.integers(-2, 64).filter(lambda number: number != index))
    with pytest.raises(ProofError):
        verify_inclusion(all_hashes[index], other, size, proof, top)
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b"forged"), index, size, proof, top)
    with pytest.raises(ProofError):
        verify_inclusion(all_hashes[index], index, size, [*proof, top], top)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = int.from_bytes(proof[at], "big") ^ (1 << bit)
        changed = [*proof[:at], flipped.to_bytes(32, "big"), *proof[at + 1 :]]
        for wrong in (changed, proof[:at] + proof[at + 1 :], [*proof[:at], b"", *proof[at + 1 :]]):
            with pytest.raises(ProofError):
                verify_inclusion(all_hashes[index], index, size, wrong, top)


@given(st.integers(2, 40), st.data())
def test_a_rewritten_history_is_refused(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    before = leaves(size)
    after = [*before[:changed], b"forged", *before[changed + 1 :]]
    with pytest.raises(ProofError):
        verify_consistency(old, size, subproof(old, after), mth(before[:old]), mth(after))
    honest = subproof(old, before)
    for wrong in ([*honest, EMPTY_ROOT], honest[:-1]):
        with pytest.raises(ProofError):
            verify_consistency(old, size, wrong, mth(before[:old]), mth(before))


def test_leaves_and_nodes_have_different_hashes() -> None:
    left, right = hashes(2)
    assert leaf_hash(left + right) != node_hash(left, right)
    assert mth([]) == EMPTY_ROOT


def test_a_proof_from_size_zero_is_refused() -> None:
    with pytest.raises(ProofError):
        verify_consistency(0, 5, [], EMPTY_ROOT, root(hashes(5)))


def _cases(kind: str) -> list[Path]:
    if not VECTORS.is_dir():
        pytest.skip(f"the external test vectors are missing: {VECTORS.parent.name}/merkle")
    found = sorted((VECTORS / kind).rglob("*.json"))
    assert len(found) == 98
    return found


def test_external_inclusion_vectors() -> None:
    for case in _cases("inclusion"):
        found = json.loads(case.read_text())
        try:
            verify_inclusion(
                base64.b64decode(found["leafHash"] or ""),
                found["leafIdx"],
                found["treeSize"],
                [base64.b64decode(value or "") for value in found["proof"] or []],
                base64.b64decode(found["root"] or ""),
            )
            failed = False
        except ProofError:
            failed = True
        assert failed == found["wantErr"], case


def test_external_consistency_vectors() -> None:
    for case in _cases("consistency"):
        found = json.loads(case.read_text())
        try:
            verify_consistency(
                found["size1"],
                found["size2"],
                [base64.b64decode(value or "") for value in found["proof"] or []],
                base64.b64decode(found["root1"] or ""),
                base64.b64decode(found["root2"] or ""),
            )
            failed = False
        except ProofError:
            failed = True
        assert failed == found["wantErr"], case
