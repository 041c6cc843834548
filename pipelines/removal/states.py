"""How far removals are: open, acknowledged, deleted, or overdue on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import RecordedNotice, recorded_notices
from pipelines.ledger.record import Kind


class NoticeState(StrEnum):
    """How far a notice is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DELETED = "deleted"
    OVERDUE = "overdue"
    """Its deadline has passed, and no certificate says that the data was deleted."""


@dataclass(frozen=True)
class NoticeStatus:
    """A notice and how far it is.

    Attributes:
        notice: The notice.
        state: How far it is on the day.
        acknowledged_on: When the buyer's acknowledgement was recorded, ISO 8601, or "".
        deleted_on: When its certificate was recorded, or "".
    """

    notice: RecordedNotice
    state: NoticeState
    acknowledged_on: str
    deleted_on: str


def notice_statuses(log: AgencyLog, day: date) -> list[NoticeStatus]:
    """Returns the notices that were recorded up to a day, by deal and number, and their states.

    Args:
        log: The agency's log.
        day: Replies that were recorded later do not count, and deadlines before it have passed.

    Raises:
        RunError: If the log is damaged.
    """
    notices = recorded_notices(log)
    issued = {one.notice_id: one.record.recorded_at[:10] for one in notices}
    replies = {
        kind: _replies(log, kind, day, issued) for kind in ("acknowledgement", "certificate")
    }
    found = []
    for notice in notices:
        if notice.record.recorded_at[:10] > day.isoformat():
            continue
        acknowledged = replies["acknowledgement"].get(notice.notice_id, "")
        deleted = replies["certificate"].get(notice.notice_id, "")
        if deleted:
            state = NoticeState.DELETED
        elif day > notice.deadline:
            state = NoticeState.OVERDUE
        else:
            state = NoticeState.ACKNOWLEDGED if acknowledged else NoticeState.OPEN
        found.append(NoticeStatus(notice, state, acknowledged, deleted))
    return sorted(found, key=lambda one: (one.notice.deal_id, one.notice.sequence))


def _replies(log: AgencyLog, kind: str, day: date, issued: Mapping[str, str]) -> Mapping[str, str]:
    """Returns, by notice, the day on which the first reply of a kind to it was recorded.

    A reply that was recorded under a day before its notice's, or signed after the day under which
    it was recorded, does not count: no such reply is accepted any more.
    """
    first: dict[str, str] = {}
    for index in range(log.size):
        record = log.record(index)
        recorded_on, named = record.recorded_at[:10], record.public.get("notices")
        if record.kind is not Kind.ACKNOWLEDGEMENT or record.public.get("reply") != kind:
            continue
        if str(record.private["signed_at"]) > recorded_on or recorded_on > day.isoformat():
            continue
        for notice in map(str, named if isinstance(named, list) else []):
            if issued.get(notice, recorded_on) <= recorded_on:
                first.setdefault(notice, recorded_on)
    return first
