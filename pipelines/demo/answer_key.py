"""Computes the expected result of each deal from the roles in the plan.

The key has its own arithmetic and never calls the code that it is used to check.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from pipelines.demo.deals import DEALS, DemoDeal
from pipelines.demo.payouts import Payout, agency_part, largest_remainder
from pipelines.demo.plan import LibraryPlan, PlannedAsset
from pipelines.demo.roles.role import AS_OF
from pipelines.rights.rules.reasons import REASONS
from schemas.reason_info import Outcome, Stage
from schemas.reasons import Reason

ANSWER_KEY_VERSION = 2
_EQUAL_BYTES_CHANGES = ("", "same")  # members of a group with these changes have equal bytes


@dataclass(frozen=True)
class ExpectedDecision:
    """The expected decision on an asset; `kept` is the look-alike that was preferred to it."""

    reasons: tuple[str, ...] = ()
    kept: str = ""

    @property
    def stage(self) -> str:
        """The code of the step that decides."""
        return str(REASONS[self.reasons[0]].stage if self.reasons else Stage.WRITE)

    @property
    def outcome(self) -> str:
        """The code of the outcome."""
        decided = REASONS[self.reasons[0]].outcome if self.reasons else Outcome.DELIVERED
        return str(decided)


@dataclass(frozen=True)
class DealAnswer:
    """The expected decisions for one deal, one per row, in the plan's order."""

    deal: DemoDeal
    decisions: tuple[ExpectedDecision, ...]
    max_assets: int


def answer_deal(plan: LibraryPlan, deal: DemoDeal) -> DealAnswer:
    """Returns the expected decision for every row.

    Reasons apply in this order: 1. the catalogue, 2. the file, 3. copies of refused and of claimed
    files, 4. its size, 5. look-alikes, 6. the cap. No copy is too small for a deal.
    """
    decisions = [ExpectedDecision(_individual_reasons(asset, deal)) for asset in plan.assets]
    for group in _groups(plan):
        for position, code in _copy_reasons(plan, deal, group, decisions):
            decisions[position] = ExpectedDecision((code,))
    for group in _lookalike_groups(plan, decisions):
        for position, decision in _duplicate_decisions(plan, deal, group):
            decisions[position] = decision
    remaining = [position for position, decision in enumerate(decisions) if not decision.reasons]
    max_assets = max(1, len(remaining) * 3 // 5)
    if deal.caps_assets:
        remaining.sort(key=lambda position: _cap_order(str(plan.assets[position].asset_id)))
        for position in remaining[max_assets:]:
            decisions[position] = ExpectedDecision((Reason.SELECT_OVER_CAP.value,))
    return DealAnswer(deal, tuple(decisions), max_assets)


def _cap_order(asset_id: str) -> bytes:
    """Returns the key by which a cap sorts assets: a hash of the id (docs/pipeline.md)."""
    return hashlib.sha256(b"fairshard/asset\0" + asset_id.encode()).digest()


def _individual_reasons(asset: PlannedAsset, deal: DemoDeal) -> tuple[str, ...]:
    """Returns the reasons of steps 1 to 3, which do not depend on other assets."""
    reasons_found = asset.role.reasons.get(deal.deal_id, ())
    unreadable = any(REASONS[code].stage is Stage.READ for code in reasons_found)
    if deal.filters_keywords and not unreadable and (asset.retired or not asset.in_collection):
        reasons_found = tuple(sorted({*reasons_found, "select.keywords"}))
    if reasons_found:
        return reasons_found
    if asset.role.failure_reason:
        return (asset.role.failure_reason,)
    if deal.deal_id in asset.role.file_reasons:
        return asset.role.file_reasons[deal.deal_id]
    return (Reason.SELECT_TOO_SMALL.value,) if deal.deal_id in asset.role.too_small_for else ()


def _groups(plan: LibraryPlan) -> Iterable[list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, asset in enumerate(plan.assets):
        if asset.group_id:
            groups[asset.group_id].append(position)
    return groups.values()


def _copy_reasons(
    plan: LibraryPlan, deal: DemoDeal, group: list[int], decisions: Sequence[ExpectedDecision]
) -> Iterable[tuple[int, str]]:
    """Yields the members of a group that are refused because of what another member's rights are.

    A group has at most one kind of such a reason: a member is on hold, or several people claim it.
    """
    cleared = [position for position in group if not decisions[position].reasons]
    equal = [at for at in cleared if plan.assets[at].role.change in _EQUAL_BYTES_CHANGES]
    is_held = any(
        code.startswith("asset.") for position in group for code in decisions[position].reasons
    )
    claimants = len({plan.assets[position].authors for position in equal})
    code = ""
    if is_held:
        code = "duplicate.of_refused"
    elif claimants > 1:
        code = "duplicate.contested" if claimants == 2 else "duplicate.placeholder"
    if not code:
        return
    for position in cleared:
        if position in equal:
            yield position, code
        elif deal.dedupes_near:
            yield position, "duplicate.like_refused"


def _lookalike_groups(
    plan: LibraryPlan, decisions: Sequence[ExpectedDecision]
) -> Iterable[list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, asset in enumerate(plan.assets):
        if asset.group_id and not decisions[position].reasons:
            groups[asset.group_id].append(position)
    return groups.values()


def _duplicate_decisions(
    plan: LibraryPlan, deal: DemoDeal, group: list[int]
) -> Iterable[tuple[int, ExpectedDecision]]:
    """Yields the members of a group of look-alikes that are refused, and which one is kept."""
    ranked = sorted(group, key=lambda position: _precedence(plan.assets[position]))
    first = plan.assets[ranked[0]]
    first_with_bytes: dict[bool, PlannedAsset] = {}
    for position in ranked:
        asset = plan.assets[position]
        has_equal_bytes = asset.role.change in _EQUAL_BYTES_CHANGES
        first_equal = (
            first_with_bytes.setdefault(has_equal_bytes, asset) if has_equal_bytes else asset
        )
        if first_equal is not asset:
            kept = first_equal if not deal.dedupes_near or first_equal is first else first
            code = Reason.DUPLICATE_EXACT if kept is first_equal else Reason.DUPLICATE_NEAR
            yield position, ExpectedDecision((code.value,), str(kept.asset_id))
        elif deal.dedupes_near and asset is not first:
            yield position, ExpectedDecision((Reason.DUPLICATE_NEAR.value,), str(first.asset_id))


def _precedence(asset: PlannedAsset) -> tuple[bool, date, str]:
    undated = asset.created_at is None
    return (undated, asset.created_at or date.max, str(asset.asset_id))


def payouts(plan: LibraryPlan, answer: DealAnswer) -> tuple[int, dict[str, Payout]]:
    """Returns the agency's part, in minor units, and each contributor's of the rest of the pool."""
    deal = answer.deal
    points: defaultdict[str, int] = defaultdict(int)
    for asset, decision in zip(plan.assets, answer.decisions, strict=True):
        if not decision.reasons:
            weight = 1 if not deal.weights_assets or asset.weight is None else asset.weight
            for contributor, share_bp in asset.authors:
                points[contributor] += weight * share_bp
    agency = agency_part(deal.pool_minor, deal.agency_share)
    return agency, largest_remainder(deal.pool_minor - agency, points)


def answer_key(plan: LibraryPlan) -> dict[str, object]:
    """Returns the key, ready for JSON, without subjects and files, known only after drawing."""
    return {
        "version": ANSWER_KEY_VERSION,
        "seed": plan.seed,
        "as_of": AS_OF.isoformat(),
        "rows": len(plan.assets),
        # Rows without an asset_id become failed assets, named by the reader's row locator.
        "unnamed_rows": sum(asset.asset_id is None for asset in plan.assets),
        "roles": {asset.asset_id: asset.role.name for asset in plan.assets if asset.asset_id},
        "deals": {deal.deal_id: _deal_key(plan, answer_deal(plan, deal)) for deal in DEALS},
    }


def _deal_key(plan: LibraryPlan, answer: DealAnswer) -> dict[str, object]:
    rows = list(zip(plan.assets, answer.decisions, strict=True))
    agency_minor, payouts_minor = payouts(plan, answer)
    assets_by_id = {
        asset.asset_id: {
            "outcome": decision.outcome,
            "stage": decision.stage,
            "reasons": list(decision.reasons),
            "rows": asset.role.rows,
        }
        for asset, decision in rows
        if asset.asset_id is not None
    }
    return {
        "file": answer.deal.file_name,
        "assets": assets_by_id,
        "dead_letters": {
            asset.asset_id: decision.reasons[0]
            for asset, decision in rows
            if decision.outcome == Outcome.FAILED and asset.asset_id is not None
        },
        "duplicates": {
            asset.asset_id: {"kept": decision.kept, "kind": decision.reasons[0].partition(".")[2]}
            for asset, decision in rows
            if decision.kept
        },
        "max_assets": answer.max_assets if answer.deal.caps_assets else None,
        "pool_minor": answer.deal.pool_minor,
        "currency": answer.deal.currency,
        "agency_minor": agency_minor,
        "payouts": {name: asdict(payout) for name, payout in payouts_minor.items()},
        "counts": _counts(answer.decisions),
    }


def _counts(decisions: Sequence[ExpectedDecision]) -> dict[str, object]:
    """Returns the number of rows in and out of each step, and of rows by reason."""
    steps: dict[str, object] = {}
    remaining = len(decisions)
    for stage in (Stage.READ, Stage.SCREEN, Stage.ENRICH, Stage.SELECT):
        removed = Counter(
            decision.outcome
            for decision in decisions
            if decision.reasons and decision.stage == stage
        )
        step = {
            "in": remaining,
            "refused": removed[Outcome.REFUSED.value],
            "dead_letters": removed[Outcome.FAILED.value],
        }
        remaining -= removed.total()
        steps[stage.value] = {**step, "out": remaining}
    reasons = Counter(code for decision in decisions for code in decision.reasons)
    return {**steps, "delivered": remaining, "by_reason": dict(sorted(reasons.items()))}
