"""Records later pools of a delivery: revenue that is shared by the delivery's frozen weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.exposures import EXPOSURE_PARTS, check_unpaid
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.payment_terms import check_same
from pipelines.accounts.pools import (
    BookedPool,
    booked_pools,
    carried_in,
    lines_of,
    pool_of,
    pools_that_count,
)
from pipelines.accounts.removals import (
    all_notices,
    patched_deliveries,
    pool_holder,
    recorded_notices,
    removed_parts,
    stopped_assets,
    without_parts,
)
from pipelines.accounts.stopped import stopped_people
from pipelines.accounts.sums import credit_sum_fields
from pipelines.ledger.division import divide
from pipelines.ledger.pool import DividedPool, pool_lines
from pipelines.ledger.record import AllSets, Kind, Record, in_canonical_form
from pipelines.ledger.rules import SHARE, Bounded
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes
from schemas import layout
from schemas.errors import InputError
from schemas.exposure import ExposurePart
from schemas.money import MAX_MINOR, format_amount, round_half_down
from schemas.price_terms import Deduction, deduct


@dataclass(frozen=True)
class Payment:
    """Later revenue of a delivery.

    Args:
        name: Names the pool among those of the deal; the same name is recorded once.
        deal_id: The deal.
        version: The delivery's version.
        gross_minor: The amount, in minor units.
        currency: ISO 4217 code.
        agency_share: The agency's share of what the deductions leave.
        source: What the revenue is, such as "generative licences".
        period: When it was earned, such as "2026-H2".
        source_country: Where it comes from, ISO 3166-1 alpha-2, or "".
        deductions: What is taken before the division.
        uses: Uses by asset id, if the revenue is shared by use and not by the frozen weights.
        uses_source: Digest of the statement of use or the report of exposure, hex, or "".
        exposure: What the report of exposure is about, if `uses` are its counts.
    """

    name: str
    deal_id: str
    version: str
    gross_minor: int
    currency: str
    agency_share: Decimal
    source: str
    period: str
    source_country: str = ""
    deductions: tuple[Deduction, ...] = ()
    uses: Mapping[str, int] | None = None
    uses_source: str = ""
    exposure: tuple[ExposurePart, ...] = ()

    @property
    def delivery(self) -> str:
        """Id of the delivery."""
        return layout.delivery_id(self.deal_id, self.version)

    def terms(self) -> dict[str, object]:
        """Returns everything that is stated about it, as the record has it."""
        return {
            "name": self.name,
            "deal_id": self.deal_id,
            "delivery": self.delivery,
            "currency": self.currency,
            "gross_minor": self.gross_minor,
            "source": self.source,
            "period": self.period,
            "source_country": self.source_country or None,
            "rule": {
                "agency_share": f"{self.agency_share.normalize():f}",  # 0.40 and 0.4 are the same
                "deductions": [item.model_dump(mode="json") for item in self.deductions],
                **self._counted(),
            },
        }

    def _counted(self) -> dict[str, object]:
        """Returns what the weights are, and the digest of what states them."""
        if self.exposure:
            return {"weights": "per_exposure", "exposure_sha256": self.uses_source}
        weights = "use" if self.uses is not None else "delivery"
        return {"weights": weights, "use_sha256": self.uses_source or None}


@dataclass(frozen=True)
class RecordedPayment:
    """A payment in the books.

    Attributes:
        record: Its record.
        pool: The pool that it divides.
        lines: Its lines, POOL_LINES_SCHEMA.
        is_new: Whether it was recorded now; otherwise, it had been before.
        replaced_by: The delivery that replaces the one whose weights it uses, or "".
    """

    record: Record
    pool: BookedPool
    lines: pa.Table
    is_new: bool
    replaced_by: str

    @property
    def stopped(self) -> int:
        """How many removed assets do not share in it."""
        found = self.record.private.get("stopped")
        return found if isinstance(found, int) else 0


def record_payment(
    log: AgencyLog, store: Store, payment: Payment, recorded_at: str
) -> RecordedPayment:
    """Divides later revenue and records it, once for each name.

    Args:
        log: The agency's log.
        store: The output store.
        payment: The revenue.
        recorded_at: ISO 8601 instant.

    Raises:
        InputError: If the amount is zero or too large, the delivery is not in the books, nobody has
            a weight, or the name is taken by a payment with other terms.
        ExposureError: If some of its exposure was paid already.
        RunError: If the books are damaged.
    """
    _check_amount(payment)
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        check_unpaid(log, payment.delivery, payment.exposure)
        pools = booked_pools(log)
        weights, stopped = _weights(log, store, payment, pools, recorded_at)
        pool = _divided(log, payment, pools, weights)
        lines = log.books.write_lines(parquet_bytes(pool_lines(pool)))
        private = {**payment.terms(), **_outcome(pool), "replaces": None, "lines_sha256": lines}
        canonical = in_canonical_form(private)
        more: dict[str, object] = {"stopped": len(stopped)} if stopped else {}
        if payment.exposure:
            more[EXPOSURE_PARTS] = [part.model_dump(mode="json") for part in payment.exposure]
        proved = credit_sum_fields(log.salt, event, pool.division.credits, payment.gross_minor)
        public = {"delivery": payment.delivery, **proved}
        return NewRecord(public, {"pool": canonical, **more}, sets)

    event = (str(Kind.PAYMENT), payment.deal_id, payment.name)
    record = append_record(log, Kind.PAYMENT, event, recorded_at, make, created.append)
    pool = pool_of(record)
    if pool is None:
        raise AssertionError("a payment has a pool")
    check_same(payment.terms(), pool)
    holder = pool_holder(payment.delivery, patched_deliveries(log))
    following = replacement_of(holder, booked_pools(log))
    return RecordedPayment(record, pool, lines_of(log, pool), record.index in created, following)


def replacement_of(delivery: str, pools: Sequence[BookedPool]) -> str:
    """Returns the delivery that replaces a delivery in the books, or ""."""
    found = [p.delivery for p in pools if p.is_price and p.fields["replaces"] == delivery]
    return found[-1] if found else ""


def _check_amount(payment: Payment) -> None:
    if not 0 < payment.gross_minor <= MAX_MINOR:
        largest = format_amount(MAX_MINOR, payment.currency)
        raise InputError(
            "The amount cannot be shared",
            f"{format_amount(payment.gross_minor, payment.currency)[:60]} {payment.currency}",
            f"Nothing was recorded. Give more than 0 and at most {largest}.",
        )


def _divided(
    log: AgencyLog, payment: Payment, pools: list[BookedPool], weights: dict[str, int]
) -> DividedPool:
    deductions = deduct(payment.gross_minor, list(payment.deductions), payment.currency)
    net = payment.gross_minor - sum(minor for _, minor in deductions)
    agency = round_half_down(net * Fraction(payment.agency_share))
    carried = carried_in(log, pools, payment.currency)
    division = divide(net - agency, weights, carried, log.salt)
    due = Bounded(weights, dict.fromkeys(weights, SHARE))
    return DividedPool(payment.gross_minor, deductions, agency, net - agency, due, division)


def _outcome(pool: DividedPool) -> dict[str, object]:
    return {
        "deductions": [{"name": name, "minor": minor} for name, minor in pool.deductions],
        "agency_minor": pool.agency_minor,
        "contributors_minor": pool.contributors_minor,
        "rounding_minor": pool.division.rounding_minor,
    }


def _weights(
    log: AgencyLog, store: Store, payment: Payment, pools: list[BookedPool], recorded_at: str
) -> tuple[dict[str, int], set[str]]:
    """Returns contributors' frozen weights, or uses, less those of removed assets that stopped.

    Returns:
        The weights, and the assets that stopped.
    """
    price = price_of(pool_holder(payment.delivery, patched_deliveries(log)), pools)
    day = date.fromisoformat(recorded_at[:10])
    notices = recorded_notices(log)
    stopped = stopped_assets(notices, price.delivery, day, payment.period)
    if payment.uses is not None:
        uses = {asset: count for asset, count in payment.uses.items() if asset not in stopped}
        stopped &= payment.uses.keys()
        found = uses_by_contributor(store, payment.deal_id, payment.version, log.openers, uses)
        if payment.exposure and not any(found.values()):
            raise _nobody_left(payment)
        return found, stopped
    lines = lines_of(log, price)
    counted = map(int, values_of(lines["weight"], str))
    weights = dict(zip(values_of(lines["contributor_id"], str), counted, strict=True))
    gone = stopped_people(all_notices(log), price, day, payment.period)
    if stopped:
        weights = without_parts(weights, removed_parts(log, store, price, stopped, gone))
    weights = {who: 0 if who in gone else weight for who, weight in weights.items()}
    if not any(weights.values()):
        raise _nobody_left(payment)
    return weights, stopped


def _nobody_left(payment: Payment) -> InputError:
    return InputError(
        "Nobody is left to share in this revenue",
        f"{payment.delivery}: all assets and contributors with a weight were removed",
        "Nothing was recorded. The notices say that removed assets do not share in it.",
    )


def price_of(delivery: str, pools: Sequence[BookedPool]) -> BookedPool:
    """Returns the pool of what was paid for a delivery.

    Raises:
        InputError: If the delivery is not in the books.
    """
    own = [pool for pool in pools if pool.is_price and pool.delivery == delivery]
    if not own:
        known = sorted({pool.delivery for pool in pools_that_count(pools)})
        raise InputError(
            "The delivery is not in the agency's books",
            f"{delivery[:80]!a}; there are: {', '.join(known) or 'none'}",
            "Name one of these, or publish the delivery with fairshard package.",
        )
    return own[-1]


def uses_by_contributor(
    store: Store, deal_id: str, version: str, secrets: Collection[Opener], uses: Mapping[str, int]
) -> dict[str, int]:
    """Returns the uses of a delivery's assets, shared among their contributors by their splits.

    Args:
        store: The output store.
        deal_id: The deal.
        version: The delivery's version.
        secrets: The agency's secrets, by which the ledger is checked.
        uses: Uses by asset id.

    Returns:
        Uses times basis points, by contributor.

    Raises:
        RunError: If the ledger is not the one that was signed.
    """
    names = ("asset_id", "contributor_id", "share_bp")
    entries = read_ledger_rows(store, deal_id, version, secrets, names)
    points: dict[str, int] = defaultdict(int)
    for asset, who, share in zip(
        values_of(entries["asset_id"], str),
        values_of(entries["contributor_id"], str),
        values_of(entries["share_bp"], int),
        strict=True,
    ):
        if asset in uses:
            points[who] += uses[asset] * share
    return dict(points)
