"""A sorted set proves what is in it and what is not, and nothing that is untrue."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.merkle import EMPTY_ROOT, ProofError
from pipelines.ledger.set_tree import (
    SetProof,
    StoredSet,
    check_set_proof,
    merge_rows,
    rows_of_set,
    set_root,
    sort_rows,
    sorted_rows,
)
from tests.ledger.merkle_reference import mth

hashes = st.binary(min_size=32, max_size=32)
# Values that lie close together, where a neighbour differs in the last byte only.
close = st.builds(lambda tail: bytes(31) + bytes([tail]), st.integers(0, 255))


def spread(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


@given(st.lists(hashes | close, max_size=60), hashes | close)
def test_membership_and_absence_are_proved(members: list[bytes], other: bytes) -> None:
    rows = sorted_rows(members)
    assert [row.tobytes() for row in rows] == sorted(set(members))
    root, _ = set_root(rows)
    assert root == mth(sorted(set(members)))
    held = rows_of_set(rows)
    for value in {*members, other, bytes(32), b"\xff" * 32}:
        proof = held.prove(value)
        assert check_set_proof(proof, value, len(rows), root) is (value in members)


@settings(max_examples=30)
@given(st.integers(1, 70_000), st.data())
def test_large_sets_are_read_in_parts(size: int, data: st.DataObject) -> None:
    values = spread(size)
    rows = sorted_rows(values)
    root, blocks = set_root(rows)
    read = 0

    def part(start: int, stop: int) -> bytes:
        nonlocal read
        read += stop - start
        return rows[start:stop].tobytes()

    held = StoredSet(size, part, lambda start, stop: blocks[32 * start : 32 * stop])
    value = data.draw(st.sampled_from(values[:500]) | hashes)
    assert check_set_proof(held.prove(value), value, size, root) is (value in values)
    assert read <= 8 * size**0.5 + 5 * 256 + 512 or read <= 3 * size


def test_a_proof_says_nothing_about_other_values() -> None:
    values = sorted(spread(600))
    rows = sorted_rows(values)
    root, _ = set_root(rows)
    held = rows_of_set(rows)
    chance = random.Random(5)
    for _ in range(200):
        there, absent = chance.choice(values), chance.randbytes(32)
        for proof in (held.prove(there), held.prove(absent)):
            forged = [
                replace(proof, start=proof.start + 1),
                replace(proof, start=proof.start - 1),
                replace(proof, leaves=proof.leaves[:1]),
                replace(proof, leaves=(*proof.leaves, there)),
                replace(proof, path=proof.path[:-1]),
                replace(proof, path=(*proof.path, root)),
                replace(proof, path=proof.path[::-1]),
            ]
            for other in forged:
                if other == proof:
                    continue
                for value in (there, absent):
                    with pytest.raises(ProofError):
                        check_set_proof(other, value, len(rows), root)
        with pytest.raises(ProofError):
            check_set_proof(held.prove(absent), there, len(rows), root)
        with pytest.raises(ProofError):
            check_set_proof(held.prove(there), absent, len(rows), root)


def test_two_leaves_that_are_not_neighbours_prove_nothing() -> None:
    values = sorted(spread(40))
    rows = sorted_rows(values)
    root, _ = set_root(rows)
    held = rows_of_set(rows)
    skipped = values[20]
    between = held.prove(values[20][:-1] + bytes([values[20][-1] ^ 1]))
    outer = replace(between, leaves=(values[19], values[21]))
    with pytest.raises(ProofError):
        check_set_proof(outer, skipped, 40, root)


def test_the_first_and_the_last() -> None:
    rows = sorted_rows([b"\x10" * 32, b"\x20" * 32])
    root, _ = set_root(rows)
    held = rows_of_set(rows)
    assert held.prove(bytes(32)).leaves == (b"\x10" * 32,)
    assert held.prove(b"\x30" * 32).leaves == (b"\x20" * 32,)
    # The first leaf says nothing about what is above it, nor the last about what is below.
    for value, proof in ((b"\x30" * 32, held.prove(bytes(32))), (bytes(32), held.prove(b"0" * 32))):
        with pytest.raises(ProofError, match="do not prove an absence"):
            check_set_proof(proof, value, 2, root)


def test_the_empty_set() -> None:
    empty = SetProof(0, (), ())
    assert rows_of_set(sorted_rows([])).prove(bytes(32)) == empty
    assert check_set_proof(empty, bytes(32), 0, EMPTY_ROOT) is False
    for size, root in ((0, bytes(32)), (1, EMPTY_ROOT)):
        with pytest.raises(ProofError):
            check_set_proof(empty, bytes(32), size, root)


few_words = st.sampled_from([bytes(8), b"\x01" * 8, b"\xff" * 8])
alike = st.builds(lambda first, rest: first + rest, few_words, st.binary(min_size=24, max_size=24))


@given(st.lists(hashes | alike, max_size=40), st.lists(hashes | alike, max_size=40))
def test_sets_are_sorted_and_merged(one: list[bytes], other: list[bytes]) -> None:
    """Also sets whose members begin alike, and sets that share members."""
    both = one + other[: len(other) // 2]
    first, second = sorted_rows(one), sorted_rows(both)
    assert [row.tobytes() for row in second] == sorted(set(both))
    assert [row.tobytes() for row in merge_rows(first, second)] == sorted(set(both))
    merged = merge_rows(sorted_rows(other), first)
    assert [row.tobytes() for row in merged] == sorted({*one, *other})


def test_rows_are_sorted_as_bytes() -> None:
    chance = np.random.default_rng(3)
    rows = chance.integers(0, 3, (4_000, 32), dtype=np.uint8)
    rows[:, :31] = rows[:, :31] // 2  # many differ late only
    ordered = [row.tobytes() for row in sort_rows(rows)]
    assert ordered == sorted({row.tobytes() for row in rows})
