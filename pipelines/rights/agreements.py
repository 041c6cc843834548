"""Signed agreements, of the deal and of the agreements table: whom they cover, for which purpose.

A consent that names an agreement lifts something only if the agreement is listed for the consent's
contributor and in force.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    as_integers,
    column,
    list_column,
    one_of,
    positions_in,
)
from pipelines.rights.release_traits import DAY_US, epoch_days
from pipelines.storage.columns import Column, join_text, struct_field
from schemas.deal import Deal
from schemas.deal_terms import ALL_CONTRIBUTORS
from schemas.rights import ALL_PURPOSES, Purpose

_JOINT = "\0"  # in no id: they are normalised


@dataclass(frozen=True)
class ListedAgreements:
    """The agreements table as of an instant.

    Attributes:
        signatures: Each agreement and the contributor it is listed for, joined, once.
        in_force: For each purpose, where one of them covers it, [signatures].
    """

    signatures: Column
    in_force: dict[Purpose, BoolArray]

    def find(self, refs: Column, contributor_ids: Column) -> IntArray:
        """Returns where agreements are listed for contributors, or -1, [refs]."""
        if len(self.signatures) == 0:
            return np.full(len(refs), -1, np.int64)
        return positions_in(join_text(refs, contributor_ids, _JOINT), self.signatures)

    def cover(self, found: IntArray, purpose: Purpose) -> BoolArray:
        """Returns which positions from `find` are of agreements in force for a purpose, [refs]."""
        return np.append(self.in_force[purpose], False)[found]


def list_agreements(agreements: pa.Table, deal: Deal, as_of_us: int) -> ListedAgreements:
    """Judges which agreements are in force: signed, valid and not revoked.

    An agreement must be signed and have begun by the day of `as_of_us`, and it must last until the
    deal ends, whatever the deal says about rights that end early: a delivery cannot be taken back.

    Args:
        agreements: schemas.catalogue.AGREEMENTS_SCHEMA.
        deal: The deal.
        as_of_us: The instant, in µs since 1970.
    """
    today = as_of_us // DAY_US
    last_day = max(epoch_days(deal.ends), today)
    valid_until = as_integers(column(agreements, "valid_until"), last_day)
    valid = as_integers(column(agreements, "signed_at"), today + 1) <= today
    valid &= as_integers(column(agreements, "valid_from"), today) <= today
    valid &= valid_until >= last_day
    end_us = (last_day + 1) * DAY_US
    valid &= as_integers(column(agreements, "revoked_at"), end_us) >= end_us
    refs, contributor_ids = (
        column(agreements, name) for name in ("agreement_ref", "contributor_id")
    )
    joined = join_text(refs, contributor_ids, _JOINT)
    signatures = pc.unique(joined).drop_null()
    position = positions_in(joined, signatures)
    covered = list_column(column(agreements, "purposes"))
    in_force = {}
    for purpose in deal.judged_purposes:
        row_holds = valid & covered.any(one_of(covered.values, [purpose.value, ALL_PURPOSES]))
        in_force[purpose] = np.ones(len(signatures), np.bool_)
        np.logical_and.at(in_force[purpose], position, row_holds)  # if a pair recurs, all
    return ListedAgreements(signatures, in_force)


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
