"""Removes assets from all published deliveries: notices, money, patches, and their records.

Every step is recorded or found to be done already, so that a removal that was killed is completed
by the same command. The numbers mark these steps in the code: 1. find the samples; 2. record one
notice for each deal; 3. write it for the buyer, and the list of all that was removed; 4. take money
back, if that is asked for; 5. patch the versions that no other one replaces; 6. record the patched
versions; 7. tell the deals' buyers; 8. record what was asked for and is in no notice to a buyer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import cast

from pipelines.accounts.asked import Asked
from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.deliveries import record_delivery, record_missing
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pools import BookedPool, booked_pools, pools_that_count
from pipelines.accounts.removals import (
    OF_ONE_DEAL,
    RecordedNotice,
    patched_deliveries,
    pool_holder,
    removed_parts,
)
from pipelines.ledger.ed25519 import AgencyKey
from pipelines.removal.lists import publish_removal_list
from pipelines.removal.looks import looks_of
from pipelines.removal.notices import (
    NoticeTerms,
    covered_assets,
    publish_notice,
    record_notice,
    unnamed_samples,
)
from pipelines.removal.outcome import DealRemoval, Revocation
from pipelines.removal.patch import OtherReleaseError, PatchedMeanwhileError, make_patch
from pipelines.removal.search import (
    FoundVersion,
    Wanted,
    check_all_renditions,
    check_ledgers,
    check_samples,
    find_samples,
    unknown_names,
)
from pipelines.removal.standing import StandingNo, record_standing
from pipelines.run.announce import announce
from pipelines.storage.store import Store
from schemas.deal_terms import WithdrawalTerms
from schemas.errors import InputError
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

    @property
    def asked(self) -> Asked:
        """What is removed, as notices keep it."""
        return Asked.of(self.wanted.assets, self.wanted.contributors, self.wanted.releases)


@dataclass(frozen=True)
class Agency:
    """The agency's output and keys.

    Attributes:
        store: The output.
        key: The key of the log.
        signer: The same key, with its secret.
        secrets: Its secret and those of earlier keys, by verifier key.
    """

    store: Store
    key: LogKey
    signer: AgencyKey
    secrets: Mapping[str, Opener]


#: How often a removal begins again since other processes published versions meanwhile.
_MAX_ROUNDS = 20


def revoke(agency: Agency, removal: Removal) -> Revocation:
    """Removes assets from all published deliveries, or completes a removal.

    Args:
        agency: The output and its keys.
        removal: What is removed, and how.

    Returns:
        What was done, by deal, and what is in no delivery.

    Raises:
        InputError: If there is no published version, or a price does not tell what assets count;
            nothing is recorded then.
        RunError: If the log is not as it was, a version is damaged or held by another process.
    """
    done: dict[str, DealRemoval] = {}
    unknown: tuple[str, ...] = ()
    overtaken: PatchedMeanwhileError | None = None
    outdated: OtherReleaseError | None = None
    for _ in range(_MAX_ROUNDS):
        record_missing(agency.store, agency.key)
        found = find_samples(agency.store, removal.wanted, agency.secrets, removal.deal_id)  # 1
        check_ledgers(agency.store, agency.secrets, removal.deal_id)
        check_samples(agency.store, removal.deal_id)
        check_all_renditions(open_log(agency.store, agency.key), agency.store, removal.deal_id)
        unknown = unknown_names(
            agency.store, removal.wanted, agency.secrets, removal.deal_id, found
        )
        _check_days(removal, found)
        log = open_log(agency.store, agency.key)
        if (done or outdated) and not overtaken and not unnamed_samples(log, found):
            break  # unless another process has published one of the samples again meanwhile
        overtaken = None
        deals = {
            deal_id: list(versions)
            for deal_id, versions in groupby(found, lambda one: one.published.deal_id)
        }
        for versions in deals.values():
            terms = _terms(log, removal, versions)
            gone = removal.wanted.contributors if terms.money == "keep" else frozenset()
            _check_money(log, agency.store, terms, versions, gone)
        for deal_id, versions in deals.items():
            try:
                made = _revoke_in_deal(agency, log, removal, deal_id, versions)
            except PatchedMeanwhileError as error:
                overtaken = error
            except OtherReleaseError as error:  # what can be done for the others is done first
                outdated = error
            else:
                done[deal_id] = made.after(done.get(deal_id))
        if not deals:
            break
    for deal_id in done:
        announce(agency.store, deal_id, agency.signer, removal.recorded_at)  # 7
    if overtaken:
        raise overtaken
    standing, is_new = record_standing(  # 8
        open_log(agency.store, agency.key),
        StandingNo(
            removal.asked,
            removal.reason,
            removal.effective_at,
            removal.deal_id,
            removal.recurring,
        ),
        removal.recorded_at.isoformat(),
    )
    if outdated:
        raise outdated
    unrecorded = bool(unknown) and not done and removal.reason == OF_ONE_DEAL and standing is None
    return Revocation(list(done.values()), unknown, standing, is_new, unrecorded)


def _check_days(removal: Removal, found: Sequence[FoundVersion]) -> None:
    """Refuses a notice that would be dated before the delivery that it is about."""
    day = removal.recorded_at.astimezone(UTC).date()
    for one in found:
        if day < one.published.day:
            raise InputError(
                "The notice would be older than the delivery that it is about",
                f"--as-of {day}; {one.published.manifest.delivery} is of {one.published.day}",
                "Nothing was recorded. Leave --as-of out for today.",
            )


def _check_money(
    log: AgencyLog,
    store: Store,
    terms: NoticeTerms,
    found: Sequence[FoundVersion],
    gone: frozenset[str],
) -> None:
    """Refuses terms that need to know what assets count in a price that does not tell it."""
    if terms.money == "keep" and terms.recurring == "keep":
        return
    unnamed = unnamed_samples(log, found)
    named = {version.published.manifest.delivery: own for version, own in unnamed}
    for pool in pools_that_count(booked_pools(log)):
        if pool.is_price and (own := named.get(pool.delivery)):
            removed_parts(log, store, pool, {one.asset_id for one in own}, gone)


def _revoke_in_deal(
    agency: Agency,
    log: AgencyLog,
    removal: Removal,
    deal_id: str,
    found: Sequence[FoundVersion],
) -> DealRemoval:
    terms = _terms(log, removal, found)
    recorded_at = removal.recorded_at.isoformat()
    notices, is_new = record_notice(  # 2
        log,
        agency.signer,
        deal_id,
        found,
        terms,
        recorded_at,
        removal.asked,
        removal.deal_id,
        looks_of(agency.store, found),
    )
    publish_removal_list(  # 3
        agency.store, log, agency.signer, deal_id, removal.recorded_at, renew=False
    )
    paths, corrections, differences = [], list[BookedPool](), list[str]()
    named = {
        (one.published.manifest.delivery, sample.asset_id)
        for one in found
        for sample in one.samples
    }
    patched, emptied = dict[str, str](), list[str]()
    for notice in notices:
        paths.append(publish_notice(agency.store, log, notice))  # 3
        if notice.term("money") == "reverse":
            at = notice.record.recorded_at
            corrections += record_corrections(log, agency.store, notice, at)  # 4
        elif removal.money == "reverse" and covered_assets([notice]) <= named:
            corrections += record_corrections(log, agency.store, notice, recorded_at)
        elif removal.money == "reverse":
            differences.append(f"{notice.notice_id} keeps the money, and names further assets")
        differences += _differences(notice, removal)
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
        len(_kept_revenue(log, notices)),
        tuple(differences),
    )


def _differences(notice: RecordedNotice, removal: Removal) -> list[str]:
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


def _kept_revenue(log: AgencyLog, notices: Sequence[RecordedNotice]) -> list[BookedPool]:
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


def _patch(
    agency: Agency, notice: RecordedNotice, patched: dict[str, str], emptied: list[str]
) -> None:
    """Patches the current versions that have samples of a notice's assets, and records them."""
    assets = frozenset(asset for some in notice.assets.values() for asset in some)
    patches: dict[str, str] = {}
    issued_at = datetime.fromisoformat(notice.record.recorded_at)
    way = cast(RemovalWay, notice.term("way"))
    outdated: OtherReleaseError | None = None
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
        try:
            version = make_patch(  # 5
                agency.store,
                notice.deal_id,
                one.published.version,
                samples,
                way,
                [notice.notice_id],
                issued_at,
                agency.signer,
                agency.secrets.values(),
            )
        except OtherReleaseError as error:
            outdated = error
            continue
        patched[delivery] = version
        record_delivery(agency.store, agency.key, notice.deal_id, version, issued_at)  # 6
    if outdated:
        raise outdated


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
