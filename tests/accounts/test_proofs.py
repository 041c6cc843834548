"""Proof files: both verifiers agree on sound ones, and neither accepts an altered one."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.delivered_sets import set_commitment
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.proofs import Question, prove
from pipelines.cli import main
from pipelines.ledger.agency_check import check_proof_file
from pipelines.ledger.commitments import Domain
from pipelines.ledger.ed25519 import NoteError
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import AllSets, Kind
from pipelines.ledger.set_tree import Rows, sort_rows, sorted_rows
from pipelines.storage.open import open_store
from schemas.canonical import canonical_json
from schemas.errors import InputError, RunError
from tests.accounts import independent
from tests.accounts.cases import AS_OF, NEXT, SIGNER, key_of, note
from tests.end_to_end.small_library import in_process

# Two deliveries: assets a-0 to a-39 of c-0 to c-4, and a-30 to a-59 of c-3 to c-7.
FIRST, SECOND = "acme/v0001", "acme/v0002"
ASSETS = {FIRST: range(40), SECOND: range(30, 60)}
PEOPLE = {FIRST: range(5), SECOND: range(3, 8)}


def deliver(log: AgencyLog, name: str, assets: list[str], people: list[str]) -> None:
    """Appends a delivery's record, with sets made here."""

    def rows_of(domain: Domain, identifiers: list[str]) -> Rows:
        return sorted_rows(set_commitment(log.salt, domain, one) for one in identifiers)

    def make(index: int, sets: AllSets) -> NewRecord:
        own = rows_of(Domain.LOG_ASSET, assets), rows_of(Domain.LOG_CONTRIBUTOR, people)
        before = (
            log.books.read_set(sets.assets_root, sets.assets),
            log.books.read_set(sets.contributors_root, sets.contributors),
        )
        every = [sort_rows(np.concatenate(pair)) for pair in zip(before, own, strict=True)]
        roots = [log.books.write_set(rows) for rows in (*own, *every)]
        public: dict[str, object] = {"delivery": name, "manifest_sha256": "ab" * 32}
        public |= {"assets": len(own[0]), "assets_root": roots[0]}
        public |= {"contributors": len(own[1]), "contributors_root": roots[1]}
        following = AllSets(len(every[0]), roots[2], len(every[1]), roots[3])
        return NewRecord(public, {}, following)

    append_record(log, Kind.DELIVERY, ("delivery", name), AS_OF, make)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> AgencyLog:
    store = open_store(str(tmp_path_factory.mktemp("proofs")))
    made = open_log(store, key_of(None))
    for name in (FIRST, SECOND):
        assets = [f"a-{number}" for number in ASSETS[name]]
        deliver(made, name, assets, [f"c-{number}" for number in PEOPLE[name]])
        note(made, f"after {name}")
    return made


def both(data: bytes, *keys: str) -> bool:
    """What the product and the independent verifier find: whether the subject is included."""
    trusted = keys or (SIGNER.vkey,)
    found = check_proof_file(data, trusted)
    assert independent.check_proof(data, set(trusted)) == (
        found.identifier,
        found.delivery,
        found.included,
    )
    return found.included


@given(st.integers(0, 80), st.sampled_from([FIRST, SECOND, ""]), st.booleans())
def test_any_question_is_answered_truthfully(
    log: AgencyLog, number: int, delivery: str, is_asset: bool
) -> None:
    subject, letter, truth = ("asset", "a", ASSETS) if is_asset else ("contributor", "c", PEOPLE)
    data = prove(log, Question(subject, f"{letter}-{number}", delivery))
    places = [delivery] if delivery else [FIRST, SECOND]
    assert both(data) is any(number in truth[place] for place in places)
    assert len(data) <= 4_000


def test_a_damaged_set_is_named(tmp_path: Path) -> None:
    made = open_log(open_store(str(tmp_path)), key_of(None))
    deliver(made, FIRST, ["a-1", "a-2"], ["c-1"])
    for path in tmp_path.glob("agency/books/sets/*[0-9a-f].npy"):
        data = path.read_bytes()
        path.write_bytes(data[:-64] + bytes(byte ^ 1 for byte in data[-64:]))
    said = r"set of the agency's books is damaged: agency/books/sets/\w+: .* from a copy"
    with pytest.raises(RunError, match=said):
        prove(made, Question("asset", "a-1", FIRST))


def test_a_delivery_is_proved(log: AgencyLog) -> None:
    data = prove(log, Question("delivery", SECOND))
    assert both(data)
    found = check_proof_file(data, [SIGNER.vkey])
    assert found.sentence() == (
        f"Delivery acme/v0002 is recorded, with the manifest {'ab' * 32}, "
        "according to the agency's log."
    )
    with pytest.raises(InputError, match=r"no such delivery: other. It has acme/v0002, acme/v0001"):
        prove(log, Question("delivery", "other"))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (("asset", "a-1", FIRST), "Asset a-1 is in delivery acme/v0001, according to"),
        (("asset", "a-1", SECOND), "Asset a-1 is not in delivery acme/v0002, according to"),
        (("contributor", "c-1", ""), f"Contributor c-1 is in at least one delivery up to {AS_OF}"),
        (("contributor", "c-9", ""), f"Contributor c-9 is in none of the deliveries up to {AS_OF}"),
    ],
)
def test_sentences(log: AgencyLog, question: tuple[str, str, str], sentence: str) -> None:
    found = check_proof_file(prove(log, Question(*question)), [SIGNER.vkey])
    assert found.sentence().startswith(sentence)


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\n is in none", "a\u202e1", "\x85"])
def test_ids_cannot_change_what_is_shown(log: AgencyLog, name: str) -> None:
    sentence = check_proof_file(prove(log, Question("asset", name)), [SIGNER.vkey]).sentence()
    assert sentence.isprintable() and ascii(name) in sentence


def test_a_proof_opens_only_its_own_commitment(log: AgencyLog) -> None:
    data = prove(log, Question("contributor", "c-1", FIRST))
    for number in (0, 2, 3, 4):
        assert f"c-{number}".encode() not in data
    proof = json.loads(data)
    neighbours = base64.b64decode(proof["leaves"])
    own = set_commitment(log.salt, Domain.LOG_CONTRIBUTOR, "c-1")
    assert neighbours == own
    # Its salt opens none of the others.
    for number in (0, 2, 3, 4):
        value = independent.texts(f"c-{number}")
        made = independent.commitment("log-contributor", bytes.fromhex(proof["salt"]), value)
        assert made != set_commitment(log.salt, Domain.LOG_CONTRIBUTOR, f"c-{number}")


def refused_by_both(data: bytes, *keys: str) -> None:
    trusted = keys or (SIGNER.vkey,)
    with pytest.raises((ProofError, NoteError)):
        check_proof_file(data, trusted)
    with pytest.raises((independent.Refused, ValueError, KeyError, TypeError, AttributeError)):
        independent.check_proof(data, set(trusted))


def test_no_byte_of_a_proof_can_change(log: AgencyLog) -> None:
    chance = random.Random(13)
    for question in (Question("asset", "a-1", FIRST), Question("contributor", "c-9")):
        data = prove(log, question)
        identifier = f'"id":"{question.identifier}"'.encode()
        start = data.index(identifier)
        for _ in range(150):
            at = chance.randrange(len(data) - 1)
            changed = bytearray(data)
            changed[at] ^= 1 << chance.randrange(8)
            if start <= at < start + len(identifier) and not question.delivery:
                continue  # another id may truly be absent as well
            with pytest.raises((ProofError, NoteError)):
                check_proof_file(bytes(changed), [SIGNER.vkey])


def altered(data: bytes, **changes: object) -> bytes:
    return canonical_json(json.loads(data) | changes) + b"\n"


def test_proofs_that_claim_something_else(log: AgencyLog) -> None:
    present = prove(log, Question("asset", "a-1", FIRST))
    absent = prove(log, Question("asset", "a-1", SECOND))
    everywhere = prove(log, Question("asset", "a-99"))
    for data in (
        altered(present, id="a-2"),
        altered(present, subject="contributor"),
        altered(present, set="contributors"),
        altered(present, set="all_assets"),  # the record is not the log's last
        altered(present, record=json.loads(absent)["record"]),
        altered(absent, start=json.loads(absent)["start"] + 1),
        altered(absent, leaves=json.loads(present)["leaves"]),
        altered(absent, leaves=""),
        altered(everywhere, record=json.loads(present)["record"]),
        altered(present, more=1),
        altered(present, version="fairshard/proof/v2"),
        altered(present, keys=[]),
        altered(present, salt="00" * 31),
    ):
        with pytest.raises((ProofError, NoteError)):
            check_proof_file(data, [SIGNER.vkey])
    refused_by_both(altered(present, id="a-2"))
    refused_by_both(altered(absent, leaves=json.loads(present)["leaves"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**60) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.data(), JSON)
def test_any_other_value_is_refused_without_a_fault(
    log: AgencyLog, data: st.DataObject, value: object
) -> None:
    proof = json.loads(prove(log, Question("asset", "a-1", FIRST)))
    inside = data.draw(st.booleans())
    target = proof["record"] if inside else proof
    name = data.draw(st.sampled_from(sorted(target)))
    if target[name] == value:
        return
    target[name] = value
    try:
        changed = canonical_json(proof)
    except ValueError:
        return  # no canonical form
    with pytest.raises((ProofError, NoteError)):
        check_proof_file(changed + b"\n", [SIGNER.vkey])


def test_an_older_record_does_not_prove_an_absence_from_all(log: AgencyLog) -> None:
    """a-50 came with the second delivery: the first record's set does not have it."""
    index = next(at for at in range(log.size) if log.leaf(at).get("delivery") == FIRST)
    leaf = log.leaf(index)
    held = log.books.open_set(str(leaf["all_assets_root"]), int(str(leaf["all_assets"])))
    proof = held.prove(set_commitment(log.salt, Domain.LOG_ASSET, "a-50"))
    honest = json.loads(prove(log, Question("asset", "a-50")))
    old = json.loads(prove(log, Question("delivery", FIRST)))
    forged: dict[str, Any] = honest | {"record": old["record"], "path": old["path"]}
    forged |= {"start": proof.start}
    forged |= {"leaves": base64.b64encode(b"".join(proof.leaves)).decode()}
    forged |= {"set_path": base64.b64encode(b"".join(proof.path)).decode()}
    data = canonical_json(forged) + b"\n"
    refused_by_both(data)
    with pytest.raises(ProofError, match="not the last one of the log: record 1 of 5"):
        check_proof_file(data, [SIGNER.vkey])


def test_another_key_is_named(log: AgencyLog) -> None:
    data = prove(log, Question("asset", "a-1", FIRST))
    with pytest.raises(NoteError, match=r"not signed by the given key: agency.example/2027"):
        check_proof_file(data, [NEXT.vkey])
    refused_by_both(data, NEXT.vkey)


def test_readers_may_trust_the_earlier_key(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    deliver(open_log(store, key_of(None)), FIRST, ["a-1"], ["c-1"])
    rotated = open_log(store, key_of(None, NEXT, SIGNER))
    note(rotated, "more")
    data = prove(rotated, Question("asset", "a-1", FIRST))
    assert both(data, SIGNER.vkey) and both(data, NEXT.vkey)
    found = json.loads(data)
    found["keys"][0]["record"]["vkey"] = SIGNER.vkey
    refused_by_both(canonical_json(found) + b"\n")
    del found["keys"]
    refused_by_both(canonical_json(found) + b"\n", SIGNER.vkey)


def test_an_empty_log_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no agency log yet"):
        prove(open_log(open_store(str(tmp_path)), key_of(None)), Question("asset", "a"))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b"\xff", b"{" * 99_999, b'{"version":1}'])
def test_what_is_no_proof_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ProofError):
        check_proof_file(data, [SIGNER.vkey])
    (tmp_path / "x").write_bytes(data)
    assert main(["check-proof", str(tmp_path / "x"), "--key", SIGNER.vkey]) == 1


def test_a_large_proof_is_small_enough(tmp_path: Path) -> None:
    """The widest path of a set of ten million, and a log of a thousand records."""
    store = open_store(str(tmp_path))
    log = open_log(store, key_of(None))
    deliver(log, FIRST, ["a-1"], ["c-1"])
    found = json.loads(prove(log, Question("asset", "a-2", FIRST)))
    hashes = base64.b64encode(bytes(32 * 46)).decode()  # both sides of the root, 23 levels each
    found |= {"set_path": hashes, "leaves": base64.b64encode(bytes(64)).decode()}
    found |= {"start": 8_388_607, "path": base64.b64encode(bytes(32 * 10)).decode()}
    for name in ("assets", "all_assets"):
        found["record"][name] = 10_000_000
    assert len(canonical_json(found)) <= 4_096


# The commands.


def test_prove_and_check_proof(tmp_path: Path) -> None:
    from pipelines.run.signing_key import save_key

    out, key = tmp_path / "out", tmp_path / "agency.key"
    save_key(key, SIGNER)
    log = open_log(open_store(str(out)), key_of(None))
    deliver(log, FIRST, ["a-1", "a-2"], ["c-1"])
    file, vkey = tmp_path / "p.json", tmp_path / "agency.vkey"
    vkey.write_text(SIGNER.vkey)
    made = in_process("prove", "--out", out, "--key", key, "--asset", "a-7", "--to", file)
    assert made.code == 0, made.err
    assert made.out.startswith("Asset a-7 is in none of the deliveries up to 2026-06-30")
    checked = in_process("check-proof", file, "--vkey", vkey)
    assert checked.code == 0, checked.err
    first, second, third = checked.out.splitlines()
    assert first == made.out.splitlines()[0]
    assert second.startswith(f"Signed by agency.example+{SIGNER.verifier.key_id.hex()}, as of ")
    assert "it must never change" in third
    found = in_process("check-proof", file, "--key", vkey, "--json").json
    assert (found["included"], found["size"], found["delivery"]) == (False, 2, "")
    other = in_process("check-proof", file, "--key", NEXT.vkey)
    assert other.code == 1 and "not signed by the given key" in other.err
    file.write_bytes(file.read_bytes().replace(b"a-7", b"a-1"))
    forged = in_process("check-proof", file, "--key", vkey)
    assert forged.code == 1 and forged.out == ""


def test_check_proof_compares_the_delivery(tmp_path: Path) -> None:
    log = open_log(open_store(str(tmp_path / "out")), key_of(None))
    deliver(log, FIRST, ["a-1"], ["c-1"])
    file, folder = tmp_path / "p.json", tmp_path / "delivery"
    file.write_bytes(prove(log, Question("asset", "a-1", FIRST)))
    folder.mkdir()
    words = ("check-proof", file, "--key", SIGNER.vkey, "--delivery", folder)
    assert in_process(*words).code == 2
    (folder / "MANIFEST.json").write_bytes(b"another")
    ended = in_process(*words)
    assert ended.code == 1 and "about another delivery: acme/v0001" in ended.err
    file.write_bytes(prove(log, Question("asset", "a-1")))
    assert in_process(*words).code == 2


def test_usage(tmp_path: Path) -> None:
    words = ("prove", "--out", tmp_path, "--delivery", "x", "--in", "y")
    assert in_process(*words).code == 2
    assert in_process("prove", "--out", tmp_path, "--asset", "a").code == 2  # no key
    assert in_process("check-proof", tmp_path / "none", "--key", SIGNER.vkey).code == 2
