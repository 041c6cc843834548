"""Rules on the assets table only, 1 to 7 and 11 to 13: values that just break or just pass each."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.deal import Deal
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, PURPOSES
from tests.rights.rights_cases import (
    DAY,
    ENDS,
    STARTS,
    asset,
    deal,
    deal_with_rights,
    reason_codes,
    rights_index,
    screened_codes,
    split_shares,
)

WORLD = deal(territory=["WORLD"])
FILM = {"media_type": "video"}
NO_DERIVATIVES = FILM | {"licence_code": "CC-BY-ND-4.0"}


def words(
    any_of: list[str] | None = None, none_of: list[str] | None = None, **changes: Any
) -> Deal:
    select = {"keywords_any": any_of or [], "keywords_none": none_of or []}
    return deal(select=select, **changes)


def deal_of_films(profile: str) -> Deal:
    rights = {"no_derivatives": "accept", "missing_credit": "accept"}
    return deal(profile=profile, media=["video"], rights=rights)


def test_ordinary_asset_is_cleared() -> None:
    assert screened_codes(asset()) == set()


def test_screening_no_assets() -> None:
    assert reason_codes([], deal(), rights_index(deal())) == []


def test_rule_1_repeated_id_refuses_all_its_rows() -> None:
    rows = [asset(), asset(asset_id="a-2"), asset(status="withdrawn")]
    found = reason_codes(rows, deal(), rights_index(deal()), [True, False, True])
    assert found == [
        {"asset.duplicate_id"},
        set(),
        {"asset.duplicate_id", "asset.withdrawn"},
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # 2
        ({"status": "withdrawn"}, "asset.withdrawn"),
        ({"status": "legal_hold"}, "asset.legal_hold"),
        ({"status": "Active"}, "asset.status_unknown"),
        ({"status": "active "}, "asset.status_unknown"),
        ({"status": ""}, "asset.status_unknown"),
        # 3
        ({"licence_model": "RM"}, ""),
        ({"licence_model": "rf"}, "class.unknown"),
        ({"licence_class": "commercial"}, "class.unknown"),
        ({"licence_class": "editorial"}, "class.editorial"),
        ({"licence_class": "editorial", "licence_model": "?"}, "class.editorial class.unknown"),
        ({"exclusive": True}, "licence.exclusive"),
        ({"exclusive": False}, ""),
        ({"exclusive": True, "exclusive_purposes": ["train_gen"]}, "licence.exclusive"),
        ({"exclusive": True, "exclusive_purposes": ["search", "inference"]}, "licence.exclusive"),
        ({"exclusive": True, "exclusive_purposes": ["search", "index"]}, ""),
        ({"exclusive": True, "exclusive_purposes": ["film posters"]}, "licence.exclusive"),
        ({"exclusive": True, "exclusive_until": STARTS - DAY}, ""),
        ({"exclusive": True, "exclusive_until": STARTS}, "licence.exclusive"),
        ({"exclusive": True, "exclusive_from": ENDS}, "licence.exclusive"),
        ({"exclusive": True, "exclusive_from": ENDS + DAY}, ""),
        # A row that names a purpose or a day of an exclusive licence has given one.
        ({"exclusive_until": ENDS}, "licence.exclusive"),
        ({"exclusive_purposes": ["train_gen"]}, "licence.exclusive"),
        ({"exclusive": False, "exclusive_purposes": ["train_gen"]}, ""),
        # 4
        ({"valid_from": STARTS}, ""),
        ({"valid_from": STARTS + DAY}, "term.not_started"),
        ({"valid_until": ENDS}, ""),
        ({"valid_until": ENDS - DAY}, "term.ends_early"),
        (
            {"valid_from": STARTS + DAY, "valid_until": ENDS - DAY},
            "term.not_started term.ends_early",
        ),
        # 5
        ({"territories_in": []}, ""),
        ({"territories_in": ["US", "NO", "DE"]}, ""),
        ({"territories_in": ["US", "US"]}, "territory.not_covered"),
        ({"territories_in": ["NO"]}, "territory.not_covered"),
        ({"territories_in": ["WORLD"]}, ""),
        ({"territories_in": ["DE", "WORLD"]}, ""),
        ({"territories_out": ["NO"]}, "territory.not_covered"),
        ({"territories_out": ["DE"]}, ""),
        ({"territories_out": ["WORLD"]}, "territory.not_covered"),
        ({"territories_in": ["US", "NO"], "territories_out": ["US"]}, "territory.not_covered"),
        ({"territories_in": ["US", "NO", "UK"]}, "territory.unknown_code"),
        ({"territories_in": ["US", "no"]}, "territory.not_covered territory.unknown_code"),
        ({"territories_out": ["EU"]}, "territory.unknown_code"),
        ({"territories_out": ["world"]}, "territory.unknown_code"),
        ({"territories_in": ["US", "NO", None]}, "territory.unknown_code"),
        ({"territories_in": [None]}, "territory.not_covered territory.unknown_code"),
        # 11
        ({"digital_source_type": "digitalCapture"}, ""),
        ({"digital_source_type": "trainedAlgorithmicMedia"}, "source.ai_generated"),
        ({"digital_source_type": "compositeSynthetic"}, "source.ai_generated"),
        ({"digital_source_type": DIGITAL_SOURCE_TYPE_PREFIX + "negativeFilm"}, ""),
        (
            {"digital_source_type": DIGITAL_SOURCE_TYPE_PREFIX + "algorithmicMedia"},
            "source.ai_generated",
        ),
        ({"digital_source_type": "digitalcapture"}, "source.unknown_type"),
        ({"digital_source_type": ""}, "source.unknown_type"),
        ({"digital_source_type": DIGITAL_SOURCE_TYPE_PREFIX}, "source.unknown_type"),
        # 12
        ({"sensitive": True}, "sensitive.refused"),
        ({"sensitive": False}, ""),
        # 13
        ({"media_type": "video"}, "select.media_type"),
        ({"media_type": "Image"}, "select.media_type"),
    ],
)
def test_rules_on_the_strict_deal(changes: dict[str, Any], expected: str) -> None:
    assert screened_codes(asset(**changes)) == set(expected.split())


@pytest.mark.parametrize(
    ("terms", "changes", "expected"),
    [
        (deal_with_rights(editorial="accept"), {"licence_class": "editorial"}, ""),
        (deal_with_rights(editorial="accept"), {"licence_class": "Editorial"}, "class.unknown"),
        (deal_with_rights(ai_generated="label"), {"digital_source_type": "algorithmicMedia"}, ""),
        (
            deal_with_rights(ai_generated="label"),
            {"digital_source_type": "madeUp"},
            "source.unknown_type",
        ),
        (deal_with_rights(sensitive="accept"), {"sensitive": True}, ""),
        (WORLD, {}, ""),
        (WORLD, {"territories_in": []}, ""),
        (WORLD, {"territories_in": ["WORLD"]}, ""),
        (WORLD, {"territories_in": ["US", "NO"]}, "territory.not_covered"),
        (WORLD, {"territories_out": []}, ""),
        (WORLD, {"territories_out": ["DE"]}, "territory.not_covered"),
        (
            WORLD,
            {"territories_in": ["WORLD"], "territories_out": ["WORLD"]},
            "territory.not_covered",
        ),
        # NO is the country code of Norway, not a boolean.
        (deal(territory=["NO"]), {"territories_in": ["NO"]}, ""),
        (deal(territory=["NO"]), {"territories_out": ["NO"]}, "territory.not_covered"),
        (deal(profile="video-text", media=["video"]), {"media_type": "video"}, ""),
        (deal(profile="video-text", media=["video"]), {}, "select.media_type"),
        (deal(profile="video-text", media=["image", "video"]), {}, ""),
        (deal_of_films("box-motion"), FILM, "profile.no_boxes"),
        (deal_of_films("box-motion"), {"boxes": "a.json"} | NO_DERIVATIVES, ""),
        (deal_of_films("structure-depth"), FILM, "profile.no_depth"),
        (deal_of_films("structure-depth"), FILM | {"depth": "a.npz"}, ""),
        (
            deal_of_films("structure-depth"),
            {"depth": "a.npz"} | NO_DERIVATIVES,
            "profile.no_derivatives",
        ),
        (deal_of_films("first-last-frame"), FILM, ""),
        (deal_of_films("first-last-frame"), NO_DERIVATIVES, "profile.no_derivatives"),
        (deal_of_films("video-text"), NO_DERIVATIVES, ""),
        (
            deal_of_films("human-motion"),
            NO_DERIVATIVES,
            "profile.no_poses profile.no_model_release profile.no_derivatives",
        ),
        (words(["Cat"]), {"keywords": ["dog", "cAT"]}, ""),
        (words(["cat"]), {"keywords": ["dog", "cats"]}, "select.keywords"),
        (words(["cat"]), {"keywords": None}, "select.keywords"),
        (words(["cat"]), {"keywords": []}, "select.keywords"),
        (words(["cat"]), {"keywords": [None, "cat"]}, ""),
        (words(none_of=["cat"]), {"keywords": None}, ""),
        (words(none_of=["cat"]), {"keywords": ["CAT"]}, "select.keywords"),
        (words(["cat"], ["dog"]), {"keywords": ["cat", "dog"]}, "select.keywords"),
        # An excluded keyword is excluded in every spelling that readers consider the same.
        (words(none_of=["STRASSE"]), {"keywords": ["straße"]}, "select.keywords"),
        (words(none_of=["οδος"]), {"keywords": ["ΟΔΟΣ"]}, "select.keywords"),
        (words(none_of=["ΟΔΟΣ"]), {"keywords": ["οδος"]}, "select.keywords"),
        (words(none_of=["İstanbul"]), {"keywords": ["İSTANBUL"]}, "select.keywords"),
        (words(none_of=["caf\u00e9"]), {"keywords": ["CAFE\u0301"]}, "select.keywords"),
        (words(none_of=["cafe"]), {"keywords": ["café"]}, ""),
    ],
)
def test_rules_on_other_deals(terms: Deal, changes: dict[str, Any], expected: str) -> None:
    assert screened_codes(asset(**changes), terms) == set(expected.split())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, ""),
        ("CC-BY-4.0", ""),
        ("cc0-1.0", ""),
        ("HPND", ""),  # the letters ND in it are not a licence term
        ("CC-BY-4.0 AND MIT", ""),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "licence.share_alike"),
        ("CC-BY-NC-4.0", "licence.non_commercial"),
        ("cc-by-nc-sa-3.0", "licence.non_commercial licence.share_alike"),
        ("CC-BY-SA-4.0", "licence.share_alike"),
        ("MIT OR CC-BY-NC-4.0", "licence.non_commercial"),
        ("NCGL-UK-2.0", "licence.non_commercial"),
        ("PolyForm-Noncommercial-1.0.0", "licence.non_commercial"),
        ("CC-BY-NC-4.0 WITH Classpath-exception-2.0", "licence.non_commercial"),
        ("CC-BY-ND-4.0", "licence.no_derivatives"),
        # What ScanCode's index says of them; SPDX itself says nothing.
        *(
            (code, "licence.share_alike")
            for code in (
                *("GPL-3.0-or-later", "AGPL-3.0-only", "LGPL-2.1-only", "MPL-2.0", "EUPL-1.2"),
                *("ODbL-1.0", "GFDL-1.3-only", "CDLA-Sharing-1.0", "LAL-1.3", "OSL-3.0"),
                *("SSPL-1.0", "CC-BY-SA-4.0", "MIT OR GPL-2.0+", "gpl-2.0-only"),
            )
        ),
        ("CC-BY-NC-SA-4.0", "licence.non_commercial licence.share_alike"),
        ("Apache-2.0", ""),
        ("CDLA-Permissive-2.0", ""),
        ("CC0-1.0", ""),
        ("CC-BY-NC-ND-4.0", "licence.non_commercial licence.no_derivatives"),
        ("", "licence.unknown_code"),
        ("Creative Commons", "licence.unknown_code"),
        ("LicenseRef-house", "licence.unknown_code"),
        ("MIT WITH CC-BY-4.0", "licence.unknown_code"),
        ("Classpath-exception-2.0", "licence.unknown_code"),
        ("MIT AND", "licence.unknown_code"),
        ("AND", "licence.unknown_code"),
        ("((MIT", "licence.unknown_code"),
        ("MIT\n", ""),
        ("(MIT AND (MIT OR " * 2000 + "MIT" + "))" * 2000, "licence.unknown_code"),
    ],
)
def test_rule_3_licence_codes(code: str | None, expected: str) -> None:
    assert screened_codes(asset(licence_code=code)) == set(expected.split())


NEEDED = ("train_gen", "inference")


@pytest.mark.parametrize("purpose", [purpose.value for purpose in PURPOSES])
@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("allow", ""),
        ("unknown", ""),
        (None, ""),
        ("deny", "grant.denied"),
        ("conditional", "grant.conditional"),
        ("yes", "grant.unreadable"),
        ("Deny", "grant.unreadable"),
        ("", "grant.unreadable"),
    ],
)
def test_rule_6_grants(purpose: str, grant: str | None, expected: str) -> None:
    found = screened_codes(asset(**{f"grant_{purpose}": grant}))
    assert found == (set(expected.split()) if purpose in NEEDED else set())


def test_rule_6_grant_does_not_replace_consent() -> None:
    row = asset(grant_train_gen="allow", grant_inference="allow")
    assert screened_codes(row, consents=[]) == {"consent.missing"}


def test_rule_6_deal_for_all_purposes_needs_every_grant() -> None:
    terms = deal(purposes=[purpose.value for purpose in PURPOSES])
    for purpose in PURPOSES:
        assert screened_codes(asset(**{f"grant_{purpose}": "deny"}), terms) == {"grant.denied"}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([("c-1", 6_000), ("c-2", 4_000)], ""),
        ([("c-1", 9_999), ("c-2", 1)], ""),
        ([("c-1", 10_000), ("c-2", 0)], "splits.not_whole"),
        ([("c-1", 10_001), ("c-2", -1)], "splits.not_whole"),
        ([("c-1", 9_999)], "splits.not_whole"),
        ([("c-1", 10_001)], "splits.not_whole"),
        ([("c-1", None)], "splits.not_whole"),
        ([("c-1", 10_000), ("c-2", None)], "splits.not_whole"),
        ([], "splits.not_whole"),
        ([("c-9", 10_000)], "contributor.unknown consent.missing"),
        ([("c-1", 5_000), ("c-9", 5_000)], "contributor.unknown consent.missing"),
        ([(None, 10_000)], "contributor.unknown consent.missing"),
        ([("C-1", 10_000)], "contributor.unknown consent.missing"),
    ],
)
def test_rule_7_splits(shares: list[tuple[str | None, int | None]], expected: str) -> None:
    assert screened_codes(asset(contributors=split_shares(*shares))) == set(expected.split())


def test_rule_7_unknown_contributor_with_consents_is_refused() -> None:
    terms = deal()
    joined = rights_index(terms, contributors=("c-1", "c-2"))
    row = asset(contributors=split_shares(("c-3", 10_000)))
    assert reason_codes([row], terms, joined) == [{"contributor.unknown", "consent.missing"}]


def test_all_reasons_are_given_at_once() -> None:
    row = asset(status="?", exclusive=True, sensitive=True, grant_train_gen="deny")
    assert screened_codes(row, consents=[]) == {
        "asset.status_unknown",
        "licence.exclusive",
        "sensitive.refused",
        "grant.denied",
        "consent.missing",
    }


def test_rows_are_judged_independently() -> None:
    rows = [
        asset(keywords=["a", "b"], territories_in=["US", "NO"]),
        asset(contributors=[], territories_in=None),
        asset(status="withdrawn", contributors=split_shares(("c-1", 4_000), ("c-2", 6_000))),
        asset(territories_in=["DE"]),
        asset(),
    ]
    found = reason_codes(rows, deal(), rights_index(deal()))
    assert found == [
        set(),
        {"splits.not_whole"},
        {"asset.withdrawn"},
        {"territory.not_covered"},
        set(),
    ]
