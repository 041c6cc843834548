"""A shard's table has the ledger's commitments to people, and none that can be guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.delivery.tables import considered_table, delivered_table, rights_commitments
from schemas.sample import CONSIDERED_ASSETS_SCHEMA, DELIVERED_ASSETS_SCHEMA
from schemas.unit import UNIT_SCHEMA, UnitRow
from tests.ledger.ledger_cases import DeliveredAsset, make_entries, terms

SALT = bytes(range(32))
DELIVERY = "deal/v0001"


def row(**more: Any) -> UnitRow:
    people = [
        {"contributor_id": "bo", "share_bp": 4000},
        {"contributor_id": "ada", "share_bp": 6000},
    ]
    agreed = [
        {"purpose": purpose, "contributor_id": "ada", "ref": "A-1"}
        for purpose in ("train_gen", "inference")
    ]
    fields = {"asset_id": "a1", "contributors": people, "release_ids": ["r2", "r1", "r2"]}
    return cast("UnitRow", {**fields, "agreements": agreed, **more})


def test_contributor_commitments_match_the_ledger() -> None:
    asset = DeliveredAsset("a1", (("bo", 4000), ("ada", 6000)), 1, 1, "s", "k", "0" * 64, "1" * 64)
    entries, _ = make_entries([asset], replace(terms(), delivery=DELIVERY), SALT)
    commitments = rights_commitments(SALT, DELIVERY, row())["contributors"]
    assert commitments == [entry.contributor_commitment for entry in entries]


def test_a_person_whom_the_catalogue_names_twice_is_in_a_row_once() -> None:
    """As in the ledger, which adds up the shares."""
    shares = (("ada", 3000), ("bo", 4000), ("ada", 3000))
    people = [{"contributor_id": who, "share_bp": share} for who, share in shares]
    asset = DeliveredAsset("a1", shares, 1, 1, "s", "k", "0" * 64, "1" * 64)
    entries, _ = make_entries([asset], replace(terms(), delivery=DELIVERY), SALT)
    found = rights_commitments(SALT, DELIVERY, row(contributors=people))["contributors"]
    assert found == [entry.contributor_commitment for entry in entries] and len(found) == 2


def test_commitments_are_unique_per_asset() -> None:
    first = rights_commitments(SALT, DELIVERY, row())
    assert [len(values) for values in first.values()] == [2, 1, 2]
    others = [
        rights_commitments(SALT, DELIVERY, row(asset_id="a2")),
        rights_commitments(SALT, "deal/v0002", row()),
        rights_commitments(bytes(32), DELIVERY, row()),
    ]
    seen = [
        value
        for commitments in (first, *others)
        for values in commitments.values()
        for value in values
    ]
    assert len(set(seen)) == len(seen) == 20


def test_no_agreements_give_an_empty_list() -> None:
    commitments = rights_commitments(SALT, DELIVERY, row(agreements=[], release_ids=None))
    assert commitments["consents"] == commitments["releases"] == []


def test_row_order_does_not_change_commitments() -> None:
    turned = row(
        contributors=row()["contributors"][::-1],
        release_ids=["r1", "r2"],
        agreements=row()["agreements"][::-1],
    )
    assert rights_commitments(SALT, DELIVERY, turned) == rights_commitments(SALT, DELIVERY, row())


ASSETS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.text(max_size=3), st.integers(1, 10_000)), max_size=3),
        st.none() | st.integers(1, 9),
    ),
    min_size=1,
    max_size=12,
)


@given(ASSETS, st.integers(1, 12))
def test_delivered_table_has_every_asset(assets: list[Any], cut: int) -> None:
    """Rows come in chunks from several units, and samples in one chunk."""
    names = ("asset_id", "media_type", "contributors", "weight", "overrides")
    schema = pa.schema([UNIT_SCHEMA.field(name) for name in names])
    rows = [
        {
            "asset_id": f"a{at}",
            "media_type": ("image", "video")[at % 2],
            "contributors": [{"contributor_id": who, "share_bp": part} for who, part in people],
            "weight": weight,
            "overrides": f"o{at}",
        }
        for at, (people, weight) in enumerate(assets)
    ]
    whole = pa.Table.from_pylist(rows, schema=schema)
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    told = ("shard", "key", "media_sha256", "decision_sha256")
    samples = [{name: f"{name} {at}" for name in told} for at in range(len(rows))]
    due = [
        {
            "asset_id": row["asset_id"],
            "media_type": row["media_type"],
            "contributor_ids": [who for who, _ in people],
            "shares_bp": [part for _, part in people],
            "weight": weight or 1,
            "samples": 1,
            **sample,
            "overrides": row["overrides"],
        }
        for row, (people, weight), sample in zip(rows, assets, samples, strict=True)
    ]
    found = delivered_table(pieces, pa.Table.from_pylist(samples))
    assert found.schema.equals(DELIVERED_ASSETS_SCHEMA)
    assert found.to_pylist() == due
    considered = considered_table(pieces)
    assert considered.schema.equals(CONSIDERED_ASSETS_SCHEMA)
    assert considered.equals(found.select(considered.column_names))
