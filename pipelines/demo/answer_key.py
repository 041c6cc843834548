"""What must come out of each deal, by what was planted.

The key is worked out from roles and by arithmetic of its own; nothing here calls the code that it
is there to check.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor

from pipelines.demo.deals import DEALS, DemoDeal
from pipelines.demo.plan import Plan, Planned
from pipelines.demo.roles.role import AS_OF
from schemas.reasons import REASONS, Outcome, Reason, Stage

KEY_VERSION = 1
_SAME = ("", "same")  # members of a group with these copies have equal bytes


@dataclass(frozen=True)
class Verdict:
    """What becomes of an asset under a deal; `kept` is the look-alike that was preferred."""

    reasons: tuple[str, ...] = ()
    kept: str = ""

    @property
    def stage(self) -> str:
        """The step that decides, as a code."""
        return str(REASONS[Reason(self.reasons[0])].stage if self.reasons else Stage.WRITE)

    @property
    def outcome(self) -> str:
        """The outcome, as a code."""
        decided = REASONS[Reason(self.reasons[0])].outcome if self.reasons else Outcome.DELIVERED
        return str(decided)


@dataclass(frozen=True)
class DealAnswer:
    """The verdicts under one deal, one for each row, in the plan's order."""

    deal: DemoDeal
    verdicts: tuple[Verdict, ...]
    max_assets: int


def judge(plan: Plan, deal: DemoDeal) -> DealAnswer:
    """Gives every row its verdict.

    1. What the catalogue says. 2. What the file is. 3. Its size. 4. Look-alikes. 5. The cap.
    """
    verdicts = [Verdict(_alone(asset, deal)) for asset in plan.assets]
    for group in _groups(plan, verdicts):
        for position, verdict in _rank(plan, deal, group):
            verdicts[position] = verdict
    left = [position for position, verdict in enumerate(verdicts) if not verdict.reasons]
    max_assets = max(1, len(left) * 3 // 5)
    if deal.capped:
        left.sort(key=lambda position: _drawn(str(plan.assets[position].asset_id)))
        for position in left[max_assets:]:
            verdicts[position] = Verdict((Reason.SELECT_OVER_CAP.value,))
    return DealAnswer(deal, tuple(verdicts), max_assets)


def _drawn(asset_id: str) -> bytes:
    """The order in which a cap takes assets, as docs/walk.md words it: by a hash of the id."""
    return hashlib.sha256(b"fairshard/asset\0" + asset_id.encode()).digest()


def _alone(asset: Planned, deal: DemoDeal) -> tuple[str, ...]:
    """Steps 1 to 3, for which no other asset matters."""
    found = asset.role.reasons.get(deal.deal_id, ())
    read = any(REASONS[Reason(code)].stage is Stage.READ for code in found)
    if deal.by_keyword and not read and (asset.retired or not asset.in_collection):
        found = tuple(sorted({*found, Reason.SELECT_KEYWORDS.value}))
    if found:
        return found
    if asset.role.fault:
        return (asset.role.fault,)
    if deal.deal_id in asset.role.file_reasons:
        return asset.role.file_reasons[deal.deal_id]
    return (Reason.SELECT_TOO_SMALL.value,) if deal.deal_id in asset.role.small_for else ()


def _groups(plan: Plan, verdicts: Sequence[Verdict]) -> Iterable[list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, asset in enumerate(plan.assets):
        if asset.look and not verdicts[position].reasons:
            groups[asset.look].append(position)
    return groups.values()


def _rank(plan: Plan, deal: DemoDeal, group: list[int]) -> Iterable[tuple[int, Verdict]]:
    """Which of a group of look-alikes are refused, and in favour of whom."""
    ranked = sorted(group, key=lambda position: _seniority(plan.assets[position]))
    first = plan.assets[ranked[0]]
    senior_by_bytes: dict[bool, Planned] = {}
    for position in ranked:
        asset = plan.assets[position]
        same = asset.role.copy in _SAME
        equal = senior_by_bytes.setdefault(same, asset) if same else asset
        if equal is not asset:
            kept = equal if not deal.near or equal is first else first
            code = Reason.DUPLICATE_EXACT if kept is equal else Reason.DUPLICATE_NEAR
            yield position, Verdict((code.value,), str(kept.asset_id))
        elif deal.near and asset is not first:
            yield position, Verdict((Reason.DUPLICATE_NEAR.value,), str(first.asset_id))


def _seniority(asset: Planned) -> tuple[bool, date, str]:
    unknown = asset.created_at is None
    return (unknown, asset.created_at or date.max, str(asset.asset_id))


def largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Shares a total in proportion to weights; units left over go to the largest remainders."""
    whole = sum(weights.values())
    exact = {name: Fraction(total * weight, whole) for name, weight in weights.items()}
    shares = {name: floor(value) for name, value in exact.items()}
    order = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in order[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def payouts(plan: Plan, answer: DealAnswer) -> tuple[int, dict[str, int]]:
    """The agency's part and each contributor's, in minor units; they sum to the pool."""
    deal = answer.deal
    points: defaultdict[str, int] = defaultdict(int)
    for asset, verdict in zip(plan.assets, answer.verdicts, strict=True):
        if not verdict.reasons:
            weight = 1 if not deal.weighted or asset.weight is None else asset.weight
            for contributor, share_bp in asset.authors:
                points[contributor] += weight * share_bp
    share = deal.agency_share
    # The names order a tie: the odd unit is the contributors'.
    parts = largest_remainder(
        deal.pool_minor,
        {"contributors": share.denominator - share.numerator, "the agency": share.numerator},
    )
    return parts["the agency"], largest_remainder(parts["contributors"], points)


def answer_key(plan: Plan) -> dict[str, object]:
    """The whole key, ready for JSON, but for what only drawing can tell (subjects and files)."""
    return {
        "version": KEY_VERSION,
        "seed": plan.seed,
        "as_of": AS_OF.isoformat(),
        "rows": len(plan.assets),
        # Rows without an asset_id: dead letters under a row locator of the reader's choice.
        "unnamed_rows": sum(asset.asset_id is None for asset in plan.assets),
        "roles": {asset.asset_id: asset.role.name for asset in plan.assets if asset.asset_id},
        "deals": {deal.deal_id: _deal_key(plan, judge(plan, deal)) for deal in DEALS},
    }


def _deal_key(plan: Plan, answer: DealAnswer) -> dict[str, object]:
    rows = list(zip(plan.assets, answer.verdicts, strict=True))
    agency_minor, paid = payouts(plan, answer)
    named = {
        asset.asset_id: {
            "outcome": verdict.outcome,
            "stage": verdict.stage,
            "reasons": list(verdict.reasons),
            "rows": asset.role.rows,
        }
        for asset, verdict in rows
        if asset.asset_id is not None
    }
    return {
        "file": answer.deal.file_name,
        "assets": named,
        "dead_letters": {
            asset.asset_id: verdict.reasons[0]
            for asset, verdict in rows
            if verdict.outcome == Outcome.DEAD_LETTER and asset.asset_id is not None
        },
        "duplicates": {
            asset.asset_id: {"kept": verdict.kept, "kind": verdict.reasons[0].partition(".")[2]}
            for asset, verdict in rows
            if verdict.kept
        },
        "max_assets": answer.max_assets if answer.deal.capped else None,
        "pool_minor": answer.deal.pool_minor,
        "currency": answer.deal.currency,
        "agency_minor": agency_minor,
        "payouts": paid,
        "counts": _counts(answer.verdicts),
    }


def _counts(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Rows in and out of each step, and rows by reason."""
    steps: dict[str, object] = {}
    left = len(verdicts)
    for stage in (Stage.READ, Stage.SCREEN, Stage.ENRICH, Stage.SELECT):
        gone = Counter(v.outcome for v in verdicts if v.reasons and v.stage == stage)
        step = {
            "in": left,
            "refused": gone[Outcome.REFUSED.value],
            "dead_letters": gone[Outcome.DEAD_LETTER.value],
        }
        left -= gone.total()
        steps[stage.value] = {**step, "out": left}
    reasons = Counter(code for verdict in verdicts for code in verdict.reasons)
    return {**steps, "delivered": left, "by_reason": dict(sorted(reasons.items()))}
