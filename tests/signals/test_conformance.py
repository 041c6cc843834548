"""Runs every conformance case of every vocabulary, from raw bytes to the decision."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.signals.file.c2pa import read_c2pa
from pipelines.signals.file.trust import NO_TRUST
from pipelines.signals.server.evidence import HttpEvidence
from pipelines.signals.server.http import read_http
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, Origin, Reading
from schemas.unit import ClearedRow
from tests.rights.rights_cases import AS_OF, asset, deal
from tests.signals.case import Case
from tests.signals.file.cases_xmp import CASES as XMP_CASES

TABLES = sorted(
    f"{path.parent.name}.{path.stem}" for path in Path(__file__).parent.glob("*/cases_*.py")
)
CASES: list[Case] = [
    case for name in TABLES for case in import_module(f"tests.signals.{name}").CASES
]
FAULTLESS = {case.name for case in XMP_CASES}
STRICTEST_FIRST = (Permission.DENY, Permission.CONDITIONAL, Permission.UNKNOWN, Permission.ALLOW)
VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "c2pa"
SIGNED = {
    "ref": "MSA-7",
    "signed_at": date(2026, 1, 1),
    "purposes": list(Purpose),
    "contributors": ["all"],
}
DENIALS = (
    *(Reason.FILE_DENIED, Reason.FILE_CONDITIONAL),
    *(Reason.SERVER_DENIED, Reason.SERVER_CONDITIONAL),
)

# Every value of every vocabulary that is read, as it must appear in the name of some case.
VOCABULARY: dict[str, tuple[str, ...]] = {
    "CAWG": (
        *("cawg.data_mining", "cawg.ai_inference", "cawg.ai_training"),
        *("cawg.ai_generative_training", "constraint_info", "constraints_info"),
        *("allowed", "notAllowed", "constrained"),
    ),
    "C2PA": (
        *("c2pa.data_mining", "c2pa.ai_inference", "c2pa.ai_training"),
        *("c2pa.ai_generative_training", "without entries", "untrusted", "altered"),
    ),
    "PLUS": tuple(
        f"plus:DataMining=DMI-{code}"
        for code in (
            *("UNSPECIFIED", "ALLOWED", "PROHIBITED", "PROHIBITED-AIMLTRAINING"),
            *("PROHIBITED-GENAIMLTRAINING", "PROHIBITED-EXCEPTSEARCHENGINEINDEXING"),
            *("PROHIBITED-SEECONSTRAINT", "PROHIBITED-SEEEMBEDDEDRIGHTSEXPR"),
            "PROHIBITED-SEELINKEDRIGHTSEXPR",
        )
    ),
    "PLUS duplication": ("DP-NDC", "DP-LIC", "DP-NOD"),
    "TDMRep": (
        *("tdm:reservation='1'", "tdm:reservation='0'", "tdm:reservation='2'", "policy"),
        *("TDM-Reservation: 1", "tdm-reservation 0", "tdm-reservation 2", "tdmrep.json 1"),
        *("tdmrep.json 0", "tdmrep.json the first match", "tdmrep.json * and"),
        "tdmrep.json a policy",
    ),
    "AIPREF": (
        *("train-ai=n", "train-ai=y", "search=n", "search=y", "train-ai=n, train-ai=y"),
        "does not parse",
    ),
    "X-Robots-Tag": ("'noai'", "'noimageai'", "'NoAI'", "'googlebot: noai'"),
    "RSL": tuple(
        f"RSL {verb} {word}"
        for verb in ("permits", "prohibits")
        for word in ("all", "ai-all", "ai-train", "train-ai", "ai-input", "ai-index", "search")
    ),
}


@cache
def terms_for(purpose: Purpose, signed: bool) -> Deal:
    """Returns a deal for one purpose, which does not require inference unless that is it."""
    rights = {} if purpose is Purpose.INFERENCE else {"inference": "pack-without"}
    agreements = [SIGNED] if signed else []
    return deal(
        purposes=[purpose.value],
        rights={"ai_generated": "label"} | rights,
        agreements=agreements,
    )


def judge(reading: Reading, purpose: Purpose, signed: bool = False) -> Resolution:
    """Resolves an asset that the catalogue clears and whose source type agrees with the file's."""
    row = dict.fromkeys(ASSETS_SCHEMA.names) | asset() | {"inference": True, "usable_until": None}
    for claim in reading.claims:
        if claim.kind is AssertionKind.SOURCE_TYPE:
            row["digital_source_type"] = claim.value
    own = {"purpose": purpose.value, "contributor_id": "c-1", "ref": "MSA-7"}
    row["agreements"] = [own] if signed else []
    return resolve_rights(
        cast("ClearedRow", row), reading, terms_for(purpose, signed), AS_OF.date()
    )


def strictest(reading: Reading, purpose: Purpose) -> Permission | None:
    said = {signal.value for signal in reading.signals if signal.purpose is purpose}
    return next((value for value in STRICTEST_FIRST if value in said), None)


def test_the_cases_are_unique_and_cover_every_value_purpose_and_reason() -> None:
    assert {"file.cases_c2pa", "server.cases_http", "file.cases_xmp"} <= set(TABLES)
    assert len(CASES) >= 150
    twice = [name for name, times in Counter(case.name for case in CASES).items() if times > 1]
    assert not twice
    assert {case.value for case in CASES} == {*Permission, None}
    assert {case.purpose for case in CASES} == set(Purpose)
    assert {case.reason for case in CASES} >= {
        *DENIALS,
        Reason.FILE_UNREADABLE,
        Reason.SERVER_UNREADABLE,
        None,
    }


@pytest.mark.parametrize(
    "word", [pytest.param(word, id=f"{of} {word}") for of, ws in VOCABULARY.items() for word in ws]
)
def test_every_value_of_every_vocabulary_has_a_case(word: str) -> None:
    # Match whole words: DMI-PROHIBITED must not match DMI-PROHIBITED-SEECONSTRAINT.
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    assert any(whole.search(case.name) for case in CASES)


def check_reading(case: Case, reading: Reading) -> None:
    """Asserts that the readers give the expected value."""
    assert strictest(reading, case.purpose) is case.value
    for signal in reading.signals:
        assert signal.origin in (Origin.FILE, Origin.SERVER)
        assert re.fullmatch("[0-9a-f]{64}", signal.sha256)
        for text in (signal.said, signal.where):
            assert text.isprintable()
            assert len(text) <= 200
        assert signal.where
    assert not reading.faults or case.name not in FAULTLESS
    for fault in reading.faults:
        assert re.fullmatch("[0-9a-f]{64}", fault.sha256)
        assert fault.where and fault.detail
        assert (fault.where + fault.detail).isprintable()
        assert len(fault.detail) <= 200
    for claim in reading.claims:
        assert claim.where.split()
        assert claim.value.isprintable()


def check_refusal(case: Case, reading: Reading) -> None:
    """Asserts that the asset is refused for the expected reason."""
    resolution = judge(reading, case.purpose)
    assert list(resolution.reasons) == ([] if case.reason is None else [case.reason])
    assert bool(resolution.detail) == bool(resolution.reasons)
    assert resolution.detail.isprintable()
    assert not resolution.overrides


def check_signed_agreement(case: Case, reading: Reading) -> None:
    """Asserts that a signed agreement overrides denials but not unreadable files."""
    resolution = judge(reading, case.purpose, signed=True)
    expected = [case.reason] if case.reason is Reason.FILE_UNREADABLE else []
    assert list(resolution.reasons) == expected
    denials = [
        signal
        for signal in reading.signals
        if signal.purpose is case.purpose
        and signal.value in (Permission.DENY, Permission.CONDITIONAL)
    ]
    overrides = [item for item in resolution.overrides if item.signal.purpose is case.purpose]
    assert [item.signal for item in overrides] == denials
    assert {item.agreement for item in overrides} <= {"MSA-7"}
    assert bool(denials) == (case.value in (Permission.DENY, Permission.CONDITIONAL))


def check_denial_of_inference(reading: Reading) -> None:
    """Asserts that a denial of inference alone does not refuse the asset.

    A deal that allows it gets the asset without caption and embedding.
    """
    resolution = judge(reading, Purpose.INDEX)
    denied = strictest(reading, Purpose.INFERENCE) in (Permission.DENY, Permission.CONDITIONAL)
    assert resolution.reasons or resolution.inference != denied


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_case_is_read_and_decided_as_expected(case: Case) -> None:
    reading = case.read()
    check_reading(case, reading)
    check_refusal(case, reading)
    check_signed_agreement(case, reading)
    check_denial_of_inference(reading)


# Denials that a published library for opt-outs takes for permission; a file with a fourth is below.
MISSED = [
    ("X-Robots-Tag", "NoAI", (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN, Purpose.DATA_MINING)),
    ("TDM-Reservation", "1", (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN, Purpose.DATA_MINING)),
    ("Content-Usage", "train-ai=n", (Purpose.TRAIN_GEN,)),
]


@pytest.mark.parametrize(("name", "value", "purposes"), MISSED)
def test_denying_headers_that_another_library_misses(
    name: str, value: str, purposes: tuple[Purpose, ...]
) -> None:
    reading = read_http(HttpEvidence("https://media.example/a.jpg", ((name, value),), ()))
    for purpose in purposes:
        resolution = judge(reading, purpose)
        assert resolution.reasons == (Reason.SERVER_DENIED,)
        assert value in resolution.detail


def test_a_denying_file_that_another_library_misses() -> None:
    path = VECTORS / "C_with_CAWG_data.jpg"
    if not path.exists():
        pytest.skip(f"the test file of c2pa-rs is not at {path}")
    reading = read_c2pa(path.read_bytes(), "jpg", NO_TRUST)
    resolution = judge(reading, Purpose.TRAIN_GEN)
    assert Reason.FILE_DENIED in resolution.reasons
    assert "cawg.training-mining" in resolution.detail
    signed = judge(reading, Purpose.TRAIN_GEN, signed=True)
    assert Reason.FILE_DENIED not in signed.reasons
    assert signed.overrides
