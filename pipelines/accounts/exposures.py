"""Buyers' reports of exposure, as the ledger rule `per_exposure` counts them.

The checks, numbered in the code: 1. the report is about the delivery as it was published; 2. every
commitment in it is that of a delivered asset; 3. no sample of it was paid before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import cast

from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.published import find_versions
from pipelines.accounts.reader import ReadableLog
from pipelines.format.exposure import ExposureError, in_words
from pipelines.ledger.record import Kind
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.errors import InputError
from schemas.exposure import Exposure, ExposurePart

#: The private field of a payment's record with the parts of the report that it paid.
EXPOSURE_PARTS = "exposure_parts"
_SHOWN = 3


def exposed_assets(
    store: Store, delivery: str, secrets: Collection[Opener], exposure: Exposure
) -> dict[str, int]:
    """Returns how often each asset's samples were handed over, by the agency's ids.

    Args:
        store: The output.
        delivery: Id of the delivery whose revenue is shared.
        secrets: The agency's secrets, by which the ledger is checked.
        exposure: The report; its signature was checked.

    Raises:
        ExposureError: If it is about another delivery, or names what the delivery does not have.
        RunError: If the ledger is not the one that was signed.
    """
    deal_id, _, version = delivery.partition("/")
    [published] = find_versions(store, deal_id, version)
    if (exposure.deal_id, exposure.delivery, exposure.manifest_sha256) != (
        deal_id,
        delivery,
        published.manifest_sha256,
    ):
        raise ExposureError(  # 1
            "The report of exposure is about another delivery",
            f"{exposure.delivery[:80]!a} with the manifest {exposure.manifest_sha256}; --delivery "
            f"{delivery} has {published.manifest_sha256}",
            "Nothing was recorded. Name the delivery that the report is about.",
        )
    names = ("asset_id", "asset_commitment")
    rows = read_ledger_rows(store, deal_id, version, secrets, names)
    ids, commitments = (values_of(rows[name], str) for name in names)
    known = dict(zip(commitments, ids, strict=True))
    unknown = sorted(exposure.counts.keys() - known.keys())
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        raise ExposureError(  # 2
            "The report of exposure counts assets that the delivery does not have",
            f"{', '.join(unknown[:_SHOWN])}{more}",
            "Nothing was recorded. Ask the buyer for a corrected report.",
        )
    if not exposure.samples:
        raise InputError(
            "The report of exposure counts no samples", delivery, "Nothing was recorded."
        )
    return {known[commitment]: count for commitment, count in exposure.counts.items()}


def check_unpaid(log: ReadableLog, delivery: str, parts: Collection[ExposurePart]) -> None:
    """Checks that no payment of a delivery has paid a sample of these parts already.

    Raises:
        ExposureError: If one has; it names the payment.
    """
    for name, paid in _paid_parts(log, delivery):
        for part in parts:
            if (
                (part.run, part.consumer) == (paid.run, paid.consumer)
                and part.first < paid.end
                and paid.first < part.end
            ):
                raise ExposureError(  # 3
                    "Some of this exposure was paid already",
                    f"{in_words(part)}; payment {name!r} paid {paid.first} to {paid.end}",
                    "Nothing was recorded. Ask the buyer for a report of what came after.",
                )


def _paid_parts(log: ReadableLog, delivery: str) -> Iterator[tuple[str, ExposurePart]]:
    for index in range(log.size):
        record = log.record(index)
        parts = record.private.get(EXPOSURE_PARTS)
        if record.kind is not Kind.PAYMENT or not isinstance(parts, list):
            continue
        pool = cast("dict[str, object]", record.private["pool"])
        if pool["delivery"] == delivery:
            yield from ((str(pool["name"]), ExposurePart.model_validate(one)) for one in parts)
