"""Which strict defaults are named, by counts alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.defaults import strict_defaults
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts
from pipelines.run.undelivered import Undelivered
from schemas.deal import Deal, parse_deal

_DEAL = """\
deal_id = "d"
buyer = "b"
purposes = ["train_gen"]
territory = ["US"]
starts = 2026-01-01
ends = 2027-01-01
price = { pool = "1.00", currency = "USD" }
"""


def deal(rights: str = "") -> Deal:
    return parse_deal(_DEAL + (f"[rights]\n{rights}\n" if rights else ""), "deal")


def counts(step: str, code: str, assets: int, alone: int, entered: int) -> Undelivered:
    found = StepCounts(entered, entered - assets, Counter({code: assets}), Counter(), assets)
    return Undelivered({step: found}, Counter({code: alone}))


@pytest.mark.parametrize(
    ("step", "code", "key", "column"),
    [
        ("screen", "source.unstated", "rights.unknown_source", "assets.digital_source_type"),
        ("screen", "people.unknown_count", "rights.unknown_people_count", "assets.people_count"),
        ("screen", "property.unknown", "rights.unknown_property", "assets.property"),
        ("screen", "class.editorial", "rights.editorial", ""),
        ("screen", "release.shoot_range", "rights.shoot_range", ""),
        ("enrich", "conflict.copyright", "rights.copyright_conflicts", ""),
        ("enrich", "file.ai_generated", "rights.ai_generated", ""),
    ],
)
def test_a_default_that_refuses_everything(step: str, code: str, key: str, column: str) -> None:
    [found] = strict_defaults(deal(), counts(step, code, 142, 142, 142))
    assert (found.reason, found.key, found.absent) == (code, key, column)
    line = found.line()
    assert "142 of 142 assets refused, 142 by this alone" in line and "\n" not in line
    assert key in line and all(f'"{value}"' in line for value in found.accepting)
    other = f'{key.removeprefix("rights.")} = "{found.accepting[0]}"'
    assert strict_defaults(deal(other), counts(step, code, 142, 142, 142)) == []


@given(st.integers(1, 1_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_how_large_a_share(sizes: tuple[int, int]) -> None:
    entered, alone = sizes
    found = strict_defaults(deal(), counts("screen", "class.editorial", alone, alone, entered))
    assert bool(found) == (10 * alone >= entered)


def test_what_no_default_decides() -> None:
    for code in ("asset.withdrawn", "consent.denied", "grant.denied", "media.empty"):
        assert code in REASONS
        assert strict_defaults(deal(), counts("screen", code, 5, 5, 5)) == []
    assert strict_defaults(deal(), Undelivered({})) == []
