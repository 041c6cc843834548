"""Random worlds: a deal, contributors, consents, releases and assets, some of them with faults."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from schemas.catalogue import ContributorShare
from schemas.deal import Deal
from schemas.rights import PURPOSES
from tests.rights import oracle
from tests.rights.rights_cases import (
    AS_OF,
    DAY,
    ENDS,
    STARTS,
    TICK,
    Row,
    deal,
    reason_codes,
    rights_index,
    split_shares,
)

CONTRIBUTORS = [f"c-{n}" for n in range(6)]
EVENTS = (*(purpose.value for purpose in PURPOSES), "all", "all", "all", "all")
INSTANTS = [AS_OF + timedelta(hours=hour) for hour in (-5, -4, -3, -2, -1)]
INSTANTS += [AS_OF - TICK, AS_OF, AS_OF + TICK]
TODAY = AS_OF.date()
DAYS = (TODAY - DAY, TODAY, TODAY + DAY)


@dataclass(frozen=True)
class World:
    """Everything that screening reads. `terms` is the deal in the form that the oracle uses."""

    terms: Row
    deal: Deal
    consents: list[Row]
    releases: list[Row]
    assets: list[Row]
    repeated: list[bool]

    def screened_codes(self) -> list[set[str]]:
        """Returns the reasons given by the vectorised rules."""
        joined = rights_index(self.deal, self.consents, self.releases, CONTRIBUTORS)
        return reason_codes(self.assets, self.deal, joined, self.repeated)

    def expected_codes(self) -> list[set[str]]:
        """Returns the reasons given by the oracle."""
        return [
            oracle.expected_reasons(
                row, self.terms, CONTRIBUTORS, self.consents, self.releases, AS_OF, twice
            )
            for row, twice in zip(self.assets, self.repeated, strict=True)
        ]

    def with_changes(self, **changes: Any) -> World:
        """Returns a copy with something changed."""
        return replace(self, **changes)


def make_world(seed: int, assets: int) -> World:
    rng = random.Random(seed)
    terms, parsed = _deal(rng)
    oddity = rng.choice((0.0, 0.02, 0.1, 0.4))
    releases = [_release(rng, f"r-{n}", oddity) for n in range(12)]
    rows = [_asset(rng, f"a-{n}", rng.choice((0.0, 0.01, 0.05, 0.3))) for n in range(assets)]
    consents = _consents(rng, [row["asset_id"] for row in rows], oddity)
    repeated = [rng.random() < 0.02 for _ in rows]
    return World(terms, parsed, consents, releases, rows, repeated)


def _deal(rng: random.Random) -> tuple[Row, Deal]:
    films = rng.random() < 0.3
    top: Row = {
        "purposes": rng.sample([purpose.value for purpose in PURPOSES], rng.randint(1, 3)),
        "territory": rng.choice((["WORLD"], ["US"], ["NO"], ["US", "NO"], ["DE", "NO", "JP"])),
        "profile": "video-text" if films else "image-text",
        "media": rng.choice((["video"], ["image", "video"])) if films else ["image"],
    }
    rights = {
        "editorial": rng.choice(("refuse", "accept")),
        "ai_generated": rng.choice(("refuse", "label")),
        "minors": rng.choice(("refuse", "guardian-release")),
        "people": rng.choice(("release", "release", "biometric-release", "refuse")),
        "unknown_people_count": rng.choice(("refuse", "accept")),
        "sensitive": rng.choice(("refuse", "accept")),
        "inference": rng.choice(("require", "unless-denied", "pack-without")),
        "unknown_property": rng.choice(("refuse", "accept")),
        "unknown_source": rng.choice(("refuse", "accept")),
        "non_commercial": rng.choice(("refuse", "accept")),
        "no_derivatives": rng.choice(("refuse", "accept")),
        "share_alike": rng.choice(("refuse", "accept")),
        "ends_early": rng.choice(("refuse", "until")),
        "shoot_range": rng.choice(("required", "when-given")),
        "max_shoot_days": rng.choice((1, 3, 366)),
        "witness": rng.choice(("independent", "required", "any")),
    }
    # Drawn apart from all the rest, as are the texts with an address.
    own = random.Random(repr((top, rights)))
    rights["personal_data"] = own.choice(("keep", "keep", "rights-only", "none", "refuse"))
    rights["consent_basis"] = own.choice(("any", "any", "explicit"))
    if rights["inference"] == "pack-without" and "inference" in top["purposes"]:
        rights["inference"] = "require"
    agreements = [_agreement(rng, n) for n in range(rng.choice((0, 0, 1, 2)))]
    select = {
        "keywords_any": rng.choice(([], [], ["Cat", "dog"])),
        "keywords_none": rng.choice(([], [], ["FOX"])),
    }
    all_terms = {"starts": STARTS, "ends": ENDS, "agreements": agreements} | top | rights | select
    return all_terms, deal(**top, rights=rights, select=select, agreements=agreements)


def _agreement(rng: random.Random, number: int) -> Row:
    return {
        "ref": f"agreement {number}",
        "signed_at": rng.choice(DAYS),
        "purposes": rng.sample([purpose.value for purpose in PURPOSES], rng.randint(1, 5)),
        "contributors": rng.choice((["all"], rng.sample(CONTRIBUTORS, rng.randint(1, 5)))),
    }


def _release(rng: random.Random, name: str, oddity: float) -> Row:
    def pick(*values: Any) -> Any:
        """Returns the first value, which is the usual one, or sometimes one of the others."""
        return rng.choice(values[1:]) if rng.random() < oddity else values[0]

    minor = rng.random() < 0.25
    return {
        "release_id": name,
        "kind": pick(rng.choice(("model", "model", "property")), "Model"),
        "signed_at": pick(TODAY - DAY, None, *DAYS),
        "subject_signed": pick(not minor, True, False, None),
        "photographer_signed": pick(True, False, None),
        "guardian_signed": pick(minor or None, True, False, None),
        "minor": minor or rng.choice((False, None)),
        "valid_until": pick(None, ENDS - DAY, ENDS, ENDS + DAY),
        "revoked_at": pick(None, AS_OF - TICK, AS_OF, AS_OF + TICK),
        "ml_use": pick("allow", None, "deny", "conditional", "unknown", "ALLOW"),
        "biometric_rider": pick(True, False, None),
        "shoot_from": pick(TODAY, None, *DAYS),
        "shoot_until": pick(TODAY, None, *DAYS),
        # Some have two releases each, and some are not named.
        "subject_ref": pick(f"person {name}", None, "person r-1", "Person r-2", "person r-3"),
        "witness_ref": pick(rng.choice(("w-1", "w-2")), None, f"person {name}", *CONTRIBUTORS[:2]),
    }


def _shares(rng: random.Random, oddity: float) -> list[ContributorShare]:
    who = rng.sample(
        CONTRIBUTORS if rng.random() > oddity else [*CONTRIBUTORS, "c-9"], rng.randint(1, 3)
    )
    cut_points = sorted(rng.sample(range(1, 10_000), len(who) - 1))
    parts: list[int | None] = [
        stop - start for start, stop in zip([0, *cut_points], [*cut_points, 10_000], strict=True)
    ]
    if rng.random() < oddity:
        parts[0] = rng.choice((None, 0, -1, 10_000, 1))
    return [] if rng.random() < oddity / 10 else split_shares(*zip(who, parts, strict=True))


def _asset(rng: random.Random, name: str, oddity: float) -> Row:
    def pick(*values: Any) -> Any:
        return rng.choice(values[1:]) if rng.random() < oddity else values[0]

    people = rng.choice((0, 0, 0, 1, 1, 2))
    release_numbers = rng.sample(range(12), rng.randint(0, 6)) if rng.random() < 0.7 else []
    names: list[str] | None = [f"r-{n}" for n in release_numbers]
    own = random.Random(f"{name} {people} {release_numbers}")
    return {
        "title": "write to ann@bell.example" if own.random() < 0.02 else "A cat",
        "description": "ann@bell.example, or call" if own.random() < 0.01 else None,
        "credit": None if own.random() < 0.4 else "A. Author",
        "asset_id": name,
        "media_uri": f"{name}.jpg",
        "media_type": pick(rng.choice(("image", "image", "video")), "audio"),
        "contributors": _shares(rng, oddity),
        "licence_model": pick("RF", "RM", "rf"),
        "licence_class": pick("creative", "editorial", "editorial", "Creative"),
        "status": pick("active", "withdrawn", "legal_hold", "gone"),
        "keywords": pick(["dog", "DOG"], None, [], ["CAT"], ["cat", "fox"], ["wolf"]),
        "created_at": pick(TODAY, None, *DAYS),
        "licence_code": pick(None, *oracle.LICENCES, "CC"),
        "exclusive": pick(None, True, True, False),
        "exclusive_purposes": pick(None, [], ["train_gen", "search"], ["index"], ["fun"]),
        "exclusive_from": pick(None, STARTS, ENDS, ENDS + DAY),
        "exclusive_until": pick(None, STARTS - DAY, STARTS, ENDS),
        "territories_in": pick(
            None, [], ["WORLD"], ["US"], ["NO", "US"], ["DE", "JP", "NO"], ["UK", "WORLD"]
        ),
        "territories_out": pick(None, [], ["WORLD"], ["NO"], ["GB"], ["XX"]),
        "valid_from": pick(None, STARTS - DAY, STARTS, STARTS + DAY),
        "valid_until": pick(None, ENDS - DAY, ENDS, ENDS + DAY),
        **{
            f"grant_{purpose}": pick(None, "allow", "deny", "conditional", "unknown", "maybe")
            for purpose in PURPOSES
        },
        "people_count": pick(people, None, -1, 3),
        "minors": pick(False, None, True),
        "property": pick(False, True, None),
        "sensitive": pick(None, True, False),
        "release_ids": pick(names, [*(names or []), "r-99"], [*(names or []), "r-1", "r-1"], None),
        "digital_source_type": pick(
            "digitalCapture",
            None,
            "http://cv.iptc.org/newscodes/digitalsourcetype/print",
            "trainedAlgorithmicMedia",
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "photo",
        ),
    }


def _consents(rng: random.Random, asset_ids: list[str], oddity: float) -> list[Row]:
    """Returns early consents of most contributors, then random events at a few instants."""
    events = [
        _event("allow", who, "all", INSTANTS[0])
        for who in CONTRIBUTORS
        if rng.random() > oddity / 2
    ]
    for _ in range(round(60 * oddity)):
        events.append(_random_event(rng, rng.choice(CONTRIBUTORS), None))
    for asset_id in asset_ids:
        if rng.random() < oddity:
            who = rng.choice(CONTRIBUTORS)
            events += [_random_event(rng, who, asset_id) for _ in range(rng.randint(1, 3))]
    rng.shuffle(events)
    own = random.Random(repr((oddity, len(events))))
    return [event | _basis(own, oddity) for event in events]


def _basis(rng: random.Random, oddity: float) -> Row:
    """Returns what a consent rests on: mostly an explicit yes or no."""
    if rng.random() >= max(oddity, 0.03):
        return {"basis": "explicit"}
    word = rng.choice(tuple(oracle.BASES))
    if oracle.BASES[word] != "silence" and rng.random() < 0.8:
        return {"basis": word}
    window = rng.choice((None, -1, 0, 1, 30, 30, 2**31 - 1))
    last = TODAY - DAY * rng.choice((0, 1, 1, 2))
    notice = last - DAY * (window if window in (0, 1, 30) else 1)
    return {"basis": word, "notice_at": rng.choice((notice,) * 5 + (None,)), "window_days": window}


def _random_event(rng: random.Random, who: str, asset_id: str | None) -> Row:
    value = rng.choice(("allow", "allow", "deny", "conditional", "unknown", "perhaps"))
    return _event(value, who, rng.choice(EVENTS), rng.choice(INSTANTS), asset_id)


def _event(value: str, who: str, purpose: str, when: Any, asset_id: str | None = None) -> Row:
    return {
        "contributor_id": who,
        "purpose": purpose,
        "value": value,
        "given_at": when,
        "asset_id": asset_id,
    }
