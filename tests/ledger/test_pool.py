"""Pools are divided by all rules at once, and nothing of them is lost."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ledger.allocation import Allocator
from pipelines.ledger.pool import divide_pool
from pipelines.run.decisions import decisions_table, refused_asset
from pipelines.steps.attribute import Attribution
from pipelines.storage.open import open_store
from pipelines.storage.tables import write_table
from schemas.errors import InputError
from schemas.price_terms import PriceTerms
from schemas.unit import UNIT_SCHEMA
from tests.bench.ledger import ledger_job
from tests.ledger.ledger_cases import AS_OF, SALT, DeliveredAsset, asset, delivered, delivery
from tests.ledger.pool_checks import check_pool
from tests.ledger.test_attribution import files, record_job

CLASSES = [
    {"media": "image", "level": "gold", "agency_share": "0.35"},
    {"media": "image", "level": "other", "agency_share": "0.5"},
    {"media": "video", "agency_share": "0.4"},
]
LEVELS = [{"name": "gold", "contributors": ["person-0", "person-3"]}]
RULES: dict[str, dict[str, Any]] = {
    "two_factor": {"allocation": "two_factor"},
    "bounds": {"minimum": "1000.00", "cap": "0.03"},
    "deductions": {
        "deductions": [
            {"name": "legal fee", "amount": "1234.56"},
            {"name": "platform", "share": "0.0333"},
        ]
    },
    "classes": {"agency_classes": CLASSES, "levels": LEVELS},
}
RULES["all"] = {name: value for rules in RULES.values() for name, value in rules.items()}


def with_films(rows: list[DeliveredAsset]) -> list[DeliveredAsset]:
    return [replace(row, media_type="video") if at % 5 == 0 else row for at, row in enumerate(rows)]


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_delivery_is_divided_by_the_rules_of_its_deal(
    tmp_path: Path, rules: dict[str, Any]
) -> None:
    rules = dict(rules)
    job = ledger_job(rules.pop("allocation", "weighted"), 10_000_001, **rules)
    rows = with_films(delivery(random.Random(3), 40, 300))
    store = open_store(str(tmp_path))
    made = record_job(store, job, rows)
    record, lines = check_pool(files(store), job.agency)
    assert record["gross_minor"] == 10_000_001
    assert made.agency_minor == record["agency_minor"]
    assert made.contributors_minor == record["contributors_minor"]
    assert made.undelivered_minor == made.rounding_minor == 0
    if "cap" in rules:
        limit = Fraction("0.03") * record["contributors_minor"]
        assert all(100_000 <= Fraction(line["due"]) <= limit for line in lines)
        assert {line["basis"] for line in lines} == {"minimum", "cap", "share"}
    if "deductions" in rules:
        rest = 10_000_001 - 123_456
        taken = round(rest * Fraction("0.0333"))
        assert record["deductions"] == [
            {"name": "legal fee", "minor": 123_456},
            {"name": "platform", "minor": taken},
        ]
        assert made.deductions_minor == 123_456 + taken
    # The same inputs give the same bytes.
    again = open_store(str(tmp_path / "again"))
    record_job(again, job, rows, shards=3)
    assert files(again) == files(store)


def test_the_agency_takes_the_share_of_each_class() -> None:
    """By hand: each asset earns an even part of the pool, and the agency takes its class's part."""
    rows = [
        asset(0, (("person-0", 10_000),)),  # 0.35
        asset(1, (("person-1", 10_000),)),  # 0.5
        replace(asset(2, (("person-0", 5_000), ("person-1", 5_000))), media_type="video"),  # 0.4
        asset(3, (("person-3", 2_500), ("person-1", 7_500))),  # 0.35 and 0.5
    ]
    terms = {"currency": "USD", "pool": "400.00", "agency_classes": CLASSES, "levels": LEVELS}
    price = PriceTerms.model_validate(terms)
    allocator = Allocator(price, AS_OF)
    allocator.add(delivered(rows))
    lines, pool = allocator.allocate(40_000, {}, SALT)
    assert pool.agency_minor == 3_500 + 5_000 + 4_000 + 875 + 3_750
    assert pool.division.credits == {
        "person-0": 6_500 + 3_000,
        "person-1": 5_000 + 3_000 + 3_750,
        "person-3": 1_625,
    }
    assert sorted(lines.amount_minor.tolist()) == sorted([6500, 5000, 3000, 3000, 1625, 3750])
    points = lines.weight * lines.share_bp
    whole = int(points.sum())
    shared = pool.shared_minor
    for amount, count in zip(lines.amount_minor.tolist(), points.tolist(), strict=True):
        assert Fraction(shared * count, whole) == amount


def test_what_is_carried_counts_in_the_next_pool(tmp_path: Path) -> None:
    rows = delivery(random.Random(5), 7, 30)
    price = ledger_job("per_asset", 1_000).deal.price
    carried: dict[str, Fraction] = {}
    dues: defaultdict[str, Fraction] = defaultdict(Fraction)
    credits: defaultdict[str, int] = defaultdict(int)
    for number in range(20):
        allocator = Allocator(price, AS_OF)
        allocator.add(delivered(rows[number % 4 :: 2]))
        lines, pool = allocator.allocate(997 + number, carried, SALT)
        assert pool.contributors_minor + pool.agency_minor + pool.division.rounding_minor == (
            997 + number
        )
        assert sum(lines.amount_minor.tolist()) == pool.contributors_minor
        assert sum(lines.earned_minor) == pool.contributors_minor
        whole = sum(pool.bounded.weights.values())
        for name, weight in pool.bounded.weights.items():
            dues[name] += Fraction(pool.shared_minor * weight, whole)
            credits[name] += pool.division.credits[name]
        carried |= pool.division.carried
    assert all(abs(credits[name] - due) <= 1 for name, due in dues.items())
    assert all(carried[name] == due - credits[name] for name, due in dues.items())


def considered_job(
    tmp_path: Path, delivered_rows: list[DeliveredAsset], others: list[DeliveredAsset], **rules: Any
) -> tuple[Attribution, dict[str, Any], dict[str, dict[str, Any]], dict[str, bytes]]:
    """Records a delivery for which other assets were considered; the last one is a duplicate."""
    job = ledger_job(base="considered", pool_minor=100_000, **rules)
    store = open_store(str(tmp_path))
    columns = ["asset_id", "media_type", "contributors", "weight"]
    for unit, rows in enumerate((delivered_rows, others[:1], others[1:])):
        listed = [
            {
                "asset_id": row.asset_id,
                "media_type": row.media_type,
                "contributors": [
                    {"contributor_id": who, "share_bp": share} for who, share in row.contributors
                ],
                "weight": row.weight,
            }
            for row in rows
        ]
        table = pa.Table.from_pylist(listed, schema=pa.schema(map(UNIT_SCHEMA.field, columns)))
        write_table(store, f"{job.work}/units/{unit:05d}.parquet", table)
    refused = [
        refused_asset(others[-1].asset_id, ["duplicate.exact"], "", delivered_rows[0].asset_id),
        refused_asset(others[0].asset_id, ["select.over_cap"], ""),
    ]
    key = f"{job.work}/agency/decisions/select.parquet"
    write_table(store, key, decisions_table(refused))
    attribution = record_job(store, job, delivered_rows, shards=1)
    found = files(store)
    record, lines = check_pool(found, job.agency, pays_undelivered=True)
    return attribution, record, {line["contributor_id"]: line for line in lines}, found


def test_assets_that_were_considered_are_paid_without_being_delivered(tmp_path: Path) -> None:
    rows = [asset(1, (("ada", 10_000),), 3), asset(2, (("bo", 10_000),), 1)]
    others = [
        asset(3, (("ada", 5_000), ("cy", 5_000)), 2),  # over the deal's cap
        asset(4, (("bo", 10_000),), 2),
        asset(5, (("dan", 10_000),), 9),  # a duplicate, so not considered
    ]
    attribution, record, lines, found = considered_job(tmp_path, rows, others)
    credits = {who: line["credit_minor"] for who, line in lines.items()}
    # 60,000 minor units over weights of 3, 1, 2 and 2: 7,500 each.
    assert credits == {"ada": 22_500 + 7_500, "bo": 7_500 + 15_000, "cy": 7_500}
    assert record["agency_minor"] == 40_000
    assert attribution.undelivered_minor == 7_500 + 15_000 + 7_500
    assert (attribution.entries, attribution.contributors) == (2, 2)
    statements = {
        json.loads(data)["contributor_id"]: json.loads(data)["total_minor"]
        for key, data in found.items()
        if "/statements/" in key and key.endswith(".json")
    }
    assert statements == {"ada": 22_500, "bo": 7_500}


def test_two_factors_count_the_considered_assets(tmp_path: Path) -> None:
    """Per asset a sixteenth of 60,000, and per unit of weight a third of 45,000 / 4."""
    rows = [asset(1, (("ada", 10_000),), 3), asset(2, (("bo", 10_000),), 1)]
    others = [
        asset(3, (("cy", 10_000),), 0),
        asset(4, (("bo", 10_000),), 8),
        asset(5, (("x", 10_000),)),
    ]
    attribution, _, lines, _ = considered_job(tmp_path, rows, others, allocation="two_factor")
    even, weight = Fraction(15_000, 4), Fraction(45_000, 12)
    assert {who: Fraction(line["due"]) for who, line in lines.items()} == {
        "ada": even + 3 * weight,
        "bo": 2 * even + 9 * weight,
        "cy": even,
    }
    assert attribution.undelivered_minor == 2 * even + 8 * weight


def test_considered_assets_alone_are_no_delivery() -> None:
    price = ledger_job(base="considered").deal.price
    allocator = Allocator(price, AS_OF)
    allocator.add(delivered([]))
    allocator.consider(delivered([asset(1, (("ada", 10_000),))]))
    with pytest.raises(InputError, match="nothing was delivered"):
        allocator.allocate(1, {}, SALT)


PRICES = st.fixed_dictionaries(
    {
        "agency_share": st.sampled_from(["0", "0.333", "0.40", "0.5", "1"]),
        "minimum": st.sampled_from(["0", "0.01", "3"]),
        "cap": st.sampled_from(["0.25", "0.5", "1"]),
        "deductions": st.lists(
            st.sampled_from(
                [
                    {"name": "fee", "amount": "0.03"},
                    {"name": "share", "share": "0.125"},
                    {"name": "third", "share": "0.333"},
                ]
            ),
            unique_by=lambda one: json.dumps(one),
        ),
    }
)
POINTS = st.dictionaries(st.text(max_size=3), st.integers(0, 10**12), min_size=1, max_size=12)


def check_pool_division(
    rules: dict[str, Any], gross: int, points: dict[str, int], rng: random.Random
) -> None:
    price = PriceTerms.model_validate({"currency": "USD", "pool": "1000000"} | rules)
    share = Fraction(price.agency_share)
    try:
        pool = divide_pool(price, gross, points, share, {}, SALT)
    except InputError as error:
        assert "sum to zero" in error.what or any(
            word in f"{error.what} {error.remedy}" for word in ("minimum", "cap", "deduction")
        )
        return
    deducted = sum(minor for _, minor in pool.deductions)
    assert gross == (
        deducted
        + pool.agency_minor
        + sum(pool.division.credits.values())
        + pool.division.rounding_minor
    )
    assert pool.division.rounding_minor == 0
    assert abs(pool.agency_minor - (gross - deducted) * share) <= Fraction(1, 2)
    names = list(points)
    rng.shuffle(names)
    shuffled = {name: points[name] for name in names}
    assert divide_pool(price, gross, shuffled, share, {}, SALT) == pool


RANDOM = st.randoms(use_true_random=False)


@given(PRICES, st.integers(0, 10**7), POINTS, RANDOM)
def test_pools_are_conserved_under_any_rules(
    rules: dict[str, Any], gross: int, points: dict[str, int], rng: random.Random
) -> None:
    check_pool_division(rules, gross, points, rng)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(PRICES, st.integers(0, 10**7), POINTS, RANDOM)
def test_ten_thousand_pools_are_conserved_under_any_rules(
    rules: dict[str, Any], gross: int, points: dict[str, int], rng: random.Random
) -> None:
    check_pool_division(rules, gross, points, rng)


@given(st.integers(0, 10**25), st.decimals("0", "1", allow_nan=False, places=6))
def test_half_a_unit_goes_to_the_contributors(gross: int, share: Any) -> None:
    price = PriceTerms.model_validate({"currency": "USD", "pool": "1"})
    pool = divide_pool(price, gross, {"a": 1}, Fraction(share), {}, SALT)
    assert pool.agency_minor + pool.shared_minor == gross
    exact = gross * Fraction(share)
    assert abs(pool.agency_minor - exact) <= Fraction(1, 2)
    if exact % 1 == Fraction(1, 2):
        assert pool.agency_minor < exact
