"""Lookups of a deal's keys by name: the value, and the other allowed values."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pipelines.report.reference import deal_keys
from schemas.deal import Deal, parse_deal
from schemas.deal_keys import allowed_values, deal_value, json_value, toml_text

_TEXT = """\
deal_id = "acme"
buyer = "Acme \\"Models\\" é"
purposes = ["train_gen", "search"]
territory = ["NO"]
starts = 2026-01-01
ends = 2029-01-01
rights = { witness = "required", max_shoot_days = 3 }
price = { pool = "100.00", currency = "USD", agency_share = "0.25" }
shards = { target_bytes = "1MiB" }
agreements = [
    { ref = "A-1", signed_at = 2025-01-01, purposes = ["search"], contributors = ["all"] },
]
rulings = [{ ref = "R-1", owner = "c-1", files = ["a", "b"] }]
"""
_LISTS = ("agreements.", "rulings.", "price.deductions.", "price.levels.", "price.agency_classes.")
_OPTIONAL = ("price.two_factor.", "price.weights.")
KEYS = [name for name, *_ in deal_keys() if not name.startswith((*_LISTS, *_OPTIONAL))]


@pytest.fixture(scope="module")
def deal() -> Deal:
    return parse_deal(_TEXT, "test")


@pytest.mark.parametrize("key", KEYS)
def test_printed_value_is_equivalent_toml(deal: Deal, key: str) -> None:
    value = deal_value(deal, key)
    said = tomllib.loads(f"x = {toml_text(value)}")["x"]
    assert said == (str(value) if isinstance(value, Decimal) else value)
    as_json = said.isoformat() if isinstance(said, date) else said
    assert json_value(deal, key) == as_json


def test_printed_value_is_the_written_value(deal: Deal) -> None:
    written: dict[str, Any] = tomllib.loads(_TEXT)
    for key in ("buyer", "purposes", "territory", "ends"):
        assert deal_value(deal, key) == written[key]
    assert toml_text(deal_value(deal, "rights.witness")) == '"required"'
    assert toml_text(deal_value(deal, "ends")) == "2029-01-01"
    assert toml_text(deal_value(deal, "agreements")) == '["A-1"]'
    assert toml_text(deal_value(deal, "rulings")) == '["R-1"]'
    assert json_value(deal, "rights.editorial") == "refuse"  # the default


def test_long_lists_are_shortened() -> None:
    assert toml_text(list("abcdef")) == '["a", "b", "c", "d", "e", "f"]'
    assert toml_text(list("abcdefgh")) == '["a", "b", "c", "d", "e", "f", … 2 more]'


@pytest.mark.parametrize("key", KEYS)
def test_deal_accepts_every_allowed_value(key: str) -> None:
    section, _, name = key.rpartition(".")
    for value in allowed_values(key):
        row: dict[str, Any] = tomllib.loads(_TEXT)
        (row.setdefault(section, {}) if section else row)[name] = value
        if value == "two_factor":
            row["price"]["two_factor"] = {"proportional": "0.5"}
        if key in ("render.audio", "render.films", "render.film_codec"):
            row |= {"profile": "video-text", "media": ["video"]}
        if key == "split.together":
            row["split"]["groups"] = "publish"
        if key == "render.film_codec":
            row["render"]["films"] = "transcode"
        assert deal_value(Deal.model_validate(row), key) == value


def test_allowed_values_are_the_closed_lists() -> None:
    assert allowed_values("rights.people") == ("release", "biometric-release", "refuse")
    assert allowed_values("select.dedupe") == ("none", "exact", "near", "semantic")
    assert allowed_values("select.max_assets") == allowed_values("territory") == ()


def test_unknown_key_is_an_error(deal: Deal) -> None:
    with pytest.raises(KeyError):
        allowed_values("rights.editor")
    with pytest.raises(KeyError):
        json_value(deal, "right.x")
    with pytest.raises(AttributeError):
        deal_value(deal, "rights.editor")
