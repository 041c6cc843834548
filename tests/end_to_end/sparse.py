"""Sparse libraries: a few assets with a fate each, most units empty, and what must come of them.

A unit is named by the leading bits of the sha256 of an asset's id, so ids are chosen for the unit
they fall into. The answer key is worked out here, from what was planted alone.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import count, islice
from typing import Any

DEAL_ID = "sparse"
LEAST_BITS = 2  # no library has fewer than four units
POOL_MINOR, AGENCY_MINOR = 100_001, 40_000  # 40 % of 1000.01, rounded
_ROWS_PER_UNIT = 256


class Fate(Enum):
    """What is to become of an asset: a name, then outcome, stage and reason."""

    TAKEN = ("taken", "delivered", "write", "")
    UNSEEN = ("unseen", "delivered", "write", "")  # no model may see it; the title is its caption
    DENIED = ("denied", "refused", "enrich", "file.denied")  # by its own file
    WORDLESS = ("wordless", "refused", "enrich", "profile.no_caption")  # unseen, without a title
    MISSING = ("missing", "dead_letter", "enrich", "media.unavailable")
    BROKEN = ("broken", "dead_letter", "enrich", "media.undecodable")
    SMALL = ("small", "refused", "select", "select.too_small")
    WITHDRAWN = ("withdrawn", "refused", "screen", "asset.withdrawn")


DELIVERED = (Fate.TAKEN, Fate.UNSEEN)
#: What empties a unit: screening cleared them, and enrichment does not let them pass.
STOPPED = (Fate.DENIED, Fate.WORDLESS, Fate.MISSING, Fate.BROKEN)
_READABLE = (*DELIVERED, Fate.DENIED, Fate.WORDLESS, Fate.SMALL)
#: Outcome, stage and reason.
Verdict = tuple[str, str, str]


@dataclass(frozen=True)
class Planted:
    """An asset.

    Attributes:
        asset_id: Its id, which puts it into its unit.
        fate: What is to become of it.
        picture: What it shows. Assets that are delivered with the same number have the same bytes.
        family: Extension of its media, one for all assets that show the same.
        people: Contributors and their shares in basis points.
    """

    asset_id: str
    fate: Fate
    picture: int
    family: str = "jpg"
    people: tuple[tuple[str, int], ...] = (("c-1", 10_000),)

    @property
    def path(self) -> str:
        """Where its media lies below the catalogue."""
        return f"media/{self.asset_id}.{self.family}"


@dataclass(frozen=True)
class Library:
    """A sparse library, and how a deal cuts it.

    Attributes:
        assets: What it holds; at least one.
        bits: Leading bits that name a unit. More than two need many rows: withdrawn ones are added.
        dedupe: The deal's.
        target: Size of a shard.
    """

    assets: tuple[Planted, ...]
    bits: int = LEAST_BITS
    dedupe: str = "near"
    target: str = "512MiB"

    @property
    def padding(self) -> tuple[str, ...]:
        """Ids of the withdrawn rows that make the library as large as its units ask for."""
        least = _ROWS_PER_UNIT << (self.bits - 1) if self.bits > LEAST_BITS else 0
        return tuple(f"p-{at:05d}" for at in range(least - len(self.assets)))


def unit_of(asset_id: str, bits: int) -> int:
    """The unit that an asset falls into."""
    digest = hashlib.sha256(b"fairshard/asset\x00" + asset_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - bits)


@cache
def id_in(unit: int, bits: int, number: int = 0) -> str:
    """An id that falls into a unit; each number has another."""
    fitting = (name for at in count() if unit_of(name := f"s-{at:05d}", bits) == unit)
    return next(islice(fitting, number, None))


@dataclass(frozen=True)
class Key:
    """What must come of a library.

    Attributes:
        verdicts: By asset id.
        delivered: What is delivered, by asset id.
        paid: Minor units by contributor.
    """

    verdicts: dict[str, Verdict]
    delivered: dict[str, Planted]
    paid: dict[str, int]

    @property
    def embedded(self) -> int:
        """How many samples a model has seen."""
        return sum(asset.fate is Fate.TAKEN for asset in self.delivered.values())

    def steps(self) -> dict[str, Any]:
        """The counts of every step."""
        left, found = Counter(self.verdicts.values()), {}
        entered = left.total()
        for name in ("read", "screen", "enrich", "select", "write"):
            own = {verdict: number for verdict, number in left.items() if verdict[1] == name}
            refused, dead = (
                {reason: number for (end, _, reason), number in own.items() if end == outcome}
                for outcome in ("refused", "dead_letter")
            )
            passed = entered - sum(refused.values()) - sum(dead.values())
            found[name] = {
                "entered": entered,
                "passed": passed,
                "refused": sum(refused.values()),
                "refused_by_reason": refused,
                "dead_letters": sum(dead.values()),
                "dead_letters_by_reason": dead,
            }
            entered = passed
        return found


def answer_key(library: Library) -> Key:
    """Works out what must come of a library.

    What several people offer with the same bytes is refused. Of the assets that are left with the
    same bytes, the one with the smallest id is kept.
    """
    verdicts = {asset.asset_id: asset.fate.value[1:] for asset in library.assets}
    verdicts |= dict.fromkeys(library.padding, Fate.WITHDRAWN.value[1:])
    delivered: dict[str, Planted] = {}
    kept: set[int] = set()
    for asset in sorted(library.assets, key=lambda asset: asset.asset_id):
        if (reason := _rights_reason(asset, library)) is not None:
            verdicts[asset.asset_id] = ("refused", "select", reason)
            continue
        if asset.fate not in DELIVERED:
            continue
        if library.dedupe != "none" and asset.picture in kept:
            verdicts[asset.asset_id] = ("refused", "select", "duplicate.exact")
            continue
        kept.add(asset.picture)
        delivered[asset.asset_id] = asset
    return Key(verdicts, delivered, _shared(delivered.values()))


def _rights_reason(asset: Planted, library: Library) -> str | None:
    """Why an asset that reaches selection is refused because of other assets with its picture."""
    if asset.fate not in (*DELIVERED, Fate.SMALL):
        return None
    is_small = asset.fate is Fate.SMALL
    same = [other for other in library.assets if other.picture == asset.picture]
    offers = {
        frozenset(dict(other.people))
        for other in same
        if other.fate in ((Fate.SMALL,) if is_small else DELIVERED)
    }
    if len(offers) > 1:
        return f"duplicate.{'placeholder' if len(offers) > 2 else 'contested'}"
    # Only small ones show what a denied one shows.
    is_denied = any(other.fate is Fate.DENIED for other in same)
    return "duplicate.like_refused" if is_denied and library.dedupe == "near" else None


def _shared(assets: Iterable[Planted]) -> dict[str, int]:
    """The contributors' part of the pool by largest remainder, ties by id."""
    points: Counter[str] = Counter()
    for asset in assets:
        points.update(dict(asset.people))
    pool, whole = POOL_MINOR - AGENCY_MINOR, points.total()
    paid = {name: pool * own // whole for name, own in points.items()}
    rest = sorted(points, key=lambda name: (-(pool * points[name] % whole), name))
    for name in rest[: pool - sum(paid.values())]:
        paid[name] += 1
    return paid


def enriched_units(library: Library) -> set[int]:
    """The units with a file that can be read, whatever becomes of it."""
    readable = [asset.asset_id for asset in library.assets if asset.fate in _READABLE]
    return {unit_of(name, library.bits) for name in readable}


# What each picture number of a drawn library is saved as; films are few, since they take long.
_DRAWN_FAMILIES = ("jpg", "jpg", "png", "webp", "mp4")
_PEOPLE = (
    (("c-1", 10_000),),
    (("c-2", 10_000),),
    (("c-1", 3_333), ("c-2", 3_333), ("c-3", 3_334)),
    (("c-2", 1), ("c-4", 9_999)),
)
# What the assets of a unit may come to: of the first unit, of those between, and of the last.
_MOODS = ((STOPPED,), (STOPPED, DELIVERED, tuple(Fate)), (DELIVERED, DELIVERED, tuple(Fate)))


def draw_library(seed: int) -> Library:
    """A library with assets in two to four of its units, one of which is refused whole."""
    dice = random.Random(seed)
    bits = dice.choice([2, 2, 3, 4])
    units = dice.sample(range(1 << bits), dice.randint(2, 4))
    assets: list[Planted] = []
    for unit in units:
        moods = _MOODS[0 if unit == units[0] else 2 if unit == units[-1] else 1]
        mood = dice.choice(moods)
        for number in range(dice.choice([1, 1, 1, 2, 5])):
            fate = dice.choice(mood)
            picture = dice.randrange(len(_DRAWN_FAMILIES))
            family = _DRAWN_FAMILIES[picture]
            if fate in (Fate.DENIED, Fate.SMALL):
                picture, family = picture + 100, "jpg"
            people = dice.choice(_PEOPLE)
            assets.append(Planted(id_in(unit, bits, number), fate, picture, family, people))
    dedupe = dice.choice(["none", "exact", "near"])
    return Library(tuple(assets), bits, dedupe, dice.choice(["1KiB", "16KiB", "512MiB"]))
