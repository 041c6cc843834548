"""A small deal, as text."""

from __future__ import annotations

_DEAL = """\
deal_id = "{deal_id}"
buyer = "Example Models, Inc."
purposes = ["train_gen"]
territory = ["US"]
starts = 2026-07-01
ends = 2029-07-01

[price]
pool = "{pool}"
currency = "USD"
"""


def deal_text(deal_id: str = "case", pool: str = "100.00") -> str:
    """Returns a deal with the default terms, to which a test may append sections."""
    return _DEAL.format(deal_id=deal_id, pool=pool)
