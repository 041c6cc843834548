"""Traps about people and property in the picture: rules 9 and 10 of docs/rights.md."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from tests.adversarial.draft import AssetDraft, Row, Trap, column_trap, make_trap
from tests.adversarial.terms import (
    AS_OF,
    DAY,
    ENDS,
    LONG_AGO,
    MICROSECOND,
    RELEASE_WORD,
    SHOOT_DAY,
    AdversaryTerms,
)


def release_traps(terms: AdversaryTerms) -> list[Trap]:
    """Returns all traps about releases, including harmless ones."""
    return [
        *_shown(terms),
        *_model_releases(terms),
        *_property_releases(),
        *_minors(terms),
    ]


def _show(people: object, *releases: Row, **row: object) -> Callable[[AssetDraft], None]:
    """Returns a change that sets the people count and adds releases."""

    def plant(draft: AssetDraft) -> None:
        draft.row.update({"people_count": people, "minors": False, **row})
        for changes in releases:
            draft.add_release(**changes)

    return plant


def _shown(terms: AdversaryTerms) -> list[Trap]:
    if_people, slot = " ".join(terms.people_reasons), "people"
    missing = f"{if_people} release.model_missing"

    def twice(draft: AssetDraft) -> None:
        _show(2, {})(draft)
        draft.release_ids += draft.release_ids

    def unknown(people: int, *releases: Row) -> Callable[[AssetDraft], None]:
        def plant(draft: AssetDraft) -> None:
            _show(people, *releases)(draft)
            # Similar to another asset's release id, but in no table.
            draft.release_ids += [f"{RELEASE_WORD}x{draft.number}"]

        return plant

    return [
        column_trap("people not counted", "people.unknown_count", slot, people_count=None),
        column_trap(
            "people not counted, no minors",
            "people.unknown_count",
            slot,
            people_count=None,
            minors=False,
        ),
        make_trap("no release", missing, slot, _show(1)),
        make_trap("a release for one of two people", missing, slot, _show(2, {})),
        make_trap("the same release twice", missing, slot, twice),
        make_trap("minors unknown", f"{if_people} minors.unknown", slot, _show(1, {}, minors=None)),
        make_trap("a release for one person", if_people, slot, _show(1, {})),
        make_trap("releases for three people", if_people, slot, _show(3, {}, {}, {})),
        make_trap("an extra faulty release", if_people, slot, _show(1, {}, {"ml_use": None})),
        make_trap(
            "an extra release that denies",
            f"{if_people} release.purpose_not_covered",
            slot,
            _show(1, {}, {"ml_use": "deny"}),
        ),
        make_trap(
            "an unknown release id instead of a release",
            f"{missing} release.unknown_id",
            slot,
            unknown(1),
        ),
        make_trap(
            "an extra unknown release id", f"{if_people} release.unknown_id", slot, unknown(1, {})
        ),
        make_trap("an unknown release id without people", "release.unknown_id", slot, unknown(0)),
        make_trap(
            "a property release for a person",
            missing,
            "people property",
            _show(1, {"kind": "property"}),
        ),
        make_trap("a faulty release without people", "", slot, _show(0, {"ml_use": None})),
        make_trap(
            "a denying release without people",
            "release.purpose_not_covered",
            slot,
            _show(0, {"ml_use": "deny"}),
        ),
        make_trap(
            "two releases of one person",
            missing,
            slot,
            _show(2, {"subject_ref": "the same"}, {"subject_ref": "The Same"}),
        ),
        make_trap("two releases of nobody", missing, slot, _show(2, *[{"subject_ref": None}] * 2)),
    ]


def _model_releases(terms: AdversaryTerms) -> list[Trap]:
    """Returns traps with one person and one release that is faulty, or barely valid."""
    today = AS_OF.date()
    expired, unsigned = "release.expired", "release.unsigned"
    purpose, shoot = "release.purpose_not_covered", "release.shoot_range"
    cases: list[tuple[str, Row]] = [
        ("release.revoked", {"revoked_at": AS_OF}),
        ("release.revoked", {"revoked_at": AS_OF - MICROSECOND}),
        ("release.revoked", {"revoked_at": AS_OF + MICROSECOND}),
        (expired, {"valid_until": ENDS - DAY}),
        ("", {"valid_until": ENDS}),
        (unsigned, {"signed_at": None}),
        (unsigned, {"signed_at": today + DAY}),
        ("", {"signed_at": today}),
        (unsigned, {"subject_signed": False}),
        (unsigned, {"subject_signed": None, "guardian_signed": True}),
        (unsigned, {"photographer_signed": None}),
        *(
            (purpose, {"ml_use": use})
            for use in (None, "deny", "conditional", "unknown", "аllow", "al\u200blow", "")
        ),
        ("", {"ml_use": " allow "}),
        ("", {"ml_use": "Allow"}),
        (shoot, {"shoot_from": SHOOT_DAY + DAY, "shoot_until": SHOOT_DAY + DAY}),
        (shoot, {"shoot_from": SHOOT_DAY - DAY, "shoot_until": SHOOT_DAY - DAY}),
        (shoot, {"shoot_from": None, "shoot_until": None}),
        (shoot, {"shoot_from": SHOOT_DAY + DAY, "shoot_until": SHOOT_DAY - DAY}),
        (f"{shoot} release.blanket_range", {"shoot_from": None}),
        (f"{shoot} release.blanket_range", {"shoot_until": None}),
        ("release.blanket_range", {"shoot_from": SHOOT_DAY, "shoot_until": SHOOT_DAY + 366 * DAY}),
        ("", {"shoot_from": SHOOT_DAY, "shoot_until": SHOOT_DAY + 365 * DAY}),
        ("", {"shoot_from": SHOOT_DAY - DAY}),
        ("release.witness", {"witness_ref": "the same", "subject_ref": " the same"}),
        ("", {"witness_ref": None}),
        (
            f"release.revoked {expired} {unsigned} {purpose}",
            {
                "revoked_at": LONG_AGO,
                "valid_until": date(2025, 1, 1),
                "signed_at": None,
                "ml_use": "deny",
            },
        ),
    ]
    if terms.people == "biometric-release":
        cases += [
            ("release.biometric_missing", {"biometric_rider": rider}) for rider in (False, None)
        ]
    if_people = " ".join(terms.people_reasons)

    def reasons(why: str) -> str:
        return f"{if_people} release.model_missing {why}" if why else if_people

    def own_witness(draft: AssetDraft) -> None:
        who = draft.set_new_author("allowed for all")
        _show(1, {"witness_ref": f" {who}"})(draft)

    def almost_own_witness(draft: AssetDraft) -> None:
        who = draft.set_new_author("allowed for all")
        _show(1, {"witness_ref": f"{who}0"})(draft)

    return [
        *(
            make_trap(f"release {changes}", reasons(why), "people", _show(1, changes))
            for why, changes in cases
        ),
        *(
            make_trap(f"second release {changes}", reasons(why), "people", _show(2, {}, changes))
            for why, changes in cases
            if why
        ),
        make_trap(
            "the contributor as witness", reasons("release.witness"), "people authors", own_witness
        ),
        make_trap("a witness with a similar id", if_people, "people authors", almost_own_witness),
        make_trap(
            "creation date unknown",
            reasons(shoot),
            "people property created",
            _show(1, {}, created_at=None, property=False),
        ),
    ]


def _property_releases() -> list[Trap]:
    slot, missing = "property", "release.property_missing"

    def show(**changes: object) -> Callable[[AssetDraft], None]:
        def plant(draft: AssetDraft) -> None:
            draft.row["property"] = True
            draft.add_release(**{"kind": "property", "biometric_rider": None, **changes})

        return plant

    return [
        column_trap("property unknown", "property.unknown", slot, property=None),
        column_trap("property without a release", missing, slot, property=True),
        make_trap("a release for property", "", slot, show()),
        make_trap("a model release for property", missing, "property people", show(kind="model")),
        make_trap(
            "a revoked release for property",
            f"{missing} release.revoked",
            slot,
            show(revoked_at=AS_OF),
        ),
        make_trap(
            "an expired release for property",
            f"{missing} release.expired",
            slot,
            show(valid_until=ENDS - DAY),
        ),
        make_trap(
            "a release for property without machine learning",
            f"{missing} release.purpose_not_covered",
            slot,
            show(ml_use="unknown"),
        ),
        make_trap(
            "a release for property of another day",
            f"{missing} release.shoot_range",
            slot,
            show(shoot_from=SHOOT_DAY + DAY, shoot_until=SHOOT_DAY + 2 * DAY),
        ),
    ]


def _minors(terms: AdversaryTerms) -> list[Trap]:
    slot = "people"
    if_people, if_minors = " ".join(terms.people_reasons), " ".join(terms.minors_reasons)
    also = f"{if_people} {if_minors}"
    guarded: Row = {"minor": True, "guardian_signed": True, "subject_signed": None}
    unguarded = guarded | {"guardian_signed": None}
    guardian = "release.guardian_missing"
    by_adult = also if terms.minors == "refuse" else f"{also} {guardian}"
    return [
        make_trap("a minor with a guardian", also, slot, _show(1, guarded, minors=True)),
        make_trap("a minor and an adult", also, slot, _show(2, guarded, {}, minors=True)),
        make_trap("a minor with an adult's release", by_adult, slot, _show(1, {}, minors=True)),
        make_trap(
            "a minor without a guardian",
            f"{also} {guardian} release.model_missing",
            slot,
            _show(1, unguarded, minors=True),
        ),
        make_trap("a minor stated only by the release", also, slot, _show(1, guarded)),
    ]
