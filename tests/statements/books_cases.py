"""An output whose books have later revenue, a fund's correction, payouts, tax and holds."""

from __future__ import annotations

import json
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipelines.accounts.deliveries import record_missing
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.payments import Payment, record_payment
from pipelines.accounts.payouts import record_payout
from pipelines.ledger.payout_plan import Payee
from pipelines.ledger.pool_note import sign_pool
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.payout_terms import parse_payout_terms
from tests.accounts.cases import key_of
from tests.accounts.outputs import SIGNER, publish
from tests.ledger.ledger_cases import asset, delivery

JULY = "2026-07-10T12:00:00+00:00"
SEPTEMBER = "2026-09-20T12:00:00+00:00"
PAID = date(2026, 8, 15)
TERMS = parse_payout_terms(
    """
    [[thresholds]]
    currency = "USD"
    amount = "25.00"
    [[holds]]
    contributor = "person-2"
    reason = "tax-form"
    note = "W-8BEN ended"
    starts = 2026-08-01
    [[withholding]]
    source_country = "US"
    rate = "0.30"
    source = "statutory rate"
    [[withholding]]
    source_country = "any"
    rate = "0"
    source = "none at source"
    [[rates]]
    currency = "JPY"
    into = "USD"
    rate = "0.0067"
    date = 2026-08-14
    source = "reference rate"
    """,
    "payout.toml",
)
#: person-3 is paid in USD, so that a balance in JPY is converted.
PAYEES = {who: Payee(who) for who in ("person-0", "person-1", "person-2")}
PAYEES["person-3"] = Payee("person-3", "Ada", "DE", "USD", "ref-3")
REVENUE = Payment(
    name="generative-2026-q3",
    deal_id="acme",
    version="v0001",
    gross_minor=77_777,
    currency="USD",
    agency_share=Decimal("0.40"),
    source="generative licences",
    period="2026-Q2",
    source_country="US",
)


def write_replaces(store: Store, deal_id: str, version: str, replaced: str) -> None:
    """Says that a version replaces another one, in the files that `package` writes."""
    folder = f"{deal_id}/{version}/agency/pool"
    record = {"version": "fairshard/replaces/v1", "replaces": replaced}
    store.write_bytes(f"{folder}/replaces.json", json.dumps(record).encode())
    pool = json.loads(store.read_bytes(f"{folder}/pool.json"))
    written = json.dumps(pool | {"replaces": replaced}).encode()
    store.write_bytes(f"{folder}/pool.json", written)
    note = sign_pool(SIGNER, f"{deal_id}/{version}", written)
    store.write_bytes(f"{folder}/pool.note", note.encode())


def make_books(folder: Path) -> AgencyLog:
    """Publishes acme (USD, twice), beta (JPY) and delta (USD); pays revenue, then contributors."""
    store = open_store(str(folder))
    publish(store, delivery(random.Random(1), 12, 60))
    july = "2026-07-05T12:00:00+00:00"
    publish(store, delivery(random.Random(2), 8, 30), "beta", as_of=july, currency="JPY")
    rows = [asset(number, ((f"person-{number % 4}", 10_000),)) for number in range(8)]
    publish(store, rows, "delta", pool_minor=20_000)
    key = key_of(None, SIGNER)
    record_missing(store, key)
    log = open_log(store, key)
    record_payment(log, store, REVENUE, JULY)
    record_payout(log, "august", TERMS, PAYEES, PAID, "2026-08-15T00:00:00+00:00")
    september = "2026-09-01T12:00:00+00:00"
    publish(store, rows[1:], "delta", "v0002", as_of=september, pool_minor=20_000)
    write_replaces(store, "delta", "v0002", "delta/v0001")
    record_missing(store, key)
    log.refresh()
    return log
