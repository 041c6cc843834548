"""Writes a deal's list of removals: what a buyer's reader drops, signed, and for how long it holds.

A list is valid for as many days as the deal gives the buyer to delete what a notice names
(`withdrawal.deadline_days`). So the agency signs a new one at least that often, also if nothing was
removed, and a reader that gets none stops.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import booked_pools
from pipelines.accounts.removals import recorded_notices
from pipelines.format.notice import open_notice
from pipelines.format.removal_list import (
    open_removal_list,
    removal_list_bytes,
    sign_removal_list,
)
from pipelines.ledger.signed_note import Signer
from pipelines.storage.store import Store
from schemas import layout
from schemas.deal_terms import WithdrawalTerms
from schemas.errors import InputError
from schemas.notice import NoticeReference
from schemas.removal_list import RemovalList


def publish_removal_list(
    store: Store,
    log: AgencyLog,
    signer: Signer,
    deal_id: str,
    issued_at: datetime,
    renew: bool = True,
) -> tuple[str, RemovalList]:
    """Signs a deal's list of removals and writes it for the buyer.

    Args:
        store: The output.
        log: The agency's log.
        signer: The key of the log.
        deal_id: The deal.
        issued_at: The instant of the list; an earlier one than before becomes that one.
        renew: Whether to sign a new one if the list before has the same notices.

    Returns:
        The key of its file, and the list.

    Raises:
        InputError: If the agency has no such deal.
        RunError: If the log is damaged.
    """
    key = layout.removal_list_path(deal_id)
    before = None
    if store.exists(key):
        before = open_removal_list(store.read_bytes(key), None)
        issued_at = max(issued_at, datetime.fromisoformat(before.issued_at))
    made = _removal_list(log, deal_id, issued_at, signer.vkey)
    same = before is not None and (before.notices, before.vkey) == (made.notices, made.vkey)
    if before is not None and same and not renew:
        return key, before
    signed = sign_removal_list(made, signer)
    store.write_bytes(key, removal_list_bytes(signed))
    return key, signed


def _removal_list(log: AgencyLog, deal_id: str, issued_at: datetime, vkey: str) -> RemovalList:
    terms = _withdrawal_terms(log, deal_id)
    notices = [
        one
        for one in recorded_notices(log)
        if one.deal_id == deal_id and one.notice_id not in terms.reinstated
    ]
    opened = [open_notice(log.books.read_document(one.sha256)) for one in notices]
    assets = {
        sample.asset
        for notice in opened
        for delivery in notice.deliveries
        for shard in delivery.shards
        for sample in shard.samples
    }
    references = [NoticeReference(notice=one.notice_id, sha256=one.sha256) for one in notices]
    return RemovalList(
        fairshard_removal_list=1,
        deal_id=deal_id,
        issued_at=issued_at.isoformat(),
        valid_until=(issued_at.date() + timedelta(days=terms.deadline_days)).isoformat(),
        notices=sorted(references, key=lambda one: one.notice),
        assets=sorted(assets),
        vkey=vkey,
    )


def _withdrawal_terms(log: AgencyLog, deal_id: str) -> WithdrawalTerms:
    """Returns the deal's terms, which its newest pool has unless they are the defaults."""
    pools = booked_pools(log)
    own = [pool for pool in pools if pool.is_price and pool.fields["deal_id"] == deal_id]
    if not own:
        known = sorted({pool.fields["deal_id"] for pool in pools if pool.is_price})
        raise InputError(
            "The agency has no delivery of this deal",
            f"{deal_id[:80]!a}; there are: {', '.join(known) or 'none'}",
            "Nothing was written. Name one of these.",
        )
    return WithdrawalTerms.model_validate(own[-1].fields.get("withdrawal", {}))
