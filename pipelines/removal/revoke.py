"""Removes assets from all published deliveries: notices, money, patches, and their records.

Every step is recorded or found to be done already, so that a removal that was killed is completed
by the same command. The numbers mark these steps in the code: 1. find the samples; 2. record one
notice for each deal; 3. write it for the buyer, and the list of all that was removed; 4. take money
back, if that is asked for; 5. patch the versions that no other one replaces; 6. record the patched
versions; 7. tell the deals' buyers; 8. record what was asked for and is in no notice to a buyer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import cast

from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.deliveries import record_delivery, record_missing
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pools import BookedPool
from pipelines.accounts.removals import OF_ONE_DEAL, RecordedNotice
from pipelines.removal.lists import publish_removal_list
from pipelines.removal.looks import looks_of
from pipelines.removal.notices import (
    covered_assets,
    publish_notice,
    record_notice,
    unnamed_samples,
)
from pipelines.removal.outcome import DealRemoval, Revocation
from pipelines.removal.patch import make_patch
from pipelines.removal.planned_patch import OtherReleaseError, PatchedMeanwhileError
from pipelines.removal.request import Agency, Removal
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
from pipelines.removal.terms import check_days, check_money, differences, kept_revenue, terms_of
from pipelines.run.announce import announce
from schemas.manifest import RemovalWay

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
        found, unknown = _find_all(agency, removal)
        log = open_log(agency.store, agency.key)
        if (done or outdated) and not overtaken and not unnamed_samples(log, found):
            break  # unless another process has published one of the samples again meanwhile
        overtaken = None
        deals = {
            deal_id: list(versions)
            for deal_id, versions in groupby(found, lambda one: one.published.deal_id)
        }
        _check_all_money(agency, log, removal, deals.values())
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


def _find_all(agency: Agency, removal: Removal) -> tuple[list[FoundVersion], tuple[str, ...]]:
    """Returns all versions with samples to remove, and what was named that is in no delivery."""
    store, secrets, deal_id = agency.store, agency.secrets, removal.deal_id
    record_missing(store, agency.key)
    found = find_samples(store, removal.wanted, secrets, deal_id)  # 1
    check_ledgers(store, secrets, deal_id)
    check_samples(store, deal_id)
    check_all_renditions(open_log(store, agency.key), store, deal_id)
    unknown = unknown_names(store, removal.wanted, secrets, deal_id, found)
    check_days(removal, found)
    return found, unknown


def _check_all_money(
    agency: Agency, log: AgencyLog, removal: Removal, deals: Iterable[Sequence[FoundVersion]]
) -> None:
    """Refuses, before anything is recorded, terms that cannot be kept in one of the deals."""
    for versions in deals:
        terms = terms_of(log, removal, versions)
        gone = removal.wanted.contributors if terms.money == "keep" else frozenset()
        check_money(log, agency.store, terms, versions, gone)


def _revoke_in_deal(
    agency: Agency,
    log: AgencyLog,
    removal: Removal,
    deal_id: str,
    found: Sequence[FoundVersion],
) -> DealRemoval:
    terms = terms_of(log, removal, found)
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
    paths, corrections, unlike = [], list[BookedPool](), list[str]()
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
            unlike.append(f"{notice.notice_id} keeps the money, and names further assets")
        unlike += differences(notice, removal)
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
        len(kept_revenue(log, notices)),
        tuple(unlike),
    )


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
