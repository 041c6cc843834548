"""Each fault of an invalid deal is reported with its key, the value seen and what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import pytest

from schemas.deal import parse_deal
from tests.schemas.deal_cases import LEAST, faults, refusal, with_key


@dataclass(frozen=True)
class Bad:
    """A value that is refused, and what the message must contain in addition to the key."""

    key: str
    value: str
    says: tuple[str, ...]
    at: str = ""  # the key in the message, if different


_WINDOW = 'starts = 2025-06-03, ends = 2026-06-02, source = "licences"'
_ONE = '{ref = "A-1", signed_at = 2026-01-01, purposes = ["search"], contributors = ["all"]}'


def _agreement(**changes: str) -> str:
    """Returns a deal's agreements with one invalid value."""
    usual = {
        "ref": '"A-1"',
        "signed_at": "2026-01-01",
        "purposes": '["search"]',
        "contributors": '["all"]',
    }
    return "[{" + ", ".join(f"{key} = {value}" for key, value in (usual | changes).items()) + "}]"


BAD = [
    Bad("deal_id", '"Acme"', ("'Acme'", "must be up to 64 of")),
    Bad("deal_id", '"-a"', ("must be up to 64 of",)),
    Bad("deal_id", '"a-"', ("must be up to 64 of",)),
    Bad("deal_id", '"a_b"', ("must be up to 64 of",)),
    Bad("deal_id", '"a/b"', ("must be up to 64 of",)),
    Bad("deal_id", '".."', ("must be up to 64 of",)),
    Bad("deal_id", '"a\\n"', ("must be up to 64 of",)),
    Bad("deal_id", '""', ("must be up to 64 of",)),
    Bad("deal_id", f'"{"a" * 65}"', ("must be up to 64 of",)),
    Bad("deal_id", "7", ("7", "text in quotes")),
    Bad("deal_id", '"agency"', ("'agency'", "is reserved")),
    Bad("buyer", '" "', ("one line of text",)),
    Bad("buyer", '"a\\nb"', ("one line of text",)),
    Bad("buyer", "[]", ("text in quotes",)),
    Bad("purposes", "[]", ("[]", "at least 1")),
    Bad("purposes", '"train_gen"', ("'train_gen'", "list")),
    Bad("purposes", '["train"]', ("'train'", "'train_gen'", "'search'"), "purposes.0"),
    Bad("purposes", '["all"]', ("'all'", "'data_mining'"), "purposes.0"),
    Bad("purposes", '["search", "search"]', ("twice",)),
    Bad("territory", "[]", ("at least 1",)),
    Bad("territory", '["UK"]', ("'UK'", "alpha-2", "WORLD"), "territory.0"),
    Bad("territory", '["US", "no"]', ("'no'", "capitals"), "territory.1"),
    Bad("territory", "[false]", ("False", "alpha-2"), "territory.0"),
    Bad("territory", '["NO", "NO"]', ("twice",)),
    Bad("territory", '["WORLD", "NO"]', ("not both",)),
    Bad("starts", '"2026-01-01"', ("without quotes",)),
    Bad("starts", "2026-01-01T00:00:00", ("2026-01-01T00:00:00:", "without a time")),
    Bad("starts", "2026-01-01T00:00:00Z", ("without a time",)),
    Bad("starts", "2026-01-01 00:00:00+02:00", ("without a time",)),
    Bad("starts", "00:00:00", ("00:00:00:", "2026-01-31")),
    Bad("starts", "20260101", ("20260101", "2026-01-31")),
    Bad("ends", "2026-01-01", ("2026-01-01", "after starts")),
    Bad("ends", "2025-12-31", ("2025-12-31", "after starts (2026-01-01)")),
    Bad("ends", "2026-01-02T00:00:00", ("without a time",)),
    Bad("profile", '"text"', ("'text'", "'image-text'", "'video-text'")),
    Bad("profile", '"video-text"', ("['image']", 'requires "video"'), "media"),
    Bad("media", '["video"]', ("does not support films",)),
    Bad("media", '["image", "video"]', ("does not support films",)),
    Bad("media", '["image", "image"]', ("twice",)),
    Bad("media", "[]", ("at least 1",)),
    Bad("media", '["audio"]', ("'audio'", "'image'", "'video'"), "media.0"),
    Bad("rights", "true", ("True", "section", "[rights]")),
    Bad("rights.editorial", '"yes"', ("'yes'", "'refuse'", "'accept'")),
    Bad("rights.editorial", "true", ("True", "'refuse'", "'accept'")),
    Bad("rights.ai_generated", '"accept"', ("'accept'", "'label'")),
    Bad("rights.minors", '"accept"', ("'guardian-release'",)),
    Bad("rights.people", '"accept"', ("'biometric-release'",)),
    Bad("rights.unknown_people_count", "0", ("'accept'",)),
    Bad("rights.sensitive", '"Refuse"', ("'Refuse'", "'refuse'")),
    Bad("rights.inference", '"allow"', ("'require'", "'unless-denied'")),
    Bad("rights.ends_early", '"accept"', ("'refuse'", "'until'")),
    Bad("rights.max_shoot_days", "0", ("greater than or equal to 1",)),
    Bad("rights.witness", "false", ("'independent'", "'required'", "'any'")),
    Bad("agreements", '["A-1"]', ("section",), "agreements.0"),
    Bad("agreements", _agreement(ref='""'), ("one line of text",), "agreements.0.ref"),
    Bad("agreements", _agreement(ref='"a\\nb"'), ("one line",), "agreements.0.ref"),
    Bad("agreements", _agreement(signed_at='"2026-01-01"'), ("quotes",), "agreements.0.signed_at"),
    Bad("agreements", _agreement(purposes="[]"), ("at least 1",), "agreements.0.purposes"),
    Bad("agreements", _agreement(purposes='["all"]'), ("'all'",), "agreements.0.purposes.0"),
    Bad("agreements", _agreement(contributors="[]"), ("at least 1",), "agreements.0.contributors"),
    Bad(
        "agreements",
        _agreement(contributors='["all", "c-1"]'),
        ("not both",),
        "agreements.0.contributors",
    ),
    Bad("agreements", f"[{_ONE}, {_ONE}]", ("twice",)),
    Bad("select.min_short_side", "0", ("0", "greater than or equal to 1")),
    Bad("select.min_short_side", "512.0", ("512.0", "integer")),
    Bad("select.min_short_side", '"512"', ("'512'", "integer")),
    Bad("select.min_short_side", "true", ("True", "integer")),
    Bad("select.max_assets", "-1", ("-1", "greater")),
    Bad("select.max_assets", str(2**53), ("less than or equal to",)),
    Bad("select.keywords_any", '"cat"', ("'cat'", "list")),
    Bad("select.keywords_any", "[1]", ("1", "text in quotes"), "select.keywords_any.0"),
    Bad("select.keywords_none", '["a", " b"]', ("' b'", "blanks"), "select.keywords_none.1"),
    Bad("select.keywords_none", '[""]', ("''", "empty"), "select.keywords_none.0"),
    Bad("select.keep_both", '[["a", "a"]]', ("twice",)),
    Bad("select.keep_both", '[["a", "b"], ["b", "a"]]', ("twice",)),
    Bad("select.keep_both", '[["a", "b", "c"]]', ("2",), "select.keep_both.0"),
    Bad("select.keep_both", '["a"]', ("list",), "select.keep_both.0"),
    Bad("select.only", '"no-such-list.txt"', ("'no-such-list.txt'", "No such file")),
    Bad("select.only", '["a", "b", "a"]', ("'a' twice",)),
    Bad("select.only", "7", ("7", "list")),
    Bad("select.dedupe", '"alike"', ("'none'", "'exact'", "'near'", "'semantic'")),
    Bad("select.semantic_cosine", '"0.9"', ('dedupe = "near"', '"semantic"')),
    Bad("models.clip", "1", ("1", "text in quotes")),
    Bad("models.precision", '"fp16"', ("'auto'", "'fp32'", "'bf16'")),
    Bad("price.pool", "100000.00", ("100000.0", "text in quotes")),
    Bad("price.pool", "100000", ("100000", "text in quotes")),
    Bad("price.pool", '"1.001"', ("'1.001'", "2 decimals")),
    Bad("price.pool", '"1,000.00"', ("'1,000.00'", "one point")),
    Bad("price.pool", '"-1.00"', ("'-1.00'", "without sign")),
    Bad("price.pool", '"1e5"', ("'1e5'",)),
    Bad("price.currency", '"usd"', ("'usd'", "ISO 4217")),
    Bad("price.currency", '"XAU"', ("'XAU'", "ISO 4217")),
    Bad("price.agency_share", "0.4", ("0.4", 'text such as "0.40"')),
    Bad("price.agency_share", "1", ("1", "text")),
    Bad("price.agency_share", '"1.01"', ("'1.01'", "from 0 to 1")),
    Bad("price.agency_share", '"-0.1"', ("'-0.1'", "from 0 to 1")),
    Bad("price.agency_share", '"40%"', ("'40%'", "from 0 to 1")),
    Bad("price.agency_share", '"NaN"', ("'NaN'", "from 0 to 1")),
    Bad("price.agency_share", '" 0.4"', ("from 0 to 1",)),
    Bad("price.agency_share", '"0_1"', ("from 0 to 1",)),
    Bad("price.agency_share", '"4e-1"', ("from 0 to 1",)),
    Bad("price.agency_share", '"٠.٤"', ("from 0 to 1",)),
    Bad("price.allocation", '"equal"', ("'per_asset'", "'weighted'", "'per_sample'")),
    Bad("price.allocation", '"two_factor"', ("are only used together",), "price.two_factor"),
    Bad("price.two_factor", '{proportional = "0.5"}', ("are only used together",)),
    Bad("price.weights", f"{{{_WINDOW}}}", ('allocation = "per_asset"', "no weights")),
    Bad("price.minimum", "1.00", ("1.0", "text in quotes")),
    Bad("price.minimum", '"0.001"', ("'0.001'", "2 decimals")),
    Bad("price.minimum", '"1.01"', ("'1.01'", "exceeds the pool of 1")),
    Bad("price.cap", '"0"', ("'0'", "above 0")),
    Bad("price.cap", '"1.1"', ("from 0 to 1",)),
    Bad("price.base", '"all"', ("'delivered'", "'considered'")),
    Bad("price.deductions", '[{name = "legal"}]', ("not both",), "price.deductions.0.share"),
    Bad(
        "price.deductions",
        '[{name = "legal", amount = "1", share = "0.1"}]',
        ("not both",),
        "price.deductions.0.share",
    ),
    Bad("price.deductions", '[{name = "legal", amount = "1.01"}]', ("'legal'", "1.01 of 1.00")),
    Bad(
        "price.deductions",
        '[{name = "tax", share = "0.5"}, {name = "legal", amount = "0.51"}]',
        ("'legal'", "0.51 of 0.50"),
    ),
    Bad("price.deductions", '[{name = "legal", amount = "0.001"}]', ("2 decimals",)),
    Bad(
        "price.deductions",
        '[{name = "a", amount = "0"}, {name = "a", amount = "0"}]',
        ("twice",),
    ),
    Bad("price.levels", '[{name = "other"}]', ("'other'", "no level lists"), "price.levels.0.name"),
    Bad("price.levels", '[{name = "gold"}]', ("no effect",), "price"),
    Bad(
        "price.levels",
        '[{name = "a", contributors = ["c", "d"]}, {name = "b", contributors = ["d"]}]',
        ("'d'", "two levels", "'a'", "'b'"),
    ),
    Bad(
        "price.levels",
        '[{name = "a", starts = 2026-01-02, ends = 2026-01-01}]',
        ("before starts",),
        "price.levels.0.ends",
    ),
    Bad("price.agency_classes", '[{level = "gold", agency_share = "0.4"}]', ("'gold'", "other")),
    Bad(
        "price.agency_classes",
        '[{media = "image", agency_share = "0.4"}, {media = "image", agency_share = "0.4"}]',
        ("the same media",),
    ),
    Bad(
        "price.agency_classes",
        '[{agency_share = "0.4", class = "image"}]',
        ("unknown key", "media, level, agency_share"),
        "price.agency_classes.0.class",
    ),
    Bad("shards.target_bytes", '"512 MiBs"', ("'512 MiBs'", '"512MiB"')),
    Bad("shards.target_bytes", '"1.5GiB"', ("'1.5GiB'",)),
    Bad("shards.target_bytes", '"-1"', ("'-1'",)),
    Bad("shards.target_bytes", "0", ("0", "greater than 0")),
    Bad("shards.target_bytes", "-1", ("-1", "greater than 0")),
    Bad("shards.target_bytes", "true", ("True", "whole number of bytes")),
    Bad("shards.target_bytes", "1.0", ("1.0", "whole number of bytes")),
    Bad("shards.target_bytes", '"999999999999999999GiB"', ("less than or equal to",)),
    Bad("output.uri", "[]", ("[]", "text in quotes")),
    Bad("sources.roots", '"/a"', ("'/a'", "list")),
    Bad("sources.hosts", "[1]", ("text in quotes",), "sources.hosts.0"),
    Bad("gate.divert", "true", ("True", "list")),
    Bad("limits.dead_letter_share", "0.05", ("0.05", "text")),
    Bad("limits.max_pixels", "0", ("0", "greater")),
    Bad("limits.max_media_bytes", '"big"', ("'big'", "whole number of bytes")),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.key} = {bad.value[:30]}")
def test_invalid_value_is_refused(bad: Bad) -> None:
    [line] = faults(with_key(bad.key, bad.value))
    assert line.startswith(f"{bad.at or bad.key} = ")
    for part in bad.says:
        assert part in line


REQUIRED = (
    "deal_id",
    "buyer",
    "purposes",
    "territory",
    "starts",
    "ends",
    "price.pool",
    "price.currency",
)


@pytest.mark.parametrize("key", REQUIRED)
def test_missing_required_key_is_refused(key: str) -> None:
    assert faults(with_key(key, "")) == [f"{key}: required, and missing"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "deal_id",
            '"Müsik 2026"',
            "must be up to 64 of a-z, 0-9 and -, and not begin or end with -",
        ),
        ("deal_id", "7", "must be text in quotes"),
        ("rights.editorial", '"acept"', "must be 'refuse' or 'accept' (did you mean accept?)"),
        ("territory", '["UK"]', "capitals, or WORLD (did you mean GB?)"),
        ("territory", '["de"]', "capitals, or WORLD (did you mean DE?)"),
        ("territory", '["Worldwide"]', "capitals, or WORLD (did you mean WORLD?)"),
        ("territory", '["Deutschland"]', "capitals, or WORLD"),
    ],
)
def test_a_fault_says_what_is_allowed_in_plain_words(key: str, value: str, said: str) -> None:
    (fault,) = faults(with_key(key, value))
    assert fault.endswith(said), fault


def test_a_line_that_is_no_toml_is_shown_with_what_toml_takes() -> None:
    error = refusal(with_key("ends", "31.12.2028"))
    assert error.which.endswith("): 'ends = 31.12.2028'")
    assert "days are written as 2026-01-31 without quotes" in error.remedy


def test_empty_deal_lists_all_required_keys() -> None:
    assert faults("") == [f"{key}: required, and missing" for key in (*REQUIRED[:6], "price")]
    assert faults(LEAST.replace("price.", "rights.").replace("pool", "sensitive")) == [
        "rights.sensitive = '1': must be 'refuse' or 'accept'",
        "rights.currency = 'USD': unknown key; allowed here: editorial, ai_generated, minors, "
        "people, unknown_people_count, sensitive, inference, consent_basis, unknown_property, "
        "unknown_source, non_commercial, no_derivatives, share_alike, ends_early, shoot_range, "
        "max_shoot_days, witness, copyright_conflicts, unjudged_content, denial_phrases, "
        "copies_of_refused, personal_data, faces, missing_credit, precedence",
        "price: required, and missing",
    ]


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("buyers", "deal_id, buyer, purposes, territory"),
        ("Rights", "deal_id, buyer"),
        ("rights.nudity", "editorial, ai_generated, minors, people"),
        (
            "select.keyword",
            "min_short_side, keywords_any, keywords_none, dedupe, blank, "
            "max_black_share, max_frozen_share, max_silent_share, "
            "semantic_cosine, keep_both, only, max_assets",
        ),
        ("models.vae", "clip, captioner"),
        ("price.tax", "currency, pool, agency_share, allocation, two_factor, base, weights"),
        ("shards.count", "target_bytes"),
        ("output.url", "uri"),
        ("sources.root", "roots, hosts"),
        ("gate.stop", "divert"),
        ("limits.dead_letters", "dead_letter_share, max_pixels, max_media_bytes"),
    ],
)
def test_unknown_key_is_refused_with_the_allowed_keys(key: str, allowed: str) -> None:
    [line] = faults(with_key(key, '"x"'))
    assert line.startswith(f"{key} = 'x': unknown key; allowed here: {allowed}")


def test_the_nearest_key_is_offered() -> None:
    [line] = faults(with_key("profil", '"video-text"'))
    assert line.endswith("withdrawal (did you mean profile?)")
    [line] = faults(with_key("rights.nudity", '"refuse"'))
    assert "did you mean" not in line


def test_quoted_key_with_a_dot_is_not_a_section() -> None:
    [line] = faults('"rights.editorial" = "accept"\n' + LEAST)
    assert line.startswith("'rights.editorial' = 'accept': unknown key; allowed here: deal_id")
    [line] = faults('"a\\nb" = 1\n' + LEAST)
    assert line.startswith(r"'a\nb' = 1: unknown key")


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        (
            ["price.agency_share = '0.4'", "price.agency_classes = [{agency_share = '0.3'}]"],
            "price",
            "agency_share contradicts agency_classes",
        ),
        (
            ["price.allocation = 'per_sample'", "price.base = 'considered'"],
            "price.base",
            'contradicts allocation = "per_sample"',
        ),
        (
            [
                "price.allocation = 'weighted'",
                "price.weights = {starts = 2026-01-02, ends = 2026-01-01, source = 'x'}",
            ],
            "price.weights.ends",
            "before starts (2026-01-02)",
        ),
    ],
)
def test_contradicting_keys_of_the_price_are_refused(lines: list[str], key: str, says: str) -> None:
    [line] = faults(LEAST + "\n".join(lines))
    assert line.startswith(f"{key} = ") and says in line


def test_a_contributor_may_change_level() -> None:
    levels = "".join(
        f'[[price.levels]]\nname = "{name}"\ncontributors = ["c"]\n{when}\n'
        for name, when in (("gold", "ends = 2026-01-31"), ("silver", "starts = 2026-02-01"))
    )
    classes = "".join(
        f'[[price.agency_classes]]\nlevel = "{name}"\nagency_share = "0.5"\n'
        for name in ("gold", "silver", "other")
    )
    price = parse_deal(LEAST + levels + classes, "x").price
    [gold, silver] = price.levels
    assert gold.applies(date(2026, 1, 31)) and not silver.applies(date(2026, 1, 31))
    assert silver.applies(date(2026, 2, 1)) and not gold.applies(date(2026, 2, 1))


def test_all_faults_are_listed_at_once() -> None:
    text = """\
deal_id = "agency"
buyer = ""
purposes = ["train_gen", "x"]
territory = ["WORLD", "US"]
starts = 2026-01-01
ends = 2026-01-01
profile = "video-text"
rights = 3
colour = "blue"
[price]
pool = "1.001"
currency = "USD"
agency_share = 0.4
[shards]
target_bytes = -1
"""
    assert [re.split(r" = |: ", line)[0] for line in faults(text)] == [
        "deal_id",
        "buyer",
        "purposes.1",
        "territory",
        "ends",
        "media",
        "rights",
        "price.pool",
        "price.agency_share",
        "shards.target_bytes",
        "colour",
    ]


def test_long_value_is_shortened_in_the_message() -> None:
    [line] = faults(with_key("shards.target_bytes", f'"{"9" * 5000}"'))
    assert len(line) < 250 and "..." in line


@pytest.mark.parametrize(
    "text",
    [
        "deal_id = ",
        "a = 1\na = 2",
        "deal_id: acme",
        "x = " + "9" * 5000,
        "x = " + "[" * 5000,
        "starts = 2026-02-30",
    ],
    ids=["cut", "twice", "yaml", "long number", "deep list", "no such day"],
)
def test_invalid_toml_is_refused(text: str) -> None:
    error = refusal(text)
    assert error.what == "The deal is not valid TOML"
    assert error.remedy
