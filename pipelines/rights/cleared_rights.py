"""The rights of a cleared asset that later steps need from the catalogue.

Whether it may be embedded and captioned, until when it may be used, and which signed agreements
cover it in case its file or its server denies a use.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    as_integers,
    column,
    is_present,
    list_column,
    one_of,
)
from pipelines.rights.consents import ALLOW
from pipelines.rights.identities import people_of
from pipelines.rights.index import RightsIndex
from pipelines.rights.release_traits import epoch_days
from pipelines.storage.columns import Column, list_array, struct_field
from schemas.catalogue import ContributorShare, grant_column
from schemas.deal import Deal
from schemas.deal_terms import ALL_CONTRIBUTORS
from schemas.rights import Permission, Purpose
from schemas.unit import AGREEMENT_TYPE, CLEARED_RIGHTS_FIELDS, Agreement


def add_cleared_rights(cleared: pa.Table, index: RightsIndex, deal: Deal) -> pa.Table:
    """Adds CLEARED_RIGHTS_FIELDS to assets that screening cleared.

    Args:
        cleared: The rows (schemas.catalogue.ASSETS_SCHEMA, and others).
        index: The index they were screened with.
        deal: The deal.
    """
    columns = (
        pa.array(inference_allowed(cleared, index, deal)),
        _usable_until(cleared, index, deal),
        _signed_agreements(cleared, index, deal),
        *people_of(cleared, index, deal),
    )
    for field, values in zip(CLEARED_RIGHTS_FIELDS, columns, strict=True):
        cleared = cleared.append_column(field, values.cast(field.type))
    return cleared


def inference_allowed(assets: pa.Table, index: RightsIndex, deal: Deal) -> BoolArray:
    """Where cleared assets may be embedded and captioned, [rows].

    That is all of them, unless the deal takes assets without inference: then those for which the
    catalogue does not deny inference and all contributors allow it.
    """
    purpose = Purpose.INFERENCE
    if purpose in deal.needed_purposes:
        return np.ones(len(assets), np.bool_)
    grant = column(assets, grant_column(purpose))
    allowed = ~is_present(grant) | one_of(grant, [Permission.ALLOW.value, Permission.UNKNOWN.value])
    allowed |= index.agreements[purpose].covers(assets)
    shares = list_column(column(assets, "contributors"))
    asset_ids = column(assets, "asset_id").take(shares.rows)
    consent_states = index.consents.states(
        purpose, asset_ids, struct_field(shares.values, "contributor_id")
    )
    return np.asarray(allowed & ~shares.any(consent_states.state != ALLOW))


def _usable_until(assets: pa.Table, index: RightsIndex, deal: Deal) -> Column:
    """The last day on which all rights to each asset hold; null where that is the deal's last."""
    deal_last_day = epoch_days(deal.ends)
    release_lists = list_column(column(assets, "release_ids"))
    position = index.releases.ids.positions(release_lists.values)
    until = np.minimum(as_integers(column(assets, "valid_until"), deal_last_day), deal_last_day)
    ends = np.where(position >= 0, index.releases.valid_until[position], deal_last_day)
    counted = ends >= index.needed_until  # those that end before did not help to clear
    np.minimum.at(until, release_lists.rows[counted], ends[counted])
    return pa.array(until.astype(np.int32), mask=until >= deal_last_day).cast(pa.date32())


def _signed_agreements(assets: pa.Table, index: RightsIndex, deal: Deal) -> Column:
    """For each asset: which contributor signed what, by purpose."""
    shares = list_column(column(assets, "contributors"))
    contributor_ids = struct_field(shares.values, "contributor_id")
    asset_ids = column(assets, "asset_id").take(shares.rows)
    refs = pa.concat_arrays(
        [
            index.consents.refs,
            pa.array([agreement.ref for agreement in deal.agreements], pa.string()),
        ]
    )
    consent_ref_count = len(index.consents.refs)
    positions = index.consents.locate(asset_ids, contributor_ids)
    rows: list[npt.NDArray[np.int64]] = []
    ref_texts, signers, purposes = list[Column](), list[Column](), list[Column]()
    for purpose in deal.judged_purposes:
        signed = index.consents.agreement_of(purpose, positions)
        by_deal = index.agreements[purpose].agreement_of(contributor_ids)
        signed = np.where((signed < 0) & (by_deal >= 0), by_deal + consent_ref_count, signed)
        covered_items = np.flatnonzero(signed >= 0)
        rows.append(shares.rows[covered_items])
        ref_texts.append(refs.take(signed[covered_items]))
        signers.append(contributor_ids.take(covered_items))
        purposes.append(pa.array(np.full(len(covered_items), purpose.value), pa.string()))
    return _agreement_lists(
        np.concatenate(rows), len(assets), *map(pa.concat_arrays, (purposes, signers, ref_texts))
    )


def _agreement_lists(
    rows: npt.NDArray[np.int64], count: int, purposes: Column, signers: Column, refs: Column
) -> Column:
    order = np.argsort(rows, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    items = [values.take(order) for values in (purposes, signers, refs)]
    structs = pa.StructArray.from_arrays(items, fields=list(AGREEMENT_TYPE))
    return list_array(offsets.astype(np.int32), structs)


def agreements_by_purpose(
    contributors: list[ContributorShare], agreements: list[Agreement]
) -> dict[Purpose, str]:
    """The purposes for which every contributor signed, with what they signed, one line each."""
    contributor_names = {share["contributor_id"] for share in contributors}
    if not contributor_names or not agreements:
        return {}
    signed: dict[str, dict[str, str]] = defaultdict(dict)
    for item in agreements:
        if item["contributor_id"] in contributor_names:
            signed[item["purpose"]][item["contributor_id"]] = item["ref"]
    return {
        purpose: ", ".join(sorted(set(signed[purpose].values())))
        for purpose in Purpose
        if len(signed[purpose]) == len(contributor_names)
    }


def deal_agreement(
    deal: Deal, purpose: Purpose, contributors: list[ContributorShare], as_of: date
) -> str | None:
    """The deal's signed agreements that cover all of an asset's contributors, or None."""
    contributor_names = {share["contributor_id"] for share in contributors}
    refs = []
    for agreement in deal.agreements:
        if purpose not in agreement.purposes or agreement.signed_at > as_of:
            continue
        covered = (
            contributor_names
            if ALL_CONTRIBUTORS in agreement.contributors
            else set(agreement.contributors)
        )
        if contributor_names & covered:
            refs.append(agreement.ref)
            contributor_names -= covered
    return ", ".join(refs) if refs and not contributor_names else None
