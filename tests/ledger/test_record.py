"""Records: what the log publishes of them, and what is refused when they are read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from pipelines.ledger.key_chain import first_key, follow_keys, hand_over, key_of
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import AllSets, Kind, Record, all_sets_of, read_leaf, read_record
from pipelines.ledger.signed_note import FileKey, NoteError
from schemas.errors import InputError

AS_OF = "2026-06-30T00:00:00+00:00"
RECORD = Record(
    7, Kind.PAYMENT, AS_OF, {"period": "2026-Q2"} | AllSets().fields(), {"gross": 5}, bytes(32)
)
ONE, TWO, THREE = (FileKey(f"agency.example/{n}", bytes([n]) * 32) for n in (1, 2, 3))


def test_a_leaf_has_the_public_part_and_a_commitment() -> None:
    leaf = json.loads(RECORD.leaf())
    empty = hashlib.sha256(b"").hexdigest()
    private = hashlib.sha256(b"record\x00" + bytes(32) + b'\x00{"gross":5}').hexdigest()
    assert leaf == {
        "version": "fairshard/record/v1",
        "index": 7,
        "kind": "payment",
        "recorded_at": AS_OF,
        "period": "2026-Q2",
        "private_sha256": private,
        "all_assets": 0,
        "all_assets_root": empty,
        "all_contributors": 0,
        "all_contributors_root": empty,
    }
    assert read_leaf(RECORD.leaf()) == leaf
    assert all_sets_of(leaf) == AllSets()


def test_a_record_round_trips() -> None:
    assert read_record(RECORD.to_bytes(), 7) == RECORD


def test_the_salt_hides_the_private_part() -> None:
    other = replace(RECORD, salt=b"\x01" * 32)
    assert other.leaf() != RECORD.leaf()


def test_malformed_records_are_refused() -> None:
    good = json.loads(RECORD.to_bytes())
    changes: list[dict[str, object]] = [
        {"index": 8},
        {"kind": "other"},
        {"kind": []},
        {"version": "fairshard/record/v2"},
        {"salt": "00"},
        {"salt": "zz"},
        {"public": []},
        {"private": None},
        {"more": 1},
    ]
    for change in changes:
        data = json.dumps(good | change, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(ProofError):
            read_record(data, 7)
    for data in (b"", b"[]", RECORD.to_bytes() + b" ", b"\xff", b"[" * 10_000):
        with pytest.raises(ProofError):
            read_record(data, 7)


def test_reserved_names_are_refused() -> None:
    with pytest.raises(InputError, match="reserved"):
        replace(RECORD, public={"kind": "x"}).leaf()


def leaf_of(index: int, fields: dict[str, object]) -> dict[str, object]:
    return read_leaf(Record(index, Kind.KEY, AS_OF, fields, {}, bytes(32)).leaf())


def test_keys_hand_over() -> None:
    first = leaf_of(0, first_key(ONE, bytes(32)).fields())
    origin = str(first["origin"])
    second = leaf_of(4, hand_over(origin, 4, ONE, TWO).fields())
    third = leaf_of(9, hand_over(origin, 9, TWO, THREE).fields())
    assert key_of(second).vkey == TWO.vkey
    assert follow_keys([ONE.vkey], [second, third]) == {ONE.vkey, TWO.vkey, THREE.vkey}
    assert follow_keys([TWO.vkey], [second, third]) == {TWO.vkey, THREE.vkey}
    assert follow_keys([ONE.vkey], [third]) == {ONE.vkey}  # a link is missing


def test_a_hand_over_is_for_one_key_one_place_and_one_log() -> None:
    origin = "agency.example/1/agency-log"
    fields = hand_over(origin, 4, ONE, TWO).fields()
    changes: tuple[tuple[int, dict[str, object]], ...] = (
        (5, {}),
        (4, {"vkey": THREE.vkey}),
        (4, {"origin": "other/agency-log"}),
        (4, {"previous_vkey": THREE.vkey}),
        (4, {"previous_vkey": ""}),
        (4, {"endorsement": ""}),
        (0, {}),
    )
    for index, change in changes:
        with pytest.raises(NoteError):
            key_of(leaf_of(index, fields | change))
