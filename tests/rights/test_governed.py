"""Finds which keys of the deal govern a reason, by changing one key at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.reasons import REASONS
from schemas.deal import Deal
from schemas.deal_keys import allowed_values
from schemas.rights import PURPOSES
from tests.rights.resolve_worlds import SignalWorld, make_signal_world
from tests.rights.rights_cases import DAY, ENDS, STARTS
from tests.rights.worlds import make_world

pytestmark = pytest.mark.long

Codes = set[str]

_YEAR = timedelta(days=365)
_EVERYTHING = [purpose.value for purpose in PURPOSES]
_SIGNED = {"ref": "x", "signed_at": date(2020, 1, 1), "contributors": ["all"]}
# Other values of each key; for keys with a closed list of words, all of them.
CHANGES: dict[str, list[Any]] = {
    "purposes": [[purpose] for purpose in _EVERYTHING],
    "territory": [["WORLD"], ["US"], ["NO"], ["DE"], ["JP"]],
    "starts": [STARTS - _YEAR, STARTS - DAY, STARTS + DAY, STARTS + _YEAR],
    "ends": [ENDS - DAY, ENDS + DAY],
    "profile": ["image-text", "video-text", "caption-only"],
    "media": [["image"], ["video"], ["image", "video"]],
    "agreements": [[], [_SIGNED | {"purposes": _EVERYTHING}]],
    "rights.max_shoot_days": [1, 3, 366],
    "select.keywords_any": [[], ["cat"], ["wolf"]],
    "select.keywords_none": [[], ["fox"]],
    "select.only": [[], ["a-1"], ["a-2", "a-3"]],
    "select.min_short_side": [1],
    "select.max_assets": [1],
    "gate.divert": [["splits_sum"]],
    "sources.roots": [["/"]],
    "limits.max_pixels": [1],
    **{
        f"rights.{name}": list(words)
        for name in type(Deal.model_fields["rights"].default).model_fields
        if (words := allowed_values(f"rights.{name}"))
    },
}
# A lack of valid releases is a consequence of faults in releases, or of missing ones.
SHORTAGES = {"release.model_missing", "release.property_missing", "release.guardian_missing"}
RESOLVED = {"file", "server", "conflict"}
# Seeds of worlds that together show the effect of every key; 40 others of each showed no more.
SCREENING = (0, 1, 2, 3, 4, 5, 10, 11, 19, 42)
RESOLVING = (0, 1, 2, 4, 6, 21)


def changed(deal: Deal) -> Iterator[tuple[str, Deal]]:
    """Yields the deal with one key changed, in every way that gives a valid deal."""
    for key, values in CHANGES.items():
        section, _, name = key.rpartition(".")
        for value in values:
            row = deal.model_dump(exclude_unset=True)
            (row.setdefault(section, {}) if section else row)[name] = value
            try:
                yield key, Deal.model_validate(row)
            except ValidationError:
                continue


def lifted(before: Iterable[Codes], after: Iterable[Codes], consequences: Codes) -> Iterator[str]:
    """Yields reasons that a change removed, if it removed only one and added none."""
    for was, now in zip(before, after, strict=True):
        if now < was and len(gone := was - now - consequences) == 1:
            yield from gone


def declared(codes: Iterable[str]) -> dict[str, set[str]]:
    return {code: set(keys) for code in codes if (keys := REASONS[code].governed_by)}


def test_no_other_keys_govern_screening() -> None:
    """In one world, which shows the effect of some of the keys."""
    declared_keys = declared(rule.code for rule in SCREENING_RULES)
    found = governing_keys_of_screening(SCREENING[:1])
    assert found
    for code, keys in found.items():
        assert keys <= declared_keys[code], code


@pytest.mark.slow
def test_governing_keys_of_screening() -> None:
    found = governing_keys_of_screening(SCREENING)
    # No world has the files that a profile needs; see test_rules_asset.py.
    codes = {rule.code for rule in SCREENING_RULES}
    assert found == declared(code for code in codes if not code.startswith("profile."))


def governing_keys_of_screening(seeds: Iterable[int]) -> dict[str, set[str]]:
    """Returns the keys that a reason was seen to depend on, in worlds of these seeds."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for seed in seeds:
        made = make_world(seed, 250)
        before = made.screened_codes()
        for key, deal in changed(made.deal):
            after = made.with_changes(deal=deal).screened_codes()
            # No world lists the assets that it takes: such a reason comes with the change.
            for was, now in ((before, after), (after, before)):
                for code in lifted(was, now, SHORTAGES):
                    found[code].add(key)
    return found


def test_no_other_keys_govern_resolving() -> None:
    """In one world, which shows the effect of some of the keys."""
    found = governing_keys_of_resolving(RESOLVING[:1])
    assert found
    for code, keys in found.items():
        assert keys <= declared(REASONS)[code], code


@pytest.mark.slow
def test_governing_keys_of_resolving() -> None:
    found = governing_keys_of_resolving(RESOLVING)
    # No world counts faces; see tests/end_to_end/test_quality.py.
    codes = {code for code in REASONS if code.partition(".")[0] in RESOLVED} - {"conflict.faces"}
    assert found == declared(codes | {"licence.attribution"})


def governing_keys_of_resolving(seeds: Iterable[int]) -> dict[str, set[str]]:
    """Returns the keys that a reason was seen to depend on, in worlds of these seeds."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for seed in seeds:
        made = make_signal_world(seed)
        before = resolved(made)
        for key, deal in changed(made.world.deal):
            after = resolved(made.with_changes(deal=deal))
            both = sorted(before.keys() & after.keys())  # cleared by the catalogue under both deals
            was, now = [before[name] for name in both], [after[name] for name in both]
            pairs = list(zip(was, now, strict=True))
            for code in lifted(was, now, {"conflict.grant"}):
                found[code].add(key)
            # This conflict always comes with the denial that it is about.
            if any("conflict.grant" in one - two and two < one for one, two in pairs):
                found["conflict.grant"].add(key)
    return found


def resolved(made: SignalWorld) -> dict[str, Codes]:
    return {
        name: {reason.value for reason in resolution.reasons}
        for name, (resolution, _) in made.resolutions().items()
    }
