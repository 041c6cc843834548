"""Measures of pictures: against a plain computation, and on pictures whose measures are known."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter

from pipelines.features.prepare import prepare_media
from pipelines.media.measures import Measured, measure_medium, measure_picture
from tests.media.media_samples import LIMITS, encode, film


def grey(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(pixels.astype(np.uint8)[:, :, None], 3, axis=2))


def scene(side: int, seed: int = 3) -> Image.Image:
    """Draws the same discs at any size, by their edges alone."""
    rng = np.random.default_rng(seed)
    at = (np.mgrid[:side, :side] + 0.5) / side
    pixels = np.full((side, side), 90.0)
    for x, y, radius, shade in rng.random((25, 4)):
        inside = (at[0] - x) ** 2 + (at[1] - y) ** 2 < (radius / 6) ** 2
        pixels[inside] = 255 * shade
    return grey(pixels)


def sharpness_of_rows(pixels: np.ndarray) -> int:
    """Blurs each row with nine equal weights and compares the steps, a pixel at a time."""
    whole = lost = 0.0
    for row in pixels.astype(float):
        blurred = {at: row[at - 4 : at + 5].mean() for at in range(4, len(row) - 4)}
        for at in range(4, len(row) - 5):
            step = abs(row[at + 1] - row[at])
            if step < 3:
                continue
            whole += step
            lost += max(0.0, step - abs(blurred[at + 1] - blurred[at]))
    return round(1000 * lost / whole + 1e-9) if whole else 0


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(10, 16), st.integers(10, 16))))
def test_sharpness_is_what_a_blur_takes_away(pixels: np.ndarray) -> None:
    expected = min(sharpness_of_rows(pixels), sharpness_of_rows(pixels.T))
    assert abs(measure_picture(grey(pixels)).sharpness_milli - expected) <= 1


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_a_blurred_picture_is_less_sharp(radius: int) -> None:
    sharp = scene(300)
    blurred = sharp.filter(ImageFilter.GaussianBlur(radius))
    both = [measure_picture(one).sharpness_milli for one in (sharp, blurred)]
    assert both[1] < both[0] - 100 * radius**0.5


def test_a_blur_in_one_direction_counts() -> None:
    sharp = scene(300)
    smeared = sharp.filter(ImageFilter.Kernel((5, 5), [0] * 10 + [1] * 5 + [0] * 10))
    turned = smeared.transpose(Image.Transpose.ROTATE_90)
    both = [measure_picture(one).sharpness_milli for one in (smeared, turned)]
    assert both[0] == both[1] < measure_picture(sharp).sharpness_milli - 100


def test_contrast_does_not_change_the_sharpness() -> None:
    faint = scene(300).point([100 + value // 8 for value in range(256)] * 3)
    difference = (
        measure_picture(scene(300)).sharpness_milli - measure_picture(faint).sharpness_milli
    )
    assert abs(difference) <= 15


def test_the_size_of_the_original_hardly_changes_the_measures() -> None:
    found = [
        prepare_media(encode(scene(side), kind), f"a.{name}", "image", None, LIMITS).measured
        for side, kind, name in ((640, "PNG", "png"), (1280, "PNG", "png"), (1600, "JPEG", "jpg"))
    ]
    for one in found[1:]:
        pairs = zip(astuple(one), astuple(found[0]), strict=True)
        assert all(abs(value - other) <= 60 for value, other in pairs), found


def test_exposure_of_known_shades() -> None:
    pixels = np.full((20, 50), 128)
    pixels[:, :10], pixels[:, 10:15] = 2, 253  # the last shades that count as black and white
    pixels[0, 15], pixels[0, 16] = 3, 252  # and the first that do not
    found = measure_picture(grey(pixels))
    assert (found.shadows_milli, found.highlights_milli) == (200, 100)
    assert found.brightness_milli == round(1000 * pixels.mean() / 255)


@pytest.mark.parametrize(("shade", "expected"), [(0, (0, 1000, 0)), (255, (1000, 0, 1000))])
def test_a_plain_picture(shade: int, expected: tuple[int, int, int]) -> None:
    found = measure_picture(grey(np.full((30, 30), shade)))
    assert astuple(found) == (0, *expected)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))))
def test_any_picture_has_measures_in_range(pixels: np.ndarray) -> None:
    found = measure_picture(Image.fromarray(pixels))
    assert all(type(value) is int and 0 <= value <= 1000 for value in astuple(found))


def test_a_film_has_its_middle_picture_of_each_measure() -> None:
    frames = [grey(np.full((20, 20), shade)) for shade in (255, 0, 128, 130)]
    assert measure_medium(frames[:3]) == Measured(0, 502, 0, 0)
    assert measure_medium(frames).brightness_milli == 502  # the lower of two in the middle
    prepared = prepare_media(film(), "a.mp4", "video", None, LIMITS)
    assert prepared.measured == measure_medium(prepared.frames_rgb)
