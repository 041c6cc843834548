"""Revenue by what was trained on: exact, only by a true report, and no sample twice."""

from __future__ import annotations

import json
import re
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.accounts.exposures import exposed_assets
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.payments import Payment, RecordedPayment, record_payment
from pipelines.accounts.pools import lines_of
from pipelines.accounts.published import find_versions
from pipelines.format.exposure import (
    ExposureError,
    merge_exposures,
    open_exposure,
    sign_exposure,
)
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.errors import InputError
from schemas.exposure import EXPOSURE_TYPE, Exposure, ExposurePart
from schemas.money import parse_amount
from tests.accounts.cases import AS_OF, SIGNER, begun
from tests.accounts.ledgers import write_ledger
from tests.accounts.money import publish
from tests.ledger.test_payout_rules_page import PAGE, tables
from tests.reader.copies import BUYER

OPENERS = [SIGNER.secret]
SALT = deal_salt(SIGNER.secret, "acme")
PAYMENT = Payment(
    name="seen",
    deal_id="acme",
    version="v0001",
    gross_minor=1_000_00,
    currency="USD",
    agency_share=Decimal("0.40"),
    source="training",
    period="2026-Q3",
)
Splits = Mapping[str, Mapping[str, int]]
SPLITS: Splits = {"a-1": {"ada": 7_500, "bo": 2_500}, "a-2": {"bo": 10_000}, "a-3": {"cy": 10_000}}


class Books:
    """An output with the ledger of acme/v0001 and nothing else of it."""

    def __init__(self, folder: Path, splits: Splits) -> None:
        self.store, key = begun(folder)
        rows = [
            {"asset_id": asset, "contributor_id": who, "share_bp": share, "weight": 1}
            for asset, own in splits.items()
            for who, share in own.items()
        ]
        write_ledger(folder / "out", "v0001", rows)
        self.log: AgencyLog = open_log(self.store, key)
        publish(self.log, "acme", {who: 1 for own in splits.values() for who in own}, 0)
        [self.published] = find_versions(self.store, "acme", "v0001")

    def report(self, seen: Mapping[str, int], consumer: int = 0, first: int = 0) -> Exposure:
        """What a reader reports that was handed these samples from its `first` on."""
        samples = sum(seen.values())
        part = ExposurePart(
            run="run-1", consumer=consumer, consumers=6, first=first, end=first + samples
        )
        counts = {asset_commitment(SALT, asset): count for asset, count in seen.items() if count}
        return Exposure(
            fairshard_exposure=1,
            deal_id="acme",
            delivery="acme/v0001",
            manifest_sha256=self.published.manifest_sha256,
            parts=[part],
            samples=samples,
            counts=counts,
        )

    def pay(self, exposure: Exposure, **more: object) -> RecordedPayment:
        uses = exposed_assets(self.store, "acme/v0001", OPENERS, exposure)
        payment = replace(
            PAYMENT,
            uses=uses,
            uses_source="ab" * 32,
            exposure=tuple(exposure.parts),
            **more,  # type: ignore[arg-type]
        )
        return record_payment(self.log, self.store, payment, AS_OF)

    def credits(self, done: RecordedPayment) -> dict[str, int]:
        lines = lines_of(self.log, done.pool)
        minor = values_of(lines["credit_minor"], int)
        return dict(zip(values_of(lines["contributor_id"], str), minor, strict=True))


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path, SPLITS)


@pytest.mark.parametrize(
    "example", re.findall(r"<!-- exposure: .* -->\n((?:.|\n)*?)<!-- end -->", PAGE)
)
def test_the_pages_example_comes_to_its_amounts(example: str, tmp_path: Path) -> None:
    [toml] = re.findall(r"```toml\n(.*?)```", example, re.DOTALL)
    revenue = tomllib.loads(toml)
    assets, payees = tables(example)
    splits = {
        row["asset"]: {
            who: int(share) for who, share in re.findall(r"(\w+) (\d+)", row["contributors"])
        }
        for row in assets
    }
    books = Books(tmp_path, splits)
    reports = [
        books.report({row["asset"]: int(row[f"reader {n}"]) for row in assets}, n) for n in (0, 1)
    ]
    done = books.pay(
        merge_exposures(reports),
        gross_minor=parse_amount(revenue["amount"], revenue["currency"]),
        currency=revenue["currency"],
        agency_share=Decimal(revenue["agency_share"]),
    )
    got = {"agency": done.pool.fields["agency_minor"], **books.credits(done)}
    assert got == {row["payee"]: parse_amount(row["gets"], "USD") for row in payees}
    assert done.pool.fields["rule"]["weights"] == "per_exposure"


@settings(max_examples=25)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(SPLITS)), st.integers(1, 2**40)),
        min_size=1,
        max_size=4,
    ).filter(lambda reports: any(map(len, reports))),
    st.integers(1, 10**12),
)
def test_shares_are_exact(seen: Sequence[Mapping[str, int]], gross_minor: int) -> None:
    """Sums to the amount, and within a unit of the exact share of everybody's samples."""
    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder), SPLITS)
        reports = [books.report(one, number) for number, one in enumerate(seen)]
        done = books.pay(merge_exposures(reports), gross_minor=gross_minor)
        total = sum((Counter(one) for one in seen), Counter())
        points: Counter[str] = Counter()
        for asset, count in total.items():
            for who, share in SPLITS[asset].items():
                points[who] += count * share
        part = done.pool.fields["contributors_minor"]
        credits = books.credits(done)
        assert sum(credits.values()) == part
        assert part + done.pool.fields["agency_minor"] == gross_minor
        for who, count in points.items():
            assert abs(credits[who] - Fraction(part * count, points.total())) < 1


def test_no_sample_is_paid_twice(books: Books) -> None:
    first = books.report({"a-1": 5, "a-2": 1})
    done = books.pay(first)
    assert books.pay(first).is_new is False  # the same command again
    size = books.log.size
    for again in (first, books.report({"a-2": 3}, first=5), books.report({"a-2": 1}, first=2)):
        with pytest.raises(ExposureError, match="paid already: run 'run-1', reader 0"):
            books.pay(again, name="later")
    assert books.log.size == size
    later = books.pay(books.report({"a-3": 2}, first=6), name="later", gross_minor=100)
    assert books.credits(later) == {"cy": 60}
    other = books.pay(books.report({"a-3": 2}, consumer=1), name="other", gross_minor=100)
    assert other.is_new and done.is_new


def test_a_report_of_something_else_is_refused(books: Books) -> None:
    size = books.log.size
    for change in (
        {"delivery": "acme/v0002"},
        {"manifest_sha256": "0" * 64},
        {"deal_id": "other"},
    ):
        with pytest.raises(ExposureError, match="about another delivery"):
            books.pay(books.report({"a-1": 1}).model_copy(update=change))
    with pytest.raises(ExposureError, match="assets that the delivery does not have"):
        books.pay(books.report({"a-1": 1, "a-9": 1}))
    with pytest.raises(InputError, match="counts no samples"):
        books.pay(books.report({}))
    assert books.log.size == size


def test_a_merged_report_stays_in_the_range_of_its_numbers() -> None:
    def report(run: str, count: int) -> Exposure:
        part = ExposurePart(run=run, consumer=0, consumers=1, first=0, end=count)
        return Exposure(
            fairshard_exposure=1,
            deal_id="acme",
            delivery="acme/v0001",
            manifest_sha256="0" * 64,
            parts=[part],
            samples=count,
            counts={"ab" * 32: count},
        )

    most = report("a", 2**53 - 1)
    assert merge_exposures([most, most]) == most
    with pytest.raises(ExposureError, match="more samples than one report can"):
        merge_exposures([most, report("b", 1)])


def test_a_report_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ExposureError, match="malformed"):
        open_exposure(b"[" * 200_000, BUYER.vkey)


def test_only_a_true_and_signed_report_is_opened(books: Books) -> None:
    report = books.report({"a-1": 4, "a-2": 2})
    data = sign_exposure(report, BUYER)
    assert open_exposure(data, BUYER.vkey) == report
    with pytest.raises(ExposureError, match="not signed by the buyer's key"):
        open_exposure(data, SIGNER.vkey)
    envelope = json.loads(data)
    assert envelope["payloadType"] == EXPOSURE_TYPE
    envelope["payload"] = envelope["payload"][:40] + "AAAA" + envelope["payload"][44:]
    with pytest.raises(ExposureError, match="not signed by the buyer's key"):
        open_exposure(json.dumps(envelope).encode(), BUYER.vkey)
    for change in (
        {"samples": 7},
        {"counts": {**report.counts, "ab" * 32: 1}},
        {"parts": [report.parts[0].model_copy(update={"end": 7})]},
    ):
        with pytest.raises(ExposureError, match="contradicts itself"):
            open_exposure(sign_exposure(report.model_copy(update=change), BUYER), BUYER.vkey)
    wrong = report.parts[0].model_copy(update={"consumer": 6})
    with pytest.raises(ExposureError, match="reader 6 of 6"):
        open_exposure(
            sign_exposure(report.model_copy(update={"parts": [wrong]}), BUYER), BUYER.vkey
        )
    with pytest.raises(ExposureError, match="malformed"):
        open_exposure(
            sign_exposure(report.model_copy(update={"counts": {"x": 6}}), BUYER), BUYER.vkey
        )


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from(sorted(SPLITS))),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_reports_merge_in_any_order(
    handed: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    """Readers report one after another; any grouping of the merges gives the same report."""
    ends: Counter[int] = Counter()
    reports, total = [], Counter[str]()
    for consumer, samples, asset in handed:
        part = ExposurePart(
            run="r",
            consumer=consumer,
            consumers=3,
            first=ends[consumer],
            end=ends[consumer] + samples,
        )
        counts = {"ab" * 31 + asset[-1] * 2: samples} if samples else {}
        total.update(counts)
        ends[consumer] += samples
        reports.append(
            Exposure(
                fairshard_exposure=1,
                deal_id="acme",
                delivery="acme/v0001",
                manifest_sha256="cd" * 32,
                parts=[part],
                samples=samples,
                counts=counts,
            )
        )
    reports = [one for at, one in enumerate(reports) if one not in reports[:at]]
    whole = merge_exposures(reports)
    assert whole.counts == dict(total) and whole.samples == total.total()
    shuffled = data.draw(st.permutations(reports))
    assert merge_exposures([*shuffled, *reports]) == whole  # the same report counts once
    cut = data.draw(st.integers(1, len(shuffled)))
    halves = [half for half in (shuffled[:cut], shuffled[cut:]) if half]
    assert merge_exposures([merge_exposures(half) for half in halves]) == whole
    if len(reports) > 1 and reports[0].samples:
        with pytest.raises(ExposureError, match="counted twice"):
            merge_exposures([whole, reports[0]])


def test_one_run_has_one_number_of_readers(books: Books) -> None:
    """The readers of 2 and of 3 divide the same samples otherwise, whatever their numbers are."""
    reports = []
    for consumer, consumers in ((0, 2), (1, 3)):
        one = books.report({"a-1": 2}, consumer=consumer)
        part = one.parts[0].model_copy(update={"consumers": consumers})
        reports.append(one.model_copy(update={"parts": [part]}))
    for order in (reports, reports[::-1]):
        with pytest.raises(ExposureError, match="different numbers of readers"):
            merge_exposures(order)
    both = reports[0].model_copy(
        update={
            "parts": [one.parts[0] for one in reports],
            "samples": 4,
            "counts": {key: 2 * count for key, count in reports[0].counts.items()},
        }
    )
    with pytest.raises(ExposureError, match=r"of 2 readers, and run .run-1., reader 1"):
        open_exposure(sign_exposure(both, BUYER), BUYER.vkey)
    other = reports[1].parts[0].model_copy(update={"run": "run-2"})
    assert merge_exposures([reports[0], reports[1].model_copy(update={"parts": [other]})])


def test_reports_of_different_deliveries_are_not_merged(books: Books) -> None:
    one = books.report({"a-1": 1})
    with pytest.raises(ExposureError, match="about different deliveries"):
        merge_exposures([one, one.model_copy(update={"delivery": "acme/v0002"})])
    with pytest.raises(ExposureError, match="no report"):
        merge_exposures([])


def test_the_store_is_only_read(books: Books, tmp_path: Path) -> None:
    store: Store = books.store
    before = sorted(item.key for item in store.list("acme"))
    exposed_assets(store, "acme/v0001", OPENERS, books.report({"a-1": 1}))
    assert sorted(item.key for item in store.list("acme")) == before
