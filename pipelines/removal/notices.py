"""Writes notices of removal: one for each deal, signed, numbered and recorded in the agency's log.

The numbers mark these steps in the code: 1. leave out what an earlier notice names already; 2. make
and sign the notice; 3. keep it in the books; 4. append its record; 5. write it for the buyer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.asked import Asked
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import FILES_SHA256, RecordedNotice, all_notices, recorded_notices
from pipelines.format.notice import notice_bytes, sign_notice
from pipelines.ledger.record import AllSets, Kind
from pipelines.ledger.signed_note import Signer
from pipelines.removal.notice_content import NoticeTerms, Unnamed, make_notice
from pipelines.removal.search import FoundVersion
from pipelines.storage.store import Store
from schemas import layout
from schemas.canonical import canonical_json
from schemas.notice import Notice


class NothingLeftError(Exception):
    """Raised if earlier notices already name everything."""


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
        notice = make_notice(deal_id, next_sequence(notices), left, terms, recorded_at, signer.vkey)
        public = _store_notice(log, sign_notice(notice, signer))  # 2, 3
        private = {
            **terms.to_json(),
            "assets": _asset_ids(left),
            FILES_SHA256: write_files(log, left, looks),
            "asked": asked.to_json(),
            "only_deal": only_deal,
        }
        return NewRecord(public, private, sets)

    event = ("notice", deal_id, _digest(unnamed_samples(log, found), terms))
    try:
        append_record(log, Kind.NOTICE, event, recorded_at, make, created.append)  # 4
    except NothingLeftError:
        log.refresh()
    return _notices_about(log, deal_id, found), bool(created)


def _store_notice(log: AgencyLog, notice: Notice) -> dict[str, object]:
    """Keeps a signed notice in the books, and returns what its record publishes."""
    return {
        "notice": notice.notice,
        "sequence": notice.sequence,
        "deal_id": notice.deal_id,
        "notice_sha256": log.books.write_document(notice_bytes(notice)),
    }


def _asset_ids(left: Unnamed) -> dict[str, list[str]]:
    """Returns the ids of the assets that samples are of, by delivery."""
    return {
        version.published.manifest.delivery: sorted({one.asset_id for one in samples})
        for version, samples in left
    }


def _notices_about(
    log: AgencyLog, deal_id: str, found: Sequence[FoundVersion]
) -> list[RecordedNotice]:
    """Returns a deal's notices that name any of the samples."""
    wanted = {
        (version.published.manifest.delivery, one.asset_id)
        for version in found
        for one in version.samples
    }
    return [
        one
        for one in recorded_notices(log)
        if one.deal_id == deal_id and not wanted.isdisjoint(covered_assets([one]))
    ]


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
