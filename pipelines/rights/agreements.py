"""Signed agreements that a deal relies on: whom they cover, for which purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray, IntArray, column, list_column, positions_in
from pipelines.rights.releases import DAY_US, epoch_days
from pipelines.storage.columns import Column, struct_field
from schemas.deal import Deal
from schemas.deal_terms import ALL_CONTRIBUTORS
from schemas.rights import Purpose


@dataclass(frozen=True)
class AgreementCoverage:
    """Whom a deal's agreements cover for one purpose.

    Attributes:
        contributor_ids: Contributors who are named, each once.
        agreements: For each, the agreement that names them first, a position in the deal's list.
        blanket_agreement: The first agreement that covers all contributors, or -1.
    """

    contributor_ids: Column
    agreements: IntArray
    blanket_agreement: int

    def agreement_of(self, contributor_ids: Column) -> IntArray:
        """Returns the agreement that covers each contributor, or -1, [contributors]."""
        position = positions_in(contributor_ids, self.contributor_ids)
        if len(self.contributor_ids) == 0:
            return np.full(len(position), self.blanket_agreement, np.int64)
        return np.where(position >= 0, self.agreements[position], self.blanket_agreement)

    def covers(self, assets: pa.Table) -> BoolArray:
        """Where all of an asset's contributors are covered; false without contributors, [rows]."""
        shares = list_column(column(assets, "contributors"))
        uncovered = self.agreement_of(struct_field(shares.values, "contributor_id")) < 0
        return np.asarray((shares.lengths > 0) & ~shares.any(uncovered))


def agreement_coverage(deal: Deal, purpose: Purpose, as_of_us: int) -> AgreementCoverage:
    """Whom the deal's agreements signed at or before `as_of_us` (µs since 1970) cover."""
    agreements: dict[str, int] = {}
    for position, agreement in enumerate(deal.agreements):
        if purpose in agreement.purposes and epoch_days(agreement.signed_at) <= as_of_us // DAY_US:
            for contributor_id in agreement.contributors:
                agreements.setdefault(contributor_id, position)
    blanket_agreement = agreements.pop(ALL_CONTRIBUTORS, -1)
    covered_contributors = pa.array(list(agreements), pa.string())
    return AgreementCoverage(
        covered_contributors, np.array(list(agreements.values()), np.int64), blanket_agreement
    )
