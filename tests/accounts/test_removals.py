"""Removals in the books: exactly the removed assets' credits go, once, in any order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.bookkeeping import transactions
from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.payments import Payment, record_payment
from pipelines.accounts.pools import balances, booked_pools, carried_in, lines_of, pools_that_count
from pipelines.accounts.removals import RecordedNotice, recorded_notices, removed_parts
from pipelines.ledger.record import AllSets, Kind
from pipelines.storage.store import Store
from schemas.errors import InputError
from tests.accounts.cases import AS_OF, begun
from tests.accounts.ledgers import write_ledger
from tests.accounts.money import publish
from tests.accounts.test_payments import PAYMENT, credits
from tests.ledger.test_journal import balances_by_hledger, hledger, needs_hledger, written

Ledger = Mapping[str, tuple[int, Mapping[str, int]]]  # by asset: weight, and basis points by person
DELIVERY = "acme/v0001"


@contextmanager
def new_books() -> Iterator[tuple[Store, AgencyLog, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        store, key = begun(Path(folder))
        yield store, open_log(store, key), Path(folder)


def points(ledger: Ledger, assets: Sequence[str] | None = None) -> dict[str, int]:
    """What everybody's lines count: all of them, or those of some assets."""
    found: dict[str, int] = {}
    for asset, (weight, people) in ledger.items():
        for who, share in people.items():
            found[who] = found.get(who, 0) + (
                weight * share if assets is None or asset in assets else 0
            )
    return found


def deliver(
    log: AgencyLog,
    folder: Path,
    ledger: Ledger,
    shared_minor: int,
    version: str = "v0001",
    replaces: str | None = None,
) -> None:
    """Publishes a ledger and records its pool."""
    rows = [
        {"asset_id": asset, "contributor_id": who, "share_bp": share, "weight": weight}
        for asset, (weight, people) in ledger.items()
        for who, share in people.items()
    ]
    write_ledger(folder / "out", version, rows)
    kept = {"version": version, "replaces": replaces, "assets": len(ledger)}
    publish(log, "acme", points(ledger), shared_minor, **kept)  # type: ignore[arg-type]


def notice(
    log: AgencyLog,
    assets: Sequence[str],
    delivery: str = DELIVERY,
    recurring: str = "stop",
    effective_at: str = "2026-09-10",
) -> RecordedNotice:
    """Records a notice without writing it for a buyer."""
    number = log.size
    private = {
        "assets": {delivery: sorted(assets)},
        "effective_at": effective_at,
        "recurring": recurring,
        "money": "reverse",
    }
    public = {"notice": f"n-{number}", "sequence": number, "deal_id": "acme", "notice_sha256": "0"}

    def make(index: int, sets: AllSets) -> NewRecord:
        return NewRecord(public, private, sets)

    append_record(log, Kind.NOTICE, ("notice", *sorted(assets)), AS_OF, make)
    return recorded_notices(log)[-1]


def owed(log: AgencyLog) -> dict[str, int]:
    return {one.contributor_id: one.amount_minor for one in balances(log)}


def take_back(log: AgencyLog, store: Store, assets: Sequence[str]) -> list[int]:
    return [one.index for one in record_corrections(log, store, notice(log, assets), AS_OF)]


THREE: Ledger = {
    "a": (1, {"ada": 10_000}),
    "b": (1, {"ada": 3_333, "bo": 6_667}),
    "c": (1, {"cy": 10_000}),
}


def test_only_who_has_the_asset_has_a_line() -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 90_00)
        assert owed(log) == {"ada": 40_00, "bo": 20_00, "cy": 30_00}
        [index] = take_back(log, store, ["b"])
        # b is a third of 90.00: 9.999 of it are ada's, 20.001 bo's.
        assert credits(log, index) == {"ada": -10_00, "bo": -20_00}
        assert owed(log) == {"ada": 30_00, "cy": 30_00}
        [pool] = [one for one in booked_pools(log) if one.index == index]
        assert pool.fields["deductions"] == [{"name": "removals", "minor": 30_00}]
        assert pool.fields["gross_minor"] == pool.fields["agency_minor"] == 0
        assert {row["contributor_id"]: row["due"] for row in lines_of(log, pool).to_pylist()} == {
            "ada": "-9999/10",
            "bo": "-20001/10",
        }


def test_a_price_that_does_not_tell_is_refused_unless_whole_people_go() -> None:
    """As earlier releases recorded it: within a minimum, considered assets are not known."""
    with new_books() as (store, log, folder):
        rows = [{"asset_id": "b", "contributor_id": "bo", "share_bp": 10_000, "weight": 1}]
        write_ledger(folder / "out", "v0001", rows)
        publish(log, "acme", {"bo": 3, "cy": 5}, 90_00, base="considered", basis="minimum")
        [pool] = booked_pools(log)
        with pytest.raises(InputError, match="not delivered, within a minimum or a cap"):
            removed_parts(log, store, pool, ["b"])
        assert removed_parts(log, store, pool, ["b"], gone=["bo"]) == {}


def test_the_same_asset_is_taken_back_once() -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 90_00)
        first = notice(log, ["a"])
        [one] = record_corrections(log, store, first, AS_OF)
        assert [p.index for p in record_corrections(log, store, first, AS_OF)] == [one.index]
        size = log.size
        [both] = take_back(log, store, ["a", "b"])  # of another notice
        assert log.size == size + 2
        assert credits(log, both) == {"ada": -10_00, "bo": -20_00}
        assert take_back(log, store, ["b"]) == []
        assert owed(log) == {"cy": 30_00}


def test_a_later_version_replaces_the_pool_with_its_corrections() -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 90_00)
        take_back(log, store, ["b"])
        left = {name: THREE[name] for name in ("a", "c")}
        deliver(log, folder, left, 90_00, "v0002", replaces=DELIVERY)
        assert owed(log) == {"ada": 45_00, "cy": 45_00}
        assert take_back(log, store, ["a"]) == []  # of v0001, whose price is owed no more
        record_corrections(log, store, notice(log, ["c"], "acme/v0002"), AS_OF)
        assert owed(log) == {"ada": 45_00}


@needs_hledger
def test_hledger_agrees_after_a_removal_and_a_later_version(tmp_path: Path) -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 90_00)
        take_back(log, store, ["b"])
        for stage in range(2):
            path = written(tmp_path, list(transactions(log)))
            hledger(path, "check", "--strict")
            found = {name: -minor for (name, _), minor in balances_by_hledger(path).items()}
            assert {
                name.removeprefix("liabilities:contributors:"): minor
                for name, minor in found.items()
                if name.startswith("liabilities:contributors:") and minor
            } == owed(log)
            assert found.get("income:deductions:removals", 0) == (30_00, 0)[stage]
            if not stage:
                deliver(log, folder, THREE, 90_00, "v0002", replaces=DELIVERY)


def later(period: str, name: str = "later") -> Payment:
    return replace(PAYMENT, name=name, gross_minor=90_00, agency_share=Decimal(0), period=period)


@pytest.mark.parametrize(
    ("recurring", "day", "period", "shares"),
    [
        ("keep", "2026-12-01", "2027", True),
        ("stop", "2026-09-09", "2026-H1", True),
        ("stop", "2026-09-10", "2026-H1", False),
        ("stop-next-period", "2026-12-01", "2026-H2", True),
        ("stop-next-period", "2026-12-01", "2026-09", True),
        ("stop-next-period", "2026-12-01", "2026-Q4", False),
        ("stop-next-period", "2026-12-01", "2026-09-11..2026-12-31", False),
        ("stop-next-period", "2026-12-01", "2026-09-10..2026-12-31", True),
    ],
)
def test_when_a_removed_asset_stops(recurring: str, day: str, period: str, shares: bool) -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 0)
        notice(log, ["b"], recurring=recurring)
        done = record_payment(log, store, later(period), f"{day}T00:00:00+00:00")
        assert done.stopped == (0 if shares else 1)
        whole = {"ada": 40_00, "bo": 20_00, "cy": 30_00}
        assert credits(log, done.record.index) == (
            whole if shares else {"ada": 45_00, "bo": 0, "cy": 45_00}
        )


def test_a_payment_stays_as_it_was_recorded() -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 0)
        first = record_payment(log, store, later("2026-H2"), "2026-12-01T00:00:00+00:00")
        notice(log, ["b"])
        again = record_payment(log, store, later("2026-H2"), "2026-12-02T00:00:00+00:00")
        assert (again.record, again.is_new) == (first.record, False)
        uses = replace(later("2026-H2", name="use"), uses={"a": 1, "b": 7})
        done = record_payment(log, store, uses, "2026-12-02T00:00:00+00:00")
        assert credits(log, done.record.index) == {"ada": 90_00}


def test_a_period_that_is_no_date_is_refused_if_it_decides() -> None:
    with new_books() as (store, log, folder):
        deliver(log, folder, THREE, 0)
        notice(log, ["b"], recurring="stop-next-period")
        size = log.size
        with pytest.raises(InputError, match="Write the period as 2026, 2026-H2"):
            record_payment(log, store, later("second half"), AS_OF)
        notice(log, ["a", "c"], effective_at="2020-01-01")
        notice(log, ["a", "b", "c"], effective_at="2020-01-01")
        with pytest.raises(InputError, match="Nobody is left to share"):
            record_payment(log, store, later("2026-H2"), AS_OF)
        assert log.size == size + 2


ASSETS = "abcdef"
SPLITS = st.one_of(
    st.sampled_from(["ada", "bo", "cy"]).map(lambda who: {who: 10_000}),
    st.integers(1, 9_999).map(lambda bp: {"ada": bp, "bo": 10_000 - bp}),
    st.integers(1, 9_998).map(lambda bp: {"bo": bp, "cy": 1, "di": 9_999 - bp}),
)
LEDGERS = st.fixed_dictionaries(
    {name: st.tuples(st.integers(0, 9), SPLITS) for name in ASSETS}
).filter(lambda ledger: any(weight for weight, _ in ledger.values()))
REMOVALS = st.lists(
    st.lists(st.sampled_from(ASSETS), min_size=1, max_size=4, unique=True), max_size=3
)


def check_sums(log: AgencyLog, ledger: Ledger, pool_minor: int, removed: Sequence[str]) -> None:
    """Checks dues against the ledger alone, and that every pool is what its parts sum to."""
    whole, gone = sum(points(ledger).values()), points(ledger, removed)
    due = dict.fromkeys(points(ledger), Fraction(0))
    for pool in pools_that_count(booked_pools(log)):
        rows = lines_of(log, pool).to_pylist()
        fields = pool.fields
        deducted = sum(item["minor"] for item in fields["deductions"])
        assert fields["contributors_minor"] == sum(row["credit_minor"] for row in rows)
        assert fields["gross_minor"] == (
            deducted
            + fields["agency_minor"]
            + fields["rounding_minor"]
            + fields["contributors_minor"]
        )
        for row in rows:
            due[row["contributor_id"]] += Fraction(row["due"])
            assert pool.corrects is None or row["credit_minor"] <= 0
    for who, count in points(ledger).items():
        assert due[who] == Fraction(pool_minor * (count - gone[who]), whole)
    left = carried_in(log, booked_pools(log), "USD")
    found = owed(log)
    for who, one in due.items():
        assert one - found.get(who, 0) == left.get(who, 0)
        assert abs(left.get(who, Fraction(0))) < 1


@pytest.mark.long
@settings(max_examples=8, deadline=None)
@given(ledger=LEDGERS, minor=st.integers(0, 300), removals=REMOVALS)
def test_credits_go_exactly_and_in_any_order(
    ledger: Ledger, minor: int, removals: list[list[str]]
) -> None:
    check_credits(ledger, minor, removals)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(ledger=LEDGERS, minor=st.integers(0, 300), removals=REMOVALS)
def test_many_credits_go_exactly_and_in_any_order(
    ledger: Ledger, minor: int, removals: list[list[str]]
) -> None:
    check_credits(ledger, minor, removals)


def check_credits(ledger: Ledger, minor: int, removals: list[list[str]]) -> None:
    """Asserts that removals take back what they must, whatever order they come in."""
    ends = []
    for order in (removals, removals[::-1]):
        with new_books() as (store, log, folder):
            deliver(log, folder, ledger, minor)
            before = owed(log)
            removed: set[str] = set()
            for assets in order:
                take_back(log, store, assets)
                removed |= set(assets)
                check_sums(log, ledger, minor, sorted(removed))
                size = log.size
                take_back(log, store, assets)
                assert log.size == size
            touched = {who for who, count in points(ledger, sorted(removed)).items() if count}
            after = owed(log)
            for who in points(ledger).keys() - touched:
                assert after.get(who) == before.get(who)
            for who, count in points(ledger).items():
                if count and count == points(ledger, sorted(removed))[who]:
                    assert who not in after  # all of theirs was removed: nothing is left
            ends.append(after)
    assert ends[0] == ends[1]


@pytest.mark.long
@settings(max_examples=10, deadline=None)
@given(ledger=LEDGERS, minor=st.integers(0, 300), removals=REMOVALS)
def test_the_same_events_give_the_same_bytes(
    ledger: Ledger, minor: int, removals: list[list[str]]
) -> None:
    made = []
    for _ in range(2):
        with new_books() as (store, log, folder):
            deliver(log, folder, ledger, minor)
            for assets in removals:
                take_back(log, store, assets)
            books = folder / "out" / "agency"
            made.append(
                {
                    str(path.relative_to(books)): path.read_bytes()
                    for path in books.rglob("*")
                    if path.is_file()
                }
            )
    assert made[0] == made[1]
