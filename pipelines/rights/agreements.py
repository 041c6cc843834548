"""Signed agreements that a deal rests on: whom they cover, for which purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import Bools, Ints, column, lists, lookup
from pipelines.rights.releases import DAY_US, days
from schemas.deal import Deal
from schemas.deal_terms import EVERYBODY
from schemas.rights import Purpose


@dataclass(frozen=True)
class DealCover:
    """Whom a deal's agreements cover for one purpose.

    Attributes:
        names: Contributors who are named, each once.
        by_name: For each, the agreement that names them first, a position in the deal's list.
        everybody: The first agreement that covers all contributors, or -1.
    """

    names: pa.Array
    by_name: Ints
    everybody: int

    def agreement_of(self, contributor_ids: pa.Array) -> Ints:
        """For each contributor the agreement that covers them, or -1, [contributors]."""
        position = lookup(contributor_ids, self.names)
        if len(self.names) == 0:
            return np.full(len(position), self.everybody, np.int64)
        return np.where(position >= 0, self.by_name[position], self.everybody)

    def covers(self, assets: pa.Table) -> Bools:
        """Where all of an asset's contributors are covered; nobody is not all, [rows]."""
        shares = lists(column(assets, "contributors"))
        outside = self.agreement_of(shares.values.field("contributor_id")) < 0
        return np.asarray((shares.lengths > 0) & ~shares.any(outside))


def deal_cover(deal: Deal, purpose: Purpose, as_of_us: int) -> DealCover:
    """Whom the deal's agreements signed at or before `as_of_us` (µs since 1970) cover."""
    by_name: dict[str, int] = {}
    for position, agreement in enumerate(deal.agreements):
        if purpose in agreement.purposes and days(agreement.signed_at) <= as_of_us // DAY_US:
            for name in agreement.contributors:
                by_name.setdefault(name, position)
    everybody = by_name.pop(EVERYBODY, -1)
    names = pa.array(list(by_name), pa.string())
    return DealCover(names, np.array(list(by_name.values()), np.int64), everybody)
