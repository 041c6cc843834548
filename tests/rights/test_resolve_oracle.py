"""Resolution compared with a slow but obvious oracle, and properties that must hold."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from schemas.reasons import Reason
from schemas.rights import PURPOSES, Permission
from schemas.signal import Origin, Reading, ReadingFault, merge_readings, raw_sha256
from tests.rights.resolve_worlds import (
    SignalWorld,
    make_random_signal,
    make_signal_world,
    override_tuples,
)
from tests.rights.rights_cases import AS_OF, Row, event

pytestmark = pytest.mark.long

WORLDS = 40
# Agreement is shown on every world; other properties on a quarter of them, and the rest is slow.
SEEDS = [pytest.param(seed, marks=pytest.mark.slow) if seed % 4 else seed for seed in range(WORLDS)]
RESOLVE_REASONS = {
    reason.value for reason in Reason if reason.partition(".")[0] in ("file", "server", "conflict")
}
RESOLVE_REASONS |= {Reason.LICENCE_ATTRIBUTION.value}
RESOLVE_REASONS -= {Reason.CONFLICT_FACES.value}  # by the picture: tests/features/test_inspect.py


@cache
def spoken(seed: int) -> SignalWorld:
    return make_signal_world(seed)


@cache
def cleared(seed: int) -> dict[str, bool]:
    return spoken(seed).cleared()


@pytest.mark.parametrize("seed", range(WORLDS))
def test_resolving_agrees_with_the_oracle(seed: int) -> None:
    made = spoken(seed)
    found, expected = made.resolutions(), made.expected_resolutions()
    assert found.keys() == expected.keys()
    for name, verdict in expected.items():
        resolution, until = found[name]
        assert {reason.value for reason in resolution.reasons} == verdict.reasons, name
        assert len(set(resolution.reasons)) == len(resolution.reasons)
        assert override_tuples(resolution) == verdict.overrides, name
        assert until == verdict.usable_until, name
        assert verdict.reasons or resolution.inference is verdict.inference, name
        assert bool(resolution.detail) == bool(verdict.reasons)
        assert not resolution.detail or resolution.detail.isprintable()


def test_worlds_cover_all_cases() -> None:
    """Otherwise the agreement above would prove little."""
    assert sum(len(spoken(seed).world.assets) for seed in range(WORLDS)) == 10_000
    verdicts = [
        one for seed in range(WORLDS) for one in spoken(seed).expected_resolutions().values()
    ]
    each = Counter(reason for one in verdicts for reason in one.reasons)
    alone = Counter(min(one.reasons) for one in verdicts if len(one.reasons) == 1)
    assert each.keys() == RESOLVE_REASONS
    # Asked last, so it is seldom: only of an asset that has a licence code and no other fault.
    assert each.pop("licence.attribution") >= 5
    assert min(each.values()) >= 20, each
    # A conflict with a grant always comes with the denial that it is about.
    assert alone.keys() == RESOLVE_REASONS - {"conflict.grant"}
    assert min(alone.values()) >= 5, alone
    clear = [one for one in verdicts if not one.reasons]
    assert sum(bool(one.overrides) for one in clear) >= 480
    assert sum(not one.inference for one in clear) >= 30
    assert sum(one.usable_until is not None for one in clear) >= 100
    origins = Counter(item[0] for one in clear for item in one.overrides)
    assert origins.keys() == {"catalogue", "file", "server"}
    assert min(origins.values()) >= 50, origins


def assert_never_clearer(seed: int, after: SignalWorld) -> dict[str, bool]:
    """Asserts that no asset becomes cleared or open to inference; returns those cleared after."""
    before, now = cleared(seed), after.cleared()
    assert now.keys() <= before.keys()
    assert all(before[name] or not inference for name, inference in now.items())
    return now


def plus(made: SignalWorld, change: Callable[[Row], Reading]) -> SignalWorld:
    """Returns the world with something added to every reading."""
    rows = {row["asset_id"]: row for row in made.world.assets}
    return made.with_readings(lambda name, reading: merge_readings((reading, change(rows[name]))))


@pytest.mark.parametrize("value", [Permission.DENY, Permission.CONDITIONAL])
@pytest.mark.parametrize("seed", SEEDS)
def test_file_or_server_denial_never_clears_an_asset(seed: int, value: Permission) -> None:
    made, rng = spoken(seed), random.Random(seed)
    likely = list(made.world.deal.judged_purposes)
    after = plus(made, lambda row: Reading((make_random_signal(rng, value, likely),)))
    now = assert_never_clearer(seed, after)
    resolutions = after.resolutions()
    for name in now:  # it has an agreement, or is delivered without captions
        resolution, _ = resolutions[name]
        assert resolution.overrides or not resolution.inference


@pytest.mark.parametrize("origin", [Origin.FILE, Origin.SERVER])
@pytest.mark.parametrize("seed", SEEDS)
def test_unreadable_metadata_never_clears_an_asset(seed: int, origin: Origin) -> None:
    broken = ReadingFault(origin, "somewhere", "cut short", raw_sha256("cut"))
    now = assert_never_clearer(seed, plus(spoken(seed), lambda row: Reading(faults=(broken,))))
    assert origin is Origin.SERVER or not now


@pytest.mark.parametrize("seed", SEEDS)
def test_contributor_or_catalogue_denial_never_clears_an_asset(seed: int) -> None:
    made, rng = spoken(seed), random.Random(seed)
    world = made.world
    noes = [
        event(
            rng.choice(("deny", "conditional", "unknown")),
            -rng.randint(0, 400),
            rng.choice(row["contributors"])["contributor_id"],
            purpose=rng.choice(("all", *world.deal.judged_purposes)),
            asset_id=row["asset_id"],
        )
        for row in world.assets
        if row["contributors"] and rng.random() < 0.5
    ]
    assert_never_clearer(seed, made.with_changes(consents=[*world.consents, *noes]))
    for value in ("deny", "conditional", "maybe"):
        denied = [
            row | {f"grant_{rng.choice(world.deal.judged_purposes)}": value} for row in world.assets
        ]
        assert_never_clearer(seed, made.with_changes(assets=denied))
    sold = [row | {"exclusive": True} for row in world.assets]
    # With another term, the exclusive licence may have ended.
    now = assert_never_clearer(seed, made.with_changes(assets=sold))
    assert len(now) <= max(1, len(cleared(seed)) // 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_removing_an_agreement_never_clears_an_asset(seed: int) -> None:
    made, rng = spoken(seed), random.Random(seed)
    world = made.world
    unsigned = [
        one | {"agreement_ref": None} if rng.random() < 0.5 else one for one in world.consents
    ]
    assert_never_clearer(seed, made.with_changes(consents=unsigned))
    for number in range(len(world.deal.agreements)):
        fewer = [one for at, one in enumerate(world.deal.agreements) if at != number]
        less = world.deal.model_copy(update={"agreements": fewer})
        assert_never_clearer(seed, made.with_changes(deal=less))
    bare = made.with_changes(
        consents=[one | {"agreement_ref": None} for one in world.consents],
        deal=world.deal.model_copy(update={"agreements": []}),
    )
    assert_never_clearer(seed, bare)
    assert not any(resolution.overrides for resolution, _ in bare.resolutions().values())


@pytest.mark.parametrize("seed", SEEDS)
def test_removing_a_consent_or_release_never_clears_an_asset(seed: int) -> None:
    made, rng = spoken(seed), random.Random(seed)
    world = made.world
    kept = [one for one in world.consents if one["value"] != "allow" or rng.random() < 0.7]
    assert_never_clearer(seed, made.with_changes(consents=kept))
    lost = rng.choice(sorted({one["contributor_id"] for one in world.consents}))
    silenced = [
        one
        for one in world.consents
        if not (one["value"] == "allow" and one["contributor_id"] == lost)
    ]
    now = assert_never_clearer(seed, made.with_changes(consents=silenced))
    for row in world.assets:
        makers = {share["contributor_id"] for share in row["contributors"]}
        assert lost not in makers or row["asset_id"] not in now
    for start in (0, 1):
        assert_never_clearer(seed, made.with_changes(releases=world.releases[start::2]))


@pytest.mark.parametrize("seed", SEEDS)
def test_file_or_server_permission_changes_nothing(seed: int) -> None:
    made, rng = spoken(seed), random.Random(seed)
    likely = list(PURPOSES)
    yeses = [Permission.ALLOW, Permission.UNKNOWN]
    more = plus(
        made,
        lambda row: Reading(
            tuple(make_random_signal(rng, rng.choice(yeses), likely) for _ in range(6))
        ),
    )
    assert more.resolutions() == made.resolutions()


@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_statements_does_not_matter(seed: int) -> None:
    made, rng = spoken(seed), random.Random(seed)

    def turn(name: str, reading: Reading) -> Reading:
        return Reading(
            tuple(rng.sample(reading.signals, len(reading.signals))),
            tuple(rng.sample(reading.claims, len(reading.claims))),
            tuple(rng.sample(reading.faults, len(reading.faults))),
        )

    world = made.world
    turned = made.with_readings(turn).with_changes(
        consents=world.consents[::-1], releases=world.releases[::-1]
    )
    before, after = made.resolutions(), turned.resolutions()
    assert before.keys() == after.keys()
    for name, (resolution, until) in before.items():
        other, other_until = after[name]
        assert other.reasons == resolution.reasons
        assert other.inference == resolution.inference
        assert other.constraints == resolution.constraints
        assert override_tuples(other) == override_tuples(resolution)
        assert other_until == until


@pytest.mark.parametrize("seed", range(0, WORLDS, 4))
def test_events_after_as_of_change_nothing(seed: int) -> None:
    """Agreements signed after the day and consents given after the instant change nothing."""
    made = spoken(seed)
    world = made.world
    signed = [one for one in world.deal.agreements if one.signed_at <= AS_OF.date()]
    known = made.with_changes(
        consents=[one for one in world.consents if one["given_at"] <= AS_OF],
        deal=world.deal.model_copy(update={"agreements": signed}),
    )
    assert known.resolutions() == made.resolutions()
