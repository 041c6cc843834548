"""Roles about contributors who agree, refuse, change their minds or differ."""

from __future__ import annotations

from pipelines.demo.roles.role import Author, Event, Role, at, every, generative


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
