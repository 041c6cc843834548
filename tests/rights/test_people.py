"""Rules 9 and 10: people, minors, property and their releases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from schemas.deal import Deal
from tests.rights.rights_cases import (
    AS_OF,
    DAY,
    ENDS,
    TICK,
    Row,
    asset,
    deal,
    deal_with_rights,
    event,
    property_release,
    release,
    screened_codes,
)

TODAY = AS_OF.date()
LAST_INSTANT = datetime.combine(ENDS, time.max, UTC)
GUARDED = deal_with_rights(minors="guardian-release")
BIOMETRIC = deal_with_rights(people="biometric-release")
COUNTED = deal_with_rights(unknown_people_count="accept")
EDITORIAL = deal_with_rights(editorial="accept")


def person(count: int | None = 1, **changes: Any) -> Row:
    """Returns an asset that shows people, with the release r-1."""
    return asset(**{"people_count": count, "minors": False, "release_ids": ["r-1"]} | changes)


def minor_release(**changes: Any) -> Row:
    guarded = {"minor": True, "subject_signed": False, "guardian_signed": True}
    return release(**guarded | changes)


def building(**changes: Any) -> Row:
    return asset(**{"property": True, "release_ids": ["p-1"]} | changes)


def test_person_with_a_release_is_cleared() -> None:
    assert screened_codes(person(), releases=[release()]) == set()


@pytest.mark.parametrize(
    ("terms", "changes", "expected"),
    [
        (deal(), {"people_count": None}, "people.unknown_count"),
        (deal(), {"people_count": -1}, "people.unknown_count"),
        (deal(), {"people_count": -7}, "people.unknown_count"),
        (COUNTED, {"people_count": None}, ""),
        (COUNTED, {"people_count": None, "minors": True}, "minors.refused"),
        (deal_with_rights(people="refuse"), {}, ""),
        (deal_with_rights(people="refuse"), {"people_count": None}, "people.unknown_count"),
        (deal(), {"minors": True}, "minors.refused"),
        (deal(), {"minors": None}, ""),  # no people are shown
        (GUARDED, {"minors": True}, "release.guardian_missing"),
    ],
)
def test_rule_9_without_releases(terms: Deal, changes: dict[str, Any], expected: str) -> None:
    assert screened_codes(asset(**changes), terms) == set(expected.split())


def test_rule_9_people_where_the_deal_accepts_none() -> None:
    terms = deal_with_rights(people="refuse")
    assert screened_codes(person(), terms, releases=[release()]) == {"people.refused"}


def test_rule_9_minors() -> None:
    adult, child = release(), minor_release()
    assert screened_codes(person(minors=None), releases=[adult]) == {"minors.unknown"}
    assert screened_codes(person(minors=None), GUARDED, releases=[adult]) == {"minors.unknown"}
    assert screened_codes(person(minors=True), releases=[child]) == {"minors.refused"}
    assert screened_codes(person(), releases=[child]) == {"minors.refused"}
    assert screened_codes(person(minors=True), GUARDED, releases=[child]) == set()
    # A release, even a property release, can mark a minor although the asset does not.
    owner = property_release(minor=True, guardian_signed=True)
    assert screened_codes(building(), releases=[owner]) == {"minors.refused"}


def test_rule_10_adults_release_does_not_clear_a_minor() -> None:
    row = person(minors=True)
    assert screened_codes(row, GUARDED, releases=[release()]) == {"release.guardian_missing"}
    two = person(2, minors=True, release_ids=["r-1", "r-2"])
    both = [release(), minor_release(release_id="r-2")]
    assert screened_codes(two, GUARDED, releases=both) == set()
    # A minor's release with a fault does not count, even if there are enough adults' releases.
    enough = [release(), release(release_id="r-3"), minor_release(release_id="r-2", ml_use=None)]
    three = person(2, minors=True, release_ids=["r-1", "r-2", "r-3"])
    assert screened_codes(three, GUARDED, releases=enough) == {"release.guardian_missing"}


def test_rule_10_release_ids() -> None:
    assert screened_codes(asset(release_ids=["r-9"])) == {"release.unknown_id"}
    assert screened_codes(asset(release_ids=[None])) == {"release.unknown_id"}
    assert screened_codes(person(release_ids=None), releases=[release()]) == {
        "release.model_missing"
    }
    found = screened_codes(person(release_ids=["r-9"]), releases=[release()])
    assert found == {"release.unknown_id", "release.model_missing"}
    found = screened_codes(person(release_ids=["r-1", "r-9"]), releases=[release()])
    assert found == {"release.unknown_id"}


def test_rule_10_as_many_releases_as_people() -> None:
    two = [release(), release(release_id="r-2")]
    assert screened_codes(person(2, release_ids=["r-1", "r-2"]), releases=two) == set()
    assert screened_codes(person(2), releases=two) == {"release.model_missing"}
    assert screened_codes(person(1, release_ids=["r-1", "r-2"]), releases=two) == set()
    # A release that is named twice counts once.
    assert screened_codes(person(2, release_ids=["r-1", "r-1"]), releases=two) == {
        "release.model_missing"
    }
    assert screened_codes(person(3, release_ids=["r-1", "r-2", "r-1"]), releases=two) == {
        "release.model_missing"
    }
    # A property release does not count for a person.
    mixed = [release(), property_release()]
    assert screened_codes(person(2, release_ids=["r-1", "p-1"]), releases=mixed) == {
        "release.model_missing"
    }


@pytest.mark.parametrize(
    ("first", "second", "enough"),
    [
        ("model-77", "model-78", True),
        ("model-77", "model-77", False),
        ("model-77", "Model-77", False),
        ("model-77", "model 77", False),
        ("model-77", "model_77", False),
        ("model-77", "model\u201377", False),
        ("1-23", "12-3", True),
        ("model-77", None, True),  # one without subject is one person more
        (None, None, False),  # but nobody knows of two
    ],
)
def test_rule_10_people_are_counted_by_subject(
    first: str | None, second: str | None, enough: bool
) -> None:
    two = [release(subject_ref=first), release(release_id="r-2", subject_ref=second)]
    found = screened_codes(person(2, release_ids=["r-1", "r-2"]), releases=two)
    assert found == (set() if enough else {"release.model_missing"})


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"subject_ref": "Model-77"}, True),
        ({"subject_ref": "model_77"}, True),
        ({"shoot_from": None, "shoot_until": None}, True),
        ({"subject_ref": "model-78"}, False),
        ({"subject_ref": None}, False),
        ({"shoot_from": date(2020, 1, 1), "shoot_until": date(2020, 1, 31)}, False),
        ({"revoked_at": AS_OF - timedelta(days=3)}, False),  # signed again since
    ],
)
@pytest.mark.parametrize("names_both", [True, False])
def test_rule_10_a_twin_of_a_revoked_release(
    changes: dict[str, Any], holds: bool, names_both: bool
) -> None:
    mine = release(subject_ref="model-77", signed_at=(AS_OF - timedelta(days=2)).date())
    twin = {"release_id": "r-2", "subject_ref": "model-77", "revoked_at": AS_OF - TICK}
    row = person(release_ids=["r-1", "r-2"] if names_both else ["r-1"])
    found = screened_codes(row, releases=[mine, release(**twin | changes)])
    lacking = {"release.revoked", "release.model_missing"}
    assert (found - {"release.shoot_range"}) == (lacking if holds else set())


def test_rule_10_a_twin_of_a_release_that_is_revoked_is_a_stranger_without_subject() -> None:
    rows = [release(subject_ref=None), release(release_id="r-2", subject_ref=None)]
    rows[1]["revoked_at"] = AS_OF
    assert screened_codes(person(), releases=rows) == set()


def test_rule_10_property() -> None:
    assert screened_codes(building(), releases=[property_release()]) == set()
    assert screened_codes(building(property=False, release_ids=[])) == set()
    assert screened_codes(building(property=None, release_ids=None)) == {"property.unknown"}
    lax = deal_with_rights(unknown_property="accept")
    assert screened_codes(building(property=None, release_ids=None), lax) == set()
    assert screened_codes(building(release_ids=[])) == {"release.property_missing"}
    assert screened_codes(building(release_ids=["r-1"]), releases=[release()]) == {
        "release.property_missing"
    }
    spare = [property_release(ml_use=None), property_release(release_id="p-2")]
    assert screened_codes(building(release_ids=["p-1", "p-2"]), releases=spare) == set()


def test_rule_10_other_kinds_of_release_do_not_count() -> None:
    for kind in ("Property", "location", ""):
        odd = [property_release(kind=kind)]
        assert screened_codes(building(), releases=odd) == {"release.property_missing"}
        assert screened_codes(person(release_ids=["p-1"]), releases=odd) == {
            "release.model_missing"
        }


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"revoked_at": AS_OF}, "release.revoked"),
    ({"revoked_at": AS_OF - TICK}, "release.revoked"),
    ({"revoked_at": AS_OF + TICK}, "release.revoked"),
    ({"revoked_at": LAST_INSTANT}, "release.revoked"),
    ({"revoked_at": LAST_INSTANT + TICK}, ""),
    ({"valid_until": ENDS - DAY}, "release.expired"),
    ({"valid_until": ENDS}, ""),
    ({"signed_at": None}, "release.unsigned"),
    ({"signed_at": TODAY}, ""),
    ({"signed_at": TODAY + DAY}, "release.unsigned"),
    ({"subject_signed": False}, "release.unsigned"),
    ({"subject_signed": None}, "release.unsigned"),
    ({"photographer_signed": False}, "release.unsigned"),
    ({"photographer_signed": None}, "release.unsigned"),
    ({"subject_signed": False, "guardian_signed": True}, "release.unsigned"),
    ({"ml_use": None}, "release.purpose_not_covered"),
    ({"ml_use": "deny"}, "release.purpose_not_covered"),
    ({"ml_use": "conditional"}, "release.purpose_not_covered"),
    ({"ml_use": "unknown"}, "release.purpose_not_covered"),
    ({"ml_use": "Allow"}, "release.purpose_not_covered"),
    ({"shoot_from": date(2025, 1, 2), "shoot_until": date(2025, 2, 1)}, "release.shoot_range"),
    ({"shoot_from": date(2024, 1, 1), "shoot_until": date(2024, 12, 31)}, "release.shoot_range"),
    ({"shoot_from": date(2025, 1, 2), "shoot_until": date(2025, 1, 1)}, "release.shoot_range"),
    ({"shoot_from": date(2024, 12, 31), "shoot_until": date(2025, 1, 1)}, ""),
    ({"shoot_from": date(2025, 1, 1), "shoot_until": date(2025, 1, 2)}, ""),
    ({"shoot_from": date(2025, 1, 1), "shoot_until": date(2026, 1, 1)}, ""),  # 366 days
    ({"shoot_from": date(2024, 12, 31), "shoot_until": date(2026, 1, 1)}, "release.blanket_range"),
    ({"shoot_from": None, "shoot_until": None}, "release.shoot_range"),
    ({"shoot_from": None}, "release.shoot_range release.blanket_range"),
    ({"shoot_until": None}, "release.shoot_range release.blanket_range"),
    ({"witness_ref": "w-1", "subject_ref": "s-1"}, ""),
    ({"witness_ref": "s-1", "subject_ref": "s-1"}, "release.witness"),
    ({"witness_ref": "c-1", "subject_ref": "s-1"}, "release.witness"),
    ({"witness_ref": "c-2", "subject_ref": "s-1"}, ""),  # who is not a contributor of the asset
    ({"biometric_rider": None}, ""),
    (
        {"revoked_at": AS_OF, "valid_until": TODAY, "ml_use": None},
        "release.revoked release.expired release.purpose_not_covered",
    ),
]


@pytest.mark.parametrize(("changes", "faults"), FAULTS)
def test_rule_10_faults_of_a_model_release(changes: dict[str, Any], faults: str) -> None:
    row = person(created_at=date(2025, 1, 1))
    expected = {*faults.split(), "release.model_missing"} if faults else set()
    assert screened_codes(row, releases=[release(**changes)]) == expected


@pytest.mark.parametrize(("changes", "faults"), FAULTS)
def test_rule_10_faults_of_a_property_release(changes: dict[str, Any], faults: str) -> None:
    row = building(created_at=date(2025, 1, 1))
    expected = {*faults.split(), "release.property_missing"} if faults else set()
    assert screened_codes(row, releases=[property_release(**changes)]) == expected


@pytest.mark.parametrize(("changes", "faults"), FAULTS)
def test_rule_10_fault_gives_no_reason_if_releases_suffice(
    changes: dict[str, Any], faults: str
) -> None:
    row = person(release_ids=["r-1", "r-2"], created_at=date(2025, 1, 1))
    # A no is one all the same: somebody who is shown said it.
    no = {faults} if changes.get("ml_use") in ("deny", "Allow") else set()
    assert screened_codes(row, releases=[release(**changes), release(release_id="r-2")]) == no
    # Nor is that of a release that nothing needs.
    spare = asset(release_ids=["r-1"], created_at=date(2025, 1, 1))
    assert screened_codes(spare, releases=[release(**changes)]) == no


def test_rule_10_fault_of_the_other_kind_gives_no_reason() -> None:
    row = person(2, property=True, release_ids=["r-1", "p-1"])
    both = [release(), property_release(ml_use="deny")]
    assert screened_codes(row, releases=both) == {
        "release.model_missing",
        "release.property_missing",
        "release.purpose_not_covered",
    }
    fine = person(1, property=True, release_ids=["r-1", "p-1"])
    assert screened_codes(fine, releases=[release(ml_use="deny"), property_release()]) == {
        "release.model_missing",
        "release.purpose_not_covered",
    }


def test_rule_10_shoot_dates_need_a_creation_date() -> None:
    bound = [release(shoot_from=date(2024, 12, 31), shoot_until=date(2025, 1, 1))]
    both = {"release.shoot_range", "release.model_missing"}
    assert screened_codes(person(created_at=None), releases=bound) == both
    assert screened_codes(person(created_at=date(1969, 12, 31)), releases=bound) == both


def test_rule_10_shoot_dates_follow_the_deal() -> None:
    free = release(shoot_from=None, shoot_until=None)
    lax = deal_with_rights(shoot_range="when-given")
    assert screened_codes(person(created_at=None), lax, releases=[free]) == set()
    open_ended = release(shoot_from=date(2025, 1, 1), shoot_until=None)
    assert screened_codes(person(), lax, releases=[open_ended]) == {
        "release.blanket_range",
        "release.model_missing",
    }
    month = release(shoot_from=date(2025, 1, 1), shoot_until=date(2025, 1, 31))
    assert screened_codes(person(), deal(rights={"max_shoot_days": 31}), releases=[month]) == set()
    assert screened_codes(person(), deal(rights={"max_shoot_days": 30}), releases=[month]) == {
        "release.blanket_range",
        "release.model_missing",
    }


@pytest.mark.parametrize(
    ("witness", "terms", "fit"),
    [
        (None, "any", True),
        (None, "independent", True),
        (None, "required", False),
        ("w-1", "required", True),
        ("s-1", "required", False),
        ("s-1", "independent", False),
        ("s-1", "any", True),
        ("c-1", "required", False),
        ("c-1", "any", True),
        ("S-1", "independent", False),
        ("C-1", "independent", False),
    ],
)
def test_rule_10_witnesses(witness: str | None, terms: str, fit: bool) -> None:
    held = release(witness_ref=witness, subject_ref="s-1")
    found = screened_codes(person(), deal_with_rights(witness=terms), releases=[held])
    assert found == (set() if fit else {"release.witness", "release.model_missing"})


def test_rule_10_minors_releases() -> None:
    row = person(minors=True)
    assert screened_codes(row, GUARDED, releases=[minor_release(subject_signed=None)]) == set()
    for lacking in (False, None):
        found = screened_codes(row, GUARDED, releases=[minor_release(guardian_signed=lacking)])
        assert found == {"release.guardian_missing", "release.model_missing"}
    undated = screened_codes(row, GUARDED, releases=[minor_release(signed_at=None)])
    assert undated == {
        "release.unsigned",
        "release.model_missing",
        "release.guardian_missing",
    }


def test_rule_10_biometric_riders() -> None:
    for lacking in (False, None):
        found = screened_codes(person(), BIOMETRIC, releases=[release(biometric_rider=lacking)])
        assert found == {"release.biometric_missing", "release.model_missing"}
    assert screened_codes(person(), BIOMETRIC, releases=[release(biometric_rider=True)]) == set()
    # Property needs no biometric rider.
    assert screened_codes(building(), BIOMETRIC, releases=[property_release()]) == set()


def test_rule_10_editorial_material_needs_no_release() -> None:
    row = person(2, licence_class="editorial", property=True, release_ids=None)
    assert screened_codes(row, EDITORIAL) == set()
    assert screened_codes(row) == {
        "class.editorial",
        "release.model_missing",
        "release.property_missing",
    }
    # Rule 9 and the reason for unknown ids still apply.
    assert screened_codes(row | {"minors": None}, EDITORIAL) == {"minors.unknown"}
    assert screened_codes(row | {"release_ids": ["r-9"]}, EDITORIAL) == {"release.unknown_id"}


def test_as_of_moves_what_is_signed_and_revoked() -> None:
    # What is to be revoked while the deal lasts is revoked for it.
    held = [release(signed_at=TODAY, revoked_at=LAST_INSTANT + timedelta(days=30))]
    long_ago = [event("allow", given_at=AS_OF - timedelta(days=99))]
    midnight = AS_OF.replace(hour=0)
    instants = (midnight - TICK, midnight, AS_OF, LAST_INSTANT + timedelta(days=30))
    faults = [
        screened_codes(person(), releases=held, consents=long_ago, as_of=when)
        - {"release.model_missing"}
        for when in instants
    ]
    assert faults == [{"release.unsigned"}, set(), set(), {"release.revoked"}]
