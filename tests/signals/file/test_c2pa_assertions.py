"""Every C2PA conformance case, and the fields of the signals and claims of an assertion."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.signals.file.c2pa_assertions import AssertionSigner, canonical_bytes, read_assertion
from schemas.reasons import Reason
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import AssertionKind, Reading
from tests.signals.case import Case
from tests.signals.file.cases_c2pa import CASES, TRUSTED

_STRICTEST = (Permission.DENY, Permission.CONDITIONAL, Permission.UNKNOWN, Permission.ALLOW)
_REFUSING = {
    Reason.FILE_DENIED: Permission.DENY,
    Reason.FILE_CONDITIONAL: Permission.CONDITIONAL,
}


def strictest(reading: Reading, purpose: Purpose) -> Permission | None:
    said = {signal.value for signal in reading.signals if signal.purpose is purpose}
    return next((value for value in _STRICTEST if value in said), None)


def test_case_names_are_unique_and_there_are_at_least_40() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_conformance_case_gives_the_expected_value(case: Case) -> None:
    reading = case.read()
    assert strictest(reading, case.purpose) is case.value
    if case.reason is Reason.FILE_UNREADABLE:
        assert reading.faults
    else:
        assert not reading.faults
        assert case.reason is None or _REFUSING[case.reason] is case.value


def test_a_signal_has_signer_time_place_text_and_digest() -> None:
    data = {"entries": {"cawg.data_mining": {"use": "constrained", "constraints_info": "ask\nus"}}}
    (signal,) = read_assertion("cawg.training-mining__1", data, TRUSTED).signals
    assert signal.who == "Photo Desk, Test Agency"
    assert signal.when == "2026-03-04T05:06:07+00:00"
    assert signal.where == "c2pa active cawg.training-mining__1/cawg.data_mining"
    assert signal.said == "cawg.data_mining: constrained (ask us)"
    raw = b'{"entries":{"cawg.data_mining":{"constraints_info":"ask\\nus","use":"constrained"}}}'
    assert signal.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("source", "term"),
    [
        ("http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture", "digitalCapture"),
        (" http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits", "humanEdits"),
        ("https://cv.iptc.org/newscodes/digitalsourcetype/composite/", "composite"),
        ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", "trainedAlgorithmicData"),
        ("trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        ("http://other.example/digitalCapture", "http://other.example/digitalCapture"),
    ],
)
@pytest.mark.parametrize("label", ["c2pa.actions", "c2pa.actions.v2__1", "cawg.metadata"])
def test_source_types_are_claims_without_prefix(label: str, source: str, term: str) -> None:
    data: dict[str, Any] = {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}
    if label == "cawg.metadata":
        data = {"Iptc4xmpExt:DigitalSourceType": source}
    (claim,) = read_assertion(label, data, TRUSTED).claims
    assert (claim.kind, claim.value) == (AssertionKind.SOURCE_TYPE, term)
    assert claim.where == f"c2pa active {label}/digitalSourceType"


def test_source_types_in_templates_and_several_actions_are_claims() -> None:
    data = {
        "actions": [{"digitalSourceType": "a"}, {"action": "c2pa.edited"}],
        "templates": [{"digitalSourceType": "b"}],
    }
    claims = read_assertion("c2pa.actions.v2", data, TRUSTED).claims
    assert [claim.value for claim in claims] == ["a", "b"]


def test_every_text_is_one_printable_line() -> None:
    bad = "x\x00\x1b[2J‮\n" + "y" * 500
    speaker = AssertionSigner("who", "", "active", True)
    for data in (
        {"entries": {bad: {"use": bad, "constraint_info": bad}}},
        {"entries": bad},
        {"plus:DataMining": bad, "digitalSourceType": bad},
    ):
        for label in ("cawg.training-mining." + bad, "cawg.metadata" + bad):
            reading = read_assertion(label, data, speaker)
            lines = [text for s in reading.signals for text in (s.where, s.said)]
            lines += [text for c in reading.claims for text in (c.value, c.where)]
            assert all(line.isprintable() and 0 < len(line) <= 200 for line in lines)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_WORDS = st.sampled_from(["allowed", "notAllowed", "constrained", "use", "entries", "metadata"])
_NAMES = st.sampled_from(["cawg.ai_training", "c2pa.data_mining", "cawg.x"]) | _WORDS | st.text()
_JSON = st.recursive(
    _SCALARS | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(_JSON)
def test_a_mining_assertion_with_any_content_gives_signals(data: object) -> None:
    reading = read_assertion("cawg.training-mining", data, TRUSTED)
    assert reading.signals
    assert reading == read_assertion("cawg.training-mining", data, TRUSTED)
    if not isinstance(data, dict):
        assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
        assert {signal.value for signal in reading.signals} == {Permission.DENY}


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(_JSON)
def test_metadata_and_actions_with_any_content_give_no_fault(data: object) -> None:
    for label in ("cawg.metadata", "c2pa.actions"):
        reading = read_assertion(label, data, TRUSTED)
        assert not reading.faults


@pytest.mark.long
@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_NAMES, _JSON, max_size=4))
def test_extra_content_never_removes_a_denial(extra: dict[str, object]) -> None:
    denial = {"cawg.ai_generative_training": {"use": "notAllowed"}}
    data = {**extra, "entries": {**extra, **denial}}
    assert strictest(read_assertion("cawg.training-mining", data, TRUSTED), Purpose.TRAIN_GEN) is (
        Permission.DENY
    )


def test_canonical_bytes_accepts_every_json_value() -> None:
    assert canonical_bytes({"b": 1, "a": [1.5, None]}) == b'{"a":[1.5,null],"b":1}'
    assert canonical_bytes({"a": 2**60}) == b'{"a":1152921504606846976}'
    assert canonical_bytes("\ud800") == b'"\\ud800"'
