"""What is taken for a watermark, and how much of a picture text covers."""

from __future__ import annotations

import pytest

from pipelines.vision.texts import FoundText, text_area_milli, watermark_in


@pytest.mark.parametrize(
    "text",
    [
        "shutterstock",
        "www.alamy.com",
        "gettyimages®",
        "Adobe Stock",
        "DREAMSTIME.COM",
        "123RF",
        "depositphotos",
        "iStock",
        "PREVIEW",
        "Sample",
        "SAMPLE IMAGE",
        "© 2024 A. Person",
        "(c) A. Person",
        "Copyright A. Person",
    ],
)
def test_agencies_and_samples_are_watermarks(text: str) -> None:
    assert watermark_in(["Paris", text]) == text


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["a sample of text"],
        ["free samples", "stock exchange", "comply"],
        ["Café", "Café"],
        ["OK", "OK", "OK", "OK"],
    ],
)
def test_other_words_are_not(texts: list[str]) -> None:
    assert watermark_in(texts) == ""


def test_the_same_text_in_three_places_is_a_watermark() -> None:
    assert watermark_in(["Jane Doe", "sky", "jane doe", "JANE-DOE"]) == "Jane Doe"


def test_overlapping_text_counts_once() -> None:
    def box(left: int, top: int, right: int, bottom: int) -> FoundText:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        return FoundText("text", corners)

    # Corners belong to the box: 50 x 20 pixels are a tenth of 100 x 100.
    assert text_area_milli([box(0, 0, 49, 19)], (100, 100)) == 100
    assert text_area_milli([box(0, 0, 49, 19), box(0, 10, 49, 19)], (100, 100)) == 100
    assert text_area_milli([box(-50, -50, 500, 500)], (100, 100)) == 1000
    assert text_area_milli([], (100, 100)) == 0
