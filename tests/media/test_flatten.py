"""Which conversions count as different, and into which strips large pictures are cut."""

from __future__ import annotations

import pytest
from PIL import Image

from pipelines.media import flatten
from pipelines.media.flatten import plain_differences
from pipelines.media.formats import Format


def said(
    fmt: Format = "png",
    orientation: int = 1,
    changes_colours: bool = False,
    is_cmyk: bool = False,
    has_alpha: bool = False,
    conversion: int = 0,
) -> str:
    return plain_differences(
        fmt,
        orientation,
        changes_colours=changes_colours,
        is_cmyk=is_cmyk,
        has_alpha=has_alpha,
        conversion=conversion,
    )


@pytest.mark.parametrize("conversion", [0, 1, 2])
@pytest.mark.parametrize("has_alpha", [True, False])
def test_conversions_within_2_of_255_show_the_same(conversion: int, has_alpha: bool) -> None:
    assert said(conversion=conversion, has_alpha=has_alpha) == ""


@pytest.mark.parametrize("conversion", [3, 4, 255])
def test_conversions_that_differ_by_more_are_named(conversion: int) -> None:
    assert said(conversion=conversion, has_alpha=True) == "alpha"
    assert said(conversion=conversion) == "depth"


@pytest.mark.parametrize("fmt", ["jpg", "png", "webp"])
def test_each_difference_is_named_alone(fmt: Format) -> None:
    assert said(fmt) == ""
    assert [said(fmt, orientation) for orientation in range(2, 9)] == ["orientation"] * 7
    assert said(fmt, changes_colours=True) == "profile"
    assert said(fmt, is_cmyk=True) == said(fmt, is_cmyk=True, changes_colours=True) == "cmyk"


@pytest.mark.parametrize("fmt", ["tif", "gif", "avif"])
def test_formats_that_loaders_skip_are_named(fmt: Format) -> None:
    assert said(fmt) == "format"
    assert said(fmt, 6, has_alpha=True, conversion=9) == "format; orientation; alpha"


@pytest.mark.parametrize(
    ("most_pixels", "heights"),
    [
        (7 * 10, [10]),  # a picture that just fits is one strip
        (7 * 10 - 1, [9, 1]),
        (7 * 5, [5, 5]),
        (7 * 4 + 6, [4, 4, 2]),
        (7, [1] * 10),
        (6, [1] * 10),  # a row is not divided
        (1, [1] * 10),
    ],
)
def test_strips_are_as_high_as_fits(
    most_pixels: int, heights: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    convert, found = flatten._flatten_strip, []

    def noted(image: Image.Image, *rest: object) -> tuple[Image.Image, int]:
        found.append(image.size)
        return convert(image, *rest)  # type: ignore[arg-type]

    picture = Image.linear_gradient("L").resize((7, 10)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((7, 10)))
    whole = flatten.flatten(picture, None)
    monkeypatch.setattr(flatten, "_STRIP_PIXELS", most_pixels)
    monkeypatch.setattr(flatten, "_flatten_strip", noted)
    assert flatten.flatten(picture, None) == whole
    assert found == [(7, height) for height in heights]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_picture_that_is_flat_is_returned_as_it_is(mode: str) -> None:
    picture = Image.new(mode, (3, 2))
    assert flatten.flatten(picture, None)[0] is picture
    assert flatten.flatten(picture, None)[1] == 0
