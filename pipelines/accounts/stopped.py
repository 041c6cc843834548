"""Contributors who took everything back: none of their weight shares in later revenue.

The weights of a price may go beyond what was delivered (`base = "considered"`). A notice names the
assets that a delivery has; what was asked for tells whose other weight has to stop as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pipelines.accounts.pools import BookedPool
from pipelines.accounts.removals import RecordedNotice, has_stopped
from schemas.deal_terms import WithdrawalTerms


def stopped_people(
    notices: Iterable[RecordedNotice], price: BookedPool, day: date, period: str
) -> frozenset[str]:
    """Returns the contributors none of whose weight in a price shares in a payment.

    Args:
        notices: All notices, those without a buyer too.
        price: The price whose weights are used.
        day: The day of the payment.
        period: When it was earned.

    Raises:
        InputError: If it depends on the period, and it is not a calendar period.
    """
    if price.fields["rule"].get("base") != "considered":
        return frozenset()  # all weight is of delivered assets, which the notices name
    deal_id = str(price.fields["deal_id"])
    stated = WithdrawalTerms.model_validate(price.fields.get("withdrawal", {})).recurring
    found: set[str] = set()
    for notice in notices:
        people = notice.asked.ids("contributor")
        if not people or not notice.counts_in(deal_id) or notice.only_deal not in ("", deal_id):
            continue
        own = not notice.has_buyer or notice.deal_id == deal_id
        recurring = (notice.term("recurring") if own else "") or stated
        if has_stopped(notice, recurring, day, period):
            found |= people
    return frozenset(found)
