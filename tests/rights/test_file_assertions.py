"""Rules 17 to 20, one at a time: a file's statements that agree with the catalogue or conflict."""

from __future__ import annotations

import pytest

from schemas.reasons import Reason
from schemas.signal import AssertionKind, FileAssertion, raw_sha256
from tests.rights.resolve_cases import make_assertion, resolve_case, resolved_codes
from tests.rights.rights_cases import Row, deal_with_rights

K = AssertionKind

# 17. Releases.

_NOBODY, _SOMEBODY, _UNKNOWN = {"people_count": 0}, {"people_count": 2}, {"people_count": None}
_LESS = {"people_count": -1}


@pytest.mark.parametrize(
    ("status", "fits", "conflicts"),
    [
        ("MR-UMR", [_SOMEBODY, _UNKNOWN, _LESS], [_NOBODY]),
        ("MR-NAP", [_NOBODY, _UNKNOWN, _LESS], [_SOMEBODY]),
        ("MR-NON", [_NOBODY], [_SOMEBODY, _UNKNOWN, _LESS]),
        ("MR-LMR", [], [_NOBODY, _SOMEBODY, _UNKNOWN]),
        ("PR-UPR", [], [_NOBODY, _SOMEBODY, _UNKNOWN]),
        ("mr-umr", [], [_NOBODY, _SOMEBODY, _UNKNOWN]),
    ],
)
def test_model_release_status(status: str, fits: list[Row], conflicts: list[Row]) -> None:
    claim = make_assertion(K.MODEL_RELEASE, status)
    for row in fits:
        assert resolved_codes(claim, **row) == []
    for row in conflicts:
        no = resolve_case(claim, **row)
        assert no.reasons == (Reason.CONFLICT_MODEL_RELEASE,)
        assert f"{claim.where}={status}, people_count={row['people_count']}" in no.detail
        assert resolved_codes(claim, licence_class="editorial", **row) == []


@pytest.mark.parametrize(
    ("status", "fits", "conflicts"),
    [
        ("PR-UPR", [True, None], [False]),
        ("PR-NAP", [False, None], [True]),
        ("PR-NON", [False], [True, None]),
        ("PR-LPR", [], [True, False, None]),
        ("MR-UMR", [], [True, False, None]),
    ],
)
def test_property_release_status(
    status: str, fits: list[bool | None], conflicts: list[bool | None]
) -> None:
    claim = make_assertion(K.PROPERTY_RELEASE, status)
    for shown in fits:
        assert resolved_codes(claim, property=shown) == []
    for shown in conflicts:
        no = resolve_case(claim, property=shown)
        assert no.reasons == (Reason.CONFLICT_PROPERTY_RELEASE,)
        assert f"{claim.where}={status}, property={shown}" in no.detail
        assert resolved_codes(claim, property=shown, licence_class="editorial") == []


@pytest.mark.parametrize("kind", [K.MODEL_RELEASE_ID, K.PROPERTY_RELEASE_ID])
def test_release_ids_must_be_in_the_catalogue(kind: AssertionKind) -> None:
    one, two = make_assertion(kind, "r-1"), make_assertion(kind, "r-2")
    assert resolved_codes(one, two, release_ids=["r-2", "r-1", "r-3"]) == []
    assert resolved_codes(one, release_ids=None) == ["conflict.release_ids"]
    assert resolved_codes(make_assertion(kind, "R-1"), release_ids=["r-1"]) == [
        "conflict.release_ids"
    ]
    assert resolved_codes(one, release_ids=[], licence_class="editorial") == []
    no = resolve_case(one, two, release_ids=["r-1", "r\n9"])
    assert no.reasons == (Reason.CONFLICT_RELEASE_IDS,)
    assert rf"{two.where}=r-2, release_ids=[r\n9, r-1]" in no.detail
    assert "=r-1," not in no.detail


# 18. Minors.


@pytest.mark.parametrize(
    ("age", "of_minors"),
    [
        *(("AG-U14", True), ("AG-A15", True), ("AG-A17", True)),
        *(("AG-A18", False), ("AG-A24", False), ("AG-A25", False)),
    ],
)
@pytest.mark.parametrize("licence_class", ["creative", "editorial"])
def test_age_disclosures(age: str, of_minors: bool, licence_class: str) -> None:
    claim = make_assertion(K.MINOR_AGE, age)
    for minors in (True, False, None):
        no = resolve_case(claim, minors=minors, licence_class=licence_class)
        agrees = bool(minors) == of_minors
        assert no.reasons == (() if agrees else (Reason.CONFLICT_MINORS,))
        assert agrees or f"{claim.where}={age}, minors={minors}" in no.detail


@pytest.mark.parametrize("minors", [True, False, None])
def test_unknown_age_disclosures(minors: bool | None) -> None:
    assert resolved_codes(make_assertion(K.MINOR_AGE, "AG-UNK"), minors=minors) == []
    for age in ("AG-A14", "AG-A26", "17", ""):
        assert resolved_codes(make_assertion(K.MINOR_AGE, age), minors=minors) == [
            "conflict.minors"
        ]


# 19. Source.

_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("said", "stated", "refusing", "labelling"),
    [
        ("digitalCapture", "digitalCapture", [], []),
        ("print", "digitalCapture", [], []),  # neither is generated
        ("trainedAlgorithmicMedia", None, ["file.ai_generated"], []),
        ("minted", None, ["file.ai_generated"], []),
        (
            *("trainedAlgorithmicMedia", "digitalCapture"),
            *(["file.ai_generated", "conflict.source"], ["conflict.source"]),
        ),
        (
            *("minted", f"{_PREFIX}print"),
            *(["file.ai_generated", "conflict.source"], ["conflict.source"]),
        ),
        ("digitalCapture", "composite", ["conflict.source"], ["conflict.source"]),
        ("algorithmicMedia", "composite", ["file.ai_generated"], []),
        ("digitalCapture", None, [], []),
    ],
)
def test_digital_source_types(
    said: str, stated: str | None, refusing: list[str], labelling: list[str]
) -> None:
    claim = make_assertion(K.SOURCE_TYPE, said)
    assert resolved_codes(claim, digital_source_type=stated) == refusing
    terms = deal_with_rights(ai_generated="label")
    labelled = resolve_case(claim, digital_source_type=stated, terms=terms)
    assert [reason.value for reason in labelled.reasons] == labelling
    assert labelled.source_type == (stated or said)
    if labelling:
        assert f"{claim.where}={said}, digital_source_type={stated}" in labelled.detail


def test_strictest_file_statement_counts_if_the_catalogue_has_none() -> None:
    claims = [
        make_assertion(K.SOURCE_TYPE, "print"),
        make_assertion(K.SOURCE_TYPE, "algorithmicMedia"),
    ]
    terms = deal_with_rights(ai_generated="label", unknown_source="accept")
    for order in (claims, claims[::-1]):
        believed = resolve_case(*order, terms=terms, digital_source_type=None)
        assert believed.source_type == "algorithmicMedia"
    assert resolve_case(terms=terms, digital_source_type=None).source_type == ""


# 20. Owners.

_EXIF, _IIM, _XMP = "EXIF Copyright, IFD0", "IIM 2:116, APP13", "XMP dc:rights, APP1"


@pytest.mark.parametrize(
    ("notices", "conflict"),
    [
        ([(_EXIF, "© 2024 Ann Bell"), (_XMP, "Copyright ANN BELL, all rights reserved")], False),
        ([(_EXIF, "© 2024 Ann Bell"), (_XMP, "© 2024 Bo Carr")], True),
        ([(_EXIF, "Ann Bell"), (_IIM, "Ann Bell"), (_XMP, "Bo Carr")], True),
        ([(_XMP, "Ann Bell"), (_XMP, "Bo Carr")], False),  # one source: both may own it
        ([(_EXIF, "Bo Carr"), (_XMP, "Ann Bell"), (_XMP, "Bo Carr")], False),
        ([(_EXIF, "© 2024"), (_XMP, "Ann Bell")], False),  # names nobody
        ([(_EXIF, "Ann Bell"), (_XMP, "Ann Bell / Bo Carr")], False),
        ([(_EXIF, "Ann"), (_XMP, "Anna")], True),
        ([(_EXIF, "Ann Bell")], False),
    ],
)
def test_copyright_notices(notices: list[tuple[str, str]], conflict: bool) -> None:
    claims = [make_assertion(K.COPYRIGHT, text, where) for where, text in notices]
    for order in (claims, claims[::-1]):
        no = resolve_case(*order)
        assert no.reasons == ((Reason.CONFLICT_COPYRIGHT,) if conflict else ())
        if conflict:
            assert f"{_EXIF}={notices[0][1]}" in no.detail
            assert f"{_XMP}={notices[-1][1]}" in no.detail
        assert resolved_codes(*order, terms=deal_with_rights(copyright_conflicts="accept")) == []


def test_creator_is_not_a_copyright_owner() -> None:
    made = [
        make_assertion(K.CREATOR, "Ann Bell", _EXIF),
        make_assertion(K.CREATOR, "Bo Carr", _XMP),
    ]
    assert resolved_codes(*made) == []


def test_constraints_are_carried_with_the_sample() -> None:
    codes_ = [(K.ALTERATION, "AL-FLP"), (K.ALTERATION, "AL-CRP"), (K.FILE_CONSTRAINT, "IF-MFT")]
    claims = [make_assertion(kind, code) for kind, code in [*codes_, (K.ALTERATION, "AL-CRP")]]
    carried = resolve_case(*claims)
    assert carried.reasons == ()
    assert carried.constraints == {
        K.ALTERATION: ("AL-CRP", "AL-FLP"),
        K.FILE_CONSTRAINT: ("IF-MFT",),
        K.DUPLICATION: (),
    }


def test_detail_is_one_line_for_any_value() -> None:
    for kind in AssertionKind:
        for text in ("a\nb\u2028c\x1b[0m", "\ud800", "x" * 5000):
            resolve_case(FileAssertion(kind, text, "XMP plus:x", raw_sha256(text)))
