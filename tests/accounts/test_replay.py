"""Replay of the books: sound books give the same bytes, and whatever was altered is named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.funds import record_fund
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.payments import record_payment
from pipelines.accounts.payouts import record_payout
from pipelines.accounts.replay import Replay, replay
from pipelines.ledger.payout_plan import Payee
from pipelines.ledger.pool import divide_pool, pool_lines, price_pool
from pipelines.ledger.record import Kind, Record, in_canonical_form
from pipelines.storage.tables import parquet_bytes
from schemas.payout_terms import parse_payout_terms
from schemas.price_terms import Deduction, PriceTerms
from tests.accounts.cases import AS_OF
from tests.accounts.money import publish
from tests.accounts.test_funds import FUND
from tests.accounts.test_payments import PAYMENT
from tests.accounts.test_removals import THREE, deliver, new_books, notice

TERMS = parse_payout_terms(
    """
    [[thresholds]]
    currency = "USD"
    amount = "40.00"
    [[holds]]
    contributor = "cy"
    reason = "tax-form"
    note = "W-8BEN ended"
    starts = 2026-01-01
    [[withholding]]
    source_country = "any"
    rate = "0.15"
    source = "statutory rate"
    [[rates]]
    currency = "USD"
    into = "EUR"
    rate = "0.92"
    date = 2026-06-29
    source = "reference rate"
    """,
    "payout.toml",
)
PAYEES = {
    "ada": Payee("ada", "Ada", "DE", "EUR", "ref-1"),
    "bo": Payee("bo", "Bo", "FR", "", "ref-2"),
    "cy": Payee("cy"),
}


def fill(log: AgencyLog, store: Any, folder: Path) -> None:
    """Two prices, a new version, revenue, a fund, a removal, payouts; USD and JPY."""
    deliver(log, folder, THREE, 100_01)
    publish(log, "beta", {"ada": 1, "bo": 2}, 5_000, currency="JPY")
    revenue = replace(
        PAYMENT, gross_minor=77_77, deductions=(Deduction(name="fee", amount="1.01"),)
    )
    record_payment(log, store, revenue, AS_OF)
    publish(
        log,
        "beta",
        {"ada": 2, "bo": 1},
        5_001,
        version="v0002",
        currency="JPY",
        replaces="beta/v0001",
    )
    fund = replace(FUND, deductions=(Deduction(name="fee", amount="0.07"),))
    record_fund(log, fund, AS_OF, correct=False)
    record_fund(log, replace(fund, revenue={"acme": 601_11, "beta": 200_00}), AS_OF, correct=True)
    day = date(2026, 6, 30)
    record_payout(log, "june", TERMS, PAYEES, day, AS_OF)
    record_corrections(log, store, notice(log, ["b"]), AS_OF)
    record_payment(log, store, replace(PAYMENT, name="more", gross_minor=333_33), AS_OF)
    record_payout(log, "july", TERMS, PAYEES, date(2026, 7, 31), "2026-07-31T00:00:00+00:00")


@pytest.fixture(scope="module")
def books() -> Iterator[AgencyLog]:
    with new_books() as (store, log, folder):
        fill(log, store, folder)
        yield log


class Signed:
    """A log in which one record is another one, as if the agency had recorded and signed it."""

    def __init__(self, log: AgencyLog, index: int, private: Mapping[str, Any]) -> None:
        self.books, self.checkpoint, self.vkey = log.books, log.checkpoint, log.vkey
        self.size, self.salt, self.published = log.size, log.salt, log.published
        self._log, self._index, self._private = log, index, private

    def record(self, index: int) -> Record:
        found = self._log.record(index)
        return replace(found, private=self._private) if index == self._index else found


def replayed(log: Any) -> Replay:
    return replay(log, lambda deal: [log.salt])


def test_sound_books_give_the_same_bytes(books: AgencyLog) -> None:
    assert replayed(books) == Replay(records=books.size, pools=8, payouts=2)


def tables(log: AgencyLog) -> list[tuple[int, str, str]]:
    """Every table of the books: its record, and where the record has its digest."""
    found = []
    for index in range(log.size):
        private = log.record(index).private
        for owner in (private, private.get("pool")):
            if isinstance(owner, dict):
                found += [
                    (index, str(name), str(value))
                    for name, value in owner.items()
                    if str(name) in ("lines_sha256", "parts_sha256", "unpaid_sha256")
                ]
    return found


def altered(log: AgencyLog, index: int, name: str, table: pa.Table) -> Signed:
    digest = log.books.write_lines(parquet_bytes(table))
    private = dict(log.record(index).private)
    if name in private:
        private[name] = digest
    else:
        private["pool"] = {**private["pool"], name: digest}  # type: ignore[dict-item]
    return Signed(log, index, private)


def test_every_altered_amount_is_named_by_its_record(books: AgencyLog) -> None:
    """One unit more in any row of any table, recorded and signed as if it were right."""
    seen = 0
    for index, name, digest in tables(books):
        path = books.books.store.open_read(f"agency/books/lines/{digest}.parquet")
        table = pq.read_table(path)
        amounts = [one for one in table.column_names if one.endswith("_minor")]
        for column in amounts:
            for row in range(len(table)):
                values: list[Any] = table[column].to_pylist()
                values[row] += 1
                at = table.column_names.index(column)
                other = table.set_column(at, table.schema.field(at), pa.array(values, pa.int64()))
                found = replayed(altered(books, index, name, other))
                assert found.fault.startswith(f"record {index} ("), (index, name, column, row)
                assert found.records == index
                seen += 1
    assert seen >= 50


@pytest.mark.parametrize("column", ["due", "carried"])
def test_every_altered_fraction_is_named_by_its_record(books: AgencyLog, column: str) -> None:
    for index, name, digest in tables(books):
        path = books.books.store.open_read(f"agency/books/lines/{digest}.parquet")
        table = pq.read_table(path)
        removal = "basis" in table.column_names and "removal" in table["basis"].to_pylist()
        if column not in table.column_names or (removal and column == "due"):
            continue  # what a removal takes is an input, as weights are
        values = table[column].to_pylist()
        values[0] = "1/7"
        at = table.column_names.index(column)
        other = table.set_column(at, table.schema.field(at), pa.array(values, pa.string()))
        found = replayed(altered(books, index, name, other))
        assert found.fault.startswith(f"record {index} ("), (index, name)


@pytest.mark.parametrize("field", ["gross_minor", "agency_minor", "rounding_minor"])
def test_an_altered_part_of_a_pool_is_named(books: AgencyLog, field: str) -> None:
    for index in range(books.size):
        private = dict(books.record(index).private)
        pool = private.get("pool")
        if isinstance(pool, dict):
            private["pool"] = {**pool, field: int(pool[field]) + 1}
            found = replayed(Signed(books, index, in_canonical_form(private)))  # type: ignore[arg-type]
            assert found.fault.startswith(f"record {index} (")


def test_altered_files_are_named(books: AgencyLog) -> None:
    index, _, digest = tables(books)[2]
    store, key = books.books.store, f"agency/books/lines/{digest}.parquet"
    before = store.read_bytes(key)
    try:
        store.write_bytes(key, before + b"x", private=True)
        assert f"record {index}" in replayed(books).fault
    finally:
        store.write_bytes(key, before, private=True)


def test_terms_are_part_of_what_is_replayed(books: AgencyLog) -> None:
    index = books.size - 1
    private = dict(books.record(index).private)
    private["terms"] = {**private["terms"], "thresholds": []}  # type: ignore[dict-item]
    assert replayed(Signed(books, index, private)).fault.startswith(f"record {index} (payout)")


def test_payouts_of_old_books_are_said_not_to_be_replayed(books: AgencyLog) -> None:
    index = books.size - 1
    private = {k: v for k, v in books.record(index).private.items() if k != "inputs_sha256"}
    found = replayed(Signed(books, index, private))
    assert (found.fault, found.payouts, len(found.skipped)) == ("", 1, 1)
    assert f"record {index} (payout july)" in found.skipped[0]


class InMemory:
    """Books with later revenue only, kept in memory."""

    checkpoint = vkey = ""
    salt = bytes(32)

    def __init__(self) -> None:
        self.books, self.records = self, list[Record]()
        self.tables: dict[str, pa.Table] = {}
        self.carried: dict[str, Fraction] = {}

    @property
    def size(self) -> int:
        return len(self.records)

    def record(self, index: int) -> Record:
        return self.records[index]

    def read_lines(self, digest: str, schema: pa.Schema) -> pa.Table:
        return self.tables[digest]

    def divide(self, gross: int, weights: dict[str, int], share: str, fee: str) -> None:
        deduction = {"name": "fee", "share": fee}
        terms = {"currency": "USD", "pool": "1", "deductions": [deduction]}
        price = PriceTerms.model_validate(terms)
        pool = divide_pool(price, gross, weights, Fraction(share), self.carried, self.salt)
        table = pool_lines(pool)
        for row in table.to_pylist():
            left = self.carried.get(row["contributor_id"], Fraction(0)) + Fraction(row["due"])
            self.carried[row["contributor_id"]] = left - row["credit_minor"]
        data = parquet_bytes(table)
        digest = hashlib.sha256(data).hexdigest()
        self.tables[digest] = table
        fields = price_pool(pool, price, "acme", "acme/v0001", digest)
        fields["rule"] = {"agency_share": share, "deductions": [deduction]}
        private = {"pool": in_canonical_form(fields)}
        made = Record(self.size, Kind.PAYMENT, AS_OF, {}, private, bytes(32))
        self.records.append(made)


POOLS = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.dictionaries(st.sampled_from("abcde"), st.integers(1, 10**6), min_size=1),
        st.sampled_from(["0", "0.4", "0.333", "0.995"]),
        st.sampled_from(["0.01", "0.125"]),
    ),
    min_size=1,
    max_size=4,
)


def check_replay(pools: list[tuple[int, dict[str, int], str, str]], seed: int) -> None:
    """Any pools are replayed to the same bytes; a unit moved from one to another is named."""
    log = InMemory()
    for pool in pools:
        log.divide(*pool)
    assert replayed(log) == Replay(records=len(pools), pools=len(pools))
    index = seed % len(pools)
    fields = log.records[index].private["pool"]
    assert isinstance(fields, dict)
    table = log.tables[str(fields["lines_sha256"])]
    credits: list[Any] = table["credit_minor"].to_pylist()
    if len(credits) == 1:
        return
    credits[0], credits[1] = credits[0] + 1, credits[1] - 1
    at = table.column_names.index("credit_minor")
    column = pa.array(credits, pa.int64())
    other = table.set_column(at, table.schema.field(at), column)
    log.tables["other"] = other
    private = {"pool": {**fields, "lines_sha256": "other"}}
    log.records[index] = replace(log.records[index], private=private)
    found = replayed(log)
    assert found.fault.startswith(f"record {index} (payment): its lines, contributor ")


@settings(max_examples=40)
@given(POOLS, st.integers(0, 99))
def test_any_pools_are_replayed(
    pools: list[tuple[int, dict[str, int], str, str]], seed: int
) -> None:
    check_replay(pools, seed)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(POOLS, st.integers(0, 99))
def test_ten_thousand_histories_are_replayed(
    pools: list[tuple[int, dict[str, int], str, str]], seed: int
) -> None:
    check_replay(pools, seed)
