"""A reference implementation of refusal details, row by row: slow and simple.

It uses nothing of the code under test except `one_line`, which has its own tests.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pipelines.rights.formatting import one_line
from tests.rights.oracle import Row, demanded_consent, needed_purposes, passes

_LICENCE_CODE = ("licence_code",)
_RELEASES = ("release_ids",)
_TERRITORIES = ("territories_in", "territories_out")
# The columns that each reason is about, in the order in which reasons are listed.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "asset.duplicate_id": ("asset_id",),
    "asset.withdrawn": ("status",),
    "asset.legal_hold": ("status",),
    "asset.status_unknown": ("status",),
    "asset.removed": ("notices",),
    "class.editorial": ("licence_class",),
    "class.unknown": ("licence_model", "licence_class"),
    "term.not_started": ("valid_from",),
    "term.ends_early": ("valid_until",),
    "territory.not_covered": _TERRITORIES,
    "territory.unknown_code": _TERRITORIES,
    "licence.exclusive": ("exclusive", "exclusive_purposes", "exclusive_from", "exclusive_until"),
    "licence.non_commercial": _LICENCE_CODE,
    "licence.no_derivatives": _LICENCE_CODE,
    "licence.share_alike": _LICENCE_CODE,
    "licence.unknown_code": _LICENCE_CODE,
    "grant.denied": ("grants",),
    "grant.conditional": ("grants",),
    "grant.unreadable": ("grants",),
    "contributor.unknown": ("contributors",),
    "splits.not_whole": ("contributors",),
    "consent.missing": ("consents",),
    "consent.denied": ("consents",),
    "consent.withdrawn": ("consents",),
    "consent.conditional": ("consents",),
    "consent.not_explicit": ("consents",),
    "people.unknown_count": ("people_count",),
    "people.refused": ("people_count",),
    "minors.refused": ("minors",),
    "minors.unknown": ("minors",),
    "property.unknown": ("property",),
    "release.unknown_id": _RELEASES,
    "release.model_missing": ("people_count", "release_ids"),
    "release.property_missing": ("property", "release_ids"),
    "release.expired": _RELEASES,
    "release.revoked": _RELEASES,
    "release.unsigned": _RELEASES,
    "release.guardian_missing": ("minors", "release_ids"),
    "release.purpose_not_covered": _RELEASES,
    "release.biometric_missing": _RELEASES,
    "release.shoot_range": ("created_at", "release_ids"),
    "release.blanket_range": _RELEASES,
    "release.witness": _RELEASES,
    "source.ai_generated": ("digital_source_type",),
    "source.unstated": ("digital_source_type",),
    "source.unknown_type": ("digital_source_type",),
    "sensitive.refused": ("sensitive",),
    "text.personal_data": ("asset_id",),
    "select.media_type": ("media_type",),
    "select.keywords": ("keywords",),
    "select.not_listed": ("asset_id",),
    "profile.no_boxes": ("boxes",),
    "profile.no_poses": ("poses",),
    "profile.no_depth": ("depth",),
    "profile.no_model_release": ("people_count", "release_ids"),
    "profile.no_identity": ("release_ids",),
    "profile.no_derivatives": ("licence_code",),
}
REASON_ORDER = list(_COLUMNS)
# The words for each kind of insufficient consent.
_CONSENT_WORDS = {
    "silent": "none",
    "missing": "unknown",
    "denied": "deny",
    "not_explicit": "not explicit",
}


def expected_detail(
    asset: Row, codes: Collection[str], terms: Row, consents: Sequence[Row], as_of: datetime
) -> str:
    """Returns the line of detail for a refused asset.

    Args:
        asset: Its row.
        codes: The codes of its reasons.
        terms: The deal.
        consents: All events.
        as_of: The instant.
    """
    needed = needed_purposes(terms)
    notes: dict[str, None] = {}
    for code in sorted(codes, key=REASON_ORDER.index):
        for name in _COLUMNS[code]:
            if name == "consents":
                notes["; ".join(_consent_notes(asset, terms, consents, as_of))] = None
                continue
            columns = [f"grant_{purpose}" for purpose in needed] if name == "grants" else [name]
            notes |= {f"{column}={one_line(asset.get(column))}": None for column in columns}
    return "; ".join(notes)


def _consent_notes(asset: Row, terms: Row, consents: Sequence[Row], as_of: datetime) -> list[str]:
    """Returns notes on each contributor's insufficient consent, by purpose."""
    notes = []
    for purpose in needed_purposes(terms):
        for share in asset["contributors"]:
            name = share["contributor_id"]
            stated = demanded_consent(consents, name, asset["asset_id"], purpose, as_of, terms)
            if not passes(stated, purpose, terms):
                words = _CONSENT_WORDS.get(stated, stated)
                notes.append(f"consent {purpose} of {one_line(name)}: {words}")
    return notes
