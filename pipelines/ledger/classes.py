"""The agency's share by class: which class each line of a delivery falls in, and what that means.

A line is one contributor's part of one asset. Its class is decided by the asset's media and by the
level of its contributor or of the asset itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.errors import InputError
from schemas.price_classes import OTHER_LEVEL, AgencyClass
from schemas.price_terms import PriceTerms

Codes = npt.NDArray[np.int32]

_MEDIA = ("image", "video")
_NO_CLASS, _SEVERAL = -1, -2


@dataclass(frozen=True)
class ClassShares:
    """What the classes of a deal leave to contributors.

    Attributes:
        factors: By class: the contributors' part of what its lines earn, as whole numbers in the
            proportions of these parts.
        agency: By class: the agency's share.
    """

    factors: list[int]
    agency: list[Fraction]

    def agency_share(self, points: Sequence[int]) -> Fraction:
        """Returns the agency's share of the pool, given the sum of points of each class."""
        whole = sum(points)
        if not whole:
            return self.agency[0]  # nothing can be divided, which is refused later
        taken = sum(count * share for count, share in zip(points, self.agency, strict=True))
        return Fraction(taken) / whole


class LineClasses:
    """Finds the class of lines under a deal. Without classes, every line is in the only one.

    Contributors with an agency share of their own are in classes of their own, whatever the deal's.

    Args:
        price: The deal's price.
        as_of: The day on which levels are evaluated.
        own_shares: Agency shares of contributors, by id.
    """

    def __init__(
        self, price: PriceTerms, as_of: date, own_shares: Mapping[str, Fraction] | None = None
    ) -> None:
        own_shares = own_shares or {}
        single = AgencyClass.model_construct(agency_share=price.agency_share)
        self._classes = price.agency_classes or [single]
        distinct = sorted(set(own_shares.values()))
        self._agency = [Fraction(one.agency_share) for one in self._classes] + distinct
        first = len(self._classes)
        self._own = {who: first + distinct.index(share) for who, share in own_shares.items()}
        levels = [level for level in price.levels if level.applies(as_of)]
        self._names = [OTHER_LEVEL, *dict.fromkeys(level.name for level in levels)]
        codes = {name: code for code, name in enumerate(self._names)}
        self._people = {who: codes[one.name] for one in levels for who in one.contributors}
        self._assets = {asset: codes[one.name] for one in levels for asset in one.assets}
        self._table = np.array(
            [[self._class(media, name) for name in self._names] for media in _MEDIA], np.int32
        )

    @property
    def is_single(self) -> bool:
        """Whether every line is in one class, whatever it is."""
        return len(self._agency) == 1 and self._table.min() == 0

    def shares(self) -> ClassShares:
        """Returns what each class leaves to contributors."""
        agency = self._agency
        common = math.lcm(*(share.denominator for share in agency))
        factors = [int((1 - share) * common) for share in agency]
        divisor = math.gcd(*factors)
        if not divisor:  # the agency takes everything
            return ClassShares([1] * len(factors), agency)
        return ClassShares([factor // divisor for factor in factors], agency)

    def of_lines(self, media: Sequence[str], assets: Sequence[str], people: Sequence[str]) -> Codes:
        """Returns the class of each line.

        Args:
            media: By line: the asset's media type, `image` or `video`.
            assets: By line: the asset's id.
            people: By line: the contributor's id.

        Raises:
            InputError: If a line is in no class, in several, or in two levels; names its asset.
        """
        found = np.empty(len(media), np.int32)
        for at, (kind, asset, person) in enumerate(zip(media, assets, people, strict=True)):
            if person in self._own:
                found[at] = self._own[person]
                continue
            by_person, by_asset = self._people.get(person, 0), self._assets.get(asset, 0)
            if by_person and by_asset and by_person != by_asset:
                _refuse(
                    "an asset and its contributor are in two levels",
                    asset,
                    person,
                    f"{self._names[by_asset]!r} and {self._names[by_person]!r}",
                )
            found[at] = self._table[_MEDIA.index(kind), by_person or by_asset]
            if found[at] < 0:
                number = "several classes" if found[at] == _SEVERAL else "no class"
                which = f"{kind}, level {self._names[by_person or by_asset]!r}"
                _refuse(f"an asset is in {number} of the deal", asset, person, which)
        return found

    def _class(self, media: str, level: str) -> int:
        """Returns the class of a medium and level, or that there is none or more than one."""
        fits = [
            at
            for at, one in enumerate(self._classes)
            if one.media in (None, media) and one.level in (None, level)
        ]
        return fits[0] if len(fits) == 1 else _SEVERAL if fits else _NO_CLASS


def _refuse(what: str, asset: str, person: str, which: str) -> None:
    raise InputError(
        what,
        f"asset {asset!r} of contributor {person!r}: {which}",
        "Correct price.levels or price.agency_classes: every asset must be in exactly one class.",
    )
