"""What was removed from deliveries and must not come back: assets of notices, and their files."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.ledgers import unchecked_batches
from pipelines.accounts.reader import ReadableLog, read_log
from pipelines.accounts.removals import RecordedNotice, recorded_notices
from pipelines.ledger.record import Kind
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.deal import Deal
from schemas.errors import InputError

#: The reason of notices that say nothing about other deals: a term ended there.
_OF_ONE_DEAL = "expiry"


def removed_files(store: Store, deal: Deal, before: str = "") -> tuple[tuple[str, str], ...]:
    """Returns the assets that a deal may not deliver again, and the digests of their files.

    A notice counts in every deal of the output, whichever buyer it was written for; only one with
    the reason `expiry` counts in its own deal alone.

    Args:
        store: The output.
        deal: The deal.
        before: Id of a delivery: only notices recorded before it count. Empty for all.

    Returns:
        Asset id and digest in hex, sorted; an asset whose file changed is there several times.

    Raises:
        InputError: If the deal reinstates a notice that does not exist.
        RunError: If the books or a ledger are damaged.
    """
    log, reinstated = read_log(store), deal.withdrawal.reinstated
    notices = [] if log is None else recorded_notices(log)
    unknown = sorted({*reinstated} - {one.notice_id for one in notices})
    if unknown:
        raise InputError(
            "The deal reinstates a notice that the output's log does not have",
            f"withdrawal.reinstated: {unknown[0][:80]!a}; {store.uri}",
            "Write the id of a notice as fairshard removals lists it.",
        )
    last = None if log is None else _index_of(log, before)
    counted = [
        one
        for one in notices
        if one.notice_id not in reinstated
        and (last is None or one.record.index < last)
        and (one.deal_id == deal.deal_id or one.term("reason") != _OF_ONE_DEAL)
    ]
    return tuple(sorted(_files(store, counted)))


def _index_of(log: ReadableLog, delivery: str) -> int | None:
    for index in range(log.size if delivery else 0):
        record = log.record(index)
        if record.kind is Kind.DELIVERY and record.public["delivery"] == delivery:
            return index
    return None


def _files(store: Store, notices: Iterable[RecordedNotice]) -> set[tuple[str, str]]:
    """Returns the assets of notices with their files' digests, from the deliveries' ledgers."""
    found: set[tuple[str, str]] = set()
    for notice in notices:
        for delivery, assets in notice.assets.items():
            deal_id, _, version = delivery.partition("/")
            names = ["asset_id", "media_sha256"]
            rows = pa.concat_tables(unchecked_batches(store, deal_id, version, names))
            rows = rows.filter(pc.is_in(rows["asset_id"], pa.array(assets, pa.string())))
            ids, digests = values_of(rows["asset_id"], str), values_of(rows["media_sha256"], str)
            found.update(zip(ids, digests, strict=True))
            found.update((asset, "") for asset in {*assets} - {*ids})
    return found
