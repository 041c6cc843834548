"""Which assets do not meet a deal's `[quality]`: values at the limits, and unknown ones."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pipelines.selection.measured import MEASURED_COLUMNS, Unmet, find_unmet, is_judged
from pipelines.selection.select import select_samples
from schemas.deal_terms import SelectTerms
from schemas.measures import MEASURE_NAMES
from schemas.quality import QualityTerms
from schemas.reasons import Reason
from schemas.unit import UNIT_SCHEMA
from tests.profiles.rows import picture_row
from tests.selection.candidates import AllAgree, candidate, table_of

MEASURED = {
    "nsfw_milli": 100,
    "aesthetics_milli": 600,
    "faces": 0,
    "text_boxes": 1,
    "text_area_milli": 50,
    "watermark": "",
}


def table(*rows: dict[str, Any]) -> pa.Table:
    schema = pa.schema([UNIT_SCHEMA.field(name) for name in MEASURED_COLUMNS])
    made = [dict(picture_row(**{**MEASURED, **row})) for row in rows]
    return pa.Table.from_pylist(
        [{name: row[name] for name in schema.names} for row in made], schema
    )


def unmet(terms: dict[str, Any], **row: Any) -> tuple[str, ...]:
    found = find_unmet(table(row), QualityTerms.model_validate(terms))
    return found[0].reasons if found else ()


@pytest.mark.parametrize(
    ("term", "column", "good", "bad", "reason"),
    [
        ("min_sharpness", "sharpness_milli", 300, 299, Reason.SELECT_BLURRED),
        ("min_brightness", "brightness_milli", 300, 299, Reason.SELECT_EXPOSURE),
        ("max_brightness", "brightness_milli", 300, 301, Reason.SELECT_EXPOSURE),
        ("max_nsfw", "nsfw_milli", 300, 301, Reason.SELECT_NSFW),
        ("min_aesthetics", "aesthetics_milli", 300, 299, Reason.SELECT_AESTHETICS),
        ("max_text_area", "text_area_milli", 300, 301, Reason.SELECT_TEXT),
    ],
)
def test_a_limit_is_exact(term: str, column: str, good: int, bad: int, reason: Reason) -> None:
    assert unmet({term: "0.3"}, **{column: good}) == ()
    assert unmet({term: "0.3"}, **{column: bad}) == (reason,)
    assert unmet({term: "0.2999"}, **{column: 300}) == ((reason,) if "max" in term else ())
    assert unmet({}, **{column: bad}) == ()


def test_black_and_white_count_together() -> None:
    assert unmet({"max_clipped": "0.5"}, shadows_milli=200, highlights_milli=300) == ()
    assert unmet({"max_clipped": "0.5"}, shadows_milli=201, highlights_milli=300) == (
        Reason.SELECT_EXPOSURE,
    )


def test_only_listed_ratios_pass() -> None:
    assert unmet({"aspects": ["4:3", "1:1"]}, width=641, height=480) == ()
    assert unmet({"aspects": ["16:9", "1:1"]}, width=641, height=480) == (Reason.SELECT_ASPECT,)


def test_a_watermark_is_refused_only_if_the_deal_says_so() -> None:
    assert unmet({}, watermark="alamy") == ()
    assert unmet({"watermark": "refuse"}, watermark="") == ()
    assert unmet({"watermark": "refuse"}, watermark="alamy") == (Reason.SELECT_WATERMARK,)


@pytest.mark.parametrize(
    ("term", "value", "column"),
    [
        ("max_nsfw", "0.99", "nsfw_milli"),
        ("min_aesthetics", "0.01", "aesthetics_milli"),
        ("max_text_area", "0.99", "text_area_milli"),
        ("watermark", "refuse", "watermark"),
    ],
)
def test_what_was_not_measured_does_not_pass(term: str, value: str, column: str) -> None:
    assert unmet({term: value}, **{column: None}) == (Reason.SELECT_NOT_MEASURED,)
    assert unmet({}, **{column: None}) == ()


def test_all_faults_are_named_once() -> None:
    terms = QualityTerms(min_sharpness="0.9", max_brightness="0.2", max_clipped="0.01")  # type: ignore[arg-type]
    found = find_unmet(table({}, {"sharpness_milli": 950, "brightness_milli": 100}), terms)
    assert found[0].reasons == (Reason.SELECT_BLURRED, Reason.SELECT_EXPOSURE)
    assert found[0].detail == (
        "sharpness 0.700, at least 0.9 required; brightness 0.450, at most 0.2 allowed; "
        "black or white 0.030, at most 0.01 allowed"
    )
    assert found[1].reasons == (Reason.SELECT_EXPOSURE,)


def test_a_deal_that_asks_for_nothing_judges_nobody() -> None:
    nothing: dict[str, Any] = dict.fromkeys(MEASURED)
    assert not is_judged(QualityTerms()) and unmet({}, **nothing) == ()
    assert is_judged(QualityTerms(aspects=["1:1"]))
    assert set(MEASURE_NAMES) < set(MEASURED_COLUMNS)


def test_the_duplicate_of_an_unmet_picture_is_kept() -> None:
    """What is refused for its measures takes no place, neither a duplicate's nor the cap's."""
    first, second = candidate("a", media="same"), candidate("b", media="same")
    items = [first, second, candidate("c")]
    terms = SelectTerms(max_assets=2)
    bad = {0: Unmet((Reason.SELECT_BLURRED, Reason.SELECT_ASPECT), "why")}
    found = select_samples(table_of(items), terms, AllAgree(items), unmet=bad)
    assert sorted(found.chosen.tolist()) == [1, 2]
    [refusal] = found.refusals
    assert (refusal.asset_id, refusal.detail) == ("a", "why")
    assert refusal.reasons == ("select.blurred", "select.aspect")
    assert refusal.stage == "select"
