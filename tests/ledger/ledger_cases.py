"""Builds artificial deliveries for the tests of the ledger."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.ledger.allocation import Allocator
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.division import divide
from pipelines.ledger.entries import (
    ASSET_COLUMNS,
    DeliveryTerms,
    SealedEntries,
    check_terms,
    seal_entries,
)
from pipelines.ledger.split import divide_among_lines, line_points
from pipelines.ledger.statement import statement_head, statement_lines
from pipelines.ledger.statement_form import Statement
from schemas.ledger import LedgerEntry
from schemas.money import format_amount
from schemas.price_terms import PriceTerms
from schemas.sample import DELIVERED_ASSETS_SCHEMA

AS_OF = date(2026, 6, 30)
SECRET = b"a secret of the agency, 32 bytes"
DEAL = "acme-2026-01"
SALT = deal_salt(SECRET, DEAL)


@dataclass(frozen=True, slots=True)
class Line:
    """One claim on the contributors' part: a contributor's share of one asset.

    Args:
        contributor_id: Who is paid.
        key: The asset's key in the delivery; unique for each contributor.
        weight: The asset's weight under the deal's rule, zero or more.
        share_bp: The contributor's share of the asset in basis points.
    """

    contributor_id: str
    key: str
    weight: int
    share_bp: int


@dataclass(frozen=True, slots=True)
class DeliveredAsset:
    """One asset in a delivery.

    Args:
        asset_id: The agency's id of the asset.
        contributors: Pairs of contributor id and share in basis points, summing to 10,000.
        weight: The asset's integer weight in the catalogue.
        samples: Number of its samples in the delivery.
        shard: Name of the shard with its first sample.
        key: Key of its first sample, unique in the delivery.
        media_sha256: Digest of the source media, hex.
        decision_sha256: Digest of the decision that cleared it, hex.
        media_type: `image` or `video`.
    """

    asset_id: str
    contributors: tuple[tuple[str, int], ...]
    weight: int
    samples: int
    shard: str
    key: str
    media_sha256: str
    decision_sha256: str
    media_type: str = "image"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def terms(
    pool_minor: int = 10_000,
    currency: str = "USD",
    rule: str = "per_asset",
    share: str = "0.40",
    **rules: Any,
) -> DeliveryTerms:
    price = {
        "currency": currency,
        "pool": format_amount(pool_minor, currency),
        "agency_share": share,
        "allocation": rule,
    }
    if rule == "two_factor":
        price["two_factor"] = {"proportional": "0.25"}  # type: ignore[assignment]
    if "agency_classes" in rules:
        del price["agency_share"]
    made = PriceTerms.model_validate(price | rules)
    return DeliveryTerms("acme-2026-01/1", made, AS_OF, digest("terms"))


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
    """Returns assets with one to three contributors each, and random splits and weights."""
    made = []
    for number in range(assets):
        makers = rng.sample([f"person-{n}" for n in range(people)], min(people, rng.randint(1, 3)))
        cuts = sorted(rng.sample(range(1, 10_000), len(makers) - 1))
        shares = [stop - start for start, stop in zip([0, *cuts], [*cuts, 10_000], strict=True)]
        split = tuple(zip(makers, shares, strict=True))
        made.append(asset(number, split, rng.randint(0, 50) if number else 1))
    return made


def delivered(assets: Sequence[DeliveredAsset]) -> pa.Table:
    """Returns assets as the table that shards write for the ledger."""
    rows = []
    for one in assets:
        row = asdict(one)
        pairs = row.pop("contributors")
        row["contributor_ids"] = [person for person, _ in pairs]
        row["shares_bp"] = [share for _, share in pairs]
        row["overrides"] = ""
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DELIVERED_ASSETS_SCHEMA)


def seal(
    assets: Sequence[DeliveredAsset], deal: DeliveryTerms, salt: bytes
) -> tuple[SealedEntries, int]:
    """Returns every entry of a small delivery, and the agency's minor units."""
    check_terms(deal)
    table, allocator = delivered(assets), Allocator(deal.price, deal.as_of)
    allocator.add(table)
    allocated, pool = allocator.allocate(deal.price.pool_minor, {}, salt)
    rows = table.select(ASSET_COLUMNS).take(np.argsort(allocated.ranks))
    return seal_entries(rows, allocated, 0, deal, salt), pool.agency_minor


def make_entries(
    assets: Sequence[DeliveredAsset], deal: DeliveryTerms, salt: bytes
) -> tuple[list[LedgerEntry], int]:
    """Returns every entry of a small delivery as a record, and the agency's minor units."""
    sealed, agency = seal(assets, deal, salt)
    return entries_from_table(sealed.table), agency


def make_statements(
    assets: Sequence[DeliveredAsset], deal: DeliveryTerms, salt: bytes, deal_id: str = DEAL
) -> list[Statement]:
    """Returns every contributor's statement, in order of their ids."""
    table = seal(assets, deal, salt)[0].table.sort_by([("person", "ascending")])
    made = []
    lines = zip(table["contributor_id"].to_pylist(), statement_lines(table), strict=True)
    for person, group in groupby(lines, key=lambda pair: pair[0]):
        own = sorted((line for _, line in group), key=lambda line: line["entry_index"])
        total = sum(line["amount_minor"] for line in own)
        head = statement_head(person, total, deal.currency, deal.delivery, deal_id)
        made.append(Statement(**head, lines=own))
    return made


def share_lines(lines: Sequence[Line], minor: int) -> list[int]:
    """Divides an amount among lines in any order, given as records, as a delivery's pool is."""
    order = sorted(range(len(lines)), key=lambda at: lines[at].key)
    people = sorted({line.contributor_id for line in lines})
    ordered = [lines[at] for at in order]
    points = line_points(
        np.array([line.weight for line in ordered], np.int64),
        np.array([line.share_bp for line in ordered], np.int32),
    )
    person = np.array([people.index(line.contributor_id) for line in ordered], np.int32)
    totals = dict.fromkeys(people, 0)
    for line, count in zip(ordered, points.tolist(), strict=True):
        totals[line.contributor_id] += count
    credits = divide(minor, totals, {}, SALT).credits
    amounts = divide_among_lines(person, points, [credits[who] for who in people])
    placed = dict(zip(order, amounts.tolist(), strict=True))
    return [placed[at] for at in range(len(lines))]


def entries_from_table(table: pa.Table) -> list[LedgerEntry]:
    """Returns the entries in a table that has the columns of `LEDGER_SCHEMA`."""
    names = [field.name for field in fields(LedgerEntry)]
    return [LedgerEntry(**row) for row in table.select(names).to_pylist()]
