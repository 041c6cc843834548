"""The rights that a cleared asset has by the catalogue: inference, last day and agreements."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from pipelines.rights.cleared_rights import (
    add_cleared_rights,
    agreements_by_purpose,
    deal_agreement,
)
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from schemas.rights import Purpose
from schemas.unit import CLEARED_RIGHTS_FIELDS, Agreement
from tests.rights.rights_cases import (
    AS_OF,
    DAY,
    ENDS,
    Row,
    asset,
    deal,
    deal_with_rights,
    event,
    release,
    rights_index,
    split_shares,
)

GEN, INFERENCE = Purpose.TRAIN_GEN, Purpose.INFERENCE
TODAY = AS_OF.date()
APART = {"inference": "pack-without"}
TWO = split_shares(("c-1", 5000), ("c-2", 5000))


def stand(*rows: Row, terms: Deal | None = None, **joined: Any) -> list[Row]:
    terms = terms or deal()
    table = pa.Table.from_pylist(list(rows) or [asset()], ASSETS_SCHEMA)
    added = add_cleared_rights(table, rights_index(terms, **joined), terms)
    assert added.column_names == [
        *ASSETS_SCHEMA.names,
        *(field.name for field in CLEARED_RIGHTS_FIELDS),
    ]
    assert added.schema.field("agreements").type == CLEARED_RIGHTS_FIELDS[2].type
    return list(added.to_pylist())


def one(row: Row | None = None, **changes: Any) -> Row:
    [found] = stand(row or asset(), **changes)
    return found


def signed(number: int, *purposes: str, who: tuple[str, ...] = ("all",), when: date = TODAY) -> Row:
    return {
        "ref": f"D-{number}",
        "signed_at": when,
        "purposes": list(purposes),
        "contributors": list(who),
    }


def held(row: Row) -> set[tuple[str, str, str]]:
    return {(item["purpose"], item["contributor_id"], item["ref"]) for item in row["agreements"]}


def test_ordinary_asset_has_full_rights() -> None:
    row = one()
    assert row["inference"] is True
    assert row["usable_until"] is None
    assert row["agreements"] == []
    table = pa.Table.from_pylist([], ASSETS_SCHEMA)
    assert len(add_cleared_rights(table, rights_index(deal()), deal())) == 0


# Inference.


@pytest.mark.parametrize("value", ["deny", "conditional", "unknown", "?"])
def test_contributor_without_consent_prevents_inference(value: str) -> None:
    terms = deal_with_rights(**APART)
    no = event(value, who="c-2", purpose="inference")
    consents = [event("allow"), event("allow", -90, who="c-2"), no]
    assert one(asset(contributors=TWO), terms=terms, consents=consents)["inference"] is False
    assert one(terms=terms, consents=consents)["inference"] is True
    narrow = [*consents[:2], no | {"asset_id": "a-2"}]
    rows = [asset(contributors=TWO, asset_id=name) for name in ("a-1", "a-2", "a-3")]
    found = stand(*rows, terms=terms, consents=narrow)
    assert [row["inference"] for row in found] == [True, False, True]


def test_no_consent_prevents_inference_under_pack_without() -> None:
    yes = [event("allow", purpose="train_gen")]
    assert one(terms=deal_with_rights(**APART), consents=yes)["inference"] is False
    assert one(terms=deal_with_rights(inference="unless-denied"), consents=yes)["inference"] is True


@pytest.mark.parametrize(
    ("grant", "open_"),
    [
        *((None, True), ("allow", True), ("unknown", True)),
        *(("deny", False), ("conditional", False), ("Allow", False), ("", False)),
    ],
)
def test_catalogue_grant_decides_on_inference(grant: str | None, open_: bool) -> None:
    row = asset(grant_inference=grant)
    assert one(row, terms=deal_with_rights(**APART))["inference"] is open_
    covering = deal(rights=APART, agreements=[signed(1, "inference")])
    assert one(row, terms=covering)["inference"] is True
    for other in (
        signed(1, "train_gen"),
        signed(1, "inference", who=("c-2",)),
        signed(1, "inference", when=TODAY + DAY),
    ):
        short = deal(rights=APART, agreements=[other])
        assert one(row, terms=short)["inference"] is open_
    for who, all_covered in ((("c-1",), False), (("c-1", "c-2"), True)):
        named = deal(rights=APART, agreements=[signed(1, "inference", who=who)])
        both = row | {"contributors": TWO}
        assert one(both, terms=named)["inference"] is (open_ or all_covered)


# Its last day.


@pytest.mark.parametrize(
    ("asset_ends", "release_ends", "expected"),
    [
        (None, None, None),
        (ENDS, ENDS, None),
        (ENDS + DAY, ENDS + DAY, None),
        (ENDS - DAY, None, ENDS - DAY),
        (None, ENDS - DAY, ENDS - DAY),
        (ENDS - DAY, ENDS - 2 * DAY, ENDS - 2 * DAY),
        (ENDS - 3 * DAY, ENDS - 2 * DAY, ENDS - 3 * DAY),
    ],
)
def test_usable_until(
    asset_ends: date | None, release_ends: date | None, expected: date | None
) -> None:
    row = asset(valid_until=asset_ends, people_count=1, minors=False, release_ids=["r-1", "r-1"])
    terms = deal_with_rights(ends_early="until")
    releases = [release(valid_until=release_ends), release(release_id="r-2", valid_until=TODAY)]
    found = stand(row, asset(), terms=terms, releases=releases)
    assert [each["usable_until"] for each in found] == [expected, None]


# Agreements.


def test_consent_in_force_names_its_agreement() -> None:
    both = {("train_gen", "c-1", "A-2"), ("inference", "c-1", "A-2")}
    old, new = event("allow", -9, agreement_ref="A-1"), event("allow", -8, agreement_ref=" A-2 ")
    assert held(one(consents=[new, old])) == both
    # An allow without an agreement does not end one; any other event ends it for good.
    assert held(one(consents=[event("allow", -7), new, old])) == both
    for no in ("deny", "conditional", "unknown"):
        assert held(one(consents=[event("allow", -6), event(no, -7), new])) == set()
    assert held(one(consents=[event("allow", -8), new, old])) == both  # at the same instant
    assert held(one(consents=[event("deny", -8, agreement_ref="A-3"), new])) == set()
    assert held(one(consents=[new, event("deny", 1)])) == both
    assert held(one(consents=[event("allow", 1, agreement_ref="A-2")])) == set()
    for nothing in ("", "  ", None):
        assert held(one(consents=[event("allow", agreement_ref=nothing)])) == set()


def test_consent_for_one_asset_has_its_own_agreement() -> None:
    general = event("allow", -9, agreement_ref="A-1", purpose="train_gen")
    own = event("allow", -20, agreement_ref="A-2", purpose="train_gen", asset_id="a-1")
    first, other = stand(asset(), asset(asset_id="a-2"), consents=[general, own])
    assert held(first) == {("train_gen", "c-1", "A-2")}
    assert held(other) == {("train_gen", "c-1", "A-1")}
    # For one asset, an allow without an agreement keeps the general agreement; a denial ends it.
    unnamed = own | {"agreement_ref": None}
    assert held(one(consents=[general, unnamed])) == {("train_gen", "c-1", "A-1")}
    refused = event("deny", -5, purpose="train_gen", asset_id="a-1")
    again = unnamed | {"given_at": event("allow", -4)["given_at"]}
    assert held(one(consents=[general, refused, again])) == set()


def test_deal_agreement_applies_where_a_consent_names_none() -> None:
    agreements = [
        signed(0, "train_gen", when=TODAY + DAY),
        signed(1, "train_gen", "search"),
        signed(2, "train_gen", who=("c-1",)),
        signed(3, "train_gen", who=("c-1", "c-3")),
    ]
    consents = [event("allow"), event("allow", who="c-2", agreement_ref="A-9")]
    found = one(asset(contributors=TWO), terms=deal(agreements=agreements), consents=consents)
    assert held(found) == {
        *(("train_gen", "c-1", "D-2"), ("train_gen", "c-2", "A-9"), ("inference", "c-2", "A-9"))
    }
    assert agreements_by_purpose(found["contributors"], found["agreements"]) == {GEN: "A-9, D-2"}


def test_agreements_are_per_asset() -> None:
    consents = [event("allow", agreement_ref="A-1"), event("allow", who="c-2")]
    rows = [
        asset(asset_id="a-1", contributors=split_shares(("c-2", 10_000))),
        asset(asset_id="a-2", contributors=TWO),
        asset(asset_id="a-3"),
    ]
    by_c1 = {("train_gen", "c-1", "A-1"), ("inference", "c-1", "A-1")}
    assert [held(row) for row in stand(*rows, consents=consents)] == [set(), by_c1, by_c1]


def test_covered_purposes_are_signed_by_all_contributors() -> None:
    def item(purpose: Purpose, who: str, ref: str) -> Agreement:
        return {"purpose": purpose.value, "contributor_id": who, "ref": ref}

    items = [item(GEN, "c-1", "B"), item(GEN, "c-2", "A"), item(INFERENCE, "c-1", "B")]
    assert agreements_by_purpose(TWO, items) == {GEN: "A, B"}
    assert agreements_by_purpose(TWO[:1], items) == {GEN: "B", INFERENCE: "B"}
    assert agreements_by_purpose(TWO, [*items, item(INFERENCE, "c-2", "B")])[INFERENCE] == "B"
    assert agreements_by_purpose([], items) == {}
    assert agreements_by_purpose(TWO, []) == {}


def test_deal_agreement_covers_its_contributors() -> None:
    terms = deal(
        agreements=[
            signed(1, "train_gen", who=("c-1",)),
            signed(2, "train_gen", who=("c-9",)),
            signed(3, "train_gen", when=TODAY + DAY),
        ]
    )
    assert deal_agreement(terms, GEN, TWO[:1], TODAY) == "D-1"
    assert deal_agreement(terms, GEN, TWO[:1], TODAY - DAY) is None
    assert deal_agreement(terms, GEN, TWO, TODAY) is None
    assert deal_agreement(terms, GEN, TWO, TODAY + DAY) == "D-1, D-3"
    assert deal_agreement(terms, INFERENCE, TWO[:1], TODAY) is None
    assert deal_agreement(terms, GEN, [], TODAY) is None
