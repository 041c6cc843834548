"""Finds delivered assets whose rights have ended by a day, by the rules of a run on that day.

The rules are those of screening: what the catalogue says on that day, under the deal. Files are not
read again. The numbers mark these steps in the code: 1. the assets of all published versions that
no notice names; 2. deals whose own term has ended; 3. screening of the assets' rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.published import find_versions
from pipelines.accounts.removals import recorded_notices
from pipelines.catalogue.read import read_batches
from pipelines.explain.inputs import DecisionInputs, read_small
from pipelines.removal.notices import covered_assets
from pipelines.rights.rules.screen import reasons_of, screen_batch
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.notice import RemovalReason

#: Why an asset is removed, by the beginning of the code of the rule that refuses it; the first that
#: applies counts. Other rules are about the deal or the catalogue's form: nobody's rights ended.
_REASONS: tuple[tuple[str, RemovalReason], ...] = (
    ("minors.", "minor"),
    ("asset.legal_hold", "legal"),
    ("consent.", "consent_withdrawn"),
    ("grant.", "consent_withdrawn"),
    ("release.", "release_invalid"),
    ("asset.withdrawn", "takedown"),
    ("licence.exclusive", "takedown"),
    ("term.", "expiry"),
)
DEAL_ENDED = "deal.ended"


@dataclass(frozen=True)
class EndedAsset:
    """A delivered asset that may not be used any more.

    Attributes:
        asset_id: The asset.
        codes: The codes of the rules that refuse it, or `deal.ended`.
    """

    asset_id: str
    codes: tuple[str, ...]


@dataclass
class DealSweep:
    """What has ended in a deal.

    Attributes:
        deal_id: The deal.
        delivered: How many delivered assets no notice names yet.
        noticed: How many delivered assets notices name already.
        examined: Whether the deal's terms were given, so that the rules could be applied.
        ended: Assets to be removed, by reason, in order of their ids.
        other: Assets that other rules refuse, by their first code: to be looked at by a person.
        missing: Ids of assets that the catalogue no longer has.
    """

    deal_id: str
    delivered: int = 0
    noticed: int = 0
    examined: bool = False
    ended: dict[RemovalReason, list[EndedAsset]] = field(default_factory=dict)
    other: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def sweep(
    store: Store, log: AgencyLog, inputs: Mapping[str, DecisionInputs], day: date
) -> list[DealSweep]:
    """Finds what has ended in each deal of the output.

    Args:
        store: The output.
        log: The agency's log.
        inputs: By deal: its terms, the catalogue and the instant. Of deals without, only the end of
            the deal itself is seen.
        day: The day.

    Raises:
        InputError: If there is no published version, or the catalogue cannot be read.
        RunError: If the books or a version's ledger are damaged.
    """
    covered = covered_assets(recorded_notices(log))
    delivered: dict[str, set[str]] = defaultdict(set)
    noticed: dict[str, set[str]] = defaultdict(set)
    ends: dict[str, str] = {}
    for one in find_versions(store):  # 1
        rows = read_ledger_rows(store, one.deal_id, one.version, log.openers, ["asset_id"])
        ids = set(values_of(pc.unique(rows["asset_id"]), str))
        delivered[one.deal_id] |= {
            asset for asset in ids if (one.manifest.delivery, asset) not in covered
        }
        noticed[one.deal_id] |= ids - delivered[one.deal_id]
        ends[one.deal_id] = one.manifest.deal.ends
    found = []
    for deal_id, assets in sorted(delivered.items()):
        result = DealSweep(deal_id, len(assets), len(noticed[deal_id] - assets), deal_id in inputs)
        codes: dict[str, tuple[str, ...]] = {}
        if ends[deal_id] < day.isoformat():  # 2
            codes = dict.fromkeys(assets, (DEAL_ENDED,))
        elif deal_id in inputs:
            codes = _screened(inputs[deal_id], assets)  # 3
            result.missing = sorted(assets - codes.keys())
        _sort(result, codes)
        found.append(result)
    return found


def _screened(inputs: DecisionInputs, assets: set[str]) -> dict[str, tuple[str, ...]]:
    """Returns the codes of the rules that refuse each asset in the catalogue; none if cleared."""
    index = read_small(inputs).index
    codes: dict[str, tuple[str, ...]] = {}
    for rows in _rows_of(inputs, assets):
        mask = screen_batch(rows, index, inputs.deal, np.zeros(len(rows), bool))
        for asset, bits in zip(values_of(rows["asset_id"], str), mask.tolist(), strict=True):
            known = dict.fromkeys((*codes.get(asset, ()), *reasons_of(int(bits))))
            codes[asset] = tuple(known)
    return codes


def _rows_of(inputs: DecisionInputs, assets: set[str]) -> Iterator[pa.Table]:
    wanted = pa.array(sorted(assets), pa.string())
    for part in inputs.catalogue.parts("assets"):
        for batch in read_batches(part, inputs.catalogue.mapping):
            rows = batch.table.filter(pc.is_in(batch.table["asset_id"], wanted))
            if len(rows):
                yield rows


def _sort(result: DealSweep, codes: Mapping[str, Sequence[str]]) -> None:
    """Puts refused assets under the reasons of their removal."""
    for asset in sorted(asset for asset, given in codes.items() if given):
        given = tuple(codes[asset])
        reason = removal_reason(given)
        if reason is None:
            result.other[given[0]] += 1
        else:
            result.ended.setdefault(reason, []).append(EndedAsset(asset, given))


def removal_reason(codes: Sequence[str]) -> RemovalReason | None:
    """Returns why an asset with these codes is removed; None if nobody's rights ended."""
    if DEAL_ENDED in codes:
        return "expiry"
    for beginning, reason in _REASONS:
        if any(code.startswith(beginning) for code in codes):
            return reason
    return None
