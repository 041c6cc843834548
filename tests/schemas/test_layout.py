"""The layout: names, paths and hash ranges."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.layout import (
    HASH_BITS,
    asset_hash,
    delivery_prefix,
    manifest_key,
    shard_name,
    unit_bits,
    unit_of,
    unit_range,
    version_name,
)


@given(st.text())
def test_asset_hash_is_the_start_of_the_sha256(asset_id: str) -> None:
    digest = hashlib.sha256(b"fairshard/asset\0" + asset_id.encode("utf-8", "surrogatepass"))
    assert asset_hash(asset_id) == int(digest.hexdigest()[:16], 16)


def test_asset_hash_accepts_a_lone_surrogate() -> None:
    assert 0 <= asset_hash("\ud800") < 2**HASH_BITS != asset_hash("?")


@given(st.integers(0, 2**64 - 1), st.integers(2, 14))
def test_hash_is_in_the_range_of_its_unit(value: int, bits: int) -> None:
    unit = unit_of(value, bits)
    low, high = unit_range(unit, bits)
    assert 0 <= unit < 2**bits
    assert low <= value <= high
    assert unit_of(low, bits) == unit_of(high, bits) == unit
    assert low == 0 or unit_of(low - 1, bits) == unit - 1
    assert high == 2**64 - 1 or unit_of(high + 1, bits) == unit + 1


@pytest.mark.parametrize(
    ("rows", "bits"),
    [(0, 2), (1, 2), (1_023, 2), (1_024, 3), (1_000_000, 12), (10**9, 14)],
)
def test_unit_bits_by_rows(rows: int, bits: int) -> None:
    assert unit_bits(rows) == bits


@given(st.integers(0, 10**8))
def test_units_have_about_256_assets_up_to_the_limit(rows: int) -> None:
    bits = unit_bits(rows)
    assert 2 <= bits <= 14
    if 2 < bits < 14:
        assert 128 <= rows / 2**bits < 512


def test_consecutive_ids_are_spread_over_units() -> None:
    units = Counter(unit_of(asset_hash(f"A-{n:06d}"), 4) for n in range(16_000))
    assert len(units) == 16 and max(units.values()) < 1_200 and min(units.values()) > 800


def test_layout_names() -> None:
    assert version_name(1) == "v0001" and version_name(12_345) == "v12345"
    assert delivery_prefix("acme", "v0001") == "acme/v0001/delivery"
    assert manifest_key("acme", "v0001") == "acme/v0001/delivery/MANIFEST.json"
    assert shard_name("acme", "jpg", 7) == "acme-jpg-00007"
