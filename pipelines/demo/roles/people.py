"""Roles about people and property in the picture, and the releases they need."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import Role, all_deals, by_deal, generative_deals, utc

# A day within a valid release's shoot dates.
_WITHIN_SHOOT = {"created_at": date(2024, 6, 15)}
_ONE_PERSON = {"people_count": 1, **_WITHIN_SHOOT}
_TWO_PEOPLE = {"people_count": 2, **_WITHIN_SHOOT}
_ONE_MINOR = {**_ONE_PERSON, "minors": True}
_PROPERTY = {"property": True, **_WITHIN_SHOOT}
_GUARDIAN_SIGNED = {"minor": True, "subject_signed": False, "guardian_signed": True}


def _faulty_release(code: str) -> dict[str, tuple[str, ...]]:
    """Returns the reasons for one person whose only release has a fault."""
    return by_deal(
        f"release.model_missing {code}",
        f"release.model_missing {code}",
        f"people.refused release.model_missing {code}",
    )


PEOPLE_ROLES = (
    Role(
        "people_unknown",
        generative_deals("people.unknown_count"),
        {"people_count": None},
        per_thousand=3,
    ),
    Role(
        "minors_unknown",
        by_deal("minors.unknown", "minors.unknown", "minors.unknown people.refused"),
        {**_ONE_PERSON, "minors": None},
        releases=({},),
    ),
    Role(
        "minor",
        by_deal("minors.refused", "", "minors.refused people.refused"),
        _ONE_MINOR,
        releases=(_GUARDIAN_SIGNED,),
        per_thousand=3,
    ),
    # The asset's row does not mention a minor, but its release does.
    Role(
        "minor_by_release",
        by_deal("minors.refused", "", "minors.refused people.refused"),
        _ONE_PERSON,
        releases=(_GUARDIAN_SIGNED,),
        essential=False,
    ),
    Role(
        "minor_unguarded",
        by_deal(
            "minors.refused release.guardian_missing release.model_missing",
            "release.guardian_missing release.model_missing",
            "minors.refused people.refused release.guardian_missing release.model_missing",
        ),
        _ONE_MINOR,
        releases=({**_GUARDIAN_SIGNED, "guardian_signed": None},),
    ),
    Role(
        "person",
        by_deal("", "", "people.refused"),
        _ONE_PERSON,
        releases=({},),
        essential=False,
        per_thousand=40,
    ),
    Role(
        "two_people",
        by_deal("", "", "people.refused"),
        _TWO_PEOPLE,
        releases=({}, {}),
        essential=False,
        per_thousand=20,
    ),
    Role(
        "spare_release",
        by_deal("", "", "people.refused"),
        _ONE_PERSON,
        releases=({}, {"valid_until": date(2026, 8, 1)}),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "no_rider",
        by_deal("", "release.biometric_missing release.model_missing", "people.refused"),
        _ONE_PERSON,
        releases=({"biometric_rider": False},),
    ),
    Role("model_missing", _faulty_release(""), _ONE_PERSON, essential=False, per_thousand=3),
    Role(
        "one_of_two",
        _faulty_release(""),
        _TWO_PEOPLE,
        releases=({},),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "model_expired",
        _faulty_release("release.expired"),
        _ONE_PERSON,
        releases=({"valid_until": date(2026, 8, 1)},),
        per_thousand=3,
    ),
    Role(
        "model_revoked",
        _faulty_release("release.revoked"),
        _ONE_PERSON,
        releases=({"revoked_at": utc("2026-06-30T23:59:59.999999")},),
        per_thousand=2,
    ),
    Role(
        "revoked_tomorrow",
        _faulty_release("release.revoked"),
        _ONE_PERSON,
        releases=({"revoked_at": utc("2026-07-01T00:00:00")},),
        essential=False,
    ),
    Role(
        "model_unsigned",
        _faulty_release("release.unsigned"),
        _ONE_PERSON,
        releases=({"photographer_signed": False},),
    ),
    Role(
        "model_undated",
        _faulty_release("release.unsigned"),
        _ONE_PERSON,
        releases=({"signed_at": None},),
        essential=False,
    ),
    Role(
        "model_signed_tomorrow",
        _faulty_release("release.unsigned"),
        _ONE_PERSON,
        releases=({"signed_at": date(2026, 7, 1)},),
        essential=False,
    ),
    Role(
        "ml_denied",
        _faulty_release("release.purpose_not_covered"),
        _ONE_PERSON,
        releases=({"ml_use": "deny"},),
        per_thousand=3,
    ),
    Role(
        "ml_unknown",
        _faulty_release("release.purpose_not_covered"),
        _ONE_PERSON,
        releases=({"ml_use": None},),
        essential=False,
    ),
    Role(
        "other_shoot",
        _faulty_release("release.shoot_range"),
        {**_ONE_PERSON, "created_at": date(2024, 5, 5)},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
    ),
    Role(
        "undated_shoot",
        _faulty_release("release.shoot_range"),
        {**_ONE_PERSON, "created_at": None},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
        essential=False,
    ),
    Role(
        "last_day_of_shoot",
        by_deal("", "", "people.refused"),
        {**_ONE_PERSON, "created_at": date(2024, 6, 30)},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "no_shoot_dates",
        _faulty_release("release.shoot_range"),
        _ONE_PERSON,
        releases=({"shoot_from": None, "shoot_until": None},),
        essential=False,
    ),
    Role(
        "blanket_release",
        _faulty_release("release.blanket_range"),
        _ONE_PERSON,
        releases=({"shoot_from": date(2020, 1, 1), "shoot_until": date(2030, 1, 1)},),
    ),
    Role(
        "witness_is_subject",
        _faulty_release("release.witness"),
        _ONE_PERSON,
        releases=({"witness_ref": "somebody", "subject_ref": "somebody"},),
    ),
    Role(
        "all_at_once",
        _faulty_release("release.expired release.revoked release.unsigned"),
        _ONE_PERSON,
        releases=(
            {
                "valid_until": date(2026, 8, 1),
                "subject_signed": None,
                "revoked_at": utc("2025-01-01T00:00:00"),
            },
        ),
        essential=False,
    ),
    Role("release_unlisted", all_deals("release.unknown_id"), unknown_releases=1),
    Role(
        "model_unlisted",
        _faulty_release("release.unknown_id"),
        _ONE_PERSON,
        unknown_releases=1,
        essential=False,
    ),
    Role(
        "property",
        {},
        _PROPERTY,
        releases=({"kind": "property"},),
        essential=False,
        per_thousand=10,
    ),
    Role("property_unknown", generative_deals("property.unknown"), {"property": None}),
    Role("property_missing", all_deals("release.property_missing"), _PROPERTY, per_thousand=2),
    Role(
        "property_ml",
        all_deals("release.property_missing release.purpose_not_covered"),
        _PROPERTY,
        releases=({"kind": "property", "ml_use": "conditional"},),
        essential=False,
    ),
)
