"""Roles about columns of the catalogue: reading, status, licence, term, territory, grants."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import Author, Role, all_deals, by_deal, generative_deals

READ_ROLES = (
    Role("no_media_uri", all_deals("row.unreadable"), {"media_uri": None}),
    Role("no_asset_id", all_deals("row.unreadable"), {"asset_id": None}, essential=False),
    Role("no_contributors", all_deals("row.unreadable"), {"contributors": None}, essential=False),
    Role("negative_people", all_deals("row.invalid"), {"people_count": -1}),
    Role("weight_zero", all_deals("row.invalid"), {"weight": 0}, essential=False),
)

STANDING_ROLES = (
    Role("duplicate_id", all_deals("asset.duplicate_id"), rows=2),
    Role("withdrawn", all_deals("asset.withdrawn"), {"status": "withdrawn"}, per_thousand=6),
    Role("legal_hold", all_deals("asset.legal_hold"), {"status": "legal_hold"}),
    Role("status_unknown", all_deals("asset.status_unknown"), {"status": "on shelf"}),
    Role("class_unknown", all_deals("class.unknown"), {"licence_class": "other"}),
    Role("model_unknown", all_deals("class.unknown"), {"licence_model": "RR"}, essential=False),
    Role(
        "editorial_people",
        by_deal(
            "class.editorial release.model_missing",
            "",
            "class.editorial people.refused release.model_missing",
        ),
        {"licence_class": "editorial", "people_count": 2},
        essential=False,
    ),
    Role(
        "editorial",
        generative_deals("class.editorial"),
        {"licence_class": "editorial"},
        per_thousand=14,
    ),
    Role("exclusive", all_deals("licence.exclusive"), {"exclusive": True}, per_thousand=4),
    Role(
        "exclusive_search",
        by_deal("", "licence.exclusive", ""),
        {"exclusive": True, "exclusive_purposes": ["search"]},
        per_thousand=3,
    ),
    Role(
        "exclusive_until_then",
        {},
        {"exclusive": True, "exclusive_until": date(2026, 2, 28)},
        essential=False,
    ),
    Role(
        "code_nc",
        all_deals("licence.non_commercial"),
        {"licence_code": "CC-BY-NC-4.0"},
        per_thousand=3,
    ),
    Role("code_nd", all_deals("licence.no_derivatives"), {"licence_code": "CC-BY-ND-4.0"}),
    Role(
        "code_nc_nd",
        all_deals("licence.non_commercial licence.no_derivatives"),
        {"licence_code": "CC-BY-NC-ND-4.0"},
        essential=False,
    ),
    Role("code_sa", all_deals("licence.share_alike"), {"licence_code": "CC-BY-SA-4.0"}),
    Role("code_unknown", all_deals("licence.unknown_code"), {"licence_code": "Agency Standard 9"}),
    Role(
        "code_free",
        {},
        {
            "licence_code": "CC-BY-4.0",
            "credit": "A. N. Author",
            "source_url": "https://example.org/works/17",
        },
        essential=False,
        per_thousand=6,
    ),
)

TERM_ROLES = (
    Role("starts_late", all_deals("term.not_started"), {"valid_from": date(2026, 9, 1)}),
    Role(
        "starts_between",
        generative_deals(""),
        {"valid_from": date(2026, 3, 1)},
        essential=False,
        per_thousand=3,
    ),
    Role("ends_early", all_deals("term.ends_early"), {"valid_until": date(2026, 12, 31)}),
    Role(
        "ends_between",
        by_deal("", "", "term.ends_early"),
        {"valid_until": date(2030, 6, 30)},
        essential=False,
        per_thousand=4,
    ),
    # From the first day of the images deal's term to the last day of the main deal's: both are
    # covered.
    Role(
        "ends_that_day",
        by_deal("", "", "term.ends_early"),
        {"valid_from": date(2026, 3, 1), "valid_until": date(2029, 7, 1)},
        essential=False,
    ),
    Role(
        "territory_out",
        generative_deals("territory.not_covered"),
        {"territories_out": ["US"]},
        per_thousand=5,
    ),
    Role(
        "territory_in",
        by_deal("", "territory.not_covered", "territory.not_covered"),
        {"territories_in": ["DE", "FR", "NO", "US"]},
        essential=False,
        per_thousand=6,
    ),
    Role(
        "territory_both",
        by_deal("", "", "territory.not_covered"),
        {"territories_in": ["DE", "FR", "GB", "JP", "NO", "US"], "territories_out": ["KP"]},
        essential=False,
        per_thousand=4,
    ),
    # UK is a common mistake for GB.
    Role(
        "territory_code",
        by_deal(
            "territory.unknown_code",
            "territory.unknown_code",
            "territory.not_covered territory.unknown_code",
        ),
        {"territories_out": ["UK"]},
    ),
)

GRANT_ROLES = (
    Role(
        "grant_denied",
        generative_deals("grant.denied"),
        {"grant_train_gen": "deny"},
        file_style="jpeg_xmp",
        per_thousand=4,
    ),
    Role(
        "grant_nongen_denied",
        by_deal("", "grant.denied", ""),
        {"grant_train_nongen": "deny"},
        essential=False,
        per_thousand=3,
    ),
    Role("grant_conditional", all_deals("grant.conditional"), {"grant_inference": "conditional"}),
    Role(
        "grant_unreadable", generative_deals("grant.unreadable"), {"grant_train_gen": "yes, please"}
    ),
    Role(
        "grants_allowed",
        {},
        {"grant_train_gen": "allow", "grant_inference": "allow", "grant_index": "deny"},
        essential=False,
        per_thousand=20,
    ),
    Role("grant_left_open", {}, {"grant_train_gen": "unknown"}, essential=False, per_thousand=4),
)

SPLIT_ROLES = (
    Role(
        "contributor_unknown",
        all_deals("consent.missing contributor.unknown"),
        authors=(Author("unlisted", 10_000),),
    ),
    Role("splits_short", all_deals("splits.not_whole"), authors=(Author("good", 9_990),)),
    Role(
        "splits_negative",
        all_deals("splits.not_whole"),
        authors=(Author("good", 11_000), Author("good", -1_000)),
        essential=False,
    ),
    Role("splits_empty", all_deals("splits.not_whole"), authors=(), essential=False),
    Role(
        "three_authors",
        {},
        authors=(Author("good", 3_333), Author("good", 3_333), Author("good", 3_334)),
        essential=False,
        per_thousand=25,
    ),
    Role(
        "two_authors",
        {},
        authors=(Author("good", 7_000), Author("good", 3_000)),
        essential=False,
        per_thousand=30,
    ),
)

SOURCE_ROLES = (
    Role(
        "ai_generated",
        generative_deals("source.ai_generated"),
        {"digital_source_type": "trainedAlgorithmicMedia"},
        file_style="jpeg_xmp",
        per_thousand=8,
    ),
    Role("source_unstated", generative_deals("source.unstated"), {"digital_source_type": None}),
    Role("source_unknown", all_deals("source.unknown_type"), {"digital_source_type": "camera"}),
    Role(
        "source_stated",
        {},
        {"digital_source_type": "digitalCapture"},
        essential=False,
        per_thousand=30,
    ),
    Role("sensitive", generative_deals("sensitive.refused"), {"sensitive": True}, per_thousand=4),
    Role(
        "several_reasons",
        by_deal(
            "asset.withdrawn class.editorial grant.denied licence.exclusive term.ends_early",
            "asset.withdrawn licence.exclusive term.ends_early",
            "asset.withdrawn class.editorial grant.denied licence.exclusive term.ends_early",
        ),
        {
            "status": "withdrawn",
            "licence_class": "editorial",
            "exclusive": True,
            "grant_train_gen": "deny",
            "valid_until": date(2026, 12, 31),
        },
        essential=False,
        per_thousand=3,
    ),
    # Refused by the catalogue, so its missing file must never be looked for.
    Role(
        "withdrawn_and_missing",
        all_deals("asset.withdrawn"),
        {"status": "withdrawn"},
        file_style="missing",
        essential=False,
    ),
)
