"""Selects a deal's samples, as a pure function of their features: quality, duplicates, cap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.run.decisions import Decision, refused_asset
from pipelines.selection.copies import find_copies
from pipelines.selection.dedupe import exact_duplicates, keep_order, near_duplicates
from pipelines.selection.perceptual_index import NO_MATCH, Indices
from pipelines.storage.columns import values_of
from schemas.deal_terms import Ruling, SelectTerms
from schemas.reasons import Reason
from schemas.refused import REFUSED_FILES_SCHEMA


@dataclass(frozen=True)
class Selection:
    """The chosen candidates and the refusals.

    Attributes:
        chosen: Indices of the chosen candidates, in the order of their hash.
        refusals: Decisions on the refused assets, in the order of ids.
        rulings_used: References of the rulings that decided something.
    """

    chosen: Indices
    refusals: list[Decision]
    rulings_used: frozenset[str] = frozenset()


def select_samples(
    candidates: pa.Table,
    terms: SelectTerms,
    refused: pa.Table | None = None,
    rulings: Sequence[Ruling] = (),
) -> Selection:
    """Chooses a deal's samples; the result does not depend on the candidates' order.

    1. Rights: no copy of a refused asset's file, and no file that several contributors claim.
    2. Quality: the shorter side has enough pixels.
    3. Exact duplicates: of assets with the same bytes one is kept.
    4. Near-duplicates: of assets that look alike one is kept.
    5. Cap: the first `max_assets` by hash, which favours nobody.

    Args:
        candidates: CANDIDATES_SCHEMA (pipelines.selection.dedupe).
        terms: The deal's selection terms.
        refused: The refused files (schemas.refused.REFUSED_FILES_SCHEMA), in the order of ids.
        rulings: The agency's rulings on owners.
    """
    if refused is None:
        refused = REFUSED_FILES_SCHEMA.empty_table()
    sides, hashes = candidates["short_side"].to_numpy(), candidates["hash"].to_numpy()
    refusals: list[Decision] = []

    def refuse(indices: Indices, reason: Reason, details: Iterable[str]) -> None:
        ids = values_of(candidates["asset_id"].take(indices), str)
        pairs = zip(ids, details, strict=True)
        refusals.extend(refused_asset(asset_id, [reason], detail) for asset_id, detail in pairs)

    def keep_one(ranked: Indices, originals: Indices, reason: Reason) -> Indices:
        is_duplicate = originals != NO_MATCH
        ids = values_of(candidates["asset_id"].take(ranked[is_duplicate]), str)
        kept_ids = values_of(candidates["asset_id"].take(originals[is_duplicate]), str)
        refusals.extend(
            refused_asset(asset_id, [reason], f"kept: {kept}", kept)
            for asset_id, kept in zip(ids, kept_ids, strict=True)
        )
        remaining: Indices = ranked[~is_duplicate]
        return remaining

    ranked = keep_order(candidates)
    copies = find_copies(candidates, ranked, refused, rulings, terms.dedupe == "near")  # 1
    refusals += copies.refusals
    ranked = copies.remaining
    large = sides[ranked] >= terms.min_short_side  # 2
    small = ranked[~large]
    required = f"{terms.min_short_side} required"
    details = [f"shorter side {side} px, {required}" for side in sides[small].tolist()]
    refuse(small, Reason.SELECT_TOO_SMALL, details)
    ranked = ranked[large]
    if terms.dedupe != "none":  # 3
        originals = exact_duplicates(candidates, ranked)
        ranked = keep_one(ranked, originals, Reason.DUPLICATE_EXACT)
    if terms.dedupe == "near":  # 4
        originals = near_duplicates(candidates, ranked)
        ranked = keep_one(ranked, originals, Reason.DUPLICATE_NEAR)
    chosen = ranked[np.argsort(hashes[ranked], kind="stable")]  # 5
    over_cap = chosen[terms.max_assets :]
    refuse(
        over_cap,
        Reason.SELECT_OVER_CAP,
        [f"the deal takes {terms.max_assets} assets"] * len(over_cap),
    )
    refusals.sort(key=lambda decision: decision.asset_id)
    used = frozenset(copies.rulings_used)
    return Selection(chosen[: terms.max_assets], refusals, used)
