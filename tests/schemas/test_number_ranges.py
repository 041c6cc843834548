"""docs/deal.md states the range of every number, as the deal takes it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.deal import Deal
from schemas.deal_values import MAX_INTEGER

_PAGE = Path(__file__).parents[2] / "docs" / "deal.md"
_ROW = re.compile(
    r"^\| \**`([a-z_.]+)`\** \| (whole number[^|]*|size: [^|]*|share: [^|]*) \|", re.M
)
_RANGE = re.compile(r"whole number(?: from ([\d,]+) to ([\d,]+)|, ([\d,]+) or more)")
_STATED = _ROW.findall(_PAGE.read_text(encoding="utf-8"))
NUMBERS = {key: holds for key, holds in _STATED if holds.startswith("whole number")}
SHARES = [key for key, holds in _STATED if holds.startswith("share: text from")]
_IN_LISTS = ("price.deductions.", "price.agency_classes.")


def deal_with(key: str, value: int | str) -> Deal:
    sections = ['deal_id = "a"\nbuyer = "b"\npurposes = ["train_gen"]\nterritory = ["NO"]\n']
    row = tomllib.loads(sections[0] + "starts = 2026-01-01\nends = 2029-01-01\n")
    row |= {"price": {"pool": "1.00", "currency": "USD"}}
    if key == "render.film_longest_side":
        row |= {"profile": "video-text", "media": ["video"], "render": {"films": "transcode"}}
    if key.startswith("clips."):
        row |= {"profile": "first-last-frame", "media": ["video"]}
    if key.startswith("structure."):
        row |= {"profile": "structure-video", "media": ["video"]}
    if key.startswith("captions.endpoint."):
        row["models"] = {"captioner": "https://localhost/v1/chat/completions#m"}
    if key.startswith("price.two_factor."):
        row["price"] |= {"allocation": "two_factor"}
    *path, name = key.split(".")
    section = row
    for part in path:
        section = section.setdefault(part, {})
    section[name] = value
    if name == "semantic_cosine":
        section["dedupe"] = "semantic"
    return Deal.model_validate(row)


def stated_range(holds: str) -> tuple[int, int]:
    if holds == "whole number; 0 for no limit":
        return 0, MAX_INTEGER
    least, most, at_least = _RANGE.fullmatch(holds).groups()  # type: ignore[union-attr]
    texts = (at_least or least, most or str(MAX_INTEGER))
    return int(texts[0].replace(",", "")), int(texts[1].replace(",", ""))


def test_every_kind_of_number_is_found() -> None:
    known = {"split.validation_bp": (0, 5_000), "captions.p_synthetic_bp": (0, 10_000)}
    known |= {"select.max_assets": (1, MAX_INTEGER), "render.longest_side": (0, MAX_INTEGER)}
    for key, numbers in known.items():
        assert stated_range(NUMBERS[key]) == numbers
    assert len(NUMBERS) > 12 and len(SHARES) > 10


@pytest.mark.parametrize("key", NUMBERS)
def test_bounds_are_accepted_and_refused_beyond(key: str) -> None:
    least, most = stated_range(NUMBERS[key])
    for value in (least, most):
        deal_with(key, value)
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError) as caught:
            deal_with(key, value)
        assert [".".join(map(str, fault["loc"])) for fault in caught.value.errors()] == [key]


@pytest.mark.parametrize("key", [key for key in SHARES if not key.startswith(_IN_LISTS)])
def test_shares_end_at_0_and_1(key: str) -> None:
    for value in ("0", "1"):
        deal_with(key, value)
    for value in ("-0.01", "1.01"):
        with pytest.raises(ValidationError):
            deal_with(key, value)


def test_a_cap_of_0_would_pay_nobody() -> None:
    assert 'text above `"0"`' in dict(_STATED)["price.cap"]
    deal_with("price.cap", "0.0001")
    with pytest.raises(ValidationError, match="nobody could be paid"):
        deal_with("price.cap", "0")
