"""What was removed from deliveries and must not come back: what notices name, and the files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.kept_salts import Opener, kept_salts
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.published import find_versions
from pipelines.accounts.reader import ReadableLog, read_log
from pipelines.accounts.removals import RecordedNotice, all_notices
from pipelines.accounts.renditions import check_renditions, originals_of, read_renditions
from pipelines.format.manifest import original_delivery
from pipelines.ledger.record import Kind
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.removed import Removed, RemovedKind


def read_removed(
    store: Store, deal: Deal, secrets: Collection[Opener] | None, before: str = ""
) -> Removed:
    """Returns what a deal may not deliver, by the notices in the output's log.

    A notice counts in every deal of the output, whichever buyer it was written for; only one with
    the reason `expiry` counts in its own deal alone.

    Args:
        store: The output.
        deal: The deal.
        secrets: The agency's secrets, by which the ledgers that notices of earlier releases need
            are checked. None if the files of assets are not asked for; they are left out then.
        before: Id of a delivery: only notices recorded before it count. Empty for all.

    Raises:
        InputError: If the deal reinstates a notice that does not exist.
        RunError: If the books or a ledger are damaged.
    """
    log, reinstated = read_log(store), deal.withdrawal.reinstated
    notices = [] if log is None else all_notices(log)
    unknown = sorted({*reinstated} - {one.notice_id for one in notices})
    if unknown:
        raise InputError(
            "The deal reinstates a notice that the output's log does not have",
            f"withdrawal.reinstated: {unknown[0][:80]!a}; {store.uri}",
            "Write the id of a notice as fairshard removals lists it.",
        )
    if log is None:
        return Removed()
    last = _index_of(log, before)
    counted = [
        one
        for one in notices
        if one.notice_id not in reinstated
        and (last is None or one.record.index < last)
        and one.counts_in(deal.deal_id)
    ]
    files, looks = set[tuple[str, str]](), set[tuple[str, str, str]]()
    for notice in counted:
        own = _Files() if secrets is None else _files(log, notice, (*secrets, *kept_salts(log)))
        for asset in named_assets(notice):
            files.update((asset, digest) for digest in own.files.get(asset) or ("",))
        looks.update((digest, *look) for digest, look in own.looks.items())
    return Removed(tuple(sorted(files)), tuple(sorted(looks)), tuple(sorted(_named(counted))))


@dataclass(frozen=True)
class _Files:
    """The removed files of a notice.

    Attributes:
        files: Digests by asset, hex.
        looks: Perceptual hash and mean colours by digest, where they are known.
    """

    files: Mapping[str, Collection[str]] = field(default_factory=dict)
    looks: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def named_assets(notice: RecordedNotice) -> set[str]:
    """Returns the ids of the assets that a notice removes, and of those it was asked to remove."""
    assets = {asset for some in notice.assets.values() for asset in some}
    return assets | notice.asked.ids("asset")


def _named(notices: Iterable[RecordedNotice]) -> set[tuple[RemovedKind, str, str]]:
    found = set[tuple[RemovedKind, str, str]]()
    for notice in notices:
        found.update(("asset", asset, notice.notice_id) for asset in named_assets(notice))
        found.update((kind, name, notice.notice_id) for kind, name in notice.asked)
    return found


def _index_of(log: ReadableLog, delivery: str) -> int | None:
    for index in range(log.size if delivery else 0):
        record = log.record(index)
        if record.kind is Kind.DELIVERY and record.public["delivery"] == delivery:
            return index
    return None


def _files(log: ReadableLog, notice: RecordedNotice, secrets: Collection[Opener]) -> _Files:
    """Returns a notice's files.

    The books have a document of them. Those of earlier releases are found in deliveries' ledgers,
    which must be the signed ones, or an altered digest would let a copy pass.
    """
    if notice.files_sha256:
        kept = json.loads(log.books.read_document(notice.files_sha256))
        looks = {digest: (phash, colour) for digest, (phash, colour) in kept["looks"].items()}
        return _Files(kept["files"], looks)
    found: dict[str, set[str]] = defaultdict(set)
    store, names = log.books.store, ("asset_id", "media_sha256")
    for delivery, assets in notice.assets.items():
        deal_id, _, version = delivery.partition("/")
        [published] = find_versions(store, deal_id, version)
        check_renditions(log, [original_delivery(published.manifest)])
        rows = read_ledger_rows(store, deal_id, version, secrets, names)
        rows = rows.filter(pc.is_in(rows["asset_id"], pa.array(assets, pa.string())))
        ids, digests = (values_of(rows[name], str) for name in names)
        originals = originals_of(digests, read_renditions(store, published))
        for asset, digest in zip(ids, digests, strict=True):
            found[asset].update({digest, *originals.get(digest, ())})
    return _Files(found)
