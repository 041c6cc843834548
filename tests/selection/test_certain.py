"""Works of a series that differ in one place are kept, and changed files of one work are not."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from pipelines.media.looks import look_of, unpack_cells
from pipelines.selection.certain import (
    Alike,
    have_same_colours,
    have_same_shades,
    is_certain,
)
from pipelines.selection.fine import compare_cells
from pipelines.selection.residual import have_a_part_in_another_shade, have_other_marks
from tests.bench.likeness_held_out import held_out_work
from tests.bench.likeness_layouts import layout_work
from tests.bench.likeness_photographs import table
from tests.bench.likeness_pictures import CHANGES, jpeg, scene

_SIZE = (320, 240)


def certain(first: Image.Image, second: Image.Image) -> bool:
    cells = [unpack_cells([look_of(image).cells]) for image in (first, second)]
    return bool(compare_cells(*cells).certain[0])


def chart(heights: list[int]) -> Image.Image:
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    draw.line((20, 10, 20, 220, 310, 220), fill="black", width=2)
    for at, height in enumerate(heights):
        draw.rectangle((30 + 28 * at, 220 - height, 48 + 28 * at, 220), fill=(40, 90, 160))
    return image


def vase(colour: tuple[int, int, int]) -> Image.Image:
    """A product on a studio background."""
    shades = np.linspace(235, 205, _SIZE[1]).astype(np.uint8)
    image = Image.fromarray(np.repeat(shades[:, None], _SIZE[0], axis=1)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.polygon([(120, 40), (200, 40), (230, 210), (90, 210)], fill=colour)
    draw.line([(130, 50), (108, 200)], fill="white", width=5)
    return image


def shot(left: int) -> Image.Image:
    """One thing before one place."""
    image = scene(random.Random(5)).resize(_SIZE)
    thing = scene(random.Random(8)).resize(_SIZE).crop((60, 60, 130, 160))
    image.paste(thing, (left, 90))
    return image


def held_out(work: int) -> Image.Image:
    """A work of the second library that was once taken for another one."""
    [image] = held_out_work(work, random.Random(f"held-out {work}"))[1]
    return image


def numbers(seed: int) -> Image.Image:
    """A table of one of a series, with other numbers in one grid."""
    return table(random.Random(5), random.Random(seed))


def layout(work: int) -> Image.Image:
    """A work of the fourth library that was once taken for another one."""
    [image] = layout_work(work, random.Random(f"layouts {work}"))[1]
    return image


def vessel(brightness: float) -> Image.Image:
    """One product in another brightness before one background."""
    return vase((round(190 * brightness), round(120 * brightness), round(110 * brightness)))


HEIGHTS = [100, 60, 180, 140, 30, 90, 150, 70, 120, 110]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (chart(HEIGHTS), chart([*HEIGHTS[:4], 75, *HEIGHTS[5:]])),
        (vase((190, 60, 50)), vase((190, 60, 64))),
        (shot(60), shot(150)),
        (held_out(786), held_out(1302)),
        (held_out(1385), held_out(1433)),
        (numbers(1), numbers(2)),
        (layout(338), layout(348)),
        (vessel(1), vessel(0.85)),
    ],
    ids="bar,colour,moved thing,charts,templates,tables,other words,darker".split(","),
)
def test_what_differs_in_one_place_is_another_work(first: Image.Image, second: Image.Image) -> None:
    assert not certain(first, second)
    assert not certain(first, jpeg(second, 85))
    for image in (first, second):
        assert certain(image, jpeg(image, 70))
        assert certain(image, image.resize((240, 180), Image.Resampling.BICUBIC))


GRAIN = np.random.default_rng(1).normal(120, 25, (1, 48, 48))
NOISE = np.random.default_rng(4).normal(0, 8, (1, 48, 48))  # of compression; hides weak edges


def certain_cells(change: npt.NDArray[np.float64], agreement: int) -> bool:
    """Tells whether a grainy picture and the one with a change are certain to show the same."""
    tints = np.zeros((1, 12, 12, 2), np.int16)
    pair = Alike(
        (GRAIN, GRAIN + NOISE + change),
        (tints, tints),
        np.zeros((2, 1, 2), np.int64),
        np.array([agreement], np.int32),
        np.array([200], np.int16),
    )
    return bool(is_certain(pair, have_same_colours(pair) & have_same_shades(pair))[0])


def test_one_place_may_not_be_much_darker_though_all_edges_are_there() -> None:
    bump = np.outer(np.hanning(16), np.hanning(16))
    change = np.zeros((1, 48, 48))
    change[0, 20:36, 8:24] = bump
    assert certain_cells(20 * change, 880)
    assert not certain_cells(-60 * change, 880)
    assert certain_cells(-60 * change, 960)  # as under an overlay


def test_edges_of_one_part_may_not_be_other_ones() -> None:
    other = np.random.default_rng(2).normal(120, 25, (1, 48, 48))
    few, part = np.zeros((1, 48, 48)), np.zeros((1, 48, 48))
    few[0, 12:14, 24:26], part[0, 12:24, 24:36] = 1, 1
    assert certain_cells(few * (other - GRAIN), 960)
    assert not certain_cells(part * (other - GRAIN), 960)


@pytest.mark.parametrize("shade", [0.8, 0.85, 0.9])
@pytest.mark.parametrize("quality", [95, 90, 85, 80, 70, 60])
def test_a_thing_in_another_shade_is_another_work(shade: float, quality: int) -> None:
    assert not certain(vessel(1), jpeg(vessel(shade), quality))
    assert not certain(jpeg(vessel(shade), quality), vessel(1))


@pytest.mark.parametrize("change", CHANGES)
def test_changed_files_of_one_work_are_certain(change: str) -> None:
    image = scene(random.Random(21))
    assert certain(image, CHANGES[change](image, random.Random(3)))


def test_a_copy_without_colours_is_certain_if_its_brightness_is_the_same() -> None:
    coloured = vase((190, 60, 50))
    grey = coloured.convert("L").convert("RGB")
    assert certain(coloured, jpeg(grey, 85))
    assert not certain(coloured, grey.point(lambda value: value * 0.9 + 4))
    darker = vase((165, 50, 45)).convert("L").convert("RGB")  # another vase, by 15 levels
    assert not certain(coloured, darker)


def test_a_watermark_on_one_file_is_no_other_mark() -> None:
    image = scene(random.Random(21))
    assert certain(image, CHANGES["marked"](image, random.Random(3)))
    other, lighter = GRAIN.copy(), GRAIN.copy()
    other[:, 18:26, 18:26] = np.random.default_rng(2).normal(120, 25, (1, 8, 8))
    lighter[:, 20:24, 20:24] = 190 + 60 * np.indices((4, 4)).sum(axis=0) % 2  # over all else
    assert have_other_marks(GRAIN, other)[0]
    assert not have_other_marks(GRAIN, np.maximum(lighter, GRAIN + 20))[0]


def test_a_part_in_another_shade_is_told_from_a_brighter_file() -> None:
    ramp = np.tile(np.linspace(60, 200, 48), (1, 48, 1))
    part = ramp.copy()
    part[0, 10:38, 30:44] += 25
    assert have_a_part_in_another_shade(ramp, part, (4, 4))[0]
    assert not have_a_part_in_another_shade(ramp, 1.1 * ramp + 4, (4, 4))[0]
    dark = np.where(ramp < 120, 2, ramp)  # black stays as it is
    assert not have_a_part_in_another_shade(dark, np.where(dark > 2, dark * 1.2, 2), (4, 4))[0]


def test_a_crop_that_agrees_too_well_to_be_fitted_is_certain_when_finely_fitted() -> None:
    image = scene(random.Random(1))
    cropped = jpeg(image.crop((4, 3, image.width - 2, image.height - 1)), 80)
    assert certain(image, cropped)
