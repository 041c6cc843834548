"""Later revenue and payouts: shared exactly, recorded once, and never paid twice."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.bookkeeping import transactions
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.payments import Payment, record_payment, uses_by_contributor
from pipelines.accounts.payouts import NothingToPayError, payments_of, record_payout
from pipelines.accounts.pools import balances, booked_pools, carried_in, lines_of, pools_that_count
from pipelines.ledger.payout_plan import Payee
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError
from schemas.payout_terms import PayoutTerms, parse_payout_terms
from schemas.price_terms import Deduction
from tests.accounts.cases import AS_OF, SIGNER, begun
from tests.accounts.ledgers import write_ledger
from tests.accounts.money import publish
from tests.ledger.test_journal import balances_by_hledger, hledger, needs_hledger, written

DAY = date(2026, 12, 15)
PAYMENT = Payment(
    name="generative-2026-h2",
    deal_id="acme",
    version="v0001",
    gross_minor=10_00,
    currency="USD",
    agency_share=Decimal("0.40"),
    source="generative licences",
    period="2026-H2",
)
TERMS = parse_payout_terms('[[thresholds]]\ncurrency = "USD"\namount = "1.00"\n', "payout.toml")


@pytest.fixture
def books(tmp_path: Path) -> tuple[Store, AgencyLog]:
    store, key = begun(tmp_path)
    return store, open_log(store, key)


def credits(log: AgencyLog, index: int) -> dict[str, int]:
    [pool] = [pool for pool in booked_pools(log) if pool.index == index]
    lines = lines_of(log, pool)
    minor = values_of(lines["credit_minor"], int)
    return dict(zip(values_of(lines["contributor_id"], str), minor, strict=True))


def owed(log: AgencyLog) -> dict[str, int]:
    return {one.contributor_id: one.amount_minor for one in balances(log)}


def test_revenue_is_shared_by_the_frozen_weights(books: tuple[Store, AgencyLog]) -> None:
    store, log = books
    publish(log, "acme", {"ada": 3, "bo": 1}, 400)
    done = record_payment(log, store, PAYMENT, AS_OF)
    assert done.is_new
    assert credits(log, done.record.index) == {"ada": 450, "bo": 150}
    pool = done.record.private["pool"]
    assert isinstance(pool, dict)
    assert (pool["agency_minor"], pool["contributors_minor"], pool["rounding_minor"]) == (
        400,
        600,
        0,
    )
    assert owed(log) == {"ada": 300 + 450, "bo": 100 + 150}


def test_fractions_carry_from_pool_to_pool(books: tuple[Store, AgencyLog]) -> None:
    """3,000 equal payees and ten pools of 3.00: everyone has had 0.01 after ten pools."""
    store, log = books
    people = {f"c{n:04d}": 1 for n in range(3_000)}
    publish(log, "acme", people, 300)
    for number in range(1, 10):
        one = replace(PAYMENT, name=f"p{number}", gross_minor=300, agency_share=Decimal(0))
        record_payment(log, store, one, AS_OF)
    assert {one.amount_minor for one in balances(log)} == {1}
    assert len(balances(log)) == 3_000


def test_the_same_payment_is_recorded_once(books: tuple[Store, AgencyLog]) -> None:
    store, log = books
    publish(log, "acme", {"ada": 1}, 0)
    first = record_payment(log, store, PAYMENT, AS_OF)
    same = replace(PAYMENT, agency_share=Decimal("0.4"))
    again = record_payment(log, store, same, "2027-01-01T00:00:00+00:00")
    assert (again.record, again.is_new) == (first.record, False)
    assert [one.amount_minor for one in balances(log)] == [600]
    for other, said in (
        (replace(PAYMENT, gross_minor=10_01), "--amount 10.00 USD, not 10.01 USD"),
        (replace(PAYMENT, currency="EUR"), "--amount 10.00 USD, not 10.00 EUR"),
        (replace(PAYMENT, agency_share=Decimal("0.41")), "--agency-share 0.4, not 0.41"),
        (replace(PAYMENT, source_country="US"), "--source-country (none), not US"),
        (
            replace(PAYMENT, deductions=(Deduction(name="legal", amount="1.00"),)),
            "--deduct (none), not legal=1.00",
        ),
    ):
        with pytest.raises(InputError, match="another payment with this name") as refused:
            record_payment(log, store, other, AS_OF)
        assert refused.value.which.endswith(f"with {said}")
    assert log.size == first.record.index + 1


def test_deductions_come_first(books: tuple[Store, AgencyLog]) -> None:
    """Pond5's extended licence: (100 + 149 - 30) x 50 % = 109.50."""
    store, log = books
    publish(log, "acme", {"ada": 1}, 0)
    one = replace(
        PAYMENT,
        gross_minor=249_00,
        agency_share=Decimal("0.50"),
        deductions=(Deduction(name="legal fee", amount="30.00"),),
    )
    done = record_payment(log, store, one, AS_OF)
    assert credits(log, done.record.index) == {"ada": 109_50}


def test_a_delivery_that_is_not_in_the_books_is_refused(books: tuple[Store, AgencyLog]) -> None:
    store, log = books
    publish(log, "other", {"ada": 1}, 0)
    size = log.size
    with pytest.raises(
        InputError, match=r"not in the agency's books: 'acme/v0001'; there are: other"
    ):
        record_payment(log, store, PAYMENT, AS_OF)
    assert log.size == size


def test_a_replaced_pool_counts_once(books: tuple[Store, AgencyLog]) -> None:
    _, log = books
    publish(log, "acme", {"ada": 1, "bo": 1}, 1_000)
    publish(log, "acme", {"ada": 1}, 1_000, version="v0002", replaces="acme/v0001")
    assert owed(log) == {"ada": 1_000}


def test_a_payout_settles_every_balance_once(books: tuple[Store, AgencyLog]) -> None:
    store, log = books
    publish(log, "acme", {"ada": 3, "bo": 1}, 400)
    payees = {"ada": Payee("ada", "Ada Example", "DE", "", "IBAN-1"), "bo": Payee("bo")}
    paid = record_payout(log, "december", TERMS, payees, DAY, AS_OF)
    assert [
        (one["contributor_id"], one["payee_ref"], one["net_minor"])
        for one in payments_of(paid.lines)
    ] == [("ada", "IBAN-1", 300), ("bo", "", 100)]
    assert balances(log) == []
    again = record_payout(log, "december", TERMS, payees, DAY, "2027-01-01T00:00:00+00:00")
    assert (again.record, again.lines, again.is_new) == (paid.record, paid.lines, False)
    with pytest.raises(NothingToPayError, match="No balance can be paid"):
        record_payout(log, "more", TERMS, payees, DAY, AS_OF)
    with pytest.raises(InputError, match="another payout with this name"):
        record_payout(log, "december", TERMS, payees, date(2027, 1, 15), AS_OF)
    record_payment(log, store, PAYMENT, AS_OF)
    later = record_payout(log, "january", TERMS, payees, date(2027, 1, 15), AS_OF)
    assert [one["net_minor"] for one in payments_of(later.lines)] == [450, 150]


def test_a_payout_of_an_earlier_day_pays_nothing_that_was_moved_since(
    books: tuple[Store, AgencyLog],
) -> None:
    """On the day before, everything was ada's; the next version gives half of it to bo."""
    _, log = books
    publish(log, "acme", {"ada": 1}, 1_000)
    day, later = date.fromisoformat(AS_OF[:10]), date(2027, 3, 1)
    both = {"ada": 1, "bo": 1}
    at = f"{later}T00:00:00+00:00"
    publish(log, "acme", both, 1_000, version="v0002", replaces="acme/v0001", recorded_at=at)
    paid = record_payout(log, "then", TERMS, None, day, AS_OF)
    assert [(one["contributor_id"], one["net_minor"]) for one in payments_of(paid.lines)] == [
        ("ada", 500)
    ]
    last = record_payout(log, "now", TERMS, None, later, AS_OF)
    assert [(one["contributor_id"], one["net_minor"]) for one in payments_of(last.lines)] == [
        ("bo", 500)
    ]


def test_somebody_whom_the_catalogue_no_longer_has_is_not_paid(
    books: tuple[Store, AgencyLog],
) -> None:
    _, log = books
    publish(log, "acme", {"ada": 1, "bo": 1}, 1_000)
    paid = record_payout(log, "one", TERMS, {"ada": Payee("ada")}, DAY, AS_OF)
    assert [one["contributor_id"] for one in payments_of(paid.lines)] == ["ada"]
    [left] = paid.unpaid.to_pylist()
    assert (left["contributor_id"], left["reason"]) == ("bo", "held")
    assert left["detail"] == "payee-unknown: the catalogue does not have this contributor"


def test_with_an_empty_catalogue_nobody_is_paid(books: tuple[Store, AgencyLog]) -> None:
    _, log = books
    publish(log, "acme", {"ada": 1, "bo": 1}, 1_000)
    size = log.size
    with pytest.raises(NothingToPayError) as nothing:
        record_payout(log, "one", TERMS, {}, DAY, AS_OF)
    assert {one.payee.contributor_id for one in nothing.value.plan.unsettled} == {"ada", "bo"}
    assert log.size == size


def test_a_reversal_after_a_payout_is_carried_on(books: tuple[Store, AgencyLog]) -> None:
    _, log = books
    publish(log, "acme", {"ada": 1, "bo": 1}, 1_000)
    record_payout(log, "one", TERMS, None, DAY, AS_OF)
    publish(log, "acme", {"ada": 1}, 1_000, version="v0002", replaces="acme/v0001")
    assert {one.contributor_id: one.amount_minor for one in balances(log)} == {
        "ada": 500,
        "bo": -500,
    }
    paid = record_payout(log, "two", TERMS, None, DAY, AS_OF)
    assert [one["net_minor"] for one in payments_of(paid.lines)] == [500]
    assert [(row["contributor_id"], row["reason"]) for row in paid.unpaid.to_pylist()] == [
        ("bo", "negative_balance")
    ]


def test_damaged_lines_are_noticed(books: tuple[Store, AgencyLog], tmp_path: Path) -> None:
    _, log = books
    publish(log, "acme", {"ada": 1}, 1_000)
    [path] = (tmp_path / "out" / "agency" / "books" / "lines").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    with pytest.raises(RunError, match="damaged"):
        balances(log)
    path.unlink()
    with pytest.raises(RunError, match="missing"):
        balances(log)


def test_uses_are_shared_by_splits(tmp_path: Path) -> None:
    splits = [("a", "ada", 7_500), ("a", "bo", 2_500), ("b", "ada", 10_000), ("c", "cy", 10_000)]
    rows = [
        {"asset_id": asset, "contributor_id": who, "share_bp": share, "weight": 1}
        for asset, who, share in splits
    ]
    write_ledger(tmp_path, "v0001", rows)
    known, uses = [SIGNER.secret], {"a": 4, "b": 1}
    found = uses_by_contributor(open_store(str(tmp_path)), "acme", "v0001", known, uses)
    assert found == {"ada": 40_000, "bo": 10_000}


@contextmanager
def new_books() -> Iterator[tuple[Store, AgencyLog, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        store, key = begun(Path(folder))
        yield store, open_log(store, key), Path(folder)


WEIGHTS = st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 60), min_size=1).filter(
    lambda found: sum(found.values()) > 0
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("delivery"), WEIGHTS, st.integers(0, 500)),
        st.tuples(st.just("replace"), WEIGHTS, st.integers(0, 500)),
        st.tuples(st.just("payment"), st.integers(1, 500), st.integers(0, 99)),
        st.tuples(st.just("payout"), st.just(0), st.just(0)),
    ),
    max_size=9,
)


def play(store: Store, log: AgencyLog, events: list[tuple[str, object, int]]) -> Counter[str]:
    """Makes the events happen; returns what every contributor was paid."""
    paid: Counter[str] = Counter()
    published: list[tuple[str, int]] = []  # deal, version
    terms = PayoutTerms()
    for number, (kind, first, second) in enumerate(events):
        if kind == "delivery":
            assert isinstance(first, dict)
            publish(log, f"d{number}", first, second, agency_minor=7)
            published.append((f"d{number}", 1))
        elif kind == "replace" and published:
            assert isinstance(first, dict)
            deal, version = published.pop()
            before = f"{deal}/v{version:04d}"
            publish(log, deal, first, second, version=f"v{version + 1:04d}", replaces=before)
            published.append((deal, version + 1))
        elif kind == "payment" and published:
            assert isinstance(first, int)
            deal, version = published[0]
            share = Decimal(second).scaleb(-2)
            one = replace(PAYMENT, name=f"p{number}", deal_id=deal, version=f"v{version:04d}")
            record_payment(log, store, replace(one, gross_minor=first, agency_share=share), AS_OF)
        elif kind == "payout":
            try:
                done = record_payout(log, f"o{number}", terms, None, DAY, AS_OF)
            except NothingToPayError:
                continue
            for row in payments_of(done.lines):
                paid[str(row["contributor_id"])] += int(str(row["net_minor"]))
    return paid


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_dues_credits_and_payouts_agree(events: list[tuple[str, object, int]]) -> None:
    with new_books() as (store, log, _):
        paid = play(store, log, events)
        due: dict[str, Fraction] = {}
        credited: Counter[str] = Counter()
        for pool in pools_that_count(booked_pools(log)):
            lines = lines_of(log, pool).to_pylist()
            assert pool.fields["gross_minor"] == (
                pool.fields["agency_minor"]
                + pool.fields["rounding_minor"]
                + sum(line["credit_minor"] for line in lines)
            )
            whole = sum(int(line["weight"]) for line in lines)
            shared = pool.fields["gross_minor"] - pool.fields["agency_minor"]
            for line in lines:
                who = line["contributor_id"]
                due[who] = due.get(who, Fraction(0)) + Fraction(shared * int(line["weight"]), whole)
                credited[who] += line["credit_minor"]
        left = carried_in(log, booked_pools(log), "USD")
        assert {who: due[who] - credited[who] for who in due if due[who] != credited[who]} == left
        if not any(kind == "replace" for kind, _, _ in events):
            assert all(abs(one) <= 1 for one in left.values())
        wanted = {who: credited[who] - paid[who] for who in {*credited, *paid}}
        assert owed(log) == {who: minor for who, minor in wanted.items() if minor}


@needs_hledger
@pytest.mark.long
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_hledger_agrees_with_the_balances(events: list[tuple[str, object, int]]) -> None:
    with new_books() as (store, log, folder):
        play(store, log, events)
        path = written(folder, list(transactions(log)))
        hledger(path, "check", "--strict")
        prefix = "liabilities:contributors:"
        found = {
            account.removeprefix(prefix): -minor
            for (account, _), minor in balances_by_hledger(path).items()
            if account.startswith(prefix)
        }
        assert found == owed(log)


PAYEES = {"ada": Payee("ada"), "bo": Payee("bo")}


class _Overtaken(dict[str, Payee]):
    """Payees; while they are read, another process records the same payout."""

    def __init__(self, store: Store, key: LogKey) -> None:
        super().__init__(PAYEES)
        self.other: AgencyLog | None = open_log(store, key)

    def get(self, who: str, default: Payee) -> Payee:  # type: ignore[override]
        other, self.other = self.other, None
        if other is not None:
            assert record_payout(other, "p", TERMS, PAYEES, DAY, AS_OF).is_new
        return super().get(who, default)


def test_of_two_at_once_one_says_that_it_recorded_the_payout(tmp_path: Path) -> None:
    store, key = begun(tmp_path)
    log = open_log(store, key)
    publish(log, "acme", {"ada": 3, "bo": 1}, 400)
    done = record_payout(log, "p", TERMS, _Overtaken(store, key), DAY, AS_OF)
    assert not done.is_new
    assert list(payments_of(done.lines))
    assert balances(log) == []


def test_credits_of_later_days_are_not_paid(books: tuple[Store, AgencyLog]) -> None:
    store, log = books
    publish(log, "acme", {"ada": 1}, 1_000)
    record_payment(log, store, PAYMENT, "2027-01-05T00:00:00+00:00")
    paid = record_payout(log, "december", TERMS, None, DAY, AS_OF)
    assert [one["net_minor"] for one in payments_of(paid.lines)] == [1_000]
    assert owed(log) == {"ada": 600}
    with pytest.raises(NothingToPayError):
        record_payout(log, "earlier", TERMS, None, date(2026, 6, 1), AS_OF)
