"""The form of a statement: its fields, in the order in which they are written, and its columns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypedDict

from schemas.ledger import PRICE_POOL

#: Version of the statement format. Changing its fields requires a new version.
STATEMENT_VERSION = "fairshard/statement/v2"
#: Statements of earlier versions of the program, which stay valid.
STATEMENT_VERSION_1 = "fairshard/statement/v1"


class Opening(TypedDict):
    """The salts that open a line's commitments, in hex."""

    asset_salt: str
    contributor_salt: str
    amount_salt: str


class StatementLine(TypedDict):
    """One entry as its contributor sees it. Keys are in the order they are written."""

    asset_id: str
    entry_index: int
    key: str
    shard: str
    share_bp: int
    weight: int
    amount_minor: int
    amount: str
    leaf_hash: str
    media_sha256: str
    decision_sha256: str
    terms_sha256: str
    opening: Opening


class StatementHeadV1(TypedDict):
    """The fields that a statement of version 1 has besides its lines."""

    version: str
    contributor_id: str
    currency: str
    total_minor: int
    total: str
    delivery: str
    deal_id: str


class StatementHead(StatementHeadV1):
    """A statement without its lines. Keys are in the order of `HEAD_KEYS` when written.

    `pool` is the pool that was divided. `replaces` is the delivery whose statement this one
    replaces, or "": `previous` was credited there, and `difference` is what this statement adds.
    `held` is why the money is not paid yet, or "". The payee's fields are those of the catalogue.
    """

    display_name: str
    country: str
    payee_currency: str
    payee_ref: str
    pool: str
    replaces: str
    previous_minor: int
    previous: str
    difference_minor: int
    difference: str
    held: str


class StatementV1(StatementHeadV1):
    """One contributor's statement of version 1, as read from a file."""

    lines: list[StatementLine]


class Statement(StatementHead):
    """One contributor's statement, as read from a file."""

    lines: list[StatementLine]


@dataclass(frozen=True)
class Payee:
    """What the catalogue says about a payee; "" or None where it says nothing.

    `agency_share` is the agency's part of this payee's gross, instead of the deal's.
    """

    display_name: str = ""
    country: str = ""
    currency: str = ""
    payee_ref: str = ""
    agency_share: Fraction | None = None


@dataclass(frozen=True)
class Credit:
    """What a statement credits, and what was credited before.

    Attributes:
        pool: Name of the pool that was divided.
        replaces: Id of the delivery that this one replaces, or "".
        previous_minor: What the contributor was credited there, in minor units.
        held: Why the money is not paid yet, or "".
    """

    pool: str = PRICE_POOL
    replaces: str = ""
    previous_minor: int = 0
    held: str = ""


#: A payee of whom the catalogue says nothing, and the credit of a first version.
UNNAMED, FIRST_CREDIT = Payee(), Credit()

#: A statement's keys before its lines, in the order in which they are written.
HEAD_KEYS = (
    "version",
    "contributor_id",
    "currency",
    "total_minor",
    "total",
    "delivery",
    "deal_id",
    "display_name",
    "country",
    "payee_currency",
    "payee_ref",
    "pool",
    "replaces",
    "previous_minor",
    "previous",
    "difference_minor",
    "difference",
    "held",
)
#: Columns of a statement's CSV: the head of the statement in every row, then the line.
CSV_COLUMNS = (
    *HEAD_KEYS[1:],
    "asset_id",
    "entry_index",
    "key",
    "shard",
    "share_bp",
    "weight",
    "amount_minor",
    "amount",
    "leaf_hash",
    "media_sha256",
    "decision_sha256",
    "terms_sha256",
    "asset_salt",
    "contributor_salt",
    "amount_salt",
)
