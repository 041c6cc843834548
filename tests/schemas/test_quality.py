"""The deal's `[quality]`: what it may say, and that a deal without it is the deal it was."""

from __future__ import annotations

import json

import pytest

from schemas.deal import parse_deal
from tests.schemas.deal_cases import LEAST, faults, with_key


def test_a_deal_that_asks_for_nothing_has_the_terms_it_had() -> None:
    terms = json.loads(parse_deal(LEAST, "least").terms_json())
    assert "quality" not in terms and "faces" not in terms["rights"]
    stated = LEAST + 'quality.max_nsfw = "1"\nrights.faces = "ignore"\n'
    assert json.loads(parse_deal(stated, "stated").terms_json()) == terms


@pytest.mark.parametrize(
    ("key", "value"), [("quality.min_sharpness", '"0.3"'), ("rights.faces", '"report"')]
)
def test_what_a_deal_asks_for_is_a_term(key: str, value: str) -> None:
    deal = parse_deal(with_key(key, value), "deal")
    assert deal.terms_sha256() != parse_deal(LEAST, "least").terms_sha256()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("quality.min_sharpness", "0.3", 'must be text such as "0.40", so that it is exact'),
        ("quality.min_sharpness", '"1.2"', "from 0 to 1"),
        ("quality.aspects", '["5:4"]', "'4:3'"),
        ("quality.aspects", '["1:1", "1:1"]', "names a value twice"),
        ("quality.watermark", '"remove"', "'accept' or 'refuse'"),
        ("rights.faces", '"blur"', "'ignore', 'report' or 'refuse'"),
        ("quality", '{min_brightness = "0.6", max_brightness = "0.5"}', "below min_brightness"),
    ],
)
def test_other_values_are_refused(key: str, value: str, said: str) -> None:
    [fault] = faults(with_key(key, value))
    assert said in fault
