"""What the catalogue leaves the later steps to know of a cleared asset's rights.

Whether it may be embedded and captioned, until when it may be used, and which signed agreements
stand behind it, should its file or its server say otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import Bools, column, lists, one_of, present
from pipelines.rights.consents import ALLOW
from pipelines.rights.people import judge_until
from pipelines.rights.releases import days
from pipelines.rights.screen import RightsIndex
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.deal_terms import EVERYBODY
from schemas.rights import Purpose, Value

_AGREEMENT = pa.struct(
    [
        pa.field("purpose", pa.string(), nullable=False),
        pa.field("contributor_id", pa.string(), nullable=False),
        pa.field("ref", pa.string(), nullable=False),
    ]
)
STANDING_FIELDS = (
    pa.field("inference", pa.bool_(), nullable=False),
    pa.field("usable_until", pa.date32()),  # where it is before the deal's last day
    pa.field("agreements", pa.list_(_AGREEMENT), nullable=False),
)


def add_standing(cleared: pa.Table, index: RightsIndex, deal: Deal) -> pa.Table:
    """Adds STANDING_FIELDS to assets that screening cleared.

    Args:
        cleared: The rows (schemas.catalogue.ASSETS_SCHEMA, and others).
        index: What they were screened with.
        deal: The deal.
    """
    columns = (
        pa.array(judge_inference(cleared, index, deal)),
        _usable_until(cleared, index, deal),
        _agreements(cleared, index, deal),
    )
    for field, values in zip(STANDING_FIELDS, columns, strict=True):
        cleared = cleared.append_column(field, values.cast(field.type))
    return cleared


def judge_inference(assets: pa.Table, index: RightsIndex, deal: Deal) -> Bools:
    """Where cleared assets may be embedded and captioned, [rows].

    All of them, unless the deal takes assets without: then those whose catalogue does not deny
    inference and whose contributors all allow it.
    """
    purpose = Purpose.INFERENCE
    if purpose in deal.needed_purposes:
        return np.ones(len(assets), np.bool_)
    grant = column(assets, grant_column(purpose))
    open_to = ~present(grant) | one_of(grant, [Value.ALLOW.value, Value.UNKNOWN.value])
    open_to |= index.agreements[purpose].covers(assets)
    shares = lists(column(assets, "contributors"))
    ids = column(assets, "asset_id").take(pa.array(shares.rows))
    said = index.consents.said(purpose, ids, shares.values.field("contributor_id"))
    return np.asarray(open_to & ~shares.any(said.state != ALLOW))


def _usable_until(assets: pa.Table, index: RightsIndex, deal: Deal) -> pa.Array:
    last = days(deal.ends)
    until = judge_until(assets, index.releases, index.last_day, last)
    return pa.array(until.astype(np.int32), mask=until >= last).cast(pa.date32())


def _agreements(assets: pa.Table, index: RightsIndex, deal: Deal) -> pa.Array:
    """For each asset: which contributor signed what, by purpose."""
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    ids = column(assets, "asset_id").take(pa.array(shares.rows))
    refs = pa.concat_arrays(
        [index.consents.refs, pa.array([a.ref for a in deal.agreements], pa.string())]
    )
    own = len(index.consents.refs)
    places = index.consents.places(ids, who)
    rows, texts, people, purposes = [], [], [], []
    for purpose in deal.judged_purposes:
        signed = index.consents.agreement_of(purpose, places)
        by_deal = index.agreements[purpose].agreement_of(who)
        signed = np.where((signed < 0) & (by_deal >= 0), by_deal + own, signed)
        held = np.flatnonzero(signed >= 0)
        rows.append(shares.rows[held])
        texts.append(refs.take(pa.array(signed[held])))
        people.append(who.take(pa.array(held)))
        purposes.append(pa.array(np.full(len(held), purpose.value), pa.string()))
    return _as_lists(
        np.concatenate(rows), len(assets), *map(pa.concat_arrays, (purposes, people, texts))
    )


def _as_lists(
    rows: npt.NDArray[np.int64], count: int, purposes: pa.Array, people: pa.Array, refs: pa.Array
) -> pa.Array:
    order = pa.array(np.argsort(rows, kind="stable"))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    items = [values.take(order) for values in (purposes, people, refs)]
    structs = pa.StructArray.from_arrays(items, fields=list(_AGREEMENT))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), structs)


def covered_purposes(
    contributors: list[dict[str, str]], agreements: list[dict[str, str]]
) -> dict[Purpose, str]:
    """The purposes for which every contributor signed, with what they signed, one line each."""
    names = {share["contributor_id"] for share in contributors}
    if not names or not agreements:
        return {}
    signed: dict[str, dict[str, str]] = defaultdict(dict)
    for item in agreements:
        if item["contributor_id"] in names:
            signed[item["purpose"]][item["contributor_id"]] = item["ref"]
    return {
        purpose: ", ".join(sorted(set(signed[purpose].values())))
        for purpose in Purpose
        if len(signed[purpose]) == len(names)
    }


def deal_agreement(
    deal: Deal, purpose: Purpose, contributors: list[dict[str, str]], as_of: date
) -> str | None:
    """The deal's signed agreements that cover all of an asset's contributors, or None."""
    names = {share["contributor_id"] for share in contributors}
    refs = []
    for agreement in deal.agreements:
        if purpose not in agreement.purposes or agreement.signed_at > as_of:
            continue
        covered = names if EVERYBODY in agreement.contributors else set(agreement.contributors)
        if names & covered:
            refs.append(agreement.ref)
            names -= covered
    return ", ".join(refs) if refs and not names else None
