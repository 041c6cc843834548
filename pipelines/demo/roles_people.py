"""Roles about those who must agree: contributors' consents, people shown and their releases."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles import Author, Event, Role, at, every, generative, reasons


def _by(history: str) -> tuple[Author, ...]:
    return (Author(history, 10_000),)


# The consents themselves stand in `histories`, by the names used here.
CONSENT_ROLES = (
    Role("consent_missing", every("consent.missing"), authors=_by("missing"), share=6),
    Role("consent_denied", every("consent.denied"), authors=_by("denied"), share=3),
    Role("consent_withdrawn", every("consent.withdrawn"), authors=_by("withdrawn"), share=6),
    Role("consent_conditional", every("consent.conditional"), authors=_by("conditional"), share=2),
    Role("consent_too_late", every("consent.missing"), authors=_by("after"), essential=False),
    Role(
        "consent_tie", every("consent.conditional"), authors=_by("tie_conditional"), essential=False
    ),
    Role(
        "consent_tie_unknown",
        every("consent.missing"),
        authors=_by("tie_unknown"),
        essential=False,
    ),
    Role(
        "consent_no_inference",
        generative("consent.missing"),
        authors=_by("no_inference"),
        essential=False,
        share=3,
    ),
    Role(
        "consent_inference_denied",
        every("consent.withdrawn"),
        authors=_by("inference_denied"),
        essential=False,
    ),
    Role(
        "consent_not_generative",
        generative("consent.denied"),
        authors=_by("not_generative"),
        essential=False,
        share=6,
    ),
    Role(
        "consent_generative_withdrawn",
        generative("consent.withdrawn"),
        authors=_by("generative_withdrawn"),
        essential=False,
        share=3,
    ),
    Role(
        "co_author_withdrew",
        every("consent.withdrawn"),
        authors=(Author("good", 5_000), Author("withdrawn", 5_000)),
        essential=False,
    ),
    Role(
        "co_authors_differ",
        every("consent.denied consent.missing"),
        authors=(Author("denied", 5_000), Author("missing", 5_000)),
        essential=False,
    ),
    # A general yes does not lift a particular no …
    Role(
        "asset_no_before_general_yes",
        every("consent.denied"),
        authors=_by("plain"),
        events=(Event("deny", at("2020-02-01T00:00:00")),),
        essential=False,
    ),
    Role(
        "asset_yes_taken_back",
        every("consent.withdrawn"),
        authors=_by("plain"),
        events=(
            Event("allow", at("2025-01-01T08:00:00")),
            Event("deny", at("2025-06-01T08:00:00")),
        ),
        essential=False,
    ),
    # … a later general no lifts a particular yes, and a later particular yes stands.
    Role(
        "asset_yes_before_general_no",
        every("consent.withdrawn"),
        authors=_by("withdrawn"),
        events=(Event("allow", at("2022-05-01T00:00:00")),),
        essential=False,
    ),
    Role(
        "asset_yes_after_general_no",
        {},
        authors=_by("withdrawn"),
        events=(Event("allow", at("2025-05-01T00:00:00")),),
        essential=False,
        share=3,
    ),
    Role(
        "asset_no_after_as_of",
        {},
        authors=_by("plain"),
        events=(Event("deny", at("2026-07-02T00:00:00")),),
        essential=False,
    ),
)

_ONE = {"people_count": 1}
_CHILD = {"people_count": 1, "minors": True}
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
        {"people_count": 2},
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
    Role("one_of_two", _short(""), {"people_count": 2}, releases=({},), essential=False, share=3),
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
        {"property": True},
        releases=({"kind": "property"},),
        essential=False,
        share=10,
    ),
    Role("property_missing", every("release.property_missing"), {"property": True}, share=2),
    Role(
        "property_ml",
        every("release.property_missing release.purpose_not_covered"),
        {"property": True},
        releases=({"kind": "property", "ml_use": "conditional"},),
        essential=False,
    ),
)
