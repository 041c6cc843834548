"""What contributors bring to the division of a delivery's price from earlier pools."""

from __future__ import annotations

from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.pools import BookedPool, booked_pools, carried_in, lines_of
from pipelines.accounts.reader import ReadableLog
from pipelines.storage.columns import values_of


def carried_to(
    log: ReadableLog, delivery: str, currency: str, replaced: str
) -> dict[str, Fraction]:
    """Returns what is carried for each contributor when a delivery's price is divided.

    If the books have the delivery already, it is what they were divided with at that time, so that
    a delivery that is made again gets the same bytes.

    Args:
        log: The agency's log.
        delivery: Id of the delivery.
        currency: Its currency.
        replaced: Id of the delivery whose price this one replaces, or "".

    Raises:
        RunError: If the books are damaged.
    """
    pools = booked_pools(log)
    own = _price_of(delivery, pools)
    if own is not None:
        return carried_before(lines_of(log, own))
    return carried_in(log, pools, currency, _price_of(replaced, pools))


def carried_before(lines: pa.Table) -> dict[str, Fraction]:
    """Returns what was carried for each contributor before a pool was divided.

    Args:
        lines: The pool's lines, POOL_LINES_SCHEMA.
    """
    names = values_of(lines["contributor_id"], str)
    dues, after = values_of(lines["due"], str), values_of(lines["carried"], str)
    credits = values_of(lines["credit_minor"], int)
    found = {
        who: Fraction(left) - Fraction(due) + credit
        for who, due, left, credit in zip(names, dues, after, credits, strict=True)
    }
    return {who: carried for who, carried in found.items() if carried}


def _price_of(delivery: str, pools: list[BookedPool]) -> BookedPool | None:
    own = [pool for pool in pools if pool.is_price and pool.delivery == delivery]
    return own[-1] if own else None
