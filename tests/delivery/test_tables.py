"""A shard's table commits to people as the ledger does, and to nothing that can be guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipelines.delivery.tables import backed_by
from pipelines.ledger.entries import Terms
from schemas.ledger import Allocation
from tests.ledger.ledger_cases import DeliveredAsset, make_entries

SALT = bytes(range(32))
DELIVERY = "deal/v0001"


def row(**more: Any) -> dict[str, Any]:
    people = [
        {"contributor_id": "bo", "share_bp": 4000},
        {"contributor_id": "ada", "share_bp": 6000},
    ]
    agreed = [
        {"purpose": purpose, "contributor_id": "ada", "ref": "A-1"}
        for purpose in ("train_gen", "inference")
    ]
    told = {"asset_id": "a1", "contributors": people, "release_ids": ["r2", "r1", "r2"]}
    return {**told, "agreements": agreed, **more}


def test_contributors_are_those_of_the_ledgers_entries() -> None:
    asset = DeliveredAsset("a1", (("bo", 4000), ("ada", 6000)), 1, 1, "s", "k", "0" * 64, "1" * 64)
    terms = Terms(DELIVERY, 1000, "USD", Allocation.PER_ASSET, Decimal("0.4"), "2" * 64)
    entries, _ = make_entries([asset], terms, SALT)
    told = backed_by(SALT, DELIVERY, row())["contributors"]
    assert told == [entry.contributor_commitment for entry in entries]


def test_each_is_said_once_and_no_two_assets_say_the_same() -> None:
    first = backed_by(SALT, DELIVERY, row())
    assert [len(values) for values in first.values()] == [2, 1, 2]
    others = [
        backed_by(SALT, DELIVERY, row(asset_id="a2")),
        backed_by(SALT, "deal/v0002", row()),
        backed_by(bytes(32), DELIVERY, row()),
    ]
    seen = [value for told in (first, *others) for values in told.values() for value in values]
    assert len(set(seen)) == len(seen) == 20


def test_nothing_signed_is_an_empty_list() -> None:
    told = backed_by(SALT, DELIVERY, row(agreements=[], release_ids=None))
    assert told["consents"] == told["releases"] == []


def test_the_order_of_rows_changes_nothing() -> None:
    turned = row(
        contributors=row()["contributors"][::-1],
        release_ids=["r1", "r2"],
        agreements=row()["agreements"][::-1],
    )
    assert backed_by(SALT, DELIVERY, turned) == backed_by(SALT, DELIVERY, row())
