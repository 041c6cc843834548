"""Writes notices of removal: one for each deal, signed, numbered and recorded in the agency's log.

The numbers mark these steps in the code: 1. leave out what an earlier notice names already; 2. make
and sign the notice; 3. keep it in the books; 4. append its record; 5. write it for the buyer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.asked import Asked
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import FILES_SHA256, RecordedNotice, all_notices, recorded_notices
from pipelines.format.manifest import manifest_bytes
from pipelines.format.notice import notice_bytes, sign_notice
from pipelines.ledger.record import AllSets, Kind
from pipelines.ledger.signed_note import Signer
from pipelines.removal.locate import FoundSample
from pipelines.removal.search import FoundVersion
from pipelines.storage.store import Store
from schemas import layout
from schemas.canonical import canonical_json
from schemas.manifest import RemovalWay
from schemas.notice import (
    SCOPE,
    MoneyEffect,
    Notice,
    NoticeDelivery,
    NoticeMember,
    NoticeSample,
    NoticeShard,
    RecurringEffect,
    RemovalReason,
)


@dataclass(frozen=True)
class NoticeTerms:
    """What a notice says besides what it is about.

    Attributes:
        reason: Why the assets are removed.
        effective_at: The day from which they may not be used.
        deadline_days: Days that the buyer has to delete them.
        way: How the agency takes them out of the delivery.
        money: What becomes of what the price credited for them.
        recurring: What becomes of their weights in later revenue.
    """

    reason: RemovalReason
    effective_at: date
    deadline_days: int
    way: RemovalWay
    money: MoneyEffect
    recurring: RecurringEffect

    @property
    def deadline(self) -> date:
        """The day by which the buyer must have deleted them."""
        return self.effective_at + timedelta(days=self.deadline_days)

    def to_json(self) -> dict[str, object]:
        """Returns them as a record has them."""
        return {
            "reason": self.reason,
            "effective_at": self.effective_at.isoformat(),
            "deadline": self.deadline.isoformat(),
            "way": self.way,
            "money": self.money,
            "recurring": self.recurring,
        }


#: Samples by version that are not named by a notice.
Unnamed = list[tuple[FoundVersion, list[FoundSample]]]


class NothingLeftError(Exception):
    """Raised where earlier notices name everything already."""


_NOTHING_ASKED = Asked()


def record_notice(
    log: AgencyLog,
    signer: Signer,
    deal_id: str,
    found: Sequence[FoundVersion],
    terms: NoticeTerms,
    recorded_at: str,
    asked: Asked = _NOTHING_ASKED,
    only_deal: str = "",
    looks: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[list[RecordedNotice], bool]:
    """Records a notice about samples of one deal that no earlier notice names.

    Args:
        log: The agency's log.
        signer: Signs the notice.
        deal_id: The deal.
        found: Its versions that have samples to be removed.
        terms: What else the notice says.
        recorded_at: ISO 8601 instant.
        asked: What was asked for; kept with the notice, so that nothing of it is delivered later.
        only_deal: The only deal in which it is to be removed; empty for all.
        looks: What the samples' files look like, by digest.

    Returns:
        The notices that name these samples, and whether the last of them was recorded now.

    Raises:
        RunError: If the log is not as it was.
    """
    log.refresh()
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        notices = all_notices(log)
        left = _left(found, covered_assets(notices))  # 1
        if not left:
            raise NothingLeftError
        sequence = next_sequence(notices)
        notice = _notice(deal_id, sequence, left, terms, recorded_at, signer.vkey)
        data = notice_bytes(sign_notice(notice, signer))  # 2
        public = {
            "notice": notice.notice,
            "sequence": sequence,
            "deal_id": deal_id,
            "notice_sha256": log.books.write_document(data),  # 3
        }
        assets = {
            version.published.manifest.delivery: sorted({one.asset_id for one in samples})
            for version, samples in left
        }
        private = {**terms.to_json(), "assets": assets, FILES_SHA256: write_files(log, left, looks)}
        more = {"asked": asked.to_json(), "only_deal": only_deal}
        return NewRecord(public, {**private, **more}, sets)

    event = ("notice", deal_id, _digest(unnamed_samples(log, found), terms))
    try:
        append_record(log, Kind.NOTICE, event, recorded_at, make, created.append)  # 4
    except NothingLeftError:
        log.refresh()
    wanted = {
        (version.published.manifest.delivery, one.asset_id)
        for version in found
        for one in version.samples
    }
    notices = [
        one
        for one in recorded_notices(log)
        if one.deal_id == deal_id and not wanted.isdisjoint(covered_assets([one]))
    ]
    return notices, bool(created)


def next_sequence(notices: Iterable[RecordedNotice]) -> int:
    """Returns the number of the next notice of the agency, from 1."""
    return 1 + max((one.sequence for one in notices), default=0)


def write_files(log: AgencyLog, left: Unnamed, looks: Mapping[str, Sequence[str]]) -> str:
    """Keeps the files of samples in the books, and returns the document's digest.

    Args:
        log: The agency's log.
        left: The samples by version.
        looks: What their files look like, by digest.
    """
    found = defaultdict[str, set[str]](set)
    for version, samples in left:
        for one in samples:
            found[one.asset_id] |= version.files(one)
    files = {asset: sorted(digests) for asset, digests in found.items()}
    known = {digest for digests in found.values() for digest in digests}
    kept = {digest: list(look) for digest, look in looks.items() if digest in known}
    return log.books.write_document(canonical_json({"files": files, "looks": kept}))


def publish_notice(store: Store, log: AgencyLog, notice: RecordedNotice) -> str:
    """Writes a notice for the buyer, and returns its key."""
    key = layout.notice_path(notice.deal_id, notice.notice_id)
    data = log.books.read_document(notice.sha256)
    if not store.exists(key) or store.read_bytes(key) != data:
        store.write_bytes(key, data)  # 5
    return key


def unnamed_samples(log: AgencyLog, found: Sequence[FoundVersion]) -> Unnamed:
    """Returns the samples of versions that no notice names yet; versions without are left out."""
    return _left(found, covered_assets(recorded_notices(log)))


def covered_assets(notices: Iterable[RecordedNotice]) -> set[tuple[str, str]]:
    """Returns delivery and asset id of everything that notices name."""
    return {
        (delivery, asset)
        for notice in notices
        for delivery, assets in notice.assets.items()
        for asset in assets
    }


def _left(found: Sequence[FoundVersion], covered: Collection[tuple[str, str]]) -> Unnamed:
    left = []
    for version in found:
        delivery = version.published.manifest.delivery
        samples = [one for one in version.samples if (delivery, one.asset_id) not in covered]
        if samples:
            left.append((version, samples))
    return left


def _digest(left: Unnamed, terms: NoticeTerms) -> str:
    """Returns what identifies a notice: what it is about, why, and from when."""
    named: Mapping[str, object] = {
        "reason": terms.reason,
        "effective_at": terms.effective_at.isoformat(),
        "samples": sorted(
            [version.published.manifest.delivery, one.asset_id]
            for version, samples in left
            for one in samples
        ),
    }
    return hashlib.sha256(canonical_json(named)).hexdigest()


def _notice(
    deal_id: str, sequence: int, left: Unnamed, terms: NoticeTerms, issued_at: str, vkey: str
) -> Notice:
    return Notice(
        fairshard_notice=1,
        notice=f"{deal_id}-{sequence:06d}",
        sequence=sequence,
        deal_id=deal_id,
        issued_at=issued_at,
        reason=terms.reason,
        effective_at=terms.effective_at.isoformat(),
        deadline=terms.deadline.isoformat(),
        action="delete",
        scope=list(SCOPE),
        way=terms.way,
        deliveries=[_delivery(version, samples) for version, samples in left],
        vkey=vkey,
    )


def _delivery(version: FoundVersion, samples: Sequence[FoundSample]) -> NoticeDelivery:
    shards: dict[int, list[FoundSample]] = defaultdict(list)
    for one in samples:
        shards[one.index].append(one)
    manifest = version.published.manifest
    return NoticeDelivery(
        delivery=manifest.delivery,
        manifest_sha256=hashlib.sha256(manifest_bytes(manifest)).hexdigest(),
        shards=[
            NoticeShard(
                name=own[0].shard,
                sha256=own[0].shard_sha256,
                index=index,
                samples=[_sample(one) for one in own],
            )
            for index, own in sorted(shards.items())
        ],
    )


def _sample(one: FoundSample) -> NoticeSample:
    return NoticeSample(
        asset=one.asset_commitment,
        key=one.key,
        row=one.row,
        members=[
            NoticeMember(name=place.name, offset=place.offset, length=place.length)
            for place in one.members
        ],
        embedding_row=one.embedding_row,
        shot_rows=list(one.shot_rows),
    )
