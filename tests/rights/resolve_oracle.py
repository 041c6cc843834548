"""Rules 14 to 22 and 25 of docs/rights.md once more, for what rules 1 to 13 clear.

It judges one asset at a time and uses nothing of the code under test: no reader of catalogue or
consents, no index, and only its own vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import Any

from schemas.signal import FileAssertion, Reading
from tests.rights import oracle

Row = Mapping[str, Any]
# An override: origin, purpose, value, where, the raw value, and the agreement.
ExpectedOverride = tuple[str, str, str, str, str, str]

AGES_UNDER_18 = {"AG-U14", "AG-A15", "AG-A16", "AG-A17"}
AGES_FROM_18 = {f"AG-A{age}" for age in range(18, 26)}
# The source types of the random files, and whether they mean generated media. "photo" is unknown.
SOURCES = {
    "digitalCapture": False,
    "print": False,
    "algorithmicallyEnhanced": False,
    "trainedAlgorithmicMedia": True,
    "compositeSynthetic": True,
    "photo": True,
}
# The notices of the random files, and the owners that they name.
NOTICES: dict[str, set[str]] = {
    "© 2024 Ann Bell": {"ann"},
    "Copyright 2023 ANN BELL. All rights reserved.": {"ann"},
    "(c) Bo Carr": {"bo"},
    "Ann Bell / Bo Carr": {"ann", "bo"},
    "All rights reserved": set(),
}


@dataclass(frozen=True)
class ExpectedResolution:
    """The expected result of the rules.

    Attributes:
        reasons: The reasons to refuse the asset.
        inference: Whether it may be embedded and captioned, if it is not refused.
        usable_until: Its last day, if that is before the deal's.
        overrides: Each denial that an agreement overrides, with the agreement.
    """

    reasons: set[str]
    inference: bool
    usable_until: date | None
    overrides: set[ExpectedOverride]


def expected_resolution(
    asset: Row,
    terms: Row,
    consents: Sequence[Row],
    releases: Sequence[Row],
    reading: Reading,
    as_of: datetime,
) -> ExpectedResolution:
    """Judges an asset that rules 1 to 13 clear; `reading` is what its file and server state."""
    packs_without = terms["inference"] == "pack-without"
    needed = list(terms["purposes"])
    if "inference" not in needed and not packs_without:
        needed.append("inference")
    signed = {
        purpose: _signed(asset, terms, consents, purpose, as_of) for purpose in oracle.PURPOSES
    }
    inference = "inference" in needed or _open_to_inference(asset, terms, consents, as_of)
    judged = [*needed, "inference"] if packs_without and inference else needed
    found: set[str] = set()
    overrides = _grants(asset, terms, judged, as_of)
    for fault in reading.faults:  # 14
        if fault.origin == "file" or not all(signed[purpose] for purpose in needed):
            found.add(f"{fault.origin}.unreadable")
        elif packs_without and not signed["inference"]:
            inference = False  # since it may have denied that as well
    for signal in reading.signals:  # 15
        if signal.value not in ("deny", "conditional") or signal.purpose not in judged:
            continue
        agreement = signed[signal.purpose]
        if agreement:
            said = (signal.origin, signal.purpose, signal.value, signal.where, signal.said)
            overrides.add((*said, agreement))
        elif signal.purpose not in needed:
            inference = False
        else:
            word = "denied" if signal.value == "deny" else "conditional"
            found.add(f"{signal.origin}.{word}")
            if asset.get(f"grant_{signal.purpose}") == "allow":  # 16
                found.add("conflict.grant")
    for assertion in reading.claims:  # 17 to 19
        found |= _assertion_reasons(assertion, asset, terms)
    if not all(signed[purpose] for purpose in needed):  # 21
        found |= _licences(reading.claims, asset)
    refuses_unjudged = terms.get("unjudged_content", "refuse") == "refuse"
    if refuses_unjudged and any(claim.kind == "unjudged_content" for claim in reading.claims):  # 22
        found.add("file.unjudged_content")
    found |= _personal(reading.claims, terms["personal_data"])  # 25
    if terms["copyright_conflicts"] == "refuse":  # 20
        found |= _copyright(reading.claims)
    named = asset.get("credit") and terms["personal_data"] in ("keep", "rights-only")
    if not found and asset["licence_code"] and not named:  # 21; no code of the worlds is exempt
        found.add("licence.attribution")
    return ExpectedResolution(
        found, inference, _usable_until(asset, terms, releases, as_of), overrides
    )


def _personal(claims: Sequence[FileAssertion], setting: str) -> set[str]:
    found = set()
    if setting == "refuse" and any(claim.kind == "personal_data" for claim in claims):
        found.add("file.personal_data")
    must_keep = any((claim.kind, claim.value) == ("file_constraint", "IF-MMD") for claim in claims)
    if must_keep and setting in ("rights-only", "none"):
        found.add("conflict.keep_metadata")
    return found


def _contributor_ids(asset: Row) -> list[str]:
    return [share["contributor_id"] for share in asset["contributors"]]


def _open_to_inference(asset: Row, terms: Row, consents: Sequence[Row], as_of: datetime) -> bool:
    """Returns whether all contributors allow inference, for deals that accept assets without."""
    grant_closes = asset.get("grant_inference") not in (None, "allow", "unknown")
    if grant_closes and not _by_deal(asset, terms, "inference", as_of):
        return False
    return all(
        oracle.demanded_consent(consents, who, asset["asset_id"], "inference", as_of, terms)
        == "allow"
        for who in _contributor_ids(asset)
    )


def _agreements(terms: Row, purpose: str, as_of: datetime) -> list[Row]:
    return [
        agreement
        for agreement in terms["agreements"]
        if purpose in agreement["purposes"] and agreement["signed_at"] <= as_of.date()
    ]


def _by_deal(asset: Row, terms: Row, purpose: str, as_of: datetime) -> str:
    """Returns the deal's agreements that together cover all contributors, or "".

    Of agreements that cover the same contributors, only the first is listed.
    """
    left = set(_contributor_ids(asset))
    refs = []
    for agreement in _agreements(terms, purpose, as_of):
        covers = {who for who in left if who in agreement["contributors"]}
        covers = left if agreement["contributors"] == ["all"] else covers
        if covers:
            refs.append(agreement["ref"])
        left = left - covers
    return "" if left else ", ".join(refs)


def _signed(asset: Row, terms: Row, consents: Sequence[Row], purpose: str, as_of: datetime) -> str:
    """Returns the agreements that all contributors signed for the purpose; "" if any did not.

    Each contributor's agreement is that of their own consent or the deal's.
    """
    refs = set()
    for who in _contributor_ids(asset):
        ref = _consent_agreement(asset, terms, consents, who, purpose, as_of)
        agreements = _agreements(terms, purpose, as_of)
        named = [one["ref"] for one in agreements if who in one["contributors"]]
        general = [one["ref"] for one in agreements if one["contributors"] == ["all"]]
        ref = ref or next(iter([*named, *general]), "")
        if not ref:
            return ""
        refs.add(ref)
    return ", ".join(sorted(refs))


def _consent_agreement(
    asset: Row, terms: Row, consents: Sequence[Row], who: str, purpose: str, as_of: datetime
) -> str:
    """Returns the agreement behind a contributor's consent; "" if there is none.

    It is that of the latest allow that names one, if only allows followed it; an allow for the
    asset has priority over a general one.
    """
    name = asset["asset_id"]
    if oracle.demanded_consent(consents, who, name, purpose, as_of, terms) != "allow":
        return ""
    bases = ("explicit",) if terms.get("consent_basis") == "explicit" else ("explicit", "terms", "")
    known_events = [
        event
        for event in oracle.known_events(consents, who, purpose, as_of)
        if event["value"] != "allow" or oracle.basis(event) in bases
    ]
    for event_asset_id in (asset["asset_id"], None):
        timeline = [
            event for event in known_events if event.get("asset_id") in (asset["asset_id"], None)
        ]
        non_allow_times = [event["given_at"] for event in timeline if event["value"] != "allow"]
        signed = [
            (event["given_at"], event["agreement_ref"].strip())
            for event in timeline
            if event.get("asset_id") == event_asset_id
            and event["value"] == "allow"
            and (event.get("agreement_ref") or "").strip()
        ]
        if signed and not (non_allow_times and max(non_allow_times) >= max(signed)[0]):
            latest: str = max(signed)[1]
            return latest
    return ""


def _grants(
    asset: Row, terms: Row, judged: Sequence[str], as_of: datetime
) -> set[ExpectedOverride]:
    """Returns the catalogue's denials (rule 6), all overridden by the deal's agreements."""
    found = set()
    for purpose in judged:
        said = asset.get(f"grant_{purpose}")
        if said in (None, "allow", "unknown"):
            continue
        value = "conditional" if said == "conditional" else "deny"
        agreement = _by_deal(asset, terms, purpose, as_of)
        assert agreement, "rule 6 refuses this asset"
        found.add(("catalogue", purpose, value, f"assets.grant_{purpose}", said, agreement))
    return found


def _assertion_reasons(assertion: FileAssertion, asset: Row, terms: Row) -> set[str]:
    creative = asset["licence_class"] != "editorial"
    people = asset.get("people_count")
    shown = "unknown" if people is None or people < 0 else "yes" if people else "no"
    protected = {None: "unknown", True: "yes", False: "no"}[asset.get("property")]
    match assertion.kind.value:
        case "model_release" if creative and shown not in _agreeing_answers(
            assertion.value, "MR", "MR-UMR"
        ):
            return {"conflict.model_release"}
        case "property_release" if creative and protected not in _agreeing_answers(
            assertion.value, "PR", "PR-UPR"
        ):
            return {"conflict.property_release"}
        case "model_release_id" | "property_release_id" if creative and assertion.value not in (
            asset.get("release_ids") or []
        ):
            return {"conflict.release_ids"}
        case "minor_age" if assertion.value != "AG-UNK":
            is_minor_age, is_adult_age = (
                assertion.value in AGES_UNDER_18,
                assertion.value in AGES_FROM_18,
            )
            minor = asset.get("minors") is True
            return (
                set()
                if (is_minor_age and minor) or (is_adult_age and not minor)
                else {"conflict.minors"}
            )
        case "model_age" if asset.get("minors") is not True and assertion.value not in (
            "34",
            "18",
        ):
            return {"conflict.minors"}
        case "people_shown" if int(assertion.value) > max(people or 0, 0):
            return {"conflict.people"}
        case "source_type":
            return _source(assertion.value, asset, terms)
    return set()


def _agreeing_answers(status: str, prefix: str, unlimited: str) -> set[str]:
    """Returns the answers to "is a person (property) shown?" that fit a release status."""
    if status == unlimited:
        return {"yes", "unknown"}
    if status == f"{prefix}-NAP":
        return {"no", "unknown"}
    return {"no"} if status == f"{prefix}-NON" else set()


def _source(said: str, asset: Row, terms: Row) -> set[str]:
    found = set()
    if SOURCES[said] and terms["ai_generated"] == "refuse":
        found.add("file.ai_generated")
    stated = asset.get("digital_source_type")
    if stated is not None and SOURCES[stated.rpartition("/")[2]] != SOURCES[said]:
        found.add("conflict.source")
    return found


def _licences(claims: Sequence[FileAssertion], asset: Row) -> set[str]:
    held = (asset.get("licence_code") or "").upper().split()
    for claim in claims:
        if claim.kind.value != "licence":
            continue
        if claim.value == "editorial-use-only":
            agrees = asset["licence_class"] == "editorial"
        else:
            agrees = claim.value.upper() in held
        if not agrees:
            return {"conflict.licence"}
    return set()


def _copyright(claims: Sequence[FileAssertion]) -> set[str]:
    notices = [assertion for assertion in claims if assertion.kind.value == "copyright"]
    for one, other in combinations(
        sorted({assertion.where.split()[0] for assertion in notices}), 2
    ):
        left = [
            NOTICES[assertion.value] for assertion in notices if assertion.where.startswith(one)
        ]
        right = [
            NOTICES[assertion.value] for assertion in notices if assertion.where.startswith(other)
        ]
        if not any(not a or not b or a & b for a in left for b in right):
            return {"conflict.copyright"}
    return set()


def _usable_until(asset: Row, terms: Row, releases: Sequence[Row], as_of: datetime) -> date | None:
    ends: date = terms["ends"]
    last = [asset.get("valid_until")]
    for release in releases:
        if release["release_id"] in (asset.get("release_ids") or []):
            end = release.get("valid_until")
            # A release that had already ended did not help to clear the asset.
            if end is not None and end >= oracle._last_day(terms, as_of):
                last.append(end)
    until = min([day for day in last if day is not None], default=ends)
    return until if until < ends else None
