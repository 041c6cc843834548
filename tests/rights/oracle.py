"""A reference implementation of the rules of docs/rights.md, one asset at a time, slow and simple.

It uses nothing of the code under test: no index, no mask, no licence parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

Row = Mapping[str, Any]

# Facts about the few values that the random worlds use.
COUNTRIES = {"US", "NO", "DE", "JP", "GB"}
LICENCES: dict[str, set[str]] = {
    "MIT": set(),
    "CC-BY-4.0": set(),
    "cc-by-nc-4.0": {"licence.non_commercial"},
    "CC-BY-ND-4.0 OR MIT": {"licence.no_derivatives"},
    "CC-BY-NC-ND-4.0": {"licence.non_commercial", "licence.no_derivatives"},
    "CC-BY-SA-4.0": {"licence.share_alike"},
}
GENERATED = {"trainedAlgorithmicMedia": True, "digitalCapture": False, "print": False}
PURPOSES = {"train_gen", "train_nongen", "inference", "data_mining", "index", "search"}
STRICTNESS = ["allow", "unknown", "conditional", "deny"]
# The words for a basis that the random worlds use, and what each means.
BASES = {
    None: "",
    "written": "",
    "explicit": "explicit",
    "explicjt": "",
    "terms": "terms",
} | dict.fromkeys(("silence", "Silence", "silense", "ilence"), "silence")


def expected_reasons(
    asset: Row,
    terms: Row,
    contributors: Sequence[str],
    consents: Sequence[Row],
    releases: Sequence[Row],
    as_of: datetime,
    repeated: bool = False,
) -> set[str]:
    """Returns all reasons against an asset; `terms` is a complete deal, including defaults."""
    found = {"asset.duplicate_id"} if repeated else set()  # 1
    needed = needed_purposes(terms)
    found |= _status_and_licence(asset, terms, needed)  # 2, 3
    found |= _term(asset, terms, as_of) | _territory(asset, terms)  # 4, 5
    for purpose in needed:  # 6
        if not _deal_covers(asset, terms, purpose, as_of):
            found |= _grant(asset.get(f"grant_{purpose}"))
    found |= _splits(asset, contributors)  # 7
    for share in asset["contributors"]:  # 8
        for purpose in needed:
            stated = demanded_consent(
                consents, share["contributor_id"], asset["asset_id"], purpose, as_of, terms
            )
            if not passes(stated, purpose, terms):
                found.add(f"consent.{'missing' if stated == 'silent' else stated}")
    found |= _people(asset, terms, releases)  # 9
    found |= _releases(asset, terms, releases, as_of)  # 10
    found |= _source(asset, terms)  # 11
    if asset.get("sensitive") is True and terms["sensitive"] == "refuse":  # 12
        found.add("sensitive.refused")
    texts = [asset.get("title"), asset.get("description"), *(asset.get("keywords") or [])]
    if terms.get("personal_data") == "refuse" and any("@" in (text or "") for text in texts):
        found.add("text.personal_data")
    return found | _selection(asset, terms)  # 13


def needed_purposes(terms: Row) -> list[str]:
    """Returns the purposes that an asset must be cleared for."""
    needed = list(terms["purposes"])
    if "inference" not in needed and terms["inference"] != "pack-without":
        needed.append("inference")
    return needed


def passes(stated: str, purpose: str, terms: Row) -> bool:
    """Returns whether a result of `consent` is enough; "silent" is, for unlicensed inference."""
    if stated == "silent" and purpose == "inference" and purpose not in terms["purposes"]:
        return bool(terms["inference"] == "unless-denied")
    return stated == "allow"


def _deal_covers(asset: Row, terms: Row, purpose: str, as_of: datetime) -> bool:
    """Returns whether the deal's signed agreements cover all the asset's contributors."""
    covered = set()
    for agreement in terms["agreements"]:
        if purpose in agreement["purposes"] and agreement["signed_at"] <= as_of.date():
            covered |= set(agreement["contributors"])
    makers = {share["contributor_id"] for share in asset["contributors"]}
    return bool(makers) and ("all" in covered or makers <= covered)


def _status_and_licence(asset: Row, terms: Row, needed: Sequence[str]) -> set[str]:
    by_status = {
        "active": set(),
        "withdrawn": {"asset.withdrawn"},
        "legal_hold": {"asset.legal_hold"},
    }
    found = set(by_status.get(asset["status"], {"asset.status_unknown"}))
    if asset["licence_model"] not in ("RF", "RM"):
        found.add("class.unknown")
    if asset["licence_class"] not in ("creative", "editorial"):
        found.add("class.unknown")
    if asset["licence_class"] == "editorial" and terms["editorial"] != "accept":
        found.add("class.editorial")
    if _exclusive(asset, terms, needed):
        found.add("licence.exclusive")
    if asset.get("licence_code") is not None:
        for fault in LICENCES.get(asset["licence_code"], {"licence.unknown_code"}):
            if terms.get(fault.removeprefix("licence.")) != "accept":
                found.add(fault)
    return found


def _exclusive(asset: Row, terms: Row, needed: Sequence[str]) -> bool:
    purposes = asset.get("exclusive_purposes") or []
    first, last = asset.get("exclusive_from"), asset.get("exclusive_until")
    if asset.get("exclusive") is False:
        return False
    if asset.get("exclusive") is None and not purposes and first is None and last is None:
        return False
    if first is not None and first > terms["ends"]:
        return False
    if last is not None and last < terms["starts"]:
        return False
    unknown_purposes = [purpose for purpose in purposes if purpose not in PURPOSES]
    return not purposes or bool(unknown_purposes) or bool(set(purposes) & set(needed))


def _last_day(terms: Row, as_of: datetime) -> date:
    """Returns the day until which rights must last."""
    starts: date = terms["starts"]
    ends: date = terms["ends"]
    return max(starts, as_of.date()) if terms["ends_early"] == "until" else ends


def _term(asset: Row, terms: Row, as_of: datetime) -> set[str]:
    found = set()
    if asset.get("valid_from") is not None and asset["valid_from"] > terms["starts"]:
        found.add("term.not_started")
    if asset.get("valid_until") is not None and asset["valid_until"] < _last_day(terms, as_of):
        found.add("term.ends_early")
    return found


def _territory(asset: Row, terms: Row) -> set[str]:
    inside = asset.get("territories_in") or []
    outside = asset.get("territories_out") or []
    found = set()
    if any(code != "WORLD" and code not in COUNTRIES for code in [*inside, *outside]):
        found.add("territory.unknown_code")
    world = not inside or "WORLD" in inside
    if terms["territory"] == ["WORLD"]:
        covered = world and not outside
    else:
        covered = all(
            (world or country in inside) and country not in outside and "WORLD" not in outside
            for country in terms["territory"]
        )
    return found if covered else found | {"territory.not_covered"}


def _grant(stated: str | None) -> set[str]:
    if stated in (None, "allow", "unknown"):
        return set()
    return {
        {"deny": "grant.denied", "conditional": "grant.conditional"}.get(stated, "grant.unreadable")
    }


def _splits(asset: Row, contributors: Sequence[str]) -> set[str]:
    shares = asset["contributors"]
    found = set()
    if any(share["contributor_id"] not in contributors for share in shares):
        found.add("contributor.unknown")
    parts = [share["share_bp"] for share in shares]
    if any(part is None or part <= 0 for part in parts) or sum(p or 0 for p in parts) != 10_000:
        found.add("splits.not_whole")
    return found


def demanded_consent(
    consents: Sequence[Row], who: str, asset_id: str, purpose: str, as_of: datetime, terms: Row
) -> str:
    """Returns what `consent` does; or not_explicit, if the deal's demand alone refuses."""
    if terms.get("consent_basis", "any") == "any":
        return consent(consents, who, asset_id, purpose, as_of)
    stated = consent(consents, who, asset_id, purpose, as_of, explicit=True)
    if passes(stated, purpose, terms):
        return stated
    on_any_basis = consent(consents, who, asset_id, purpose, as_of)
    return "not_explicit" if on_any_basis == "allow" else stated


def basis(event: Row) -> str:
    """Returns explicit, terms, silence or "" for none that is known."""
    known = BASES[event.get("basis")]
    has_window = event.get("notice_at") is not None or event.get("window_days") is not None
    return known or ("silence" if has_window else "")


def is_silent_yes(event: Row) -> bool:
    """Returns whether an event is a yes by silence."""
    return bool(event["value"] == "allow" and basis(event) == "silence")


def counts_from(event: Row) -> datetime | None:
    """Returns from when an event counts; None for never."""
    given: datetime = event["given_at"]
    if not is_silent_yes(event):
        return given
    notice, window = event.get("notice_at"), event.get("window_days")
    if notice is None or window is None or window < 0:
        return None
    try:
        last_day = notice + timedelta(days=window + 1)
    except OverflowError:
        return None
    # The day ends last twelve hours west of UTC.
    west = timedelta(hours=12) - timedelta(microseconds=1)
    return max(given, datetime.combine(last_day, time(), UTC) + west)


def known_events(consents: Sequence[Row], who: str, purpose: str, as_of: datetime) -> list[Row]:
    """Returns a contributor's events about a purpose that count at an instant."""
    return [
        event
        for event in consents
        if event["contributor_id"] == who
        and event["purpose"] in (purpose, "all")
        and (counts := counts_from(event)) is not None
        and counts <= as_of
    ]


def consent(
    consents: Sequence[Row],
    who: str,
    asset_id: str,
    purpose: str,
    as_of: datetime,
    explicit: bool = False,
) -> str:
    """Returns allow, silent, missing, denied, withdrawn or conditional.

    If `explicit`, a yes counts only if its basis is explicit.
    """
    known = known_events(consents, who, purpose, as_of)
    about = [event for event in known if event.get("asset_id") in (None, asset_id)]
    yeses = [event for event in about if event["value"] == "allow"]
    if explicit:
        about = [e for e in about if e["value"] != "allow" or basis(e) == "explicit"]
    general = [event for event in about if event.get("asset_id") is None]
    narrowed = [event for event in about if event.get("asset_id") == asset_id]
    effective = _last(narrowed) or _last(general)
    if effective is None:
        return "silent"
    general_event = _last(general)
    if general_event is not None and _strictness(general_event) > _strictness(effective):
        is_later = general_event["given_at"] >= effective["given_at"]
        if is_later or is_silent_yes(effective):
            effective = general_event
    if effective["value"] == "deny":
        earlier = [
            event
            for event in yeses
            if (counts := counts_from(event)) and counts < effective["given_at"]
        ]
        return "withdrawn" if earlier else "denied"
    return effective["value"] if effective["value"] in ("allow", "conditional") else "missing"


def _strictness(event: Row) -> int:
    value = event["value"]
    return STRICTNESS.index(value if value in STRICTNESS else "unknown")


def _last(events: Sequence[Row]) -> Row | None:
    """Returns the event that holds: silence gives way to whatever was said."""
    events = [event for event in events if not is_silent_yes(event)] or events
    if not events:
        return None
    latest = max(event["given_at"] for event in events)
    return max((event for event in events if event["given_at"] == latest), key=_strictness)


def _named(asset: Row, releases: Sequence[Row]) -> list[Row | None]:
    by_id = {release["release_id"]: release for release in releases}
    return [by_id.get(name) for name in asset.get("release_ids") or []]


def _people(asset: Row, terms: Row, releases: Sequence[Row]) -> set[str]:
    found = set()
    people = asset.get("people_count")
    known = people is not None and people >= 0
    shown = known and bool(people)
    if not known and terms["unknown_people_count"] == "refuse":
        found.add("people.unknown_count")
    if shown and terms["people"] == "refuse":
        found.add("people.refused")
    minor_release = any(
        release is not None and release.get("minor") for release in _named(asset, releases)
    )
    if (asset.get("minors") is True or minor_release) and terms["minors"] == "refuse":
        found.add("minors.refused")
    if shown and asset.get("minors") is None:
        found.add("minors.unknown")
    return found


def _releases(asset: Row, terms: Row, releases: Sequence[Row], as_of: datetime) -> set[str]:
    named = _named(asset, releases)
    found = {"release.unknown_id"} if any(release is None for release in named) else set()
    no_denials = (None, "allow", "conditional", "unknown")
    if any(release is not None and release.get("ml_use") not in no_denials for release in named):
        found.add("release.purpose_not_covered")
    if asset["licence_class"] == "editorial" and terms["editorial"] == "accept":
        return found
    valid: dict[str, set[str]] = {"model": set(), "property": set()}
    faulty: dict[str, set[str]] = {"model": set(), "property": set()}
    guarded = False
    for release in named:
        if release is None or release["kind"] not in valid:
            continue
        faults = _faults(release, asset, terms, as_of)
        if _is_revoked(release, releases, terms, as_of):
            faults.add("release.revoked")
        faulty[release["kind"]] |= faults
        if not faults:
            valid[release["kind"]].add((release.get("subject_ref") or "").lower())
            guarded = guarded or (release["kind"] == "model" and bool(release.get("minor")))
    if max(asset.get("people_count") or 0, 0) > len(valid["model"]):
        found |= {"release.model_missing"} | faulty["model"]
    if asset.get("property") is None and terms["unknown_property"] == "refuse":
        found.add("property.unknown")
    if asset.get("property") is True and not valid["property"]:
        found |= {"release.property_missing"} | faulty["property"]
    if terms["minors"] != "refuse" and asset.get("minors") is True and not guarded:
        found.add("release.guardian_missing")
    return found


def _is_revoked(release: Row, releases: Sequence[Row], terms: Row, as_of: datetime) -> bool:
    """Whether it is revoked before the deal ends, or a twin is that was not signed before it."""
    if _revoked_by_itself(release, terms, as_of):
        return True
    who = release.get("subject_ref")
    return who is not None and any(
        (other.get("subject_ref") or "").lower() == who.lower()
        and _revoked_by_itself(other, terms, as_of)
        and _share_a_day(release, other)
        and (release.get("signed_at") is None or release["signed_at"] <= other["revoked_at"].date())
        for other in releases
    )


def _revoked_by_itself(release: Row, terms: Row, as_of: datetime) -> bool:
    when = release.get("revoked_at")
    return when is not None and (when <= as_of or when.date() <= terms["ends"])


def _share_a_day(one: Row, other: Row) -> bool:
    return all(
        a.get("shoot_from") is None
        or b.get("shoot_until") is None
        or a["shoot_from"] <= b["shoot_until"]
        for a, b in ((one, other), (other, one))
    )


def _faults(release: Row, asset: Row, terms: Row, as_of: datetime) -> set[str]:
    faults = set()
    created = asset.get("created_at")
    if release.get("valid_until") is not None and release["valid_until"] < _last_day(terms, as_of):
        faults.add("release.expired")
    if release.get("signed_at") is None or release["signed_at"] > as_of.date():
        faults.add("release.unsigned")
    if not release.get("photographer_signed"):
        faults.add("release.unsigned")
    if release.get("minor"):
        if not release.get("guardian_signed"):
            faults.add("release.guardian_missing")
    elif not release.get("subject_signed"):
        faults.add("release.unsigned")
    if release.get("ml_use") != "allow":
        faults.add("release.purpose_not_covered")
    rider_needed = terms["people"] == "biometric-release" and release["kind"] == "model"
    if rider_needed and not release.get("biometric_rider"):
        faults.add("release.biometric_missing")
    first, last = release.get("shoot_from"), release.get("shoot_until")
    if first is not None and (created is None or created < first):
        faults.add("release.shoot_range")
    if last is not None and (created is None or created > last):
        faults.add("release.shoot_range")
    if terms["shoot_range"] == "required" and (first is None or last is None):
        faults.add("release.shoot_range")
    if (first is None) != (last is None):
        faults.add("release.blanket_range")
    elif first is not None and last is not None:
        days = (last - first).days + 1
        faults |= {"release.blanket_range"} if days > terms["max_shoot_days"] else set()
    witness = release.get("witness_ref")
    if terms["witness"] == "required" and witness is None:
        faults.add("release.witness")
    if terms["witness"] != "any" and witness is not None:
        makers = [share["contributor_id"] for share in asset["contributors"]]
        names = [name.lower() for name in (release.get("subject_ref"), *makers) if name]
        if witness.lower() in names:
            faults.add("release.witness")
    return faults


def _source(asset: Row, terms: Row) -> set[str]:
    stated = asset.get("digital_source_type")
    if stated is None:
        return {"source.unstated"} if terms["unknown_source"] == "refuse" else set()
    name = stated.removeprefix("http://cv.iptc.org/newscodes/digitalsourcetype/")
    if name not in GENERATED:
        return {"source.unknown_type"}
    barred = GENERATED[name] and terms["ai_generated"] == "refuse"
    return {"source.ai_generated"} if barred else set()


def _selection(asset: Row, terms: Row) -> set[str]:
    found = set() if asset["media_type"] in terms["media"] else {"select.media_type"}
    words = {word.casefold() for word in asset.get("keywords") or []}
    wanted = {word.casefold() for word in terms["keywords_any"]}
    barred = {word.casefold() for word in terms["keywords_none"]}
    if (wanted and not wanted & words) or barred & words:
        found.add("select.keywords")
    if terms.get("only") and asset["asset_id"] not in terms["only"]:
        found.add("select.not_listed")
    return found
