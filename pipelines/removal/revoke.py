"""Removes assets from all published deliveries: notices, money, patches, and their records.

Every step is recorded or found to be done already, so that a removal that was killed is completed
by the same command. The numbers mark these steps in the code: 1. find the samples; 2. record one
notice for each deal; 3. write it for the buyer; 4. take money back, if that is asked for; 5. patch
the versions that no other one replaces; 6. record the patched versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import cast

from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.deliveries import record_delivery, record_missing
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pools import BookedPool, booked_pools
from pipelines.accounts.removals import RecordedNotice, patched_deliveries, pool_holder
from pipelines.ledger.signed_note import FileKey
from pipelines.removal.notices import NoticeTerms, publish_notice, record_notice
from pipelines.removal.patch import make_patch
from pipelines.removal.search import FoundVersion, Wanted, find_samples
from pipelines.storage.store import Store
from schemas.deal_terms import WithdrawalTerms
from schemas.manifest import RemovalWay
from schemas.notice import MoneyEffect, RecurringEffect, RemovalReason


@dataclass(frozen=True)
class Removal:
    """What is removed, and how. What is None is as the deal says.

    Attributes:
        wanted: What is removed.
        reason: Why.
        effective_at: The day from which it may not be used.
        recorded_at: The instant of the records.
        deadline_days: Days that the buyer has to delete it.
        way: How it is taken out of deliveries.
        money: What becomes of what was credited for it.
        recurring: What becomes of its weights in later revenue.
        deal_id: Only in this deal; empty for all.
    """

    wanted: Wanted
    reason: RemovalReason
    effective_at: date
    recorded_at: datetime
    deadline_days: int | None = None
    way: RemovalWay | None = None
    money: MoneyEffect | None = None
    recurring: RecurringEffect | None = None
    deal_id: str = ""


@dataclass(frozen=True)
class DealRemoval:
    """What a removal did in one deal.

    Attributes:
        deal_id: The deal.
        notices: The notices that name the samples, in order of their numbers.
        paths: Keys of these notices.
        is_new: Whether the last of them was written now.
        found: Number of samples found, by delivery.
        patched: Versions that were made, by the version that they patch.
        emptied: Deliveries of which nothing would be left, which were not patched.
        corrections: What takes money back.
    """

    deal_id: str
    notices: tuple[RecordedNotice, ...]
    paths: tuple[str, ...]
    is_new: bool
    found: dict[str, int]
    patched: dict[str, str] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()
    corrections: tuple[BookedPool, ...] = ()

    @property
    def taken(self) -> list[tuple[int, str, int, str]]:
        """What corrections take back: record, delivery, minor units and currency."""
        return [
            (one.index, one.delivery, -one.fields["contributors_minor"], one.currency)
            for one in self.corrections
        ]


@dataclass(frozen=True)
class Agency:
    """The agency's output and keys.

    Attributes:
        store: The output.
        key: The key of the log.
        signer: The same key, with its secret.
        secrets: Its secret and those of earlier keys.
    """

    store: Store
    key: LogKey
    signer: FileKey
    secrets: tuple[bytes, ...]


def revoke(agency: Agency, removal: Removal) -> list[DealRemoval]:
    """Removes assets from all published deliveries, or completes a removal.

    Args:
        agency: The output and its keys.
        removal: What is removed, and how.

    Returns:
        What was done, by deal; none if nothing of it is in a delivery.

    Raises:
        InputError: If there is no published version, or a price does not tell what assets count.
        RunError: If the log is not as it was, a version is damaged or held by another process.
    """
    record_missing(agency.store, agency.key)
    found = find_samples(agency.store, removal.wanted, agency.secrets, removal.deal_id)  # 1
    log = open_log(agency.store, agency.key)
    return [
        _revoke_in_deal(agency, log, removal, deal_id, list(versions))
        for deal_id, versions in groupby(found, lambda one: one.published.deal_id)
    ]


def _revoke_in_deal(
    agency: Agency,
    log: AgencyLog,
    removal: Removal,
    deal_id: str,
    found: Sequence[FoundVersion],
) -> DealRemoval:
    terms = _terms(log, removal, found)
    recorded_at = removal.recorded_at.isoformat()
    notices, is_new = record_notice(log, agency.signer, deal_id, found, terms, recorded_at)  # 2
    paths, corrections = [], list[BookedPool]()
    patched, emptied = dict[str, str](), list[str]()
    for notice in notices:
        paths.append(publish_notice(agency.store, log, notice))  # 3
        if notice.term("money") == "reverse":
            at = notice.record.recorded_at
            corrections += record_corrections(log, agency.store, notice, at)  # 4
        _patch(agency, notice, patched, emptied)
    return DealRemoval(
        deal_id,
        tuple(notices),
        tuple(paths),
        is_new,
        {one.published.manifest.delivery: len(one.samples) for one in found},
        patched,
        tuple(emptied),
        tuple(corrections),
    )


def _patch(
    agency: Agency, notice: RecordedNotice, patched: dict[str, str], emptied: list[str]
) -> None:
    """Patches the current versions that have samples of a notice's assets, and records them."""
    assets = frozenset(asset for some in notice.assets.values() for asset in some)
    patches: dict[str, str] = {}
    issued_at = datetime.fromisoformat(notice.record.recorded_at)
    way = cast(RemovalWay, notice.term("way"))
    for one in find_samples(agency.store, Wanted(assets), agency.secrets, notice.deal_id):
        delivery, made_from = one.published.manifest.delivery, one.published.manifest.patches
        patches |= {} if made_from is None else {delivery: made_from.delivery}
        named = _named(notice, delivery, patches)
        samples = [sample for sample in one.samples if sample.asset_id in named]
        if not one.is_current or not samples:
            continue
        if len(samples) == one.published.manifest.end.samples:
            emptied.append(delivery)
            continue
        version = make_patch(  # 5
            agency.store,
            notice.deal_id,
            one.published.version,
            samples,
            way,
            [notice.notice_id],
            issued_at,
            agency.signer,
            agency.secrets,
        )
        patched[delivery] = version
        record_delivery(agency.store, agency.key, notice.deal_id, version, issued_at)  # 6


def _named(notice: RecordedNotice, delivery: str, patches: Mapping[str, str]) -> set[str]:
    """Returns the assets that a notice names of a delivery, or of one that it was patched from."""
    named = set(notice.assets.get(delivery, ()))
    while delivery in patches:
        delivery = patches[delivery]
        named.update(notice.assets.get(delivery, ()))
    return named


def _terms(log: AgencyLog, removal: Removal, found: Sequence[FoundVersion]) -> NoticeTerms:
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
    pools: Sequence[BookedPool], patched: dict[str, str], found: Sequence[FoundVersion]
) -> WithdrawalTerms:
    """Returns the deal's terms, which the pool has unless they are the defaults."""
    holder = pool_holder(found[-1].published.manifest.delivery, patched)
    own = [pool for pool in pools if pool.is_price and pool.delivery == holder]
    stated = own[-1].fields.get("withdrawal", {}) if own else {}
    return WithdrawalTerms.model_validate(stated)
