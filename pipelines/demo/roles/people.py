"""Roles about people and property that are shown, and the releases they need."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import Role, at, every, generative, reasons

# A day within a good release's shoot dates.
_SHOT = {"created_at": date(2024, 6, 15)}
_ONE = {"people_count": 1, **_SHOT}
_TWO = {"people_count": 2, **_SHOT}
_CHILD = {**_ONE, "minors": True}
_BUILDING = {"property": True, **_SHOT}
_GUARDED = {"minor": True, "subject_signed": False, "guardian_signed": True}


def _short(code: str) -> dict[str, tuple[str, ...]]:
    """One person, whose only release has a fault."""
    return reasons(
        f"release.model_missing {code}",
        f"release.model_missing {code}",
        f"people.refused release.model_missing {code}",
    )


PEOPLE_ROLES = (
    Role("people_unknown", generative("people.unknown_count"), {"people_count": None}, share=3),
    Role(
        "minors_unknown",
        reasons("minors.unknown", "minors.unknown", "minors.unknown people.refused"),
        {**_ONE, "minors": None},
        releases=({},),
    ),
    Role(
        "minor",
        reasons("minors.refused", "", "minors.refused people.refused"),
        _CHILD,
        releases=(_GUARDED,),
        share=3,
    ),
    # The asset says nothing of a minor; its release does.
    Role(
        "minor_by_release",
        reasons("minors.refused", "", "minors.refused people.refused"),
        _ONE,
        releases=(_GUARDED,),
        essential=False,
    ),
    Role(
        "minor_unguarded",
        reasons(
            "minors.refused release.guardian_missing release.model_missing",
            "release.guardian_missing release.model_missing",
            "minors.refused people.refused release.guardian_missing release.model_missing",
        ),
        _CHILD,
        releases=({**_GUARDED, "guardian_signed": None},),
    ),
    Role(
        "person", reasons("", "", "people.refused"), _ONE, releases=({},), essential=False, share=40
    ),
    Role(
        "two_people",
        reasons("", "", "people.refused"),
        _TWO,
        releases=({}, {}),
        essential=False,
        share=20,
    ),
    Role(
        "spare_release",
        reasons("", "", "people.refused"),
        _ONE,
        releases=({}, {"valid_until": date(2026, 8, 1)}),
        essential=False,
        share=3,
    ),
    Role(
        "no_rider",
        reasons("", "release.biometric_missing release.model_missing", "people.refused"),
        _ONE,
        releases=({"biometric_rider": False},),
    ),
    Role("model_missing", _short(""), _ONE, essential=False, share=3),
    Role("one_of_two", _short(""), _TWO, releases=({},), essential=False, share=3),
    Role(
        "model_expired",
        _short("release.expired"),
        _ONE,
        releases=({"valid_until": date(2026, 8, 1)},),
        share=3,
    ),
    Role(
        "model_revoked",
        _short("release.revoked"),
        _ONE,
        releases=({"revoked_at": at("2026-06-30T23:59:59.999999")},),
        share=2,
    ),
    Role(
        "revoked_tomorrow",
        reasons("", "", "people.refused"),
        _ONE,
        releases=({"revoked_at": at("2026-07-01T00:00:00")},),
        essential=False,
    ),
    Role(
        "model_unsigned",
        _short("release.unsigned"),
        _ONE,
        releases=({"photographer_signed": False},),
    ),
    Role(
        "model_undated",
        _short("release.unsigned"),
        _ONE,
        releases=({"signed_at": None},),
        essential=False,
    ),
    Role(
        "model_signed_tomorrow",
        _short("release.unsigned"),
        _ONE,
        releases=({"signed_at": date(2026, 7, 1)},),
        essential=False,
    ),
    Role(
        "ml_denied",
        _short("release.purpose_not_covered"),
        _ONE,
        releases=({"ml_use": "deny"},),
        share=3,
    ),
    Role(
        "ml_unknown",
        _short("release.purpose_not_covered"),
        _ONE,
        releases=({"ml_use": None},),
        essential=False,
    ),
    Role(
        "other_shoot",
        _short("release.shoot_range"),
        {**_ONE, "created_at": date(2024, 5, 5)},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
    ),
    Role(
        "undated_shoot",
        _short("release.shoot_range"),
        {**_ONE, "created_at": None},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
        essential=False,
    ),
    Role(
        "last_day_of_shoot",
        reasons("", "", "people.refused"),
        {**_ONE, "created_at": date(2024, 6, 30)},
        releases=({"shoot_from": date(2024, 6, 1), "shoot_until": date(2024, 6, 30)},),
        essential=False,
        share=3,
    ),
    Role(
        "no_shoot_dates",
        _short("release.shoot_range"),
        _ONE,
        releases=({"shoot_from": None, "shoot_until": None},),
        essential=False,
    ),
    Role(
        "blanket_release",
        _short("release.blanket_range"),
        _ONE,
        releases=({"shoot_from": date(2020, 1, 1), "shoot_until": date(2030, 1, 1)},),
    ),
    Role(
        "witness_is_subject",
        _short("release.witness"),
        _ONE,
        releases=({"witness_ref": "somebody", "subject_ref": "somebody"},),
    ),
    Role(
        "all_at_once",
        _short("release.expired release.revoked release.unsigned"),
        _ONE,
        releases=(
            {
                "valid_until": date(2026, 8, 1),
                "subject_signed": None,
                "revoked_at": at("2025-01-01T00:00:00"),
            },
        ),
        essential=False,
    ),
    Role("release_unlisted", every("release.unknown_id"), unknown_releases=1),
    Role("model_unlisted", _short("release.unknown_id"), _ONE, unknown_releases=1, essential=False),
    Role(
        "property",
        {},
        _BUILDING,
        releases=({"kind": "property"},),
        essential=False,
        share=10,
    ),
    Role("property_unknown", generative("property.unknown"), {"property": None}),
    Role("property_missing", every("release.property_missing"), _BUILDING, share=2),
    Role(
        "property_ml",
        every("release.property_missing release.purpose_not_covered"),
        _BUILDING,
        releases=({"kind": "property", "ml_use": "conditional"},),
        essential=False,
    ),
)
