"""Sparse libraries: a few assets with planned outcomes, mostly empty units, and an answer key.

The leading bits of the sha256 of an asset's id select its unit, so ids are chosen to fall into the
desired unit. The answer key is computed here, only from what was planted.
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
    """The planned outcome of an asset: a name, then outcome, stage and reason."""

    TAKEN = ("taken", "delivered", "write", "")
    UNSEEN = ("unseen", "delivered", "write", "")  # no model may see it; its title is the caption
    DENIED = ("denied", "refused", "enrich", "file.denied")  # by its own file
    WORDLESS = ("wordless", "refused", "enrich", "profile.no_caption")  # unseen, without a title
    MISSING = ("missing", "dead_letter", "enrich", "media.unavailable")
    BROKEN = ("broken", "dead_letter", "enrich", "media.undecodable")
    SMALL = ("small", "refused", "select", "select.too_small")
    WITHDRAWN = ("withdrawn", "refused", "screen", "asset.withdrawn")


DELIVERED = (Fate.TAKEN, Fate.UNSEEN)
#: Fates that empty a unit: screening clears these assets, and enrichment stops them.
STOPPED = (Fate.DENIED, Fate.WORDLESS, Fate.MISSING, Fate.BROKEN)
_READABLE = (*DELIVERED, Fate.DENIED, Fate.WORDLESS, Fate.SMALL)
#: Outcome, stage and reason.
Verdict = tuple[str, str, str]


@dataclass(frozen=True)
class Planted:
    """An asset.

    Attributes:
        asset_id: Its id, which decides its unit.
        fate: Its planned outcome.
        picture: The number of its picture. Delivered assets with the same number have equal bytes.
        family: The extension of its media, the same for all assets that show the same.
        people: Contributors and their shares in basis points.
    """

    asset_id: str
    fate: Fate
    picture: int
    family: str = "jpg"
    people: tuple[tuple[str, int], ...] = (("c-1", 10_000),)

    @property
    def path(self) -> str:
        """The path of its media, relative to the catalogue."""
        return f"media/{self.asset_id}.{self.family}"


@dataclass(frozen=True)
class Library:
    """A sparse library, and how a deal divides it.

    Attributes:
        assets: Its assets; at least one.
        bits: Leading bits that select a unit. More than two need many rows, so withdrawn assets are
            added.
        dedupe: The deal's `select.dedupe`.
        target: The deal's `shards.target_bytes`.
    """

    assets: tuple[Planted, ...]
    bits: int = LEAST_BITS
    dedupe: str = "near"
    target: str = "512MiB"

    @property
    def padding(self) -> tuple[str, ...]:
        """Ids of the withdrawn rows that make the library large enough for its unit bits."""
        least = _ROWS_PER_UNIT << (self.bits - 1) if self.bits > LEAST_BITS else 0
        return tuple(f"p-{at:05d}" for at in range(least - len(self.assets)))


def unit_of(asset_id: str, bits: int) -> int:
    """Returns the unit that an asset falls into."""
    digest = hashlib.sha256(b"fairshard/asset\x00" + asset_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - bits)


@cache
def id_in(unit: int, bits: int, number: int = 0) -> str:
    """Returns an id that falls into a unit; each number gives a different one."""
    fitting = (name for at in count() if unit_of(name := f"s-{at:05d}", bits) == unit)
    return next(islice(fitting, number, None))


@dataclass(frozen=True)
class Key:
    """The expected results for a library.

    Attributes:
        verdicts: The verdicts by asset id.
        delivered: The delivered assets by asset id.
        paid: Amounts in minor units by contributor.
    """

    verdicts: dict[str, Verdict]
    delivered: dict[str, Planted]
    paid: dict[str, int]

    @property
    def embedded(self) -> int:
        """The number of samples that a model has seen."""
        return sum(asset.fate is Fate.TAKEN for asset in self.delivered.values())

    def steps(self) -> dict[str, Any]:
        """Returns the counts of every step."""
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
    """Computes the expected results for a library.

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
    """Divides the contributors' part of the pool by largest remainder, ties by id."""
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
    """Returns the units that have at least one readable file, whatever its outcome."""
    readable = [asset.asset_id for asset in library.assets if asset.fate in _READABLE]
    return {unit_of(name, library.bits) for name in readable}


# The file type of each picture number in a random library; films are rare, since they take long.
_DRAWN_FAMILIES = ("jpg", "jpg", "png", "webp", "mp4")
_PEOPLE = (
    (("c-1", 10_000),),
    (("c-2", 10_000),),
    (("c-1", 3_333), ("c-2", 3_333), ("c-3", 3_334)),
    (("c-2", 1), ("c-4", 9_999)),
)
# Possible fates of the assets in a unit: in the first unit, in those between, and in the last.
_MOODS = ((STOPPED,), (STOPPED, DELIVERED, tuple(Fate)), (DELIVERED, DELIVERED, tuple(Fate)))


def draw_library(seed: int) -> Library:
    """Returns a random library with assets in two to four units, one of which is refused whole."""
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
