"""Funds in the books: shared exactly, recorded once, corrected by differences, on statements."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.bookkeeping import transactions
from pipelines.accounts.fund_division import Fund
from pipelines.accounts.funds import RecordedFund, record_fund
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pools import balances, booked_pools, carried_in
from pipelines.storage.open import open_store
from schemas.errors import InputError
from schemas.money import parse_amount
from schemas.price_terms import Deduction
from tests.accounts.cases import AS_OF, begun, key_of
from tests.accounts.money import publish
from tests.ledger.test_journal import balances_by_hledger, hledger, needs_hledger, written

FUND = Fund(
    name="fund-2026-h2",
    revenue={"acme": 600_00, "beta": 200_00},
    currency="USD",
    agency_share=Decimal("0.50"),
    source="AI licences",
    period="2026-H2",
)


@pytest.fixture
def log(tmp_path: Path) -> AgencyLog:
    """Publishes acme with 3 assets of ada; and beta with 1 of ada and bo."""
    store, key = begun(tmp_path)
    made = open_log(store, key)
    publish(made, "acme", {"ada": 7}, 0, assets=3)
    publish(made, "beta", {"ada": 5, "bo": 5}, 0, assets=1)
    return made


def credits(done: RecordedFund) -> dict[str, int]:
    return {row["contributor_id"]: row["credit_minor"] for row in done.lines.to_pylist()}


def parts(log: AgencyLog, done: RecordedFund) -> list[dict[str, Any]]:
    digest = done.pool.fields["parts_sha256"]
    path = f"agency/books/lines/{digest}.parquet"
    found: list[dict[str, Any]] = pq.read_table(log.books.store.open_read(path)).to_pylist()
    return found


def owed(log: AgencyLog) -> dict[str, int]:
    return {one.contributor_id: one.amount_minor for one in balances(log)}


def test_a_fund_is_shared_by_assets_over_all_deliveries(log: AgencyLog) -> None:
    """By hand: 400.00 for contributors; ada counts 3.5 of 4 assets, bo 0.5."""
    done = record_fund(log, FUND, AS_OF, correct=False)
    assert credits(done) == {"ada": 350_00, "bo": 50_00}
    assert [
        (row["contributor_id"], row["deal_id"], row["credit_minor"], row["due"])
        for row in parts(log, done)
    ] == [  # acme brings three quarters of all money, so of everybody's
        ("ada", "acme", 262_50, "26250/1"),
        ("ada", "beta", 87_50, "8750/1"),
        ("bo", "acme", 37_50, "3750/1"),
        ("bo", "beta", 12_50, "1250/1"),
    ]
    assert done.record.public["deliveries"] == ["acme/v0001", "beta/v0001"]


def test_the_example_of_the_docs_comes_to_its_amounts(log: AgencyLog) -> None:
    """docs/payouts.md: acme has 3 assets of ada, beta has 1 of ada and bo, as in the fixture."""
    page = (Path(__file__).parents[2] / "docs" / "payouts.md").read_text(encoding="utf-8")
    [example] = re.findall(r"<!-- fund -->\n(.*?)<!-- end -->", page, re.DOTALL)
    deals = dict(re.findall(r"--deal (\w+)=([0-9.]+)", example))
    [share] = re.findall(r"--agency-share ([0-9.]+)", example)
    revenue = {deal: parse_amount(text, "USD") for deal, text in deals.items()}
    fund = replace(FUND, revenue=revenue, agency_share=Decimal(share))
    done = record_fund(log, fund, AS_OF, correct=False)
    found = {
        (row["contributor_id"], row["deal_id"]): row["credit_minor"] for row in parts(log, done)
    }
    rows = re.findall(r"^\| (ada|bo) \| (\S+) \| (\S+) \| (\S+) \|$", example, re.MULTILINE)
    assert len(rows) == 2
    for who, *texts in rows:
        amounts = [parse_amount(text, "USD") for text in texts]
        assert amounts == [credits(done)[who], found[who, "acme"], found[who, "beta"]]


def test_a_fund_can_be_shared_by_amount(log: AgencyLog) -> None:
    """By hand: acme's 300.00 are ada's, beta's 100.00 are halved."""
    done = record_fund(log, replace(FUND, measure="amount"), AS_OF, correct=False)
    assert credits(done) == {"ada": 350_00, "bo": 50_00}
    uneven = replace(FUND, name="other", measure="amount", revenue={"acme": 200_00, "beta": 600_00})
    assert credits(record_fund(log, uneven, AS_OF, correct=False)) == {"ada": 250_00, "bo": 150_00}


def test_a_fund_is_recorded_once(log: AgencyLog) -> None:
    first = record_fund(log, FUND, AS_OF, correct=False)
    for correct in (False, True):
        again = record_fund(log, FUND, "2027-01-01T00:00:00+00:00", correct)
        assert (again.record, again.is_new, again.replaced) == (first.record, False, [])
    for other in (
        replace(FUND, revenue={"acme": 600_00, "beta": 200_01}),
        replace(FUND, revenue={"acme": 600_00}),
        replace(FUND, agency_share=Decimal("0.4")),
        replace(FUND, measure="amount"),
        replace(FUND, source_country="US"),
        replace(FUND, deductions=(Deduction(name="fee", amount="1.00"),)),
    ):
        with pytest.raises(InputError, match="another fund with this name"):
            record_fund(log, other, AS_OF, correct=False)
    assert log.size == first.record.index + 1


@pytest.mark.parametrize(
    ("revenue", "said"),
    [
        ({"acme": 0, "beta": 5}, "acme 0.00"),
        ({}, "0 deals"),
        ({"acme": 2**53 - 1, "beta": 1}, "together at most"),
        ({"acme": 1, "gamma": 1}, "'gamma'; there are: acme, beta"),
    ],
)
def test_bad_funds_are_refused(log: AgencyLog, revenue: dict[str, int], said: str) -> None:
    size = log.size
    with pytest.raises(InputError, match=said):
        record_fund(log, replace(FUND, revenue=revenue), AS_OF, correct=False)
    assert log.size == size


def test_a_replaced_delivery_is_corrected_by_differences(log: AgencyLog) -> None:
    """By hand: beta is now cy's alone; of 400.00, ada gets three quarters and cy the rest."""
    first = record_fund(log, FUND, AS_OF, correct=False)
    before = carried_in(log, booked_pools(log), "USD")
    publish(log, "beta", {"cy": 2}, 0, version="v0002", replaces="beta/v0001", assets=1)
    said = record_fund(log, FUND, AS_OF, correct=False)
    assert (said.record, said.is_new, said.replaced) == (first.record, False, ["beta/v0001"])
    done = record_fund(log, FUND, AS_OF, correct=True)
    assert done.is_new and credits(done) == {"ada": 300_00, "cy": 100_00}
    assert owed(log) == {"ada": 300_00, "cy": 100_00}
    assert done.record.public["replaces_record"] == first.record.index
    again = record_fund(log, FUND, AS_OF, correct=True)
    assert (again.record, again.is_new) == (done.record, False)
    amended = replace(FUND, revenue={"acme": 600_00, "beta": 400_00})
    last = record_fund(log, amended, AS_OF, correct=True)
    assert last.is_new and owed(log) == {"ada": 375_00, "cy": 125_00}
    assert not before and not carried_in(log, booked_pools(log), "USD")


@needs_hledger
@pytest.mark.long
@pytest.mark.parametrize(
    "other", [replace(FUND, currency="EUR"), replace(FUND, source_country="DE")]
)
def test_a_correction_stays_in_its_currency_and_country(log: AgencyLog, other: Fund) -> None:
    record_fund(log, FUND, AS_OF, correct=False)
    size = log.size
    with pytest.raises(InputError, match="cannot change a fund's"):
        record_fund(log, other, AS_OF, correct=True)
    log.refresh()
    assert log.size == size


def test_hledger_agrees_with_a_fund_and_its_correction(log: AgencyLog, tmp_path: Path) -> None:
    fund = replace(FUND, deductions=(Deduction(name="legal fee", amount="40.00"),))
    record_fund(log, fund, AS_OF, correct=False)
    publish(log, "beta", {"cy": 2}, 0, version="v0002", replaces="beta/v0001", assets=1)
    record_fund(log, replace(fund, revenue={"acme": 600_00}), AS_OF, correct=True)
    path = written(tmp_path, list(transactions(log)))
    hledger(path, "check", "--strict")
    # By hand: beta's buyer owes nothing any more; (600 - 40) / 2 for the agency and for ada.
    assert balances_by_hledger(path) == {
        ("assets:receivable:acme", "USD"): 600_00,
        ("income:agency", "USD"): -280_00,
        ("income:deductions:legal%20fee", "USD"): -40_00,
        ("liabilities:contributors:ada", "USD"): -280_00,
    }


WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 99), min_size=1)


@settings(max_examples=8)
@given(
    st.lists(st.tuples(WEIGHTS, st.integers(1, 50), st.integers(1, 10**6)), min_size=1, max_size=4),
    st.permutations(range(4)),
)
def test_funds_conserve_carry_and_ignore_the_order_of_deals(
    tmp_path_factory: pytest.TempPathFactory,
    deals: list[tuple[dict[str, int], int, int]],
    order: list[int],
) -> None:
    made = []
    for places in (range(4), order):
        store, key = begun(tmp_path_factory.mktemp("fund"))
        log = open_log(store, key)
        for number, (weights, assets, _) in enumerate(deals):
            publish(log, f"d{number}", weights, 0, assets=assets)
        revenue = {f"d{at}": deals[at][2] for at in places if at < len(deals)}
        for name in ("first", "second", "third"):
            one = replace(FUND, name=name, revenue=revenue)
            done = record_fund(log, one, AS_OF, correct=False)
            pool = done.pool.fields
            given_out = pool["contributors_minor"] + pool["agency_minor"] + pool["rounding_minor"]
            assert given_out == sum(revenue.values())
            found: Counter[str] = Counter()
            for row in parts(log, done):
                found[row["deal_id"]] += row["credit_minor"]
            assert found == {p["deal_id"]: p["contributors_minor"] for p in pool["parts"]}
        exact: Counter[str] = Counter()
        size = sum(assets for _, assets, _ in deals)
        shared = sum(p["contributors_minor"] for p in pool["parts"]) + pool["rounding_minor"]
        for weights, assets, _ in deals:
            for who, weight in weights.items():
                exact[who] += Fraction(shared * assets * weight, size * sum(weights.values()))  # type: ignore[assignment]
        paid = owed(log)
        for who, due in exact.items():
            assert abs(3 * due - paid.get(who, 0)) <= 1
        names = sorted(path.name for path in Path(store.uri).glob("agency/books/lines/*"))
        made.append((names, paid))
    assert made[0] == made[1]


def test_a_fund_is_the_same_when_it_is_made_again(log: AgencyLog, tmp_path: Path) -> None:
    """From the records before it, the same bytes follow."""
    shutil.copytree(Path(log.books.store.uri), tmp_path / "copy")
    first = record_fund(log, FUND, AS_OF, correct=False)
    other = open_log(open_store(str(tmp_path / "copy")), key_of(None))
    again = record_fund(other, FUND, AS_OF, correct=False)
    assert first.record.to_bytes() == again.record.to_bytes()
