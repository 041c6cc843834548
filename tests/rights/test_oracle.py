"""The vectorised rules compared with a slow but obvious oracle, and properties that must hold."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rights.rules.detail import describe_refusals
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.profile import RULES as PROFILE_RULES
from pipelines.rights.rules.screen import reasons_of, screen_batch
from schemas.catalogue import ASSETS_SCHEMA
from tests.rights.detail_oracle import REASON_ORDER, expected_detail
from tests.rights.oracle import expected_reasons
from tests.rights.rights_cases import (
    AS_OF,
    ENDS,
    Row,
    asset,
    deal_with_rights,
    details,
    event,
    rights_index,
    screened_codes,
)
from tests.rights.worlds import CONTRIBUTORS, World, make_world

pytestmark = pytest.mark.long

WORLDS = 40
# Agreement is shown on every world; other properties on a quarter of them, and the rest is slow.
SEEDS = [pytest.param(seed, marks=pytest.mark.slow) if seed % 4 else seed for seed in range(WORLDS)]
ASSETS = 150


@cache
def world(seed: int) -> World:
    return make_world(seed, ASSETS)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_rules_agree_with_the_oracle(seed: int) -> None:
    made = world(seed)
    for row, got, expected in zip(
        made.assets, made.screened_codes(), made.expected_codes(), strict=True
    ):
        assert got == expected, row


def test_worlds_cover_all_cases() -> None:
    """Otherwise the agreement above would prove little."""
    found = [codes for seed in range(WORLDS) for codes in world(seed).expected_codes()]
    each = Counter(code for codes in found for code in codes)
    alone = Counter(min(codes) for codes in found if len(codes) == 1)
    # Worlds have no notices (tests/removal), no lists (tests/quote/test_cover.py) and no films with
    # boxes and poses.
    elsewhere = {"asset.removed", "select.not_listed", *(rule.code for rule in PROFILE_RULES)}
    assert {rule.code for rule in SCREENING_RULES} - elsewhere == each.keys()
    assert min(each.values()) >= 5
    assert len(alone) >= 30
    assert sum(not codes for codes in found) > len(found) // 10


EVENT = st.builds(
    event,
    value=st.sampled_from(["allow", "deny", "conditional", "unknown", "?"]),
    minutes=st.integers(-3, 1),
    who=st.sampled_from(["c-1", "c-2"]),
    purpose=st.sampled_from(["all", "train_gen", "inference", "search"]),
    asset_id=st.sampled_from([None, "a-1", "a-2"]),
    basis=st.sampled_from([None, "explicit", "explicit", "terms", "silence", "silense", "written"]),
    # With 30 days, the window is over just before AS_OF, or lasts until after it.
    notice_at=st.sampled_from([None, None, date(2026, 5, 30), date(2026, 5, 31)]),
    window_days=st.sampled_from([None, None, 30, 29, 0, -1]),
)
TERMS = {
    "purposes": ["train_gen"],
    "territory": ["US", "NO"],
    "starts": None,
    "ends": None,
    "media": ["image"],
    "keywords_any": [],
    "keywords_none": [],
    "editorial": "refuse",
    "ai_generated": "refuse",
    "minors": "refuse",
    "people": "release",
    "unknown_people_count": "refuse",
    "sensitive": "refuse",
    "agreements": [],
    "unknown_property": "refuse",
    "unknown_source": "refuse",
    "ends_early": "refuse",
    "shoot_range": "required",
    "max_shoot_days": 366,
    "witness": "independent",
}


RIGHTS = st.fixed_dictionaries(
    {
        "inference": st.sampled_from(["require", "unless-denied", "pack-without"]),
        "consent_basis": st.sampled_from(["any", "explicit"]),
    }
)


@settings(max_examples=250, deadline=None)
@given(st.lists(EVENT, max_size=7), RIGHTS)
def test_consents_agree_with_the_oracle(events: list[Row], rights: dict[str, str]) -> None:
    check_consents(events, rights)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(st.lists(EVENT, max_size=7), RIGHTS)
def test_many_consents_agree_with_the_oracle(events: list[Row], rights: dict[str, str]) -> None:
    check_consents(events, rights)


def check_consents(events: list[Row], rights: dict[str, str]) -> None:
    """Asserts that the rules and the oracle say the same of an asset."""
    expected = expected_reasons(asset(), TERMS | rights, ["c-1", "c-2"], events, [], AS_OF)
    assert screened_codes(asset(), deal_with_rights(**rights), consents=events) == expected


def cleared(made: World) -> list[bool]:
    return [not codes for codes in made.screened_codes()]


def assert_never_clearer(before: World, after: World) -> list[bool]:
    """Asserts that no refused asset becomes cleared; returns which are cleared afterwards."""
    now = cleared(after)
    for row, was, is_now in zip(before.assets, cleared(before), now, strict=True):
        assert was or not is_now, row
    return now


@pytest.mark.parametrize("seed", SEEDS)
def test_denial_refuses_all_assets_of_the_contributor(seed: int) -> None:
    made = world(seed)
    who = CONTRIBUTORS[seed % len(CONTRIBUTORS)]
    purpose = ("all", "inference", made.terms["purposes"][0])[seed % 3]
    no = event("deny", 0, who, purpose=purpose)
    now = assert_never_clearer(made, made.with_changes(consents=[*made.consents, no]))
    for row, is_cleared in zip(made.assets, now, strict=True):
        assert not (
            is_cleared and who in {share["contributor_id"] for share in row["contributors"]}
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_denial_for_one_asset_refuses_only_it(seed: int) -> None:
    made = world(seed)
    rng = random.Random(seed)
    chosen = {row["asset_id"]: row for row in rng.sample(made.assets, 20) if row["contributors"]}
    noes = [
        event("deny", 0, row["contributors"][0]["contributor_id"], asset_id=name)
        for name, row in chosen.items()
    ]
    now = assert_never_clearer(made, made.with_changes(consents=[*made.consents, *noes]))
    for row, was, is_now in zip(made.assets, cleared(made), now, strict=True):
        assert is_now == (was and row["asset_id"] not in chosen)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_denials_never_clear_an_asset(seed: int) -> None:
    made = world(seed)
    purpose = made.deal.needed_purposes[seed % len(made.deal.needed_purposes)]
    country = "NO" if made.deal.is_worldwide else made.deal.territory[0]
    denied = [row | {f"grant_{purpose}": "deny"} for row in made.assets]
    now = assert_never_clearer(made, made.with_changes(assets=denied))
    assert made.deal.agreements or not any(now)
    barred = [
        row | {"territories_out": [*(row["territories_out"] or []), country]} for row in made.assets
    ]
    assert not any(assert_never_clearer(made, made.with_changes(assets=barred)))
    for change in (
        {"valid_until": ENDS - timedelta(days=1)},
        {"revoked_at": AS_OF},
        {"ml_use": "deny"},
        {"signed_at": None},
    ):
        spoiled = [
            held | change if number % 3 == seed % 3 else held
            for number, held in enumerate(made.releases)
        ]
        assert_never_clearer(made, made.with_changes(releases=spoiled))


@pytest.mark.parametrize("seed", SEEDS)
def test_removing_a_consent_never_clears_an_asset(seed: int) -> None:
    made = world(seed)
    rng = random.Random(seed)
    kept = [e for e in made.consents if e["value"] != "allow" or rng.random() < 0.7]
    assert_never_clearer(made, made.with_changes(consents=kept))
    assert_never_clearer(made, made.with_changes(releases=made.releases[::2]))
    # A release that denies is a no on its own: only those that allow fall silent.
    silent = [
        held | {"ml_use": None} if held["ml_use"] == "allow" else held for held in made.releases
    ]
    assert_never_clearer(made, made.with_changes(releases=silent))


@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_rows_does_not_matter(seed: int) -> None:
    made = world(seed)
    turned = made.with_changes(consents=made.consents[::-1], releases=made.releases[::-1])
    assert turned.screened_codes() == made.screened_codes()


@pytest.mark.parametrize("seed", range(WORLDS))
def test_details_agree_with_the_oracle(seed: int) -> None:
    made = world(seed)
    joined = rights_index(made.deal, made.consents, made.releases, CONTRIBUTORS)
    table = pa.Table.from_pylist(made.assets, ASSETS_SCHEMA)
    mask = screen_batch(table, joined, made.deal, np.array(made.repeated))
    refused, masks = table.filter(pa.array(mask != 0)), mask[mask != 0]
    got = describe_refusals(refused, masks, joined, made.deal).to_pylist()
    assert got == [
        expected_detail(row, codes, made.terms, made.consents, AS_OF)
        for row, codes in zip(table.to_pylist(), made.expected_codes(), strict=True)
        if codes
    ]
    for bits, codes in zip(mask, made.expected_codes(), strict=True):
        assert reasons_of(int(bits)) == sorted(codes, key=REASON_ORDER.index)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_refusal_has_a_one_line_detail(seed: int) -> None:
    made = world(seed)
    joined = rights_index(made.deal, made.consents, made.releases, CONTRIBUTORS)
    made = made.with_changes(repeated=[False] * len(made.assets))
    refused = [
        (row, codes) for row, codes in zip(made.assets, made.screened_codes(), strict=True) if codes
    ]
    for (row, codes), line in zip(
        refused, details([row for row, _ in refused], made.deal, joined), strict=True
    ):
        assert line and line.isprintable()
        if any(code.startswith("consent.") for code in codes):
            who = {share["contributor_id"] for share in row["contributors"]}
            assert any(f" of {name}: " in line for name in who)
