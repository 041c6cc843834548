"""Made-up worlds whose files and servers speak too: agreements, signals, claims, faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.rights.resolve import Resolution, resolve
from pipelines.rights.screen import screen_batch
from pipelines.rights.standing import add_standing
from pipelines.signals.catalogue import read_grants
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal_terms import Agreement
from schemas.rights import PURPOSES, Purpose, Value
from schemas.signal import (
    Claim,
    ClaimKind,
    Fault,
    Origin,
    Reading,
    Signal,
    merge_readings,
    raw_sha256,
)
from tests.rights import resolve_oracle
from tests.rights.resolve_oracle import NOTICES, SOURCES, Overridden, Verdict
from tests.rights.rights_cases import AS_OF, Row, index
from tests.rights.worlds import KNOWN, World, make_world

_POOL = 900  # assets of which a world keeps those that the catalogue clears, and some others
_KEPT = 250
_OTHERS = 30
_NOES = (Value.DENY, Value.CONDITIONAL)
_YESES = (Value.ALLOW, Value.UNKNOWN)
_REFS = ("A-1", "A-2", " A-3 ", "", "  ", None)


@dataclass(frozen=True)
class Judged:
    """What became of one asset that the catalogue cleared."""

    resolution: Resolution
    verdict: Verdict

    @property
    def cleared(self) -> bool:
        return not self.resolution.reasons


@dataclass(frozen=True)
class Spoken:
    """A world, and what the file and the server of each of its assets say."""

    world: World
    readings: dict[str, Reading]

    def resolutions(self) -> dict[str, tuple[Resolution, Any]]:
        """What the code makes of each asset that screening clears, and until when it is usable."""
        made = self.world
        joined = index(made.deal, made.consents, made.releases, KNOWN)
        table = pa.Table.from_pylist(made.assets, ASSETS_SCHEMA)
        mask = screen_batch(table, joined, made.deal, np.array(made.repeated, np.bool_))
        rows = add_standing(table.filter(pa.array(mask == 0)), joined, made.deal).to_pylist()
        found = {}
        for row in rows:
            name = row["asset_id"]
            reading = merge_readings((read_grants(row), self.readings[name]))
            resolution = resolve(row, reading, made.deal, AS_OF.date())
            found[name] = (resolution, row["usable_until"])
        return found

    def verdicts(self) -> dict[str, Verdict]:
        """What the oracle says of the same."""
        made = self.world
        return {
            row["asset_id"]: resolve_oracle.resolved(
                row, made.terms, made.consents, made.releases, self.readings[row["asset_id"]], AS_OF
            )
            for row, reasons in zip(made.assets, made.expected(), strict=True)
            if not reasons
        }

    def cleared(self) -> dict[str, bool]:
        """The assets that are cleared in the end, and whether they may be captioned."""
        return {
            name: resolution.inference
            for name, (resolution, _) in self.resolutions().items()
            if not resolution.reasons
        }

    def also(self, **changes: Any) -> Spoken:
        """The same with something changed in the world."""
        return replace(self, world=self.world.also(**changes))

    def read(self, change: Callable[[str, Reading], Reading]) -> Spoken:
        """The same with every reading changed."""
        return replace(self, readings={name: change(name, r) for name, r in self.readings.items()})


def overridden(resolution: Resolution) -> set[Overridden]:
    """The overrides of a resolution as the oracle says them."""
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


def make_spoken(seed: int) -> Spoken:
    """A world in which the catalogue clears what it can, and files and servers say the rest."""
    rng = random.Random(seed)
    made = make_world(seed, _POOL)
    made = _own_terms(rng, made)
    made = made.also(assets=[row | _own_word(rng, made) for row in made.assets])
    # How many yeses name an agreement.
    signs = rng.choice((0.0, 0.3) if made.deal.agreements else (0.0, 0.3, 0.9, 1.0))
    signed = [
        event | {"agreement_ref": rng.choice(_REFS if rng.random() < 0.1 else _REFS[:2])}
        if rng.random() < signs
        else event
        for event in made.consents
    ]
    clear = [number for number, reasons in enumerate(made.expected()) if not reasons]
    clear = clear[: _KEPT - _OTHERS]
    others = sorted(set(range(_POOL)) - set(clear))[: _KEPT - len(clear)]
    kept = sorted([*clear, *others])
    made = made.also(
        consents=signed,
        assets=[made.assets[number] for number in kept],
        repeated=[made.repeated[number] for number in kept],
    )
    likely = list(dict.fromkeys([*made.deal.judged_purposes, *PURPOSES]))
    return Spoken(made, {row["asset_id"]: _reading(rng, row, likely) for row in made.assets})


def _own_terms(rng: random.Random, made: World) -> World:
    """The deal with terms of its own on owners, and with an agreement on just what it sells."""
    chosen = rng.choice(("refuse", "refuse", "accept"))
    rights = made.deal.rights.model_copy(update={"copyright_conflicts": chosen})
    signed = list(made.deal.agreements)
    if rights.inference == "pack-without" and rng.random() < 0.7:
        purposes = list(made.deal.purposes)
        day = AS_OF.date()
        signed.append(Agreement(ref="sold", signed_at=day, purposes=purposes, contributors=["all"]))
    return made.also(
        terms=made.terms
        | {"copyright_conflicts": chosen, "agreements": [one.model_dump() for one in signed]},
        deal=made.deal.model_copy(update={"rights": rights, "agreements": signed}),
    )


def _own_word(rng: random.Random, made: World) -> Row:
    """Now and then a word of the agency's own on a purpose, and none on how the asset was made."""
    changes: Row = {}
    if rng.random() < 0.4:
        purpose = rng.choice(made.deal.judged_purposes)
        noes = ("deny", "conditional", "maybe") if made.deal.agreements else ()
        changes[f"grant_{purpose}"] = rng.choice(("allow", "allow", *noes))
    if made.deal.rights.unknown_source == "accept" and rng.random() < 0.5:
        changes["digital_source_type"] = None
    return changes


def _reading(rng: random.Random, row: Row, likely: list[Purpose]) -> Reading:
    noise = rng.choice((0.0, 0.0, 0.05, 0.3))
    signals = [
        signal(rng, rng.choice(_NOES if rng.random() < 0.5 else _YESES), likely)
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4)))
    ]
    kinds = [*ClaimKind, ClaimKind.COPYRIGHT, ClaimKind.COPYRIGHT]
    claims = [claim for kind in kinds if (claim := _claim(rng, kind, row, noise))]
    faults = [fault(rng)] if rng.random() < 0.06 else []
    rng.shuffle(claims)
    return Reading(tuple(signals), tuple(claims), tuple(faults))


def signal(rng: random.Random, value: Value, likely: list[Purpose]) -> Signal:
    """A word of a file or a server, mostly of the first of the purposes."""
    origin = rng.choice((Origin.FILE, Origin.SERVER))
    purpose = rng.choice(likely[:2] if rng.random() < 0.7 else likely)
    where = rng.choice(("XMP plus:DataMining", "XMP tdm:reservation"))
    if origin is Origin.SERVER:
        where = rng.choice(("header X-Robots-Tag", "robots.txt"))
    said = f"{value} {purpose}"
    return Signal(origin, purpose, value, "", where, raw_sha256(said), "", said)


def fault(rng: random.Random) -> Fault:
    """Something that cannot be read."""
    origin = rng.choice((Origin.FILE, Origin.SERVER, Origin.SERVER))
    return Fault(origin, f"{origin} part", "cut short", raw_sha256("cut"))


def _claim(rng: random.Random, kind: ClaimKind, row: Row, noise: float) -> Claim | None:
    """Mostly nothing, else mostly what the catalogue says too."""
    odd = rng.random() < noise
    if not odd and rng.random() < 0.7:
        return None
    people, held = row["people_count"], row["release_ids"]
    ages = ("AG-A16", "AG-U14") if row["minors"] else ("AG-A18", "AG-A25", "AG-UNK")
    stated = row["digital_source_type"]
    agreeing: dict[ClaimKind, list[str]] = {
        ClaimKind.MODEL_RELEASE: ["MR-UMR"] if people else ["MR-NAP", "MR-NON"],
        ClaimKind.PROPERTY_RELEASE: ["PR-UPR"] if row["property"] else ["PR-NAP", "PR-NON"],
        ClaimKind.MODEL_RELEASE_ID: held or [],
        ClaimKind.PROPERTY_RELEASE_ID: held or [],
        ClaimKind.MINOR_AGE: list(ages),
        ClaimKind.SOURCE_TYPE: [stated.rpartition("/")[2]] if stated else list(SOURCES),
        ClaimKind.COPYRIGHT: list(NOTICES)[:2],
    }
    anything: dict[ClaimKind, list[str]] = {
        ClaimKind.MODEL_RELEASE: ["MR-NON", "MR-NAP", "MR-UMR", "MR-LMR", "MR-NEW", "PR-UPR"],
        ClaimKind.PROPERTY_RELEASE: ["PR-NON", "PR-NAP", "PR-UPR", "PR-LPR", "", "MR-UMR"],
        ClaimKind.MODEL_RELEASE_ID: ["r-1", "r-99", "R-1"],
        ClaimKind.PROPERTY_RELEASE_ID: ["r-2", "r-98", " r-2"],
        ClaimKind.MINOR_AGE: ["AG-UNK", "AG-A17", "AG-A18", "AG-A25", "AG-U14", "AG-A14"],
        ClaimKind.SOURCE_TYPE: list(SOURCES),
        ClaimKind.COPYRIGHT: list(NOTICES),
    }
    values = (anything if odd else agreeing).get(kind, ["AL-CRP", "AL-FLP"])
    if not values:
        return None
    value = rng.choice(values)
    place = rng.choice(("EXIF Copyright", "IIM 2:116", "XMP dc:rights"))
    where = place if kind is ClaimKind.COPYRIGHT else f"XMP {kind}"
    return Claim(kind, value, where, raw_sha256(value))
