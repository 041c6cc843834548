"""Roles about contributors who consent, refuse, change their minds or disagree."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import (
    Author,
    ConsentEvent,
    Role,
    all_deals,
    by_deal,
    generative_deals,
    utc,
)


def _sole_author(history: str) -> tuple[Author, ...]:
    return (Author(history, 10_000),)


# The consent histories that these roles name are in `pipelines.demo.contributors`.
CONSENT_ROLES = (
    Role(
        "consent_missing",
        all_deals("consent.missing"),
        authors=_sole_author("missing"),
        per_thousand=6,
    ),
    Role(
        "consent_denied",
        all_deals("consent.denied"),
        authors=_sole_author("denied"),
        per_thousand=3,
    ),
    Role(
        "consent_withdrawn",
        all_deals("consent.withdrawn"),
        authors=_sole_author("withdrawn"),
        per_thousand=6,
    ),
    Role(
        "consent_conditional",
        all_deals("consent.conditional"),
        authors=_sole_author("conditional"),
        per_thousand=2,
    ),
    Role(
        "consent_too_late",
        all_deals("consent.missing"),
        authors=_sole_author("after"),
        essential=False,
    ),
    Role(
        "consent_tie",
        all_deals("consent.conditional"),
        authors=_sole_author("tie_conditional"),
        essential=False,
    ),
    Role(
        "consent_tie_unknown",
        all_deals("consent.missing"),
        authors=_sole_author("tie_unknown"),
        essential=False,
    ),
    Role(
        "consent_no_inference",
        generative_deals("consent.missing"),
        authors=_sole_author("no_inference"),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "consent_inference_denied",
        all_deals("consent.withdrawn"),
        authors=_sole_author("inference_denied"),
        essential=False,
    ),
    Role(
        "consent_not_generative",
        generative_deals("consent.denied"),
        authors=_sole_author("not_generative"),
        essential=False,
        per_thousand=6,
    ),
    Role(
        "consent_generative_withdrawn",
        generative_deals("consent.withdrawn"),
        authors=_sole_author("generative_withdrawn"),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "co_author_withdrew",
        all_deals("consent.withdrawn"),
        authors=(Author("good", 5_000), Author("withdrawn", 5_000)),
        essential=False,
    ),
    Role(
        "co_authors_differ",
        all_deals("consent.denied consent.missing"),
        authors=(Author("denied", 5_000), Author("missing", 5_000)),
        essential=False,
    ),
    # A consent for all assets does not override an earlier refusal for one asset.
    Role(
        "asset_no_before_general_yes",
        all_deals("consent.denied"),
        authors=_sole_author("plain"),
        events=(ConsentEvent("deny", utc("2020-02-01T00:00:00")),),
        essential=False,
    ),
    Role(
        "asset_yes_taken_back",
        all_deals("consent.withdrawn"),
        authors=_sole_author("plain"),
        events=(
            ConsentEvent("allow", utc("2025-01-01T08:00:00")),
            ConsentEvent("deny", utc("2025-06-01T08:00:00")),
        ),
        essential=False,
    ),
    # A later refusal for all assets overrides a consent for one asset; a still later consent for
    # one asset is valid.
    Role(
        "asset_yes_before_general_no",
        all_deals("consent.withdrawn"),
        authors=_sole_author("withdrawn"),
        events=(ConsentEvent("allow", utc("2022-05-01T00:00:00")),),
        essential=False,
    ),
    Role(
        "asset_yes_after_general_no",
        {},
        authors=_sole_author("withdrawn"),
        events=(ConsentEvent("allow", utc("2025-05-01T00:00:00")),),
        essential=False,
        per_thousand=3,
    ),
    Role(
        "asset_no_after_as_of",
        {},
        authors=_sole_author("plain"),
        events=(ConsentEvent("deny", utc("2026-07-02T00:00:00")),),
        essential=False,
    ),
)

# What a yes rests on; the strict deal demands an explicit one.
BASIS_ROLES = (
    *(
        Role(
            f"consent_{history}",
            by_deal(strict="consent.not_explicit"),
            authors=_sole_author(history),
            essential=history == "by_silence",
        )
        for history in (
            "basis_unstated",
            "basis_unknown",
            "by_terms",
            "by_silence",
            "silence_just_over",
        )
    ),
    Role(
        "consent_terms_after_explicit",
        {},
        authors=_sole_author("terms_after_explicit"),
        essential=False,
    ),
    *(
        Role(
            f"consent_{history}", all_deals(reason), authors=_sole_author(history), essential=False
        )
        for history, reason in (
            ("silence_not_over", "consent.missing"),
            ("silence_without_notice", "consent.missing"),
            ("silence_misspelt", "consent.missing"),
            # Who has answered is not silent.
            ("silence_answered", "consent.denied"),
            ("silence_after_no", "consent.denied"),
            ("silence_withdrawn", "consent.withdrawn"),
        )
    ),
    Role(
        "co_author_silent",
        by_deal(strict="consent.not_explicit"),
        authors=(Author("good", 5_000), Author("by_silence", 5_000)),
        essential=False,
    ),
    # Silence about one asset does not lift the contributor's refusal of all.
    Role(
        "asset_silence_after_general_no",
        all_deals("consent.withdrawn"),
        authors=_sole_author("withdrawn"),
        events=(
            ConsentEvent(
                "allow",
                utc("2025-05-01T00:00:00"),
                basis="silence",
                notice_at=date(2025, 5, 1),
                window_days=30,
            ),
        ),
        essential=False,
    ),
)
