"""Rules 18, 21 and 22: people, licences and unjudged content in a file, against the catalogue."""

from __future__ import annotations

import pytest

from pipelines.rights.file_licences import licence_conflicts
from schemas.rights import Purpose
from schemas.signal import AssertionKind
from tests.rights.resolve_cases import make_assertion, resolved_codes, signed_by
from tests.rights.rights_cases import deal_with_rights

AGE, SHOWN = AssertionKind.MODEL_AGE, AssertionKind.PEOPLE_SHOWN
LICENCE, UNJUDGED = AssertionKind.LICENCE, AssertionKind.UNJUDGED


@pytest.mark.parametrize(
    ("age", "minors", "conflict"),
    [
        ("17", False, True),
        ("17", None, True),
        ("17", True, False),
        ("18", False, False),
        ("0", False, True),
        ("young", False, True),
        ("34", True, False),  # one of several persons
    ],
)
def test_rule_18_ages(age: str, minors: bool | None, conflict: bool) -> None:
    found = resolved_codes(make_assertion(AGE, age), minors=minors, people_count=1)
    assert found == (["conflict.minors"] if conflict else [])


@pytest.mark.parametrize(
    ("shown", "counted", "conflict"),
    [
        *(("1", 0, True), ("1", 1, False), ("2", 1, True), ("2", 3, False)),
        *(("1", None, True), ("1", -1, True)),
    ],
)
def test_rule_18_people(shown: str, counted: int | None, conflict: bool) -> None:
    found = resolved_codes(make_assertion(SHOWN, shown), people_count=counted)
    assert found == (["conflict.people"] if conflict else [])


@pytest.mark.parametrize(
    ("named", "code", "conflict"),
    [
        ("CC-BY-NC-ND-4.0", None, True),
        ("CC-BY-4.0", None, True),
        ("CC-BY-4.0", "CC-BY-4.0", False),
        ("CC-BY-4.0", "cc-by-4.0 OR MIT", False),
        ("CC-BY-4.0", "CC-BY-3.0", True),
        ("CC-BY-NC-4.0", "CC-BY-4.0", True),
        ("CC-BY", "CC-BY-4.0", False),
        ("CC-BY", "CC-BY-SA-4.0", True),
        ("CC-BY-3.0-US", "CC-BY-3.0", False),
        ("GPL", "GPL-3.0-or-later", False),
        ("GPL", "LGPL-3.0-only", True),
        ("public-domain", "CC0-1.0", False),
        ("The Example Licence", "MIT", True),
        ("non-commercial", "CC-BY-NC-4.0", False),
        ("non-commercial", None, True),
    ],
)
def test_rule_21_licences(named: str, code: str | None, conflict: bool) -> None:
    found = resolved_codes(make_assertion(LICENCE, named), licence_code=code, credit="A. Author")
    assert found == (["conflict.licence"] if conflict else [])


def test_rule_21_attribution_is_asked_last_and_of_no_single_statement() -> None:
    named = make_assertion(LICENCE, "CC-BY-4.0")
    assert resolved_codes(named, licence_code="CC-BY-4.0") == ["licence.attribution"]
    other = make_assertion(LICENCE, "CC-BY-NC-4.0")
    assert resolved_codes(other, licence_code="CC-BY-4.0") == ["conflict.licence"]


def test_rule_21_editorial_use_only() -> None:
    only = make_assertion(LICENCE, "editorial-use-only")
    assert resolved_codes(only) == ["conflict.licence"]
    assert resolved_codes(only, licence_class="editorial") == []


def test_rule_21_only_agreements_for_every_purpose_settle_it() -> None:
    named = make_assertion(LICENCE, "CC-BY-NC-4.0")
    both = signed_by(Purpose.TRAIN_GEN, Purpose.INFERENCE)
    assert resolved_codes(named, agreements=both) == []
    assert resolved_codes(named, agreements=both[:1]) == ["conflict.licence"]
    assert list(licence_conflicts({"licence_code": None}, [])) == []  # type: ignore[typeddict-item]


def test_rule_22_unjudged_content() -> None:
    hidden = make_assertion(UNJUDGED, "99 bytes behind the picture")
    assert resolved_codes(hidden) == ["file.unjudged_content"]
    assert resolved_codes(hidden, terms=deal_with_rights(unjudged_content="accept")) == []
    assert resolved_codes(make_assertion(AssertionKind.TEXT, "a text")) == []
