"""The ledger's data types: allocation rules, entries, the lines of a pool, and their tables."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import NotRequired, TypedDict

import pyarrow as pa

#: The shares of one asset sum to exactly this many basis points.
FULL_SPLIT_BP = 10_000
#: Name of the pool that a deal's price is. Other pools must be asked for by another name.
PRICE_POOL = "price"


class Allocation(StrEnum):
    """How a deal divides the contributors' part of the pool."""

    PER_ASSET = "per_asset"
    """Every delivered asset counts once."""

    WEIGHTED = "weighted"
    """Every asset counts with its integer weight in the catalogue."""

    PER_SAMPLE = "per_sample"
    """Every sample counts: a film cut into four clips counts four times."""

    TWO_FACTOR = "two_factor"
    """A part is divided evenly among assets, the rest by their weights."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger: what one contributor earns for one asset in one delivery.

    The fields are in the order of `LEDGER_SCHEMA`. Everything up to `amount_minor` and
    `currency` is for the agency and the contributor; buyers see only the commitments.

    Args:
        entry_index: Position in the log, from 0.
        delivery: Id of the delivery.
        asset_id: The agency's id of the asset.
        contributor_id: The agency's id of the contributor.
        share_bp: Share of the asset, in basis points.
        weight: What the line counts: the asset's weight under the deal's allocation rule, times
            the factor of its class if the agency's share differs by class.
        amount_minor: The amount in minor units of `currency`; corrections may be negative.
        currency: ISO 4217 code.
        shard: Name of the shard with the asset's first sample.
        key: Key of the asset's first sample.
        media_sha256: Digest of the source media, hex.
        leaf_hash: RFC 6962 leaf hash of the public leaf, hex.
        asset_commitment: Salted sha256 of the asset id, hex.
        contributor_commitment: Salted sha256 of the contributor id, hex.
        amount_commitment: Salted sha256 of amount, currency, share and weight, hex.
        decision_sha256: Digest of the decision that cleared the asset, hex.
        terms_sha256: Digest of the deal's terms, hex.
    """

    entry_index: int
    delivery: str
    asset_id: str
    contributor_id: str
    share_bp: int
    weight: int
    amount_minor: int
    currency: str
    shard: str
    key: str
    media_sha256: str
    leaf_hash: str
    asset_commitment: str
    contributor_commitment: str
    amount_commitment: str
    decision_sha256: str
    terms_sha256: str


_INTEGER_TYPES = {
    "entry_index": pa.int64(),
    "share_bp": pa.int32(),
    "weight": pa.int64(),
    "amount_minor": pa.int64(),
}

#: The ledger's table. The first twelve columns are a contract with readers; add only at the end.
LEDGER_SCHEMA = pa.schema(
    [
        pa.field(field.name, _INTEGER_TYPES.get(field.name, pa.string()), nullable=False)
        for field in fields(LedgerEntry)
    ]
)


class PoolDeduction(TypedDict):
    """What was taken from a pool before it was divided."""

    name: str
    minor: int


class FundPart(TypedDict):
    """One deal's revenue in a fund. `deliveries` are those whose weights the fund uses."""

    deal_id: str
    deliveries: list[str]
    gross_minor: int
    deductions: list[PoolDeduction]
    agency_minor: int
    contributors_minor: int


class PoolRecord(TypedDict):
    """A pool as `pool.json` and the agency's books have it; docs/ledger.md explains the fields.

    Only a fund has `parts` and `parts_sha256`, and its `deal_id` and `delivery` are empty. Only a
    correction of later revenue has `replaces_record`, the index of the record that it replaces.
    """

    name: str
    deal_id: str
    delivery: str
    currency: str
    gross_minor: int
    deductions: list[PoolDeduction]
    agency_minor: int
    contributors_minor: int
    rounding_minor: int
    rule: dict[str, object]
    source: str
    period: str | None
    source_country: NotRequired[str | None]
    withdrawal: NotRequired[dict[str, object]]
    replaces: str | None
    replaces_record: NotRequired[int | None]
    parts: NotRequired[list[FundPart]]
    parts_sha256: NotRequired[str]
    lines_sha256: str
    points_sha256: NotRequired[str]


_POOL_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("contributor_id", pa.string(), nullable=False),
    pa.field("weight", pa.string(), nullable=False),
    pa.field("due", pa.string(), nullable=False),
    pa.field("credit_minor", pa.int64(), nullable=False),
    pa.field("carried", pa.string(), nullable=False),
    pa.field("basis", pa.string(), nullable=False),
]
#: The lines of a pool, one per contributor, in order of their ids. Whole numbers of any size and
#: fractions ("num/den", in lowest terms) are texts. `due` is the exact share of this pool in minor
#: units, `carried` what is carried on after it.
POOL_LINES_SCHEMA = pa.schema(_POOL_FIELDS)
_POINTS_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("contributor_id", pa.string(), nullable=False),
    pa.field("points", pa.string(), nullable=False),
]
#: What contributors' lines count before minimum and cap: weight times basis points, as a text, in
#: order of ids. Only a pool that considers assets which are not delivered needs it.
POOL_POINTS_SCHEMA = pa.schema(_POINTS_FIELDS)

_SUMS_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("contributor_id", pa.string()),
    pa.field("amount_minor", pa.int64(), nullable=False),
    pa.field("commitment", pa.string(), nullable=False),  # hex
    pa.field("salt", pa.binary(32)),  # opens the contributor's commitment
]
#: The leaves of a delivery's sum tree, in the tree's order: contributors' totals, each with a piece
#: of the agency's part beside it, whose `contributor_id` and `salt` are null.
SUMS_SCHEMA = pa.schema(_SUMS_FIELDS)

#: What each contributor is owed in addition to what the replaced version credited: one row for
#: everybody in either version, sorted by contributor. Amounts are in minor units.
DIFFERENCES_SCHEMA = pa.schema(
    [
        pa.field(name, pa.int64() if name.endswith("_minor") else pa.string(), nullable=False)
        for name in ("contributor_id", "previous_minor", "now_minor", "difference_minor")
    ]
)


def _text(*names: str) -> list[pa.Field[pa.DataType]]:
    return [pa.field(name, pa.string(), nullable=False) for name in names]


def _minor(name: str) -> pa.Field[pa.DataType]:
    return pa.field(name, pa.int64(), nullable=False)


#: The balances that a payout settles, in order of contributor, currency and source. Rates are texts
#: as the terms have them, or "".
PAYOUT_LINES_SCHEMA = pa.schema(
    [
        *_text("contributor_id", "currency", "source_country"),
        _minor("amount_minor"),
        *_text("paid_currency", "rate", "rate_source"),
        _minor("converted_minor"),
        *_text("withholding_rate", "withholding_source"),
        _minor("withheld_minor"),
        *_text("display_name", "country", "payee_ref"),
    ]
)

#: What of each credit of a fund comes from which deal's revenue; sorted by contributor, then deal.
#: `due` is the exact part ("num/den"). Credits sum to the fund's lines, and to the deals' parts.
FUND_PARTS_SCHEMA = pa.schema(
    [*_text("contributor_id", "deal_id", "due"), _minor("credit_minor")],
)

#: The balances that a payout left as they are, and why.
UNPAID_LINES_SCHEMA = pa.schema(
    [
        *_text("contributor_id", "currency", "source_country"),
        _minor("amount_minor"),
        *_text("reason", "detail"),
    ]
)

#: The country of each contributor of a delivery, "" where the catalogue has none; sorted.
COUNTRIES_SCHEMA = pa.schema(_text("contributor_id", "country"))

#: Whose money is credited but not paid yet, and why; sorted by contributor.
HOLDS_SCHEMA = pa.schema(
    [
        pa.field(name, pa.int64() if name.endswith("_minor") else pa.string(), nullable=False)
        for name in (
            *("contributor_id", "credit_minor", "difference_minor"),
            *("currency", "payee_currency", "reason"),
        )
    ]
)
