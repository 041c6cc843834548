"""Funds after removals: removed assets that stopped neither count nor give anybody a weight."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.fund_division import Fund
from pipelines.accounts.funds import record_fund
from pipelines.ledger.record import AllSets, Kind
from schemas.errors import InputError
from tests.accounts.cases import AS_OF
from tests.accounts.money import publish
from tests.accounts.test_funds import credits
from tests.accounts.test_removals import (
    ASSETS,
    LEDGERS,
    THREE,
    Ledger,
    deliver,
    new_books,
    notice,
    points,
)

# Of acme, with the three assets of THREE, and of beta, with one asset of di.
FUND = Fund(
    name="fund",
    revenue={"acme": 300_00, "beta": 100_00},
    currency="USD",
    agency_share=Decimal(0),
    source="AI licences",
    period="2026-H2",
)
WHOLE = {"ada": 133_33, "bo": 66_67, "cy": 100_00, "di": 100_00}
#: Without b: of three assets, a is ada's, c is cy's, and one is di's.
WITHOUT_B = {"ada": 133_34, "bo": 0, "cy": 133_33, "di": 133_33}


@pytest.mark.parametrize(
    ("recurring", "day", "period", "shares"),
    [
        ("keep", "2026-12-01", "2027", True),
        ("stop", "2026-09-09", "2026-H2", True),
        ("stop", "2026-09-10", "2026-H2", False),
        ("stop-next-period", "2026-12-01", "2026-H2", True),
        ("stop-next-period", "2026-12-01", "2026-Q4", False),
    ],
)
def test_a_fund_honours_what_the_notice_says(
    recurring: str, day: str, period: str, shares: bool
) -> None:
    with new_books() as (_, log, folder):
        deliver(log, folder, THREE, 0)
        publish(log, "beta", {"di": 5}, 0, assets=1)
        notice(log, ["b"], recurring=recurring)
        fund = replace(FUND, period=period)
        done = record_fund(log, fund, f"{day}T00:00:00+00:00", correct=False)
        assert done.stopped == (0 if shares else 1)
        whole = sum(credits(done).values())
        assert whole == 400_00
        expected = WHOLE if shares else WITHOUT_B
        found = credits(done)
        assert all(abs(found.get(who, 0) - minor) <= 1 for who, minor in expected.items()), found


def test_a_correction_has_the_day_of_the_fund() -> None:
    """What was shared before the removal stays; the wrong amount alone is corrected."""
    with new_books() as (_, log, folder):
        deliver(log, folder, THREE, 0)
        publish(log, "beta", {"di": 5}, 0, assets=1)
        record_fund(log, FUND, "2026-09-01T00:00:00+00:00", correct=False)
        notice(log, ["b"])
        doubled = replace(FUND, revenue={"acme": 600_00, "beta": 200_00})
        done = record_fund(log, doubled, "2026-12-01T00:00:00+00:00", correct=True)
        tripled = replace(FUND, revenue={"acme": 900_00, "beta": 300_00})
        last = record_fund(log, tripled, "2026-12-02T00:00:00+00:00", correct=True)
        assert (done.stopped, last.stopped) == (0, 0)
        assert credits(last)["di"] == 300_00 and credits(last)["cy"] == 300_00


@pytest.mark.parametrize("measure", ["assets", "amount"])
def test_nobody_left_is_refused_and_nothing_recorded(measure: str) -> None:
    with new_books() as (_, log, folder):
        deliver(log, folder, THREE, 0)
        notice(log, ["a", "b", "c"])
        size = log.size
        alone = replace(FUND, revenue={"acme": 1_00}, measure=measure)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="Nobody is left to share in this fund"):
            record_fund(log, alone, "2026-12-01T00:00:00+00:00", correct=False)
        assert log.size == size


@pytest.mark.long
@settings(max_examples=8, deadline=None)
@given(
    ledger=LEDGERS,
    gone=st.lists(st.sampled_from(ASSETS), min_size=1, max_size=4, unique=True),
    minor=st.integers(1, 300),
)
def test_everybody_is_due_their_part_of_what_is_left(
    ledger: Ledger, gone: list[str], minor: int
) -> None:
    """Computed from the ledger alone: a delivery counts its assets, its people their points."""
    with new_books() as (_, log, folder):
        deliver(log, folder, ledger, 0)
        publish(log, "beta", {"di": 1}, 0, assets=1)
        notice(log, gone)
        fund = replace(FUND, revenue={"acme": minor, "beta": 1})
        done = record_fund(log, fund, AS_OF.replace("2026", "2027"), correct=False)
        left = sorted(set(ledger) - set(gone))
        whole = points(ledger, left)
        total = sum(whole.values())
        size = Fraction(len(left) if total else 0)
        due = {who: size * Fraction(count, total or 1) for who, count in whole.items()}
        due["di"] = due.get("di", Fraction(0)) + 1
        for row in done.lines.to_pylist():
            expected = (minor + 1) * due[row["contributor_id"]] / (size + 1)
            assert Fraction(row["due"]) == expected
            assert abs(row["credit_minor"] - expected) < 1


def test_a_contributor_who_took_everything_back_has_no_weight_for_considered_assets() -> None:
    """Bo and cy have equal weights, bo's for assets that were considered and not delivered."""
    with new_books() as (_, log, _):
        publish(log, "acme", {"bo": 3, "cy": 3}, 0, base="considered")
        publish(log, "beta", {"di": 5}, 0, assets=1)
        private = {"assets": {}, "effective_at": "2026-09-10", "recurring": "", "reason": "minor"}
        private |= {"asked": {"contributors": ["bo"]}, "only_deal": ""}
        public = {"notice": "agency-000001", "sequence": 1, "deal_id": ""}

        def make(index: int, sets: AllSets) -> NewRecord:
            return NewRecord(public, private, sets)

        append_record(log, Kind.NOTICE, ("notice", "bo"), AS_OF, make)
        done = record_fund(log, FUND, "2026-09-09T00:00:00+00:00", correct=False)
        assert credits(done) == {"bo": 100_00, "cy": 100_00, "di": 200_00}
        later = replace(FUND, name="later")
        done = record_fund(log, later, "2026-09-10T00:00:00+00:00", correct=False)
        assert credits(done) == {"bo": 0, "cy": 200_00, "di": 200_00}
