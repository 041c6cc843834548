"""The terms of a removal: as asked, or as the deal says; and where a notice says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import BookedPool, booked_pools, pools_that_count
from pipelines.accounts.removals import (
    RecordedNotice,
    patched_deliveries,
    pool_holder,
    removed_parts,
)
from pipelines.removal.notice_content import NoticeTerms
from pipelines.removal.notices import unnamed_samples
from pipelines.removal.request import Removal
from pipelines.removal.search import FoundVersion
from pipelines.storage.store import Store
from schemas.deal_terms import WithdrawalTerms
from schemas.errors import InputError


def terms_of(log: AgencyLog, removal: Removal, found: Sequence[FoundVersion]) -> NoticeTerms:
    """Returns what the removal says, and where it says nothing, the deal."""
    stated = _deal_terms(booked_pools(log), patched_deliveries(log), found)
    return NoticeTerms(
        removal.reason,
        removal.effective_at,
        removal.deadline_days or stated.deadline_days,
        removal.way or stated.way,
        removal.money or stated.money,
        removal.recurring or stated.recurring,
    )


def _deal_terms(
    pools: Sequence[BookedPool], patched: Mapping[str, str], found: Sequence[FoundVersion]
) -> WithdrawalTerms:
    """Returns the deal's terms, which the pool has unless they are the defaults."""
    holder = pool_holder(found[-1].published.manifest.delivery, patched)
    own = [pool for pool in pools if pool.is_price and pool.delivery == holder]
    stated = own[-1].fields.get("withdrawal", {}) if own else {}
    return WithdrawalTerms.model_validate(stated)


def check_days(removal: Removal, found: Sequence[FoundVersion]) -> None:
    """Refuses a notice that would be dated before the delivery that it is about.

    Raises:
        InputError: If it would.
    """
    day = removal.recorded_at.astimezone(UTC).date()
    for one in found:
        if day < one.published.day:
            raise InputError(
                "The notice would be older than the delivery that it is about",
                f"--as-of {day}; {one.published.manifest.delivery} is of {one.published.day}",
                "Nothing was recorded. Leave --as-of out for today.",
            )


def check_money(
    log: AgencyLog,
    store: Store,
    terms: NoticeTerms,
    found: Sequence[FoundVersion],
    gone: frozenset[str],
) -> None:
    """Refuses terms that need to know what assets count in a price that does not tell it.

    Args:
        log: The agency's log.
        store: The output.
        terms: The terms.
        found: The versions with samples to remove.
        gone: Contributors whose parts fall away without any of the money being taken back.

    Raises:
        InputError: If they do.
    """
    if terms.money == "keep" and terms.recurring == "keep":
        return
    unnamed = unnamed_samples(log, found)
    named = {version.published.manifest.delivery: own for version, own in unnamed}
    for pool in pools_that_count(booked_pools(log)):
        if pool.is_price and (own := named.get(pool.delivery)):
            removed_parts(log, store, pool, {one.asset_id for one in own}, gone)


def differences(notice: RecordedNotice, removal: Removal) -> list[str]:
    """Returns what was asked for and the notice says otherwise."""
    deadline = None
    if removal.deadline_days is not None:
        deadline = removal.effective_at + timedelta(days=removal.deadline_days)
    money = removal.money if removal.money == "keep" else None
    asked = (
        ("reason", notice.term("reason"), removal.reason),
        ("effective", notice.effective_at, removal.effective_at),
        ("to be deleted by", notice.deadline, deadline),
        ("way", notice.term("way"), removal.way),
        ("money", notice.term("money"), money),
        ("recurring", notice.term("recurring"), removal.recurring),
    )
    return [
        f"{notice.notice_id} says {name} {said}, not {wanted}"
        for name, said, wanted in asked
        if wanted is not None and wanted != said
    ]


def kept_revenue(log: AgencyLog, notices: Sequence[RecordedNotice]) -> list[BookedPool]:
    """Returns later revenue of deliveries, shared before the notices that take back money."""
    found = []
    for pool in pools_that_count(booked_pools(log)):
        if pool.is_price or pool.corrects is not None:
            continue
        parts = pool.fields.get("parts", [])
        own = {pool.delivery, *(name for part in parts for name in part["deliveries"])}
        if any(
            one.term("money") == "reverse"
            and pool.index < one.record.index
            and not own.isdisjoint(one.assets)
            for one in notices
        ):
            found.append(pool)
    return found
