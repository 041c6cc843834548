"""Made-up deliveries for the tests of this folder."""

from __future__ import annotations

import hashlib
import random
from decimal import Decimal

from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import DeliveredAsset, Terms
from schemas.ledger import Allocation

SECRET = b"a secret of the agency, 32 bytes"
DEAL = "acme-2026-01"
SALT = deal_salt(SECRET, DEAL)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def terms(
    pool_minor: int = 10_000,
    currency: str = "USD",
    rule: Allocation = Allocation.PER_ASSET,
    share: str = "0.40",
) -> Terms:
    return Terms("acme-2026-01/1", pool_minor, currency, rule, Decimal(share), digest("terms"))


def asset(
    number: int, contributors: tuple[tuple[str, int], ...], weight: int = 1
) -> DeliveredAsset:
    return DeliveredAsset(
        asset_id=f"asset-{number}",
        contributors=contributors,
        weight=weight,
        samples=1 + number % 4,
        shard=f"acme-image-{number // 100:05d}.tar",
        key=f"{number:09d}",
        media_sha256=digest(f"media {number}"),
        decision_sha256=digest(f"decision {number}"),
    )


def delivery(rng: random.Random, people: int, assets: int) -> list[DeliveredAsset]:
    """Assets with one to three makers each and random splits and weights."""
    made = []
    for number in range(assets):
        makers = rng.sample([f"person-{n}" for n in range(people)], min(people, rng.randint(1, 3)))
        cuts = sorted(rng.sample(range(1, 10_000), len(makers) - 1))
        shares = [stop - start for start, stop in zip([0, *cuts], [*cuts, 10_000], strict=True)]
        split = tuple(zip(makers, shares, strict=True))
        made.append(asset(number, split, rng.randint(0, 50) if number else 1))
    return made
