"""Roles about the catalogue's own columns: reading, status, licence, term, territory, grants."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import Author, Role, every, generative, reasons

READ_ROLES = (
    Role("no_media_uri", every("row.unreadable"), {"media_uri": None}),
    Role("no_asset_id", every("row.unreadable"), {"asset_id": None}, essential=False),
    Role("no_contributors", every("row.unreadable"), {"contributors": None}, essential=False),
    Role("negative_people", every("row.invalid"), {"people_count": -1}),
    Role("weight_zero", every("row.invalid"), {"weight": 0}, essential=False),
)

STANDING_ROLES = (
    Role("duplicate_id", every("asset.duplicate_id"), rows=2),
    Role("withdrawn", every("asset.withdrawn"), {"status": "withdrawn"}, share=6),
    Role("legal_hold", every("asset.legal_hold"), {"status": "legal_hold"}),
    Role("status_unknown", every("asset.status_unknown"), {"status": "on shelf"}),
    Role("class_unknown", every("class.unknown"), {"licence_class": "other"}),
    Role("model_unknown", every("class.unknown"), {"licence_model": "RR"}, essential=False),
    Role(
        "editorial_people",
        reasons(
            "class.editorial release.model_missing",
            "",
            "class.editorial people.refused release.model_missing",
        ),
        {"licence_class": "editorial", "people_count": 2},
        essential=False,
    ),
    Role("editorial", generative("class.editorial"), {"licence_class": "editorial"}, share=14),
    Role("exclusive", every("licence.exclusive"), {"exclusive": True}, share=4),
    Role(
        "exclusive_search",
        reasons("", "licence.exclusive", ""),
        {"exclusive": True, "exclusive_purposes": ["search"]},
        share=3,
    ),
    Role(
        "exclusive_until_then",
        {},
        {"exclusive": True, "exclusive_until": date(2026, 2, 28)},
        essential=False,
    ),
    Role("code_nc", every("licence.non_commercial"), {"licence_code": "CC-BY-NC-4.0"}, share=3),
    Role("code_nd", every("licence.no_derivatives"), {"licence_code": "CC-BY-ND-4.0"}),
    Role(
        "code_nc_nd",
        every("licence.non_commercial licence.no_derivatives"),
        {"licence_code": "CC-BY-NC-ND-4.0"},
        essential=False,
    ),
    Role("code_sa", every("licence.share_alike"), {"licence_code": "CC-BY-SA-4.0"}),
    Role("code_unknown", every("licence.unknown_code"), {"licence_code": "Agency Standard 9"}),
    Role("code_free", {}, {"licence_code": "CC-BY-4.0"}, essential=False, share=6),
)

TERM_ROLES = (
    Role("starts_late", every("term.not_started"), {"valid_from": date(2026, 9, 1)}),
    Role(
        "starts_between", generative(""), {"valid_from": date(2026, 3, 1)}, essential=False, share=3
    ),
    Role("ends_early", every("term.ends_early"), {"valid_until": date(2026, 12, 31)}),
    Role(
        "ends_between",
        reasons("", "", "term.ends_early"),
        {"valid_until": date(2030, 6, 30)},
        essential=False,
        share=4,
    ),
    # The first and the last day of the main deal's own term: both are still enough.
    Role(
        "ends_that_day",
        reasons("", "", "term.ends_early"),
        {"valid_from": date(2026, 3, 1), "valid_until": date(2029, 7, 1)},
        essential=False,
    ),
    Role(
        "territory_out",
        generative("territory.not_covered"),
        {"territories_out": ["US"]},
        share=5,
    ),
    Role(
        "territory_in",
        reasons("", "territory.not_covered", "territory.not_covered"),
        {"territories_in": ["DE", "FR", "NO", "US"]},
        essential=False,
        share=6,
    ),
    Role(
        "territory_both",
        reasons("", "", "territory.not_covered"),
        {"territories_in": ["DE", "FR", "GB", "JP", "NO", "US"], "territories_out": ["KP"]},
        essential=False,
        share=4,
    ),
    # UK is what people write for GB.
    Role(
        "territory_code",
        reasons(
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
        generative("grant.denied"),
        {"grant_train_gen": "deny"},
        file="jpeg_xmp",
        share=4,
    ),
    Role(
        "grant_nongen_denied",
        reasons("", "grant.denied", ""),
        {"grant_train_nongen": "deny"},
        essential=False,
        share=3,
    ),
    Role("grant_conditional", every("grant.conditional"), {"grant_inference": "conditional"}),
    Role("grant_unreadable", generative("grant.unreadable"), {"grant_train_gen": "yes, please"}),
    Role(
        "grants_allowed",
        {},
        {"grant_train_gen": "allow", "grant_inference": "allow", "grant_index": "deny"},
        essential=False,
        share=20,
    ),
    Role("grant_left_open", {}, {"grant_train_gen": "unknown"}, essential=False, share=4),
)

SPLIT_ROLES = (
    Role(
        "contributor_unknown",
        every("consent.missing contributor.unknown"),
        authors=(Author("unlisted", 10_000),),
    ),
    Role("splits_short", every("splits.not_whole"), authors=(Author("good", 9_990),)),
    Role(
        "splits_negative",
        every("splits.not_whole"),
        authors=(Author("good", 11_000), Author("good", -1_000)),
        essential=False,
    ),
    Role("splits_empty", every("splits.not_whole"), authors=(), essential=False),
    Role(
        "three_authors",
        {},
        authors=(Author("good", 3_333), Author("good", 3_333), Author("good", 3_334)),
        essential=False,
        share=25,
    ),
    Role(
        "two_authors",
        {},
        authors=(Author("good", 7_000), Author("good", 3_000)),
        essential=False,
        share=30,
    ),
)

SOURCE_ROLES = (
    Role(
        "ai_generated",
        generative("source.ai_generated"),
        {"digital_source_type": "trainedAlgorithmicMedia"},
        file="jpeg_xmp",
        share=8,
    ),
    Role("source_unstated", generative("source.unstated"), {"digital_source_type": None}),
    Role("source_unknown", every("source.unknown_type"), {"digital_source_type": "camera"}),
    Role(
        "source_stated",
        {},
        {"digital_source_type": "digitalCapture"},
        essential=False,
        share=30,
    ),
    Role("sensitive", generative("sensitive.refused"), {"sensitive": True}, share=4),
    Role(
        "several_reasons",
        reasons(
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
        share=3,
    ),
    # Refused by the catalogue, so nobody may ever find out that its file is missing.
    Role(
        "withdrawn_and_missing",
        every("asset.withdrawn"),
        {"status": "withdrawn"},
        file="missing",
        essential=False,
    ),
)
