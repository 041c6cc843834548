"""Entries add up to the pool exactly, and their public leaves identify nobody."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger import commitments
from pipelines.ledger.commitments import Domain
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.leaf import LEAF_VERSION, leaf_bytes
from schemas.errors import InputError
from schemas.ledger import LEDGER_SCHEMA, Allocation, LedgerEntry
from schemas.money import format_amount
from tests.ledger.ledger_cases import (
    DEAL,
    SALT,
    SECRET,
    DeliveredAsset,
    asset,
    delivery,
    digest,
    entries_from_table,
    make_entries,
    seal,
    terms,
)
from tests.ledger.reference import simple_entries, simple_leaf, simple_table

CASE = delivery(random.Random(5), 9, 60)


@pytest.mark.long
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 10**12),
    st.sampled_from(["USD", "JPY", "BHD"]),
    st.sampled_from(list(Allocation)),
    st.sampled_from(["0", "0.40", "0.3333", "1"]),
    st.randoms(use_true_random=False),
)
def test_agency_and_entries_sum_to_the_pool(
    people: int,
    assets: int,
    pool: int,
    currency: str,
    rule: Allocation,
    share: str,
    rng: random.Random,
) -> None:
    rows = delivery(rng, people, assets)
    deal = terms(pool, currency, rule, share)
    entries, agency = make_entries(rows, deal, SALT)
    assert agency + sum(entry.amount_minor for entry in entries) == pool
    assert len(entries) == sum(len(row.contributors) for row in rows)
    assert [entry.entry_index for entry in entries] == list(range(len(entries)))
    order = [(entry.key, entry.contributor_id) for entry in entries]
    assert order == sorted(order)
    rng.shuffle(rows)
    assert make_entries(rows, deal, SALT) == (entries, agency)


def test_each_rule_divides_by_its_weight() -> None:
    rows = [asset(1, (("a", 10_000),), weight=30), asset(2, (("b", 10_000),), weight=10)]
    paid = {
        rule: [entry.amount_minor for entry in make_entries(rows, terms(2000, rule=rule), SALT)[0]]
        for rule in Allocation
    }
    assert paid == {
        Allocation.PER_ASSET: [600, 600],
        Allocation.WEIGHTED: [900, 300],
        Allocation.PER_SAMPLE: [480, 720],  # two and three samples
        Allocation.TWO_FACTOR: [825, 375],  # a quarter evenly, the rest by weight
    }


def test_leaves_contain_no_contributor_or_asset_id() -> None:
    entries, _ = make_entries(CASE, terms(987_654_321), SALT)
    for entry in entries:
        leaf = leaf_bytes(entry)
        found = json.loads(leaf)
        assert set(found) == {
            "version",
            "delivery",
            "asset_commitment",
            "contributor_commitment",
            "amount_commitment",
            "shard",
            "key",
            "media_sha256",
            "decision_sha256",
            "terms_sha256",
        }
        assert found["version"] == LEAF_VERSION
        assert entry.contributor_id.encode() not in leaf
        assert entry.asset_id.encode() not in leaf
        assert entry.leaf_hash == hashlib.sha256(b"\x00" + leaf).hexdigest()
        # Canonical: sorted keys, no spaces.
        assert leaf == json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def test_commitments_do_not_link_entries_or_deals() -> None:
    entries, _ = make_entries(CASE, terms(), SALT)
    assert len({entry.contributor_commitment for entry in entries}) == len(entries)
    assert len({entry.amount_commitment for entry in entries}) == len(entries)
    assert len({entry.asset_commitment for entry in entries}) == len(CASE)
    other = make_entries(CASE, terms(), commitments.deal_salt(SECRET, "other-deal"))[0]
    for one, two in zip(entries, other, strict=True):
        assert one.asset_commitment != two.asset_commitment
        assert one.contributor_commitment != two.contributor_commitment
    assert entries[0].asset_commitment == asset_commitment(SALT, entries[0].asset_id)


def test_a_commitment_is_built_as_documented() -> None:
    value = b"\x00\x00\x00\x05asset"
    salt = hashlib.sha256(b"salt").digest()
    assert commitments.text_value("asset") == value
    expected = hashlib.sha256(b"asset\x00" + salt + b"\x00" + value).hexdigest()
    assert commitments.commit(Domain.ASSET, salt, value) == expected
    assert commitments.opens(expected, Domain.ASSET, salt, value)
    assert not commitments.opens(expected, Domain.CONTRIBUTOR, salt, value)
    assert not commitments.opens(expected, Domain.ASSET, bytes(32), value)
    assert not commitments.opens(expected, Domain.ASSET, salt + b"\x00", value)
    assert not commitments.opens(expected, Domain.ASSET, salt, commitments.text_value("assets"))


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_lists_have_different_encodings(one: list[str], two: list[str]) -> None:
    assert (commitments.encode(*one) == commitments.encode(*two)) == (one == two)


@given(st.binary(max_size=100), st.sampled_from(list(Domain)), st.lists(st.text(max_size=9)))
def test_salts_are_hmacs(key: bytes, domain: Domain, ids: list[str]) -> None:
    data = domain.encode() + b"\x00" + commitments.encode(*ids)
    assert commitments.item_salt(key, domain, *ids) == hmac.digest(key, data, "sha256")


def test_a_short_secret_and_an_id_with_a_surrogate_are_refused() -> None:
    with pytest.raises(InputError, match="too short"):
        commitments.deal_salt(b"short", DEAL)
    with pytest.raises(InputError, match="Unicode"):
        commitments.text_value("\ud800")


BAD: list[tuple[str, dict[str, object]]] = [
    ("basis points", {"contributors": (("a", 9_999),)}),
    ("basis points", {"contributors": ()}),
    ("basis points", {"contributors": (("a", -1), ("b", 10_001))}),
    ("not name", {"contributors": (("", 10_000),)}),
    ("media_sha256", {"media_sha256": "ABC"}),
    ("decision_sha256", {"decision_sha256": ""}),
    ("same key", {"key": CASE[1].key}),
    ("same asset id", {"asset_id": CASE[1].asset_id}),
]


@pytest.mark.parametrize(("message", "change"), BAD)
def test_invalid_rows_are_refused(message: str, change: dict[str, object]) -> None:
    fields: dict[str, object] = {
        field.name: getattr(CASE[0], field.name) for field in dataclasses.fields(CASE[0])
    }
    bad = DeliveredAsset(**(fields | change))  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InputError, match=message):
        make_entries([bad, *CASE[1:]], terms(), SALT)


def test_invalid_terms_and_weights_are_refused() -> None:
    with pytest.raises(InputError, match="nothing was delivered"):
        make_entries([], terms(), SALT)
    with pytest.raises(InputError, match="terms_sha256"):
        make_entries(CASE, dataclasses.replace(terms(), terms_sha256="x"), SALT)
    nothing = [asset(1, (("a", 10_000),), weight=0)]
    with pytest.raises(InputError, match="sum to zero"):
        make_entries(nothing, terms(rule=Allocation.WEIGHTED), SALT)


def test_the_table_has_the_published_columns_and_every_field() -> None:
    assert ",".join(LEDGER_SCHEMA.names[:12]) == (
        "entry_index,delivery,asset_id,contributor_id,share_bp,weight,amount_minor,currency,"
        "shard,key,media_sha256,leaf_hash"
    )
    assert LEDGER_SCHEMA.names == [field.name for field in dataclasses.fields(LedgerEntry)]
    sealed, _ = seal(CASE, terms(), SALT)
    table = sealed.table.select(LEDGER_SCHEMA.names)
    assert table.schema.equals(LEDGER_SCHEMA)
    entries = [entry for entry, _ in simple_entries(CASE, terms(), SALT)[0]]
    assert table.equals(simple_table(entries))
    assert entries_from_table(table) == entries
    assert sealed.leaves == [simple_leaf(entry) for entry in entries]


def test_the_shares_of_a_repeated_contributor_are_added() -> None:
    twice = make_entries([asset(1, (("b", 1_000), ("a", 4_000), ("b", 5_000)))], terms(), SALT)
    assert twice == make_entries([asset(1, (("a", 4_000), ("b", 6_000)))], terms(), SALT)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@given(st.lists(TEXT, min_size=9, max_size=9))
def test_leaves_are_canonical_json(texts: list[str]) -> None:
    fields = dict.fromkeys(LEDGER_SCHEMA.names, "")
    free = ("delivery", "shard", "key", "media_sha256", "decision_sha256", "terms_sha256")
    hexed = ("asset_commitment", "contributor_commitment", "amount_commitment")
    fields |= dict(zip(free, texts, strict=False))
    fields |= {name: digest(text) for name, text in zip(hexed, texts[6:], strict=True)}
    entry = LedgerEntry(**fields)  # type: ignore[arg-type]  # a leaf has none of the numbers
    assert leaf_bytes(entry) == simple_leaf(entry)


def _item(domain: str, *ids: str) -> bytes:
    """Returns an item's salt, by the standard library only; here HKDF is two HMACs."""
    lengths = [len(text).to_bytes(4, "big") + text.encode() for text in (DEAL, *ids)]
    extracted = hmac.digest(bytes(32), SECRET, "sha256")
    info = b"fairshard/deal-salt/v1\x00" + lengths[0]
    salt = hmac.digest(extracted, info + b"\x01", "sha256")
    return hmac.digest(salt, domain.encode() + b"\x00" + b"".join(lengths[1:]), "sha256")


def _commitment(domain: str, ids: list[str], values: list[str]) -> str:
    value = b"".join(len(text).to_bytes(4, "big") + text.encode() for text in values)
    start = domain.encode() + b"\x00" + _item(domain, *ids) + b"\x00"
    return hashlib.sha256(start + value).hexdigest()


def test_the_bytes_of_a_leaf_never_change() -> None:
    """Computed independently and pinned: a change would break every published log."""
    (entry,), _ = make_entries([asset(7, (("ada", 10_000),), weight=3)], terms(), SALT)
    where = ["acme-2026-01/1", "asset-7", "ada"]
    leaf = {
        "version": "fairshard/entry/v1",
        "delivery": "acme-2026-01/1",
        "asset_commitment": _commitment("asset", ["asset-7"], ["asset-7"]),
        "contributor_commitment": _commitment("contributor", where, ["ada"]),
        "amount_commitment": _commitment("amount", where, ["6000", "USD", "10000", "1"]),
        "shard": "acme-image-00000.tar",
        "key": "000000007",
        "media_sha256": digest("media 7"),
        "decision_sha256": digest("decision 7"),
        "terms_sha256": digest("terms"),
    }
    data = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()
    assert entry.leaf_hash == hashlib.sha256(b"\x00" + data).hexdigest()
    assert entry.leaf_hash == ("1ca8f89e1ba9d3e8b8a9f52877e0f4378b2f56c45c8cd73967f6c634fffad34a")


def test_the_worked_example_in_the_documentation() -> None:
    rows = [asset(1, (("ada", 10_000),)), asset(2, (("ada", 3_333), ("bo", 6_667)))]
    entries, agency = make_entries(rows, terms(10_000), SALT)
    paid = {(entry.contributor_id, entry.key[-1]): entry.amount_minor for entry in entries}
    assert agency == 4000
    assert paid == {("ada", "1"): 3000, ("ada", "2"): 1000, ("bo", "2"): 2000}
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    for row, minor in (
        ("ada, first asset: 10,000 of 13,333", paid["ada", "1"]),
        ("ada, second asset: 3,333 of 13,333", paid["ada", "2"]),
        ("bo, second asset", paid["bo", "2"]),
    ):
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} |")]
        assert line.endswith(f"| {format_amount(minor, 'USD')} |")
