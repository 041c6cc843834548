"""Agency shares of single contributors: exact in sum, and near everybody's exact due."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.allocation import Allocator
from tests.ledger.ledger_cases import SALT, DeliveredAsset, asset, delivered, delivery, terms

OWN = st.dictionaries(
    st.sampled_from([f"person-{n}" for n in range(7)]),
    st.integers(0, 10**6).map(lambda millionths: Fraction(millionths, 10**6)),
    max_size=7,
)


def divided(
    assets: list[DeliveredAsset], pool: int, share: str, own: dict[str, Fraction]
) -> tuple[int, dict[str, int]]:
    """Returns the agency's part and everybody's credits."""
    deal = terms(pool, rule="weighted", share=share)
    allocator = Allocator(deal.price, deal.as_of, own)
    allocator.add(delivered(assets))
    lines, pool_made = allocator.allocate(pool, {}, SALT)
    credits = dict(zip(lines.people, lines.earned_minor, strict=True))
    assert sum(lines.amount_minor.tolist()) == sum(credits.values())
    return pool_made.agency_minor, credits


@given(
    seed=st.integers(0, 2**32),
    pool=st.integers(0, 10**9),
    share=st.sampled_from(["0", "0.40", "0.5", "1"]),
    own=OWN,
)
def test_the_pool_is_divided_exactly_and_nearly_as_due(
    seed: int, pool: int, share: str, own: dict[str, Fraction]
) -> None:
    assets = delivery(random.Random(seed), 7, 9)
    agency, credits = divided(assets, pool, share, own)
    assert agency + sum(credits.values()) == pool
    points: Counter[str] = Counter()
    for one in assets:
        for person, share_bp in one.contributors:
            points[person] += one.weight * share_bp
    whole = sum(points.values())
    due = {
        who: Fraction(pool * count, whole) * (1 - own.get(who, Fraction(share)))
        for who, count in points.items()
    }
    assert abs(pool - agency - sum(due.values(), Fraction(0))) <= Fraction(1, 2)
    for who, exact in due.items():
        assert abs(credits[who] - exact) < 2
        assert exact or not credits[who]


@given(seed=st.integers(0, 2**32), pool=st.integers(0, 10**9))
def test_the_deals_share_said_of_everybody_changes_nothing(seed: int, pool: int) -> None:
    assets = delivery(random.Random(seed), 7, 9)
    everybody = {f"person-{n}": Fraction(2, 5) for n in range(7)}
    assert divided(assets, pool, "0.40", everybody) == divided(assets, pool, "0.40", {})


def test_one_contributor_with_another_share() -> None:
    """10.00 over two of equal weight, one with 25 %: by hand 3.25, 3.00 and 3.75."""
    assets = [asset(1, (("ada", 10_000),)), asset(2, (("bo", 10_000),))]
    assert divided(assets, 1_000, "0.40", {"bo": Fraction(1, 4)}) == (325, {"ada": 300, "bo": 375})
    assert divided(assets, 101, "0.5", {"ada": Fraction(1)}) == (76, {"ada": 0, "bo": 25})
    everything = {"ada": Fraction(1), "bo": Fraction(1)}
    assert divided(assets, 101, "0.5", everything) == (101, {"ada": 0, "bo": 0})
