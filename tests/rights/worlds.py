"""Made-up worlds: a deal, people, consents, releases and assets, here and there unfit."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from schemas.deal import Deal
from schemas.rights import PURPOSES
from tests.rights import oracle
from tests.rights.rights_cases import AS_OF, DAY, ENDS, STARTS, TICK, Row, codes, deal, index, split

KNOWN = [f"c-{n}" for n in range(6)]
EVENTS = (*(purpose.value for purpose in PURPOSES), "all", "all", "all", "all")
INSTANTS = [AS_OF + timedelta(hours=hour) for hour in (-5, -4, -3, -2, -1)]
INSTANTS += [AS_OF - TICK, AS_OF, AS_OF + TICK]
TODAY = AS_OF.date()
DAYS = (TODAY - DAY, TODAY, TODAY + DAY)


@dataclass(frozen=True)
class World:
    """Everything that screening reads. `terms` is the deal as the oracle takes it."""

    terms: Row
    deal: Deal
    consents: list[Row]
    releases: list[Row]
    assets: list[Row]
    repeated: list[bool]

    def screened(self) -> list[set[str]]:
        """What the vectorised rules say."""
        joined = index(self.deal, self.consents, self.releases, KNOWN)
        return codes(self.assets, self.deal, joined, self.repeated)

    def expected(self) -> list[set[str]]:
        """What the oracle says."""
        return [
            oracle.reasons(row, self.terms, KNOWN, self.consents, self.releases, AS_OF, twice)
            for row, twice in zip(self.assets, self.repeated, strict=True)
        ]

    def also(self, **changes: Any) -> World:
        """The same world with something changed."""
        return replace(self, **changes)


def make_world(seed: int, assets: int) -> World:
    rng = random.Random(seed)
    terms, parsed = _deal(rng)
    trouble = rng.choice((0.0, 0.02, 0.1, 0.4))
    releases = [_release(rng, f"r-{n}", trouble) for n in range(12)]
    rows = [_asset(rng, f"a-{n}", rng.choice((0.0, 0.01, 0.05, 0.3))) for n in range(assets)]
    consents = _consents(rng, [row["asset_id"] for row in rows], trouble)
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
    if rights["inference"] == "pack-without" and "inference" in top["purposes"]:
        rights["inference"] = "require"
    agreements = [_agreement(rng, n) for n in range(rng.choice((0, 0, 1, 2)))]
    select = {
        "keywords_any": rng.choice(([], [], ["Cat", "dog"])),
        "keywords_none": rng.choice(([], [], ["FOX"])),
    }
    flat = {"starts": STARTS, "ends": ENDS, "agreements": agreements} | top | rights | select
    return flat, deal(**top, rights=rights, select=select, agreements=agreements)


def _agreement(rng: random.Random, number: int) -> Row:
    return {
        "ref": f"agreement {number}",
        "signed_at": rng.choice(DAYS),
        "purposes": rng.sample([purpose.value for purpose in PURPOSES], rng.randint(1, 5)),
        "contributors": rng.choice((["all"], rng.sample(KNOWN, rng.randint(1, 5)))),
    }


def _release(rng: random.Random, name: str, trouble: float) -> Row:
    def odd(*values: Any) -> Any:
        """One of the odd values, now and then; else the first, which is the usual one."""
        return rng.choice(values[1:]) if rng.random() < trouble else values[0]

    minor = rng.random() < 0.25
    return {
        "release_id": name,
        "kind": odd(rng.choice(("model", "model", "property")), "Model"),
        "signed_at": odd(TODAY - DAY, None, *DAYS),
        "subject_signed": odd(not minor, True, False, None),
        "photographer_signed": odd(True, False, None),
        "guardian_signed": odd(minor or None, True, False, None),
        "minor": minor or rng.choice((False, None)),
        "valid_until": odd(None, ENDS - DAY, ENDS, ENDS + DAY),
        "revoked_at": odd(None, AS_OF - TICK, AS_OF, AS_OF + TICK),
        "ml_use": odd("allow", None, "deny", "conditional", "unknown", "ALLOW"),
        "biometric_rider": odd(True, False, None),
        "shoot_from": odd(TODAY, None, *DAYS),
        "shoot_until": odd(TODAY, None, *DAYS),
        "subject_ref": f"person {name}",
        "witness_ref": odd(rng.choice(("w-1", "w-2")), None, f"person {name}", *KNOWN[:2]),
    }


def _shares(rng: random.Random, trouble: float) -> list[Row]:
    who = rng.sample(KNOWN if rng.random() > trouble else [*KNOWN, "c-9"], rng.randint(1, 3))
    cuts = sorted(rng.sample(range(1, 10_000), len(who) - 1))
    parts: list[int | None] = [
        stop - start for start, stop in zip([0, *cuts], [*cuts, 10_000], strict=True)
    ]
    if rng.random() < trouble:
        parts[0] = rng.choice((None, 0, -1, 10_000, 1))
    return [] if rng.random() < trouble / 10 else split(*zip(who, parts, strict=True))


def _asset(rng: random.Random, name: str, trouble: float) -> Row:
    def odd(*values: Any) -> Any:
        return rng.choice(values[1:]) if rng.random() < trouble else values[0]

    people = rng.choice((0, 0, 0, 1, 1, 2))
    held = rng.sample(range(12), rng.randint(0, 6)) if rng.random() < 0.7 else []
    names: list[str] | None = [f"r-{n}" for n in held]
    return {
        "asset_id": name,
        "media_uri": f"{name}.jpg",
        "media_type": odd(rng.choice(("image", "image", "video")), "audio"),
        "contributors": _shares(rng, trouble),
        "licence_model": odd("RF", "RM", "rf"),
        "licence_class": odd("creative", "editorial", "editorial", "Creative"),
        "status": odd("active", "withdrawn", "legal_hold", "gone"),
        "keywords": odd(["dog", "DOG"], None, [], ["CAT"], ["cat", "fox"], ["wolf"]),
        "created_at": odd(TODAY, None, *DAYS),
        "licence_code": odd(None, *oracle.LICENCES, "CC"),
        "exclusive": odd(None, True, True, False),
        "exclusive_purposes": odd(None, [], ["train_gen", "search"], ["index"], ["fun"]),
        "exclusive_from": odd(None, STARTS, ENDS, ENDS + DAY),
        "exclusive_until": odd(None, STARTS - DAY, STARTS, ENDS),
        "territories_in": odd(
            None, [], ["WORLD"], ["US"], ["NO", "US"], ["DE", "JP", "NO"], ["UK", "WORLD"]
        ),
        "territories_out": odd(None, [], ["WORLD"], ["NO"], ["GB"], ["XX"]),
        "valid_from": odd(None, STARTS - DAY, STARTS, STARTS + DAY),
        "valid_until": odd(None, ENDS - DAY, ENDS, ENDS + DAY),
        **{
            f"grant_{purpose}": odd(None, "allow", "deny", "conditional", "unknown", "maybe")
            for purpose in PURPOSES
        },
        "people_count": odd(people, None, -1, 3),
        "minors": odd(False, None, True),
        "property": odd(False, True, None),
        "sensitive": odd(None, True, False),
        "release_ids": odd(names, [*(names or []), "r-99"], [*(names or []), "r-1", "r-1"], None),
        "digital_source_type": odd(
            "digitalCapture",
            None,
            "http://cv.iptc.org/newscodes/digitalsourcetype/print",
            "trainedAlgorithmicMedia",
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "photo",
        ),
    }


def _consents(rng: random.Random, asset_ids: list[str], trouble: float) -> list[Row]:
    """A yes of most people in the beginning, and then what comes, at few instants."""
    events = [
        _event("allow", who, "all", INSTANTS[0]) for who in KNOWN if rng.random() > trouble / 2
    ]
    for _ in range(round(60 * trouble)):
        events.append(_any_event(rng, rng.choice(KNOWN), None))
    for asset_id in asset_ids:
        if rng.random() < trouble:
            who = rng.choice(KNOWN)
            events += [_any_event(rng, who, asset_id) for _ in range(rng.randint(1, 3))]
    rng.shuffle(events)
    return events


def _any_event(rng: random.Random, who: str, asset_id: str | None) -> Row:
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
