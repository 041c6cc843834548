"""Selection as a pure function of what was computed: quality, duplicates, cap, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.decisions import Decision, refused
from pipelines.selection.dedupe import Candidate, exact_duplicates, near_duplicates
from schemas.deal_terms import SelectTerms
from schemas.decision import Reason


@dataclass(frozen=True)
class Selection:
    """What was chosen, in the order of the hash, and what was refused, in the order of ids."""

    chosen: list[Candidate]
    refusals: list[Decision]


def select_samples(candidates: Sequence[Candidate], terms: SelectTerms) -> Selection:
    """Chooses a deal's samples; the same for any order of the candidates.

    1. Quality: the shorter side has enough pixels.
    2. Exact duplicates: of assets with the same bytes one is kept.
    3. Near-duplicates: of assets that look alike one is kept.
    4. Cap: the first `max_assets` by hash, which favours nobody.
    """
    refusals: list[Decision] = []
    ranked = sorted(candidates, key=lambda candidate: candidate.rank)
    large = [item for item in ranked if item.short_side >= terms.min_short_side]  # 1
    for item in ranked:
        if item.short_side < terms.min_short_side:
            detail = f"shorter side {item.short_side} px, {terms.min_short_side} asked"
            refusals.append(refused(item.asset_id, [Reason.SELECT_TOO_SMALL], detail))
    if terms.dedupe != "none":  # 2
        twins = exact_duplicates(large)
        refusals += _refuse(twins, Reason.DUPLICATE_EXACT)
        large = [item for item in large if item.asset_id not in twins]
    if terms.dedupe == "near":  # 3
        twins = near_duplicates(large)
        refusals += _refuse(twins, Reason.DUPLICATE_NEAR)
        large = [item for item in large if item.asset_id not in twins]
    chosen = sorted(large, key=lambda item: item.hash)  # 4
    for item in chosen[terms.max_assets :]:
        detail = f"the deal takes {terms.max_assets} assets"
        refusals.append(refused(item.asset_id, [Reason.SELECT_OVER_CAP], detail))
    refusals.sort(key=lambda decision: decision.asset_id)
    return Selection(chosen[: terms.max_assets], refusals)


def _refuse(twins: dict[str, str], reason: Reason) -> list[Decision]:
    return [refused(asset_id, [reason], f"kept: {kept}") for asset_id, kept in twins.items()]
