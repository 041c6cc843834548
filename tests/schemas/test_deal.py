"""Parsing a deal: its values, its defaults and the digest of its terms."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from schemas.deal import Deal, load_deal, parse_deal
from schemas.deal_values import parse_size
from schemas.errors import InputError
from schemas.rights import Purpose
from tests.deals import deal_text
from tests.schemas.deal_cases import LEAST, SAMPLE, faults, with_key


def test_sample_deal_parses() -> None:
    deal = parse_deal(SAMPLE, "acme.toml")
    assert deal.deal_id == "acme-2026-01"
    assert deal.purposes == [Purpose.TRAIN_GEN]
    assert deal.territory == ["US", "NO"]
    assert (deal.starts, deal.ends) == (date(2026, 1, 1), date(2029, 1, 1))
    assert deal.price.pool_minor == 10_000_000
    assert deal.price.agency_share == Decimal("0.40")
    assert deal.shards.target_bytes == 512 * 2**20
    assert not deal.is_worldwide


def test_sample_deal_states_the_defaults() -> None:
    plain = LEAST.replace('"d"', '"acme-2026-01"').replace('"b"', '"Acme Models"')
    plain = plain.replace('["NO"]', '["US", "NO"]').replace('"1"', '"100000.00"')
    plain = plain.replace("2026-01-02", "2029-01-01")
    assert parse_deal(plain, "plain") == parse_deal(SAMPLE, "sample")


AGREEMENT = '{ref = "A-1", signed_at = 2026-01-01, purposes = ["search"], contributors = ["all"]}'


def test_defaults_are_strict() -> None:
    deal = parse_deal(LEAST, "least")
    assert deal.rights.model_dump() == {
        "editorial": "refuse",
        "ai_generated": "refuse",
        "minors": "refuse",
        "people": "release",
        "unknown_people_count": "refuse",
        "sensitive": "refuse",
        "inference": "require",
        "consent_basis": "any",
        "unknown_property": "refuse",
        "unknown_source": "refuse",
        "non_commercial": "refuse",
        "no_derivatives": "refuse",
        "share_alike": "refuse",
        "ends_early": "refuse",
        "shoot_range": "required",
        "max_shoot_days": 366,
        "witness": "independent",
        "copyright_conflicts": "refuse",
        "unjudged_content": "refuse",
        "denial_phrases": [],
        "copies_of_refused": "refuse",
        "personal_data": "keep",
        "faces": "ignore",
        "missing_credit": "refuse",
        "precedence": "stricter",
    }
    assert deal.agreements == [] == deal.rulings
    assert (deal.sources.roots, deal.sources.hosts, deal.gate.divert) == ([], [], [])
    assert deal.media == ["image"]


def test_needed_purposes() -> None:
    def needed(purposes: str) -> tuple[str, ...]:
        return parse_deal(with_key("purposes", purposes), "x").needed_purposes

    assert needed('["train_gen"]') == ("train_gen", "inference")
    assert needed('["inference", "search"]') == ("inference", "search")
    without = parse_deal(LEAST + '\n[rights]\ninference = "pack-without"\n', "x")
    assert without.needed_purposes == ("train_gen",)
    assert without.judged_purposes == ("train_gen", "inference")


def test_unreadable_deal_is_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('buyer = "Müller"'.encode("latin-1"))
    for path in (tmp_path / "none.toml", tmp_path, latin):
        with pytest.raises(InputError, match="cannot be read") as caught:
            load_deal(path)
        assert str(path) in caught.value.which and caught.value.exit_code == 2


def test_deal_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deal.toml"
    path.write_text(SAMPLE)
    assert load_deal(path) == parse_deal(SAMPLE, "sample")
    path.write_text("\ufeff" + SAMPLE)  # as editors on Windows write it
    assert load_deal(path) == parse_deal(SAMPLE, "sample")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1B", 1),
        ("10 KB", 10_000),
        ("10KiB", 10_240),
        ("2MB", 2_000_000),
        ("512MiB", 512 * 2**20),
        ("3GB", 3 * 10**9),
        ("4GiB", 4 * 2**30),
    ],
)
def test_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert parse_size(size) == size
    said = parse_deal(with_key("shards.target_bytes", f'"{text}"'), "x")
    assert said.shards.target_bytes == size


@pytest.mark.parametrize(
    "text", ["", "MiB", "1 2", "1  MiB", " 1", "1\n", "1mib", "1TiB", "0x10", "1_000", "١", "1e3"]
)
def test_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size(text)


@pytest.mark.parametrize("share", ["0", "0.0", "0.40", "0.333333333333", "1", "1.00"])
def test_shares_are_exact(share: str) -> None:
    deal = parse_deal(with_key("price.agency_share", f'"{share}"'), "x")
    assert str(deal.price.agency_share) == share


@pytest.mark.parametrize(
    ("pool", "currency", "minor"),
    [("0", "USD", 0), ("10.5", "EUR", 1050), ("1500001", "JPY", 1_500_001), ("1.234", "BHD", 1234)],
)
def test_pool_is_converted_to_minor_units(pool: str, currency: str, minor: int) -> None:
    text = LEAST.replace('"1"', f'"{pool}"').replace('"USD"', f'"{currency}"')
    assert parse_deal(text, "x").price.pool_minor == minor


def test_order_of_pool_and_currency_does_not_matter() -> None:
    for text in (LEAST, with_key("price.pool", '"0.5"').replace('"USD"', '"JPY"')):
        lines = text.splitlines()
        turned = "\n".join(lines[:-2] + lines[:-3:-1])
        if "JPY" in text:
            assert faults(text) == faults(turned)
        else:
            assert parse_deal(text, "x") == parse_deal(turned, "x")


@pytest.mark.parametrize("deal_id", ["a", "7", "a-b", "acme-2026-01", "a" * 64, "agency-1"])
def test_valid_deal_ids(deal_id: str) -> None:
    assert parse_deal(with_key("deal_id", f'"{deal_id}"'), "x").deal_id == deal_id


def test_deal_is_immutable() -> None:
    deal = parse_deal(LEAST, "x")
    for section, key in ((deal, "buyer"), (deal.rights, "minors")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(section, key, "guardian-release")


def digest(text: str) -> str:
    return parse_deal(text, "x").terms_sha256()


def test_terms_digest_is_stable() -> None:
    """Published manifests contain it, so a different value would be a new format."""
    terms: dict[str, Any] = {
        "deal_id": "d",
        "buyer": "b",
        "purposes": ["train_gen"],
        "territory": ["NO"],
        "starts": "2026-01-01",
        "ends": "2026-01-02",
        "profile": "image-text",
        "media": ["image"],
        "rights": {
            "editorial": "refuse",
            "ai_generated": "refuse",
            "minors": "refuse",
            "people": "release",
            "unknown_people_count": "refuse",
            "sensitive": "refuse",
            "inference": "require",
            "consent_basis": "any",
            "unknown_property": "refuse",
            "unknown_source": "refuse",
            "non_commercial": "refuse",
            "no_derivatives": "refuse",
            "share_alike": "refuse",
            "ends_early": "refuse",
            "shoot_range": "required",
            "max_shoot_days": 366,
            "witness": "independent",
            "copyright_conflicts": "refuse",
            "unjudged_content": "refuse",
            "denial_phrases": [],
            "copies_of_refused": "refuse",
            "personal_data": "keep",
        },
        "agreements": [],
        "rulings": [],
        "select": {
            "min_short_side": 512,
            "keywords_any": [],
            "keywords_none": [],
            "dedupe": "near",
            "max_assets": 100_000,
        },
        "models": {"clip": "demo", "captioner": "demo"},
        "price": {
            "pool": "1",
            "currency": "USD",
            "agency_share": "0.40",
            "allocation": "per_asset",
            "two_factor": None,
            "base": "delivered",
            "weights": None,
            "minimum": "0",
            "cap": "1",
            "deductions": [],
            "levels": [],
            "agency_classes": [],
            "other_currencies": "convert",
        },
        "shards": {"target_bytes": 536_870_912},
        "sources": {"roots": [], "hosts": [], "trust_lists": []},
        "gate": {"divert": []},
        "limits": {
            "dead_letter_share": "0.05",
            "max_pixels": 178_956_970,
            "max_media_bytes": 4_294_967_296,
        },
    }
    assert digest(LEAST) == hashlib.sha256(rfc8785.dumps(terms)).hexdigest()


def test_terms_digest_ignores_output_order_and_form() -> None:
    plain = digest(LEAST)
    assert digest(with_key("output.uri", '"s3://elsewhere"')) == plain
    assert digest("\n".join(reversed(LEAST.splitlines()))) == plain
    assert digest(with_key("rights.minors", '"refuse"')) == plain
    assert digest(with_key("shards.target_bytes", "536870912")) == plain
    assert digest("# a comment\n" + LEAST) == plain
    assert digest(with_key("models.precision", '"auto"')) == plain


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("deal_id", '"e"'),
        ("buyer", '"c"'),
        ("purposes", '["search"]'),
        ("territory", '["US"]'),
        ("starts", "2025-12-31"),
        ("ends", "2026-01-03"),
        ("rights.minors", '"guardian-release"'),
        ("rights.witness", '"any"'),
        ("rights.max_shoot_days", "7"),
        ("agreements", f"[{AGREEMENT}]"),
        ("select.max_assets", "1"),
        ("models.clip", '"other"'),
        ("models.precision", '"bf16"'),
        ("models.precision", '"fp32"'),
        ("price.pool", '"2"'),
        ("price.allocation", '"weighted"'),
        ("shards.target_bytes", "1"),
        ("sources.hosts", '["h"]'),
        ("gate.divert", '["r"]'),
        ("limits.max_pixels", "1"),
        ("limits.max_pixels", str(2**53 - 1)),
    ],
)
def test_every_term_changes_the_digest(key: str, value: str) -> None:
    assert digest(with_key(key, value)) != digest(LEAST)


def test_sections_refuse_unknown_keys() -> None:
    """Otherwise a misspelt key would silently take its default."""
    for field in Deal.model_fields.values():
        config = getattr(field.annotation, "model_config", None)
        assert config is None or (config["extra"], config["strict"]) == ("forbid", True)
    assert Deal.model_config["extra"] == "forbid"


def test_what_becomes_of_other_currencies_does_not_make_another_deal() -> None:
    deals = [
        parse_deal(deal_text() + f'other_currencies = "{choice}"\n', "deal.toml")
        for choice in ("refuse", "hold", "convert")
    ]
    assert len({deal.terms_sha256() for deal in deals}) == 3
    assert len({deal.identity_sha256() for deal in deals}) == 1
    assert parse_deal(deal_text(), "deal.toml").price.other_currencies == "convert"
