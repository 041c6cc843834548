"""Records what was asked for where there is no buyer to notify: later runs refuse it all the same.

Somebody who takes everything back may have nothing in a delivery yet, or only what earlier notices
name already. Then there is nothing to write to a buyer, and the no is recorded on its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.asked import Asked
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import OF_ONE_DEAL, RecordedNotice, all_notices
from pipelines.accounts.removed import named_assets
from pipelines.ledger.record import AllSets, Kind
from pipelines.removal.notices import NothingLeftError, next_sequence
from schemas.canonical import canonical_json
from schemas.notice import RecurringEffect, RemovalReason
from schemas.removed import RemovedKind

_NO_BUYER = "agency"


@dataclass(frozen=True)
class StandingNo:
    """What is to be refused in later runs.

    Attributes:
        asked: What was named.
        reason: Why.
        effective_at: The day from which it may not be used.
        deal_id: The deal whose term ended, if that is the reason; otherwise it counts in all.
        recurring: What becomes of weights in later revenue; None for what a deal says.
    """

    asked: Asked
    reason: RemovalReason
    effective_at: date
    deal_id: str = ""
    recurring: RecurringEffect | None = None

    @property
    def scope(self) -> str:
        """The only deal that it counts in; empty for all."""
        return self.deal_id if self.reason == OF_ONE_DEAL else ""


def record_standing(
    log: AgencyLog, no: StandingNo, recorded_at: str
) -> tuple[RecordedNotice | None, bool]:
    """Records what no earlier notice asks for or names, in a notice that has no buyer.

    Args:
        log: The agency's log.
        no: What is to be refused.
        recorded_at: ISO 8601 instant.

    Returns:
        The notice without a buyer that has some of it, if there is one, and whether it is new. A
        term ends in a deal, so without a deal there is nothing to record for that reason.

    Raises:
        RunError: If the log is not as it was.
    """
    if no.reason == OF_ONE_DEAL and not no.deal_id:
        return None, False
    log.refresh()
    left = _left(log, no)
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        rest = _left(log, no)
        if not rest.names:
            raise NothingLeftError
        sequence = next_sequence(all_notices(log))
        notice = f"{no.scope or _NO_BUYER}-{sequence:06d}"
        public = {"notice": notice, "sequence": sequence, "deal_id": no.scope}
        private: Mapping[str, object] = {
            "reason": no.reason,
            "effective_at": no.effective_at.isoformat(),
            "recurring": no.recurring or "",
            "money": "keep",
            "assets": {},
            "asked": rest.to_json(),
            "only_deal": no.deal_id,
        }
        return NewRecord(public, private, sets)

    if left.names:
        named = {"asked": left.to_json(), "reason": no.reason, "scope": no.scope}
        named["effective_at"] = no.effective_at.isoformat()
        event = ("notice", "", hashlib.sha256(canonical_json(named)).hexdigest())
        try:
            append_record(log, Kind.NOTICE, event, recorded_at, make, created.append)
        except NothingLeftError:
            log.refresh()
    own = [
        one
        for one in all_notices(log)
        if not one.has_buyer and not one.asked.names.isdisjoint(no.asked.names)
    ]
    return (own[-1] if own else None), bool(created)


def _left(log: AgencyLog, no: StandingNo) -> Asked:
    """Returns what no notice of the same reach has.

    A person who takes everything back with effect from a later day does so once more: a deal may
    have listed the earlier notice among those that it reinstates.
    """
    known = set[tuple[RemovedKind, str]]()
    for notice in all_notices(log):
        if notice.term("reason") != OF_ONE_DEAL or notice.deal_id == no.scope != "":
            known.update(
                (kind, name)
                for kind, name in notice.asked.names
                if kind == "asset" or notice.effective_at >= no.effective_at
            )
            known.update(("asset", asset) for asset in named_assets(notice))
    return Asked(no.asked.names - known)
