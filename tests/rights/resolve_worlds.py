"""Random worlds with statements of files and servers: agreements, signals, claims and faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.rights.rules.screen import screen_batch
from pipelines.signals.catalogue import read_grants
from pipelines.storage.columns import rows_of
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal_terms import Agreement
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import (
    AssertionKind,
    FileAssertion,
    Origin,
    Reading,
    ReadingFault,
    Signal,
    merge_readings,
    raw_sha256,
)
from schemas.unit import ClearedRow
from tests.rights import resolve_oracle
from tests.rights.resolve_oracle import NOTICES, SOURCES, ExpectedOverride, ExpectedResolution
from tests.rights.rights_cases import AS_OF, DAY, ENDS, Row, rights_index
from tests.rights.worlds import CONTRIBUTORS, World, make_world

_POOL_SIZE = 900  # assets, of which a world keeps those that the catalogue clears, and a few others
_KEPT_ASSETS = 250
_KEPT_REFUSED = 30
# What files say of people, licences and their own contents; drawn apart from all the rest.
_SHARES = {AssertionKind.LICENCE: 0.1, AssertionKind.PERSONAL: 0.08}
_FURTHER: dict[AssertionKind, tuple[str, ...]] = {
    AssertionKind.MODEL_AGE: ("34", "17", "18", "young"),
    AssertionKind.PEOPLE_SHOWN: ("1", "2"),
    AssertionKind.LICENCE: ("CC-BY-NC-4.0", "CC-BY-4.0", "cc-by-4.0", "editorial-use-only"),
    AssertionKind.PERSONAL: ("gps", "name"),
    AssertionKind.TEXT: ("a picture",),
    AssertionKind.UNJUDGED: ("9 bytes behind the picture",),
}
_REFUSING = (Permission.DENY, Permission.CONDITIONAL)
_NOT_REFUSING = (Permission.ALLOW, Permission.UNKNOWN)
_REFS = ("A-1", "A-2", " A-3 ", "", "  ", None)


@dataclass(frozen=True)
class Judged:
    """The result for one asset that the catalogue cleared."""

    resolution: Resolution
    verdict: ExpectedResolution

    @property
    def cleared(self) -> bool:
        return not self.resolution.reasons


@dataclass(frozen=True)
class SignalWorld:
    """A world, with the statements of the file and server of each asset."""

    world: World
    readings: dict[str, Reading]

    def resolutions(self) -> dict[str, tuple[Resolution, Any]]:
        """Returns the code's result for each asset that screening clears, and its last day."""
        made = self.world
        joined = rights_index(made.deal, made.consents, made.releases, CONTRIBUTORS)
        table = pa.Table.from_pylist(made.assets, ASSETS_SCHEMA)
        mask = screen_batch(table, joined, made.deal, np.array(made.repeated, np.bool_))
        cleared = add_cleared_rights(table.filter(pa.array(mask == 0)), joined, made.deal)
        found = {}
        for row in rows_of(cleared, ClearedRow):
            name = row["asset_id"]
            reading = merge_readings((read_grants(row), self.readings[name]))
            resolution = resolve_rights(row, reading, made.deal, AS_OF.date())
            found[name] = (resolution, row["usable_until"])
        return found

    def expected_resolutions(self) -> dict[str, ExpectedResolution]:
        """Returns the oracle's results for the same assets."""
        made = self.world
        return {
            row["asset_id"]: resolve_oracle.expected_resolution(
                row, made.terms, made.consents, made.releases, self.readings[row["asset_id"]], AS_OF
            )
            for row, reasons in zip(made.assets, made.expected_codes(), strict=True)
            if not reasons
        }

    def cleared(self) -> dict[str, bool]:
        """Returns the assets that are finally cleared, and whether they may be captioned."""
        return {
            name: resolution.inference
            for name, (resolution, _) in self.resolutions().items()
            if not resolution.reasons
        }

    def with_changes(self, **changes: Any) -> SignalWorld:
        """Returns a copy with something in the world changed."""
        return replace(self, world=self.world.with_changes(**changes))

    def with_readings(self, change: Callable[[str, Reading], Reading]) -> SignalWorld:
        """Returns a copy with every reading changed."""
        return replace(self, readings={name: change(name, r) for name, r in self.readings.items()})


def override_tuples(resolution: Resolution) -> set[ExpectedOverride]:
    """Returns the overrides of a resolution in the oracle's form."""
    return {
        (
            item.signal.origin.value,
            item.signal.purpose.value,
            item.signal.value.value,
            item.signal.where,
            item.signal.said,
            item.agreement,
        )
        for item in resolution.overrides
    }


def make_signal_world(seed: int) -> SignalWorld:
    """Makes a world in which the catalogue clears most assets, and files and servers decide."""
    rng = random.Random(seed)
    made = make_world(seed, _POOL_SIZE)
    made = _with_deal_terms(rng, made)
    made = made.with_changes(
        assets=[row | _grant_changes(rng, made) | _last_day(seed, row, made) for row in made.assets]
    )
    # The share of consents that name an agreement.
    signs = rng.choice((0.0, 0.3) if made.deal.agreements else (0.0, 0.3, 0.9, 1.0))
    signed = [
        event | {"agreement_ref": rng.choice(_REFS if rng.random() < 0.1 else _REFS[:2])}
        if rng.random() < signs
        else event
        for event in made.consents
    ]
    clear = [number for number, reasons in enumerate(made.expected_codes()) if not reasons]
    clear = clear[: _KEPT_ASSETS - _KEPT_REFUSED]
    others = sorted(set(range(_POOL_SIZE)) - set(clear))[: _KEPT_ASSETS - len(clear)]
    kept = sorted([*clear, *others])
    made = made.with_changes(
        consents=signed,
        assets=[made.assets[number] for number in kept],
        repeated=[made.repeated[number] for number in kept],
    )
    likely = list(dict.fromkeys([*made.deal.judged_purposes, *PURPOSES]))
    return SignalWorld(
        made, {row["asset_id"]: _random_reading(rng, row, likely) for row in made.assets}
    )


def _with_deal_terms(rng: random.Random, made: World) -> World:
    """Returns the world with random terms on owners and an agreement on the deal's purposes."""
    chosen = rng.choice(("refuse", "refuse", "accept"))
    rights = made.deal.rights.model_copy(update={"copyright_conflicts": chosen})
    signed = list(made.deal.agreements)
    if rights.inference == "pack-without" and rng.random() < 0.7:
        purposes = list(made.deal.purposes)
        day = AS_OF.date()
        signed.append(Agreement(ref="sold", signed_at=day, purposes=purposes, contributors=["all"]))
    return made.with_changes(
        terms=made.terms
        | {"copyright_conflicts": chosen, "agreements": [one.model_dump() for one in signed]},
        deal=made.deal.model_copy(update={"rights": rights, "agreements": signed}),
    )


def _grant_changes(rng: random.Random, made: World) -> Row:
    """Returns occasional changes: a grant for a purpose, and no digital source type."""
    changes: Row = {}
    if rng.random() < 0.4:
        purpose = rng.choice(made.deal.judged_purposes)
        noes = ("deny", "conditional", "maybe") if made.deal.agreements else ()
        changes[f"grant_{purpose}"] = rng.choice(("allow", "allow", *noes))
    if made.deal.rights.unknown_source == "accept" and rng.random() < 0.5:
        changes["digital_source_type"] = None
    return changes


def _last_day(seed: int, row: Row, made: World) -> Row:
    """Returns another last day for some assets, if the deal accepts early ones.

    It is drawn apart from all the rest.
    """
    own = random.Random(f"{seed} {row['asset_id']}")
    if made.deal.rights.ends_early == "until" and own.random() < 0.25:
        today = AS_OF.date()
        return {"valid_until": own.choice((today - DAY, today, today + DAY, ENDS - DAY, ENDS))}
    return {}


def _random_reading(rng: random.Random, row: Row, likely: list[Purpose]) -> Reading:
    noise = rng.choice((0.0, 0.0, 0.05, 0.3))
    signals = [
        make_random_signal(
            rng, rng.choice(_REFUSING if rng.random() < 0.5 else _NOT_REFUSING), likely
        )
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4)))
    ]
    known = [kind for kind in AssertionKind if kind not in _FURTHER]
    kinds = [*known, AssertionKind.COPYRIGHT, AssertionKind.COPYRIGHT]
    claims = [claim for kind in kinds if (claim := _random_assertion(rng, kind, row, noise))]
    faults = [make_random_fault(rng)] if rng.random() < 0.06 else []
    rng.shuffle(claims)
    own = random.Random(f"{row['asset_id']} {len(claims)}")
    for kind, values in _FURTHER.items():
        if own.random() < _SHARES.get(kind, 0.015):
            value = own.choice(values)
            claims.append(FileAssertion(kind, value, f"XMP {kind}", raw_sha256(value)))
    if own.random() < 0.03:
        kept = AssertionKind.FILE_CONSTRAINT
        claims.append(FileAssertion(kept, "IF-MMD", f"XMP {kept}", raw_sha256("IF-MMD")))
    return Reading(tuple(signals), tuple(claims), tuple(faults))


def make_random_signal(rng: random.Random, value: Permission, likely: list[Purpose]) -> Signal:
    """Returns a signal of a file or a server, mostly about one of the likely purposes."""
    origin = rng.choice((Origin.FILE, Origin.SERVER))
    purpose = rng.choice(likely[:2] if rng.random() < 0.7 else likely)
    where = rng.choice(("XMP plus:DataMining", "XMP tdm:reservation"))
    if origin is Origin.SERVER:
        where = rng.choice(("header X-Robots-Tag", "robots.txt"))
    said = f"{value} {purpose}"
    return Signal(origin, purpose, value, "", where, raw_sha256(said), "", said)


def make_random_fault(rng: random.Random) -> ReadingFault:
    """Returns metadata that cannot be read."""
    origin = rng.choice((Origin.FILE, Origin.SERVER, Origin.SERVER))
    return ReadingFault(origin, f"{origin} part", "cut short", raw_sha256("cut"))


def _random_assertion(
    rng: random.Random, kind: AssertionKind, row: Row, noise: float
) -> FileAssertion | None:
    """Returns mostly no assertion, or else mostly one that agrees with the catalogue."""
    odd = rng.random() < noise
    if not odd and rng.random() < 0.7:
        return None
    people, held = row["people_count"], row["release_ids"]
    ages = ("AG-A16", "AG-U14") if row["minors"] else ("AG-A18", "AG-A25", "AG-UNK")
    stated = row["digital_source_type"]
    agreeing: dict[AssertionKind, list[str]] = {
        AssertionKind.MODEL_RELEASE: ["MR-UMR"] if people else ["MR-NAP", "MR-NON"],
        AssertionKind.PROPERTY_RELEASE: ["PR-UPR"] if row["property"] else ["PR-NAP", "PR-NON"],
        AssertionKind.MODEL_RELEASE_ID: held or [],
        AssertionKind.PROPERTY_RELEASE_ID: held or [],
        AssertionKind.MINOR_AGE: list(ages),
        AssertionKind.SOURCE_TYPE: [stated.rpartition("/")[2]] if stated else list(SOURCES),
        AssertionKind.COPYRIGHT: list(NOTICES)[:2],
    }
    anything: dict[AssertionKind, list[str]] = {
        AssertionKind.MODEL_RELEASE: ["MR-NON", "MR-NAP", "MR-UMR", "MR-LMR", "MR-NEW", "PR-UPR"],
        AssertionKind.PROPERTY_RELEASE: ["PR-NON", "PR-NAP", "PR-UPR", "PR-LPR", "", "MR-UMR"],
        AssertionKind.MODEL_RELEASE_ID: ["r-1", "r-99", "R-1"],
        AssertionKind.PROPERTY_RELEASE_ID: ["r-2", "r-98", " r-2"],
        AssertionKind.MINOR_AGE: ["AG-UNK", "AG-A17", "AG-A18", "AG-A25", "AG-U14", "AG-A14"],
        AssertionKind.SOURCE_TYPE: list(SOURCES),
        AssertionKind.COPYRIGHT: list(NOTICES),
    }
    values = (anything if odd else agreeing).get(kind, ["AL-CRP", "AL-FLP"])
    if not values:
        return None
    value = rng.choice(values)
    place = rng.choice(("EXIF Copyright", "IIM 2:116", "XMP dc:rights"))
    where = place if kind is AssertionKind.COPYRIGHT else f"XMP {kind}"
    return FileAssertion(kind, value, where, raw_sha256(value))
